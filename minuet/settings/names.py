"""The names of a workflow's topics and groups, all made here: the prefix, then its own name.

`team-a.orders.events` is the log of `orders` under the prefix `team-a.`
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DELAYS = {"10s": 10_000, "1m": 60_000, "10m": 600_000}  # of the topics of wake-up calls
SCHEMAS = "minuet.schemas"  # behind the prefix

_SHADOW = re.compile(r"(?:^|[._-])shadow-[A-Za-z0-9][A-Za-z0-9-]*\.$")
_LEGAL = re.compile(r"[A-Za-z0-9._-]+")
_MOST = 100  # of a topic's 249 characters; the rest is the workflow's name and what is behind it


def refusal(prefix: str) -> str:
    """Why this cannot be the prefix; empty when it can. No prefix at all can be."""
    if not prefix:
        return ""
    if not _LEGAL.fullmatch(prefix):
        return f"{prefix!r} cannot begin a topic: write letters, digits, `.`, `-` and `_`"
    if prefix[-1].isalnum():
        return f"{prefix!r} runs into the names behind it: end it with a dot, as {prefix + '.'!r}"
    if not prefix[0].isalnum():
        return f"{prefix!r} begins with {prefix[0]!r}: begin with a letter or a digit"
    if len(prefix) > _MOST:
        return f"it has {len(prefix)} characters: a prefix has at most {_MOST}"
    return ""


def checked(prefix: str) -> str:
    """Return it.

    Raises:
        ValueError: it cannot be the prefix.
    """
    if why := refusal(prefix):
        raise ValueError(why)
    return prefix


def shadow_in(prefix: str) -> str:
    """The name of the shadow whose topics have this prefix; empty where it is no shadow's."""
    found = _SHADOW.search(prefix)
    return found[0].partition("shadow-")[2].removesuffix(".") if found else ""


class Named:
    """What has a workflow's name, and the prefix under which it runs."""

    __slots__ = ()

    name: str
    prefix: str

    @property
    def group(self) -> str:
        """The consumer group of the unit that coordinates; those of the others begin with it."""
        return f"{self.prefix}{self.name}"

    def named(self, what: str) -> str:
        """Return the name of a topic or group of this workflow."""
        return f"{self.group}.{what}"

    def with_prefix(self, group: str) -> str:
        """Return the name of a group that somebody typed, with the prefix or without."""
        known = not group or group.startswith(self.prefix)
        return group if known else f"{self.prefix}{group}"

    @property
    def log_topic(self) -> str:
        """The topic where all that happens stands."""
        return self.named("events")

    @property
    def table_topic(self) -> str:
        """The compacted topic of saga rows."""
        return self.named("sagas")

    @property
    def retry_topics(self) -> dict[str, int]:
        """The topics of wake-up calls, each with how long its records wait, in ms."""
        return {self.named(f"retry.{delay}"): ms for delay, ms in DELAYS.items()}

    @property
    def dead_letter_topic(self) -> str:
        """The topic of records that could not be handled."""
        return self.named("dead-letters")

    @property
    def operations_topic(self) -> str:
        """The topic of what persons did to many sagas, or to the workflow as a whole."""
        return self.named("operations")

    @property
    def schema_topic(self) -> str:
        """The topic of the schemas, which the workflows of one prefix share."""
        return f"{self.prefix}{SCHEMAS}"


@dataclass(frozen=True, slots=True)
class Names(Named):
    """The names of a workflow of which no more is known."""

    name: str
    prefix: str = ""
