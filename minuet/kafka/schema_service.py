"""A schema registry with Confluent's interface: confluent-kafka's client, errors in plain words.

A subject is an event's full name (`RecordNameStrategy`): a log holds many types, and an event is
the same on every topic.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from minuet.contracts.schema import Schema
from minuet.errors import ContractError, UsageError
from minuet.kafka.schema_reasons import NotFound, Refused, answered, no_registry, unanswered
from minuet.kafka.schema_texts import Registered, canonical
from minuet.settings.registry import Registry

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient

T = TypeVar("T")

_ANSWER_S = 3.0  # and one more try: a registry that is silent is known as such within 7 s
_TRIES_MORE = 1
_TRY_AGAIN_MS = 200


class SchemaService:
    """What Minuet asks of a schema registry; it may be used from several threads.

    Args:
        settings: where it is, and how to log in; nothing is asked yet.

    Raises:
        UsageError: a setting is wrong, or the client is not installed.
    """

    def __init__(self, settings: Registry) -> None:
        self.settings = settings
        self._client = _client(settings)
        weakref.finalize(self, self._client.close)  # it keeps connections open

    def find(self, schema: Schema) -> int | None:
        """The id of a schema under its subject; None when it is not registered.

        Raises:
            RegistryError: it refuses, or is away.
        """
        try:
            found = self._ask(
                schema.name, lambda c: c.lookup_schema(schema.name, _avro(schema.text))
            )
        except NotFound:
            return next((each.id for each in self.versions(schema.name) if _is(each, schema)), None)
        return _number(found.schema_id, self.settings)

    def register(self, schema: Schema) -> int:
        """Register a schema under its subject, and return its id.

        Raises:
            RegistryError: it refuses: says why; or it is away.
        """
        try:
            found = self._ask(
                schema.name, lambda c: c.register_schema(schema.name, _avro(schema.text))
            )
        except NotFound as error:
            raise Refused(str(error)) from None
        return _number(found, self.settings)

    def by_id(self, number: int) -> Registered | None:
        """The schema with an id; None when there is none.

        Raises:
            RegistryError: it refuses, or is away.
        """
        try:
            found = self._ask(f"id {number}", lambda c: c.get_schema(number))
        except NotFound:
            return None
        return self._registered(found, number, 0)

    def version(self, subject: str, number: int | None = None) -> Registered | None:
        """A version of a subject, or the newest; None when there is none.

        Raises:
            RegistryError: it refuses, or is away.
        """
        try:
            found = self._ask(subject, lambda c: c.get_version(subject, number or "latest"))
        except NotFound:
            return None
        return self._registered(found.schema, found.schema_id or 0, found.version or 0)

    def versions(self, subject: str) -> list[Registered]:
        """The versions of a subject, oldest first; none of one that is not there.

        Raises:
            RegistryError: it refuses, or is away.
        """
        try:
            numbers = self._ask(subject, lambda c: c.get_versions(subject))
        except NotFound:
            return []
        found = (self.version(subject, number) for number in sorted(numbers))
        return [each for each in found if each is not None]

    def level(self, subject: str) -> str:
        """The compatibility that is set for a subject; empty when none is.

        Raises:
            RegistryError: it refuses, or is away.
        """
        try:
            return str(self._ask(subject, lambda c: c.get_compatibility(subject)))
        except NotFound:
            return ""

    def set_level(self, subject: str, level: str) -> None:
        """Set the compatibility of a subject.

        Raises:
            RegistryError: it refuses, or is away.
        """
        try:
            self._ask(subject, lambda c: c.set_compatibility(subject, level))
        except NotFound as error:
            raise Refused(str(error)) from None

    def _ask(self, about: str, call: Callable[[SchemaRegistryClient], T]) -> T:
        from confluent_kafka.schema_registry.common._httpx_compat import httpx
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            return call(self._client)
        except SchemaRegistryError as error:
            raise answered(error, self.settings, about) from None
        except httpx.HTTPError as error:
            raise unanswered(error, self.settings) from None
        except (ValueError, TypeError, KeyError, AttributeError):
            raise no_registry(self.settings) from None

    def _registered(self, found: Any, number: int, version: int) -> Registered:
        if not isinstance(found.schema_str, str):
            raise no_registry(self.settings)
        references = tuple(
            (str(each.name), str(each.subject), int(each.version or 0))
            for each in found.references or ()
        )
        return Registered(number, version, found.schema_str, references, str(found.schema_type))


def _is(found: Registered, schema: Schema) -> bool:
    try:
        return canonical(found.text).fingerprint == schema.fingerprint
    except ContractError:
        return False


def _client(settings: Registry) -> SchemaRegistryClient:
    try:
        from confluent_kafka.schema_registry import SchemaRegistryClient
    except ImportError:
        message = "registry.url: a schema registry needs: pip install 'minuet[registry]'"
        raise UsageError(message) from None
    try:
        return SchemaRegistryClient(_options(settings))
    except OSError as error:
        message = f"registry.ca: {settings.ca}: {error.strerror or 'no certificate in PEM'}"
        raise UsageError(message) from None
    except (ValueError, TypeError) as error:
        message = f"registry.url: {error}"
        raise UsageError(message) from None


def _options(settings: Registry) -> dict[str, Any]:
    options: dict[str, Any] = {
        "url": settings.url,
        "timeout": _ANSWER_S,
        "max.retries": _TRIES_MORE,
        "retries.wait.ms": _TRY_AGAIN_MS,
    }
    if settings.ca:
        options["ssl.ca.location"] = settings.ca
    if settings.token and settings.username:
        message = "registry.token and registry.username are both set: leave one of them out"
        raise UsageError(message)
    if bool(settings.username) != bool(settings.password):
        message = "a login to the registry needs both: registry.username and registry.password"
        raise UsageError(message)
    if settings.username:
        if ":" in settings.username:
            message = "registry.username: a name with a colon cannot log in by HTTP"
            raise UsageError(message)
        options["basic.auth.user.info"] = f"{settings.username}:{settings.password}"
    if settings.token:
        options["bearer.auth.credentials.source"] = "STATIC_TOKEN"
        options["bearer.auth.token"] = settings.token
        options["bearer.auth.logical.cluster"] = ""  # asked for, and of Confluent's cloud alone
    return options


def _avro(text: str) -> Any:
    from confluent_kafka.schema_registry import Schema as Sent

    return Sent(text, "AVRO")


def _number(found: object, settings: Registry) -> int:
    if not isinstance(found, int):
        raise no_registry(settings)
    return found
