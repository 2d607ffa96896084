"""Reads sources as a group, appends to the log, and commits only behind what is acknowledged.

So a record may be appended twice, and never not at all; twice under the same id is once. What is no
event becomes a dead letter, and reading goes on behind it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event as Flag
from time import monotonic, time

from minuet.errors import ContractError, UsageError
from minuet.event.record import IMPORTED
from minuet.imports.letters import letter_of
from minuet.imports.sources import Source, Taken
from minuet.kafka.connection import Connection
from minuet.kafka.member import Member
from minuet.kafka.raw import Raw
from minuet.kafka.writer import Place, WriteError, Writer
from minuet.publish.envelope import Envelope
from minuet.spec.model import Spec

_LOG = logging.getLogger("minuet.import")

_WAIT_S = 0.2
_GRACE_S = 10.0  # at a stop, for what is not acknowledged yet
# Long enough for a broker that starts again, and less than a member may be silent (5 minutes).
_WRITER = {"linger.ms": 5, "message.timeout.ms": 240_000}


@dataclass
class Tally:
    """What became of the records that were read; imported ones are acknowledged."""

    imported: int = 0
    refused: int = 0
    passed_over: int = 0


@dataclass(frozen=True)
class Inlet:
    """One import: where it comes from, and what makes it ready for the log."""

    source: Source
    envelope: Envelope


@dataclass
class Importer:
    """Imports until it is stopped; one use.

    Args:
        connection: where Kafka is.
        spec: of the workflow.
        inlets: by topic.
        ready: told how many partitions it has, whenever it is given some.
    """

    connection: Connection
    spec: Spec
    inlets: Mapping[str, Sequence[Inlet]]
    ready: Callable[[int], None] = lambda _: None
    tally: Tally = field(default_factory=Tally)
    stopping: Flag = field(default_factory=Flag)

    def run(self) -> None:
        """Read, append, commit, until `stopping` is set.

        Raises:
            BrokerError: Kafka cannot be reached, refuses, or did not acknowledge.
            UsageError: a source was made anew under ids that are used up.
        """
        self._log = Writer(self.connection, self.spec.log_topic, **_WRITER)
        self._letters = Writer(self.connection, self.spec.dead_letter_topic, **_WRITER)
        self._failed: WriteError | None = None
        self._next: dict[tuple[str, int], int] = {}
        self._member = Member(
            self.connection, self.spec.import_group, self.inlets,
            leaving=self._settle, joined=self.ready, anew=self._anew,
        )  # fmt: skip
        try:
            while not self.stopping.is_set():
                for topic, record in self._member.read(_WAIT_S):
                    self._take(topic, record)
                self._settle()
        finally:
            self._member.close()

    def _take(self, topic: str, record: Raw) -> None:
        meant = False
        for inlet in self.inlets[topic]:
            try:
                taken = inlet.source.read(record)
                if taken is not None:
                    meant = True
                    self._append(topic, record, inlet, taken)
            except ContractError as bad:
                meant = True
                self._refuse(topic, record, f"{inlet.source.spec.type}: {bad}")
        self.tally.passed_over += not meant
        # Last: what a registry that is away keeps from being read is not behind the position.
        self._next[topic, record.partition] = record.offset + 1

    def _append(self, topic: str, record: Raw, inlet: Inlet, taken: Taken) -> None:
        sealed = inlet.envelope.seal(
            taken.event, int(time() * 1000),
            id=taken.id, traceparent=taken.traceparent, source=taken.source,
        )  # fmt: skip
        headers = [*sealed.headers, (IMPORTED, _place(topic, record).encode())]

        def done(result: Place | WriteError) -> None:
            if not isinstance(result, WriteError):
                self.tally.imported += 1
            elif result.alone:
                error = f"{inlet.source.spec.type}: {result.reason}"
                self._refuse(topic, record, error, without_value=True)
            else:
                self._failed = result

        self._log.hand_over(sealed.key, sealed.value, headers, done)

    def _refuse(self, topic: str, record: Raw, error: str, *, without_value: bool = False) -> None:
        """Write a dead letter; one that its topic does not take, without the value."""

        def done(result: Place | WriteError) -> None:
            if not isinstance(result, WriteError):
                self.tally.refused += 1
                _LOG.warning("%s is not imported: %s", _place(topic, record), error)
            elif result.alone and not without_value:
                self._refuse(topic, record, error, without_value=True)
            else:
                self._failed = result

        letter = letter_of(record, topic, error, without_value=without_value)
        self._letters.hand_over(letter.key, letter.value, letter.headers, done)

    def _settle(self) -> None:
        """Wait until all is acknowledged, then commit; at a stop not for ever."""
        if self._next and self._is_written():
            self._member.commit(self._next)
            self._next.clear()

    def _is_written(self) -> bool:
        until = None
        while self._log.flush(_WAIT_S) + self._letters.flush(_WAIT_S):
            if self.stopping.is_set():
                until = until or monotonic() + _GRACE_S
                if monotonic() > until:
                    return False
        if self._failed is not None:
            raise self._failed
        return True

    def _anew(self, topic: str, number: int, at: int, end: int) -> None:
        """Refuse a topic that was made anew, where ids are made of places: those are used up."""
        specs = [inlet.source.spec for inlet in self.inlets[topic]]
        used_up = [spec.type for spec in specs if spec.topic and not spec.id]
        if used_up:
            message = (
                f"{topic} was made anew: partition {number} ends at {end} and was read up to {at}; "
                f"the ids of {used_up[0]} are made of its places, which are used up: say in "
                "`imports` which field is its own id, or give the topic another name"
            )
            raise UsageError(message)
        _LOG.warning("%s: partition %d was made anew: read from its beginning", topic, number)


def _place(topic: str, record: Raw) -> str:
    return f"{topic}/{record.partition}/{record.offset}"
