"""What goes wrong in a demo, and when: an outage of the shop, a killed worker, rotten bytes."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.request import Request, urlopen

from minuet.children import Children
from minuet.errors import MinuetError
from minuet.event.record import DIGEST, ID, SCHEMA, SCHEMA_PREFIX, TYPE
from minuet.kafka.connection import Connection
from minuet.kafka.writer import Headers, Place, WriteError, Writer
from minuet.spec.model import Spec

OUTAGE_S = 2.0
_ANSWER_S = 10.0
_FLUSH_S = 30.0


class Moment(NamedTuple):
    """`what` happens when this share of the orders is placed."""

    share: float
    what: str


def moments(seed: int) -> list[Moment]:
    """Draw when things go wrong: neither at the very start nor at the end."""
    dice = random.Random(seed)
    drawn = [Moment(dice.uniform(0.15, 0.85), what) for what in ("kill", "outage", "rotten")]
    return sorted(drawn)


@dataclass(frozen=True)
class Trouble:
    """Something that went wrong, `at_s` after the first order was placed."""

    at_s: float
    text: str


class Troubles:
    """Makes trouble when its moment has come.

    Args:
        due: what is to happen.
        makers: for each, what does it and says in words what was done.
        tell: told at once.
    """

    def __init__(
        self,
        due: list[Moment],
        makers: Mapping[str, Callable[[], str]],
        tell: Callable[[str], None],
    ) -> None:
        self.happened: list[Trouble] = []
        self._due = list(due)
        self._makers = makers
        self._tell = tell
        self._began = 0.0

    @property
    def done(self) -> bool:
        """Whether nothing more is to happen."""
        return not self._due

    def look(self, share: float) -> None:
        """Do what is due, now that this share of the orders is placed."""
        if share and not self._began:
            self._began = time.monotonic()
        while self._due and share >= self._due[0].share:
            self.note(self._makers[self._due.pop(0).what]())

    def note(self, text: str) -> None:
        """Keep and tell something that happened."""
        self.happened.append(Trouble(round(time.monotonic() - self._began, 1), text))
        self._tell(text)


class Outage:
    """Takes the shop down for a while, by its own switch.

    Args:
        url: of the shop.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._until = 0.0

    @property
    def mended(self) -> bool:
        """Whether the shop is open."""
        return not self._until

    def begin(self) -> str:
        """From now on the shop answers 503."""
        self._switch(outage=True)
        self._until = time.monotonic() + OUTAGE_S
        return f"the shop is out for {OUTAGE_S:.0f} s: every call is answered with 503"

    def look(self) -> str:
        """End it when its time is over; says so then."""
        if not self._until or time.monotonic() < self._until:
            return ""
        self._until = 0.0
        self._switch(outage=False)
        return "the shop is back"

    def _switch(self, *, outage: bool) -> None:
        body = json.dumps({"outage": outage}).encode()
        request = Request(f"{self._url}/switches", body, method="PATCH")
        try:
            urlopen(request, timeout=_ANSWER_S).close()
        except OSError as error:
            message = f"the shop at {self._url} does not answer: {error}"
            raise MinuetError(message) from error


class Kill:
    """Kills a worker process as nothing can be killed harder; its supervisor starts another.

    Args:
        children: of the demo.
        name: the supervisor's.
    """

    def __init__(self, children: Children, name: str) -> None:
        self.partitions: set[int] = set()
        self.at = 0.0
        self._children = children
        self._name = name
        self._known: set[int] = set()
        self._back = False

    @property
    def mended(self) -> bool:
        """Whether as many workers run as before."""
        return not self.at or self._back

    def do(self) -> str:
        """Kill the one that was ready last: the others have given it its share."""
        ready = self._children.said(self._name, "ready")
        self._known = {line["pid"] for line in ready}
        self.partitions = set(ready[-1]["partitions"])
        os.kill(ready[-1]["pid"], signal.SIGKILL)
        self.at = time.time()
        its = f"{len(self.partitions)} partitions"
        return f"kill -9 of worker process {ready[-1]['pid']}, which has {its}"

    def look(self) -> str:
        """Say once that its successor is ready."""
        if not self.at or self._back:
            return ""
        pids = {line["pid"] for line in self._children.said(self._name, "ready")} - self._known
        if not pids:
            return ""
        self._back = True
        return f"its successor {pids.pop()} is ready, {time.time() - self.at:.1f} s after the kill"


class Rotten:
    """Puts records on the log that nobody can read.

    Args:
        connection: where Kafka is.
        spec: of the workflow.
        run: prefix of the run's order ids.
    """

    def __init__(self, connection: Connection, spec: Spec, run: str) -> None:
        self.keys = {f"rotten-{run}-{number}" for number in (1, 2, 3)}
        self._connection = connection
        self._spec = spec

    def put(self) -> str:
        """Put them there: no headers at all, no Avro behind good headers, an unknown schema.

        Raises:
            WriteError: one was not acknowledged.
        """
        known = dict(self._spec.events)[self._spec.begins]
        writer = Writer(self._connection, self._spec.log_topic)
        failed: list[WriteError] = []

        def done(result: Place | WriteError) -> None:
            failed.extend([result] if isinstance(result, WriteError) else [])

        for key, schema in zip(sorted(self.keys), ("", known, "0123456789abcdef"), strict=True):
            writer.append(key.encode(), os.urandom(64), _headers(self._spec, key, schema), done)
        writer.flush(_FLUSH_S)
        for trouble in failed:
            raise trouble
        return f"{len(self.keys)} records of rotten bytes are put on the log"


def _headers(spec: Spec, key: str, schema: str) -> Headers:
    if not schema:
        return []
    return [
        (ID, key.encode()), (TYPE, spec.begins.encode()), (DIGEST, key.encode()),
        (SCHEMA, SCHEMA_PREFIX + schema.encode()),
    ]  # fmt: skip
