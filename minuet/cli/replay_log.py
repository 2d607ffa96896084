"""`minuet replay --into here` and `--into HOST:PORT`: onto a log, from a file or another log."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

import typer

from minuet.cli.anew import person_of
from minuet.cli.common import print_json
from minuet.cli.replay_choice import chosen
from minuet.cli.replay_wish import HERE, Wish, source_of
from minuet.cli.replayed import plan_lines, say
from minuet.cli.verify import progress_bar
from minuet.core.plan import compile_plan
from minuet.engines.units import Units
from minuet.errors import BrokerError, UsageError
from minuet.event.person import Person
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.registries import registry_of
from minuet.kafka.spans import span
from minuet.kafka.writer import Writer
from minuet.operations.journal import Journal, Operation
from minuet.replay.into_log import SETTINGS, Appending, Prefixes, check_partitions
from minuet.replay.old_table import check_table
from minuet.replay.outlook import Choice, Outlook, find_places, outlook
from minuet.replay.sources import LogSource, Source
from minuet.replay.stopping import Stopping
from minuet.spec.assemble import Workflow


@dataclass(frozen=True)
class _Job:
    """A replay onto a log, ready to be planned.

    Args:
        asked: the stretch by which sagas are chosen; `whole`: what is replayed of these.
        place: where the log is; `missing`: its topics are not there yet.
    """

    wish: Wish
    workflow: Workflow
    asked: Source
    whole: Source
    place: Connection
    missing: bool
    person: Person
    stopping: Stopping

    @property
    def name(self) -> str:
        """The log, for people."""
        return f"{self.workflow.spec.log_topic} at {self.place.bootstrap}"


def into_log(wish: Wish, workflow: Workflow) -> int:
    """Plan, ask, and append; return the exit code."""
    person = person_of(wish.by, wish.why or ("-" if wish.dry_run else ""))
    spec = workflow.spec
    place = wish.place() if wish.into == HERE else wish.other(wish.into)
    missing = wish.apply and spec.log_topic not in place.reach().topics
    if not missing:
        topics.check(place, spec)
    asked = source_of(wish, spec)
    check_partitions(asked, spec.partitions, f"{spec.log_topic} at {place.bootstrap}")
    with Stopping().heard() as stopping:
        whole = asked.from_beginning()
        job = _Job(wish, workflow, asked, whole, place, missing, person, stopping)
        return _replay(job)


def _replay(job: _Job) -> int:
    wish, stopping = job.wish, job.stopping
    choice = chosen(wish, job.workflow, job.asked, stopping)
    log = _log(job)
    with progress_bar("looking", quiet=wish.json) as show:
        plan = compile_plan(job.workflow.spec)
        found = outlook(plan, job.whole, log, (choice, stopping), show)
        find_places(found, log)
    told = {
        "into": job.name, "source": job.whole.name, "untold": choice.untold, **found.as_dict(),
        "workers": [] if job.missing else _workers(job),
    }  # fmt: skip
    for line in plan_lines(told):
        typer.echo(line, err=wish.json or not wish.dry_run)
    stopped = "interrupted" if stopping.code else ""
    if found.new.records and not (job.missing or stopped):
        check_table(job.place, job.workflow.spec)
    if wish.dry_run or stopped:
        return _end(wish, {"plan": told, "stopped": stopped}, stopping.code)
    if found.new.records:
        _check_workers(job, told["workers"])
    if not wish.agreed(f"Append {found.new.records:,} records to {job.name}?", stopping):
        stopped = "interrupted" if stopping.code else "not wanted"
        return _end(wish, {"plan": told, "stopped": stopped}, stopping.code or 1)
    return _append(job, choice, found, told)


def _check_workers(job: _Job, workers: list[str]) -> None:
    """Make sure that none runs, if nothing else was said."""
    if workers and not job.wish.beside_workers:
        message = (
            f"workers run ({', '.join(workers)}): they would run steps whose answers are "
            "about to come. Stop them, replay, and start them again; or say --beside-workers"
        )
        raise UsageError(message)


def _append(job: _Job, choice: Choice, found: Outlook, told: dict[str, Any]) -> int:
    wish, spec, stopping = job.wish, job.workflow.spec, job.stopping
    if wish.apply:
        topics.apply(job.place, topics.plan(spec))
        topics.check(job.place, spec)
        check_table(job.place, spec)
    journal = Journal(job.place, spec)
    operation = _begun(job, journal)
    prefixes = Prefixes(job.whole, registry_of(job.place, job.workflow.spec.schema_topic))
    writer = Writer(job.place, spec.log_topic, **SETTINGS)
    appending = Appending(found.on_log, prefixes, writer, wish.rate)
    tally, began, failed = appending.tally, monotonic(), ""
    try:
        with progress_bar("appending", quiet=wish.json) as show:
            records = choice.of(job.whole.records())
            appending.run(records, stopping, job.whole.most, show)
    except BrokerError as error:
        failed = str(error)
    seconds = monotonic() - began
    failed = tally.failed or failed
    result = {
        "plan": told, "appended": tally.appended, "known": tally.known,
        "unreadable": tally.unreadable, "schemas_unknown": sorted(prefixes.unknown),
        "seconds": round(seconds, 3),
        "records_per_s": round(tally.appended / seconds) if seconds else 0,
        "stopped": failed or ("interrupted" if stopping.code else ""),
    }  # fmt: skip
    counts = {
        "appended": tally.appended, "known": tally.known, "unreadable": tally.unreadable
    }  # fmt: skip
    how = "failed" if failed else "interrupted" if stopping.code else "done"
    journal.end(operation, how, counts)
    return _end(wish, {"operation": operation.id, **result}, stopping.code or bool(failed))


def _begun(job: _Job, journal: Journal) -> Operation:
    """Write down, before anything is done, who does it, and why."""
    wish = job.wish
    asked = {
        "into": job.name, "source": job.whole.name, "from": wish.begin, "to": wish.end,
        "sagas": wish.sagas, "events": wish.events, "where": wish.where, "limit": wish.limit,
    }  # fmt: skip
    return journal.begin("replay", job.person.by, job.person.why, asked)


def _log(job: _Job) -> LogSource | None:
    """What stands on the log now."""
    topic = job.workflow.spec.log_topic
    if job.missing:
        return None
    return LogSource(
        job.place, job.workflow.spec, span(job.place, topic), job.workflow.spec.partitions
    )


def _workers(job: _Job) -> list[str]:
    """The groups of the workers that run there."""
    return sorted(unit.group for unit in Units(job.place, job.workflow.spec.group).live())


def _end(wish: Wish, result: dict[str, Any], code: int) -> int:
    if wish.json:
        print_json({"workflow": wish.workflow, **result})
    else:
        say(result)
    return int(code)
