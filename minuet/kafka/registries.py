"""Which registry there is: the one that is set, with Kafka's topic of schemas as its memory.

What was registered once is known for ever: text and id stand in Kafka, which is there whenever
anything is read or written at all. So a registry that is away stops nobody but who brings a schema
that it has never seen, and what is read waits for it only where nobody here has read it before.
"""

from __future__ import annotations

import json
import logging
import queue
from threading import Lock, Thread
from time import monotonic
from typing import NamedTuple

from minuet.contracts.registry import Registry
from minuet.contracts.schema import Schema
from minuet.errors import BrokerError, ContractError, RegistryAway, RegistryError
from minuet.evolution.levels import level_of
from minuet.kafka.connection import Connection
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.schema_reasons import Refused
from minuet.kafka.schema_service import SchemaService
from minuet.kafka.schema_texts import canonical, whole

_AWAY_S = 5.0  # after which a registry that was away is asked again
_KEEP_AGAIN_S = 30.0  # after which Kafka is written to again, when it did not take what was kept
_UNKNOWN_S = 10.0  # after which it is asked again for an id that it did not have
_ASKED_MOST = (
    10_000  # ids that are asked for, or were in vain: forged ones must not fill the memory
)

_LOG = logging.getLogger("minuet.kafka.registry")


def registry_of(connection: Connection, topic: str, *, waits: bool = True) -> Registry:
    """The registry of a Kafka's schemas.

    Args:
        connection: where Kafka is, and which registry is set.
        topic: of the schemas, as the spec names it.
        waits: for its answers; else what is not known is asked for beside everything else, and
            until the answer is there `find` raises `RegistryAway`.

    Raises:
        UsageError: a setting is wrong.
    """
    memory = TopicRegistry(connection, topic)
    if not connection.registry.url:
        return memory
    service = SchemaService(connection.registry)
    return ServiceRegistry(service, memory) if waits else BackgroundRegistry(service, memory)


class _Miss(NamedTuple):
    fingerprint: str
    number: int


class ServiceRegistry:
    """A `Registry` over a schema registry, which remembers in Kafka what it was told.

    Args:
        service: the registry.
        topic: the memory.
    """

    def __init__(self, service: SchemaService, topic: TopicRegistry) -> None:
        self._service = service
        self._topic = topic
        self._settings = service.settings
        self._ids: dict[str, int] = {}
        self._schemas: dict[str, Schema] = {}
        self._missed: dict[_Miss, float] = {}  # when it was asked for in vain
        self._keeps_from = 0.0  # when Kafka may be written to again
        self._away: RegistryAway | None = None
        self._since = 0.0
        self._lock = Lock()

    def register(self, schema: Schema) -> int:
        """Return the schema's id; registers it only where that is set.

        Raises:
            RegistryError: it is not registered, or refused; or nobody knows its id, and the
                registry is away.
            BrokerError: Kafka cannot be reached.
        """
        with self._lock:
            known = self._ids.get(schema.fingerprint)
            if known is None:
                known = self._ids[schema.fingerprint] = self._id(schema)
            return known

    def find(self, fingerprint: str, number: int = 0) -> Schema | None:
        """Return the schema of this fingerprint: of the memory, else the one with this id.

        Raises:
            ContractError: the id is of another schema, or of one that may not be used.
            RegistryError: the registry refuses, or is away.
            BrokerError: Kafka cannot be reached.
        """
        found = self._schemas.get(fingerprint) or self._topic.find(fingerprint)
        return found or (self._by_id(_Miss(fingerprint, number)) if number else None)

    def _id(self, schema: Schema) -> int:
        try:
            self._refuse_away()
            number = self._told(schema)
        except Refused:
            raise
        except RegistryError as error:
            return self._remembered(schema, error)
        self._keep(schema, number)
        return number

    def _remembered(self, schema: Schema, error: RegistryError) -> int:
        """The id that Kafka knows, for a registry that does not answer, or lets nobody ask."""
        if isinstance(error, RegistryAway):
            self._is_away(error)
        kept = self._topic.id_at(self._settings.url, schema.fingerprint)
        if kept is not None:
            if not isinstance(error, RegistryAway):
                _LOG.warning("%s; %s has the id that Kafka remembers", error, schema.name)
            return kept
        if not isinstance(error, RegistryAway):
            raise error
        message = f"{error}; it has never told the id of {schema.name} {schema.fingerprint}"
        raise RegistryAway(message)

    def _told(self, schema: Schema) -> int:
        number = self._service.find(schema)
        if number is not None:
            return number
        if not self._settings.register:
            message = (
                f"{self._settings.name} does not have {schema.name} {schema.fingerprint}: "
                "run `minuet schemas register`"
            )
            raise Refused(message)
        level = level_of(json.loads(schema.text))
        if self._service.level(schema.name) != level:
            self._service.set_level(schema.name, level)
        return self._service.register(schema)

    def _keep(self, schema: Schema, number: int) -> None:
        """Write it down for those who start while the registry is away."""
        if monotonic() < self._keeps_from:
            return
        try:
            self._topic.keep(schema, self._settings.url, number)
        except BrokerError as error:
            self._keeps_from = monotonic() + _KEEP_AGAIN_S
            _LOG.warning("what the registry says is not remembered in Kafka: %s", error)

    def _by_id(self, asked: _Miss) -> Schema | None:
        since = self._missed.get(asked)
        if since is not None and monotonic() - since < _UNKNOWN_S:
            return None
        found = self._asked(asked)
        if found is not None:
            self._schemas[found.fingerprint] = found
        else:
            self._missed.pop(asked, None)
            if len(self._missed) >= _ASKED_MOST:
                del self._missed[next(iter(self._missed))]
            self._missed[asked] = monotonic()
        return found

    def _asked(self, asked: _Miss) -> Schema | None:
        """Ask for the schema with an id; what comes is vetted, and compared by its fingerprint."""
        found = self._service.by_id(asked.number)
        if found is None:
            return None
        schema = canonical(whole(found, self._service.version))
        if schema.fingerprint != asked.fingerprint:
            message = f"its id {asked.number} is of {schema.name} {schema.fingerprint}"
            raise ContractError(message)
        return schema

    def _refuse_away(self) -> None:
        if self._away is not None and monotonic() - self._since < _AWAY_S:
            raise RegistryAway(str(self._away))

    def _is_away(self, error: RegistryAway) -> None:
        if self._away is None or str(self._away) != str(error):
            _LOG.warning("%s; what is known goes on", error)
        if self._away is None or monotonic() - self._since >= _AWAY_S:
            self._away, self._since = error, monotonic()


class BackgroundRegistry(ServiceRegistry):
    """A `ServiceRegistry` that holds nobody up: it asks on a thread of its own."""

    def __init__(self, service: SchemaService, topic: TopicRegistry) -> None:
        super().__init__(service, topic)
        self._questions: queue.SimpleQueue[_Miss] = queue.SimpleQueue()
        self._answers: dict[_Miss, Schema | Exception | None] = {}
        self._pending: set[_Miss] = set()
        self._thread: Thread | None = None

    def _asked(self, asked: _Miss) -> Schema | None:
        if asked in self._answers:
            answer = self._answers.pop(asked)
            if isinstance(answer, RegistryError):
                raise RegistryAway(str(answer))
            if isinstance(answer, Exception):
                raise answer
            return answer
        self._refuse_away()
        if asked not in self._pending and len(self._pending) < _ASKED_MOST:
            self._pending.add(asked)
            self._questions.put(asked)
            if self._thread is None:
                self._thread = Thread(target=self._ask_on, name="minuet-registry", daemon=True)
                self._thread.start()
        message = f"{self._settings.name} is asked for its schema {asked.number}"
        raise RegistryAway(message)

    def _ask_on(self) -> None:
        while True:
            asked = self._questions.get()
            answer: Schema | Exception | None
            try:
                self._refuse_away()
                answer = super()._asked(asked)
                self._away = None
            except RegistryError as error:  # whatever it is, no record is rejected for it
                answer = error
                self._is_away(RegistryAway(str(error)))
            except Exception as error:  # what was registered may be anything
                answer = ContractError(str(error))
            if len(self._answers) >= _ASKED_MOST:
                self._answers.clear()
            self._answers[asked] = answer
            self._pending.discard(asked)
            if isinstance(answer, Schema):
                self._keep_beside(answer, asked.number)

    def _keep_beside(self, schema: Schema, number: int) -> None:
        """Write it down; whatever goes wrong, the next question is answered."""
        try:
            self._keep(schema, number)
        except Exception as error:  # the topic may be gone, or be none of ours
            _LOG.warning("what the registry says is not remembered in Kafka: %s", error)
