"""What was typed for `minuet replay`, and what it means."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from minuet.cli.common import configured, connection, project_folder
from minuet.contracts.codec import Codec
from minuet.contracts.registry import Registry
from minuet.errors import UsageError
from minuet.event.platform import PLATFORM_EVENTS
from minuet.kafka.connection import Connection, wrong_option
from minuet.kafka.offsets import watermarks
from minuet.kafka.spans import Bound, Span, bound, span
from minuet.replay.selection import Selection
from minuet.replay.sources import FORMATS, FileSource, LogSource
from minuet.replay.stopping import Stopping
from minuet.settings import kafka as names
from minuet.where import Wheres

if TYPE_CHECKING:
    from minuet.spec.assemble import Workflow
    from minuet.spec.model import Spec

HERE, SHADOW = "here", "shadow"
_ADDRESS = re.compile(r"[^/\s]+:\d+(,[^/\s]+:\d+)*")


class Kind(Enum):
    """What a place is."""

    HERE = "here"
    FILE = "file"
    CLUSTER = "cluster"
    SHADOW = "shadow"


def kind_of(place: str, option: str) -> Kind:
    """What was meant by a place.

    Raises:
        UsageError: it is none.
    """
    if place == HERE and option == "--into":
        return Kind.HERE
    if place == SHADOW and option == "--into":
        return Kind.SHADOW
    if place.endswith(FORMATS):
        return Kind.FILE
    if _ADDRESS.fullmatch(place):
        return Kind.CLUSTER
    here = "here, shadow, " if option == "--into" else ""
    message = f"{option} {place}: say {here}a file that ends in .avro or .jsonl, or HOST:PORT"
    raise UsageError(message)


@dataclass(frozen=True)
class Wish:
    """What was typed."""

    workflow: str
    into: str
    begin: str
    end: str
    sagas: tuple[str, ...]
    events: tuple[str, ...]
    where: str
    source: str
    rate: float
    limit: int
    login: Path | None
    apply: bool
    beside_workers: bool
    by: str
    why: str
    dry_run: bool
    simulated: bool
    keep: bool
    shadow: str
    yes: bool
    bootstrap: str
    json: bool
    project: Path | None

    def check_question(self) -> None:
        """Make sure that somebody can be asked, before anything is read.

        Raises:
            UsageError: nobody can.
        """
        if not (self.yes or self.dry_run) and (self.json or not sys.stdin.isatty()):
            message = "it asks before it begins, and nobody is there to answer: say --yes"
            raise UsageError(message)

    def check_options(self, into: Kind) -> None:
        """Make sure that each option means something for where it goes.

        Raises:
            UsageError: one does not.
        """
        rows = into is Kind.HERE and not self.source
        log = into in (Kind.HERE, Kind.CLUSTER) and not rows
        source = kind_of(self.source, "--source") if self.source else None
        other = Kind.CLUSTER in (into, source)
        for option, given, fits, means in (
            ("--rate", self.rate, not rows, "nothing is appended there"),
            ("--login", self.login, other, "no other cluster takes part"),
            ("--apply", self.apply, log, "it makes the topics of a log that is appended to"),
            ("--beside-workers", self.beside_workers, log, "it lets a log be appended to"),
            ("--simulated", self.simulated, into is Kind.SHADOW, "it is of a shadow"),
            ("--keep", self.keep, into is Kind.SHADOW, "it is of a shadow"),
            ("--shadow", self.shadow, into is Kind.SHADOW, "it is of a shadow"),
        ):
            if given and not fits:
                place = f"--into {self.into}{' without --source' if rows else ''}"
                message = f"{option} does not go with {place}: {means}"
                raise UsageError(message)

        if self.shadow and (self.simulated or self.source):
            option = "--simulated" if self.simulated else "--source"
            message = f"{option} does not go with --shadow: its workers are told how they answer"
            raise UsageError(message)

    @property
    def kept(self) -> bool:
        """Whether the topics of a shadow are: those that others serve are not ours to delete."""
        return self.keep or bool(self.shadow)

    def agreed(self, question: str, stopping: Stopping | None = None) -> bool:
        """Ask; with --yes it is answered. A signal that `stopping` hears meanwhile is a no."""
        if self.yes or stopping is None:
            return self.yes or typer.confirm(question, err=True)
        try:
            with stopping.at_once():
                return typer.confirm(question, err=True)
        except (KeyboardInterrupt, typer.Abort):
            if not stopping.code:
                raise
            return False

    def bounds(self, asked_ms: int | None = None) -> tuple[Bound | None, Bound | None]:
        """Where it begins and ends; `asked_ms`: the time that `2h` is counted back from, else now.

        Raises:
            UsageError: one is neither a moment nor offsets.
        """
        return bound(self.begin, "--from", asked_ms), bound(self.end, "--to", asked_ms)

    def place(self) -> Connection:
        """The project's own Kafka."""
        return connection(self.bootstrap, self.project)

    def other(self, address: str) -> Connection:
        """Another cluster, with the login that is said for it, else the project's.

        Raises:
            UsageError: a setting in the file is none.
        """
        if self.login is None:
            return connection(address, self.project)
        options = _options(self.login)
        if wrong := wrong_option(options):
            message = f"--login {self.login}: {wrong.why}"
            raise UsageError(message)
        registry = configured(project_folder(self.project)).settings.registry
        return Connection(address, options, registry)

    def selection(self, workflow: Workflow, registry: Registry) -> Selection:
        """Which records are meant.

        Raises:
            UsageError: the condition cannot be right.
        """
        models = {**workflow.models, **PLATFORM_EVENTS}
        where = Wheres(self.where, models) if self.where else None
        codec = Codec(workflow.models.values(), registry)
        return Selection(
            frozenset(each.encode() for each in self.sagas),
            frozenset(each.encode() for each in self.events),
            where,
            codec.decode,
        )

    def check_events(self, workflow: Workflow, seen: dict[str, int]) -> None:
        """Make sure that each event asked for is one.

        Raises:
            UsageError: one is neither the workflow's nor stands in the source.
        """
        known = {**workflow.models, **PLATFORM_EVENTS}
        for name in self.events:
            if name not in known and name not in seen:
                has = ", ".join(sorted(workflow.models))
                message = f"--event {name}: {workflow.spec.name} has no such event; it has: {has}"
                raise UsageError(message)


def source_of(
    wish: Wish, spec: Spec, asked_ms: int | None = None, resumed: Span | None = None
) -> LogSource | FileSource:
    """What is replayed: the file, the log of another cluster, or the workflow's own.

    Args:
        wish: what was typed.
        spec: of the workflow.
        asked_ms: when it was asked for, ms since 1970; else now.
        resumed: what an earlier run has left.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: there is no such file, topic, partition or offset; the file is another
            workflow's.
    """
    begin, end = wish.bounds(asked_ms)
    if wish.source and kind_of(wish.source, "--source") is Kind.FILE:
        return FileSource(Path(wish.source), spec.name, begin, end)
    place = wish.other(wish.source) if wish.source else wish.place()
    topic = spec.log_topic
    asked = resumed or span(place, topic, begin, end)
    return LogSource(place, spec, asked, len(watermarks(place, topic)))


def _options(file: Path) -> dict[str, str]:
    """The settings of librdkafka in a file, as Kafka's own tools read them."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"--login {file}: {getattr(error, 'strerror', '') or 'not UTF-8'}"
        raise UsageError(message) from error
    found = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = line.partition("=")
        if not line.strip() or line.startswith("#"):
            continue
        if not equals or (why := names.refusal(name.strip())):
            reason = why if equals else "write NAME=VALUE"
            message = f"--login {file}, line {number}: {reason}"
            raise UsageError(message)
        found[names.one_name(name.strip())] = value.strip()
    return found
