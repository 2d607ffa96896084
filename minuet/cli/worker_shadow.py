"""`minuet worker --shadow`: a workflow without effects, served by ordinary workers."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from minuet.cli.verify import progress_bar
from minuet.contracts.codec import Codec
from minuet.event.record import Record
from minuet.kafka.connection import Connection
from minuet.kafka.registries import registry_of
from minuet.kafka.spans import span
from minuet.rehearsal.archive import Archive
from minuet.rehearsal.wire import raw_of
from minuet.replay.shadow import Recorded, shadow_of
from minuet.replay.sources import LogSource
from minuet.spec.assemble import Workflow


class Served:
    """A shadow of a workflow, as workers serve it: entered before one runs.

    Then what the workflow's own log has at that moment is read, into a file of this process, for
    steps with resources to answer from; not, if they run on their simulated resources.

    Args:
        workflow: the real one.
        name: of the shadow.
        place: where its log is, and the shadow's topics.
        simulated: steps with resources run on their simulated resources.
        quiet: shows no progress.

    Attributes:
        workflow: the shadow.

    Raises:
        UsageError: there can be no shadow of that name.
    """

    def __init__(
        self, workflow: Workflow, name: str, place: Connection, *, simulated: bool, quiet: bool
    ) -> None:
        self._real, self._place, self._quiet = workflow, place, quiet
        self._archive: Archive | None = None
        self._answers = not simulated
        recorded = None
        if not simulated:
            registry = registry_of(place, workflow.spec.schema_topic)
            codec = Codec(workflow.models.values(), registry)
            recorded = Recorded(workflow.spec, codec, self._records)
        self.workflow = shadow_of(workflow, name, recorded)

    def __enter__(self) -> Served:
        if self._answers:
            self._archive = Archive()
            self._read(self._archive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        if self._archive is not None:
            self._archive.close()

    def _records(self, saga: str) -> Sequence[Record]:
        return self._archive.records(saga) if self._archive is not None else ()

    def _read(self, archive: Archive) -> None:
        spec = self._real.spec
        found = span(self._place, spec.log_topic)
        log = LogSource(self._place, spec, found, spec.partitions)
        with progress_bar("reading what was recorded", quiet=self._quiet) as show:
            for number, record in enumerate(log.records()):
                if number % 2_000 == 0:
                    show(number, log.most)
                if record.key:
                    archive.take(record.key, raw_of(record))
