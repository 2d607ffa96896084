"""Which schema registry there is, and how to log in to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, TypeAdapter, ValidationError

from minuet.errors import UsageError

SECRETS = ("password", "token")


def _address(url: str) -> str:
    """Refuse what is no address; a login in it would be shown wherever the address is."""
    for each in filter(None, (part.strip() for part in url.split(","))):
        parts = urlsplit(each)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            message = "write http:// or https:// and the address"
            raise ValueError(message)
        if parts.username or parts.password:
            message = "leave the login out: registry.username and registry.password are for it"
            raise ValueError(message)
    return url


@dataclass(frozen=True, slots=True)
class Registry:
    """The table `[tool.minuet.registry]`.

    Args:
        url: of a registry with Confluent's interface, or several of one joined by commas; empty
            for the built-in one.
        ca: the file of the certificate authority that its certificate is from.
        username, password: of a login with a name.
        token: of a login by bearer token.
        register: whether workers and publishers register what is not there, as in development.
    """

    url: Annotated[str, AfterValidator(_address)] = ""
    ca: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    register: bool = False

    @property
    def name(self) -> str:
        """For messages: where, and as whom."""
        user = f" (user {self.username})" if self.username else ""
        return f"the schema registry at {self.url}{user}"

    def at(self, url: str) -> Registry:
        """The registry of that address; what is set as its login is sent to no other."""
        return self if url in ("", self.url) else replace(BUILT_IN, url=_address(url))


BUILT_IN = Registry()


def registry_of_table(table: Mapping[str, str] | None) -> Registry | None:
    """The settings of a table, as a program gives it; None without one.

    Raises:
        UsageError: one is wrong.
    """
    if table is None:
        return None
    known = {each.name for each in fields(Registry)}
    if unknown := sorted(set(table) - known):
        message = (
            f"registry: there is no setting {unknown[0]}; there are {', '.join(sorted(known))}"
        )
        raise UsageError(message)
    try:
        return TypeAdapter(Registry).validate_python(dict(table))
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"]))
        message = f"registry: {name}: {first['msg'].removeprefix('Value error, ')}"
        raise UsageError(message) from None
