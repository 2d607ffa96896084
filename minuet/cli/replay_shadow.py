"""`minuet replay --into shadow`: sagas run again beside the real ones, without effects."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any
from uuid import uuid4

import typer

from minuet.cli.common import print_json
from minuet.cli.outside import from_outside
from minuet.cli.plain import plain, short
from minuet.cli.replay_choice import chosen
from minuet.cli.replay_watch import Watch, check_served, served, worked
from minuet.cli.replay_wish import Wish, source_of
from minuet.cli.replayed import untold_lines
from minuet.cli.verify import progress_bar
from minuet.contracts.codec import Codec
from minuet.core.plan import compile_plan
from minuet.engines.worker import Assignment
from minuet.errors import MinuetError
from minuet.event.record import TYPE, timestamp
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.kept import Kept
from minuet.kafka.registries import registry_of
from minuet.kafka.spans import span
from minuet.kafka.writer import Writer
from minuet.rehearsal.archive import Archive
from minuet.rehearsal.wire import raw_of
from minuet.replay import fates
from minuet.replay.fates import Fates
from minuet.replay.into_log import SETTINGS, Appending, Known, Prefixes, check_partitions
from minuet.replay.outlook import Choice
from minuet.replay.shadow import Recorded, shadow_of
from minuet.replay.sources import LogSource, Source, SourceSchemas
from minuet.replay.stopping import Stopping
from minuet.spec.assemble import Workflow

_STALLED_S = 60.0  # without any record, while something is due
_SHOWN_MOST = 10


@dataclass(frozen=True)
class _Past:
    """What was recorded: all of it to answer from, what came from outside, and how it ended."""

    archive: Archive
    given: list[Kept]
    fates: Fates


def into_shadow(wish: Wish, workflow: Workflow) -> int:
    """Plan, ask, run it, and compare; return the exit code."""
    spec = workflow.spec
    if wish.simulated:
        workflow.check_form("simulated")
    asked = source_of(wish, spec)
    check_partitions(asked, spec.partitions, spec.name)
    with Archive() as archive:
        with Stopping().heard() as stopping:
            choice = chosen(wish, workflow, asked, stopping)
            source = asked.from_beginning()
            records = stopping.until(choice.of(source.records()))
            past = _past(wish, workflow, archive, source, records)
            if stopping.code:
                return _end(wish, {"stopped": "interrupted"}, stopping.code)
        return _planned(wish, workflow, (choice, source, past))


def _planned(wish: Wish, workflow: Workflow, found: tuple[Choice, Source, _Past]) -> int:
    choice, source, past = found
    place = wish.place()
    plan = {**_plan(workflow, source, past), "untold": choice.untold}
    for line in _plan_lines(plan, wish):
        typer.echo(line, err=wish.json or not wish.dry_run)
    if wish.dry_run or not past.given:
        return _end(wish, {"plan": plan, "stopped": ""}, 0)
    codec = Codec(workflow.models.values(), SourceSchemas(source))
    recorded = Recorded(workflow.spec, codec, past.archive.records)
    name = wish.shadow or uuid4().hex[:6]
    shadow = shadow_of(workflow, name, None if wish.simulated else recorded)
    if wish.shadow:
        check_served(shadow, place, name)
    if not wish.agreed(f"Run {plan['sagas']:,} sagas in a shadow?"):
        return _end(wish, {"plan": plan, "stopped": "not wanted"}, 1)
    try:
        topics.apply(place, topics.plan(shadow.spec))
        return _run(wish, (place, shadow, source, past), plan)
    finally:
        if not wish.kept:
            topics.delete(place, shadow.spec, schemas=True)


def _run(
    wish: Wish, parts: tuple[Connection, Workflow, Source, _Past], plan: dict[str, Any]
) -> int:
    place, shadow, source, past = parts
    began = monotonic()
    writer = Writer(place, shadow.spec.log_topic, **SETTINGS)
    prefixes = Prefixes(source, registry_of(place, shadow.spec.schema_topic))
    appending = Appending(_known(wish, place, shadow), prefixes, writer, wish.rate)
    with Stopping().heard() as stopping:
        appending.run(iter(past.given), stopping, len(past.given), lambda _done, _of: None)
    if appending.tally.failed:
        raise MinuetError(appending.tally.failed)
    if stopping.code:
        return _end(wish, {"plan": plan, "stopped": "interrupted"}, stopping.code)
    there = Fates(compile_plan(shadow.spec))
    waited = {(each.key or b"").decode() for each in past.given}
    with progress_bar("running", quiet=wish.json) as show:
        watch = Watch(there, waited, show)
        if wish.shadow:
            heard = served(shadow, place, watch)
        else:
            assignment = Assignment(form="simulated" if wish.simulated else "real", shadow=True)
            heard = asyncio.run(worked(shadow, place, assignment, watch))
    stopped = "interrupted" if heard else "stalled" if waited else ""
    counts, differ = fates.compare(past.fates, there, waited, stopped)
    result = {
        "plan": plan, "shadow": shadow.spec.group, "kept": wish.kept, **counts,
        "differ": fates.plain(differ), "seconds": round(monotonic() - began, 3),
        "stopped": stopped,
    }  # fmt: skip
    if not wish.json:
        for line in _report(shadow.spec.name, result, counts):
            typer.echo(line)
    return _end(wish, result, 130 if heard else int(bool(stopped)))


def _known(wish: Wish, place: Connection, shadow: Workflow) -> Known:
    """What the shadow has; one of a name may have sagas already."""
    known = Known()
    if wish.shadow:
        asked = span(place, shadow.spec.log_topic)
        for record in LogSource(place, shadow.spec, asked, shadow.spec.partitions).records():
            known.is_new(record)
    return known


def _past(
    wish: Wish, workflow: Workflow, archive: Archive, source: Source, records: Iterator[Kept]
) -> _Past:
    past = _Past(archive, [], Fates(compile_plan(workflow.spec)))
    outside = {name.encode() for name in from_outside(workflow)}
    with progress_bar("looking", quiet=wish.json) as show:
        for number, record in enumerate(records):
            if number % 2_000 == 0:
                show(number, source.most)
            if record.key:
                archive.take(record.key, raw_of(record))
            if past.fates.take(record) and record.header(TYPE) in outside:
                past.given.append(record)
    return past


def _plan(workflow: Workflow, source: Source, past: _Past) -> dict[str, Any]:
    spec = workflow.spec
    times = [each.time for each in past.given]
    span_of = {
        "first": timestamp(min(times)).decode(), "last": timestamp(max(times)).decode()
    } if times else {"first": "", "last": ""}  # fmt: skip
    return {
        "source": source.name, "into": "shadow", "records": len(past.given), **span_of,
        "sagas": len({each.key for each in past.given}),
        "types": dict(Counter(each.header(TYPE).decode() for each in past.given)),
        "really_run": sorted(each.name for each in spec.steps if not each.resources),
        "recorded": sorted(each.name for each in spec.steps if each.resources), "effects": 0,
    }  # fmt: skip


def _plan_lines(plan: dict[str, Any], wish: Wish) -> Iterator[str]:
    yield f"replay {plain(plan['source'])} into a shadow"
    times = f", {plan['first']} to {plan['last']}" if plan["records"] else ""
    yield f"  {plan['records']:,} events from outside, of {plan['sagas']:,} sagas{times}"
    yield from untold_lines(plan)
    yield from (f"  {count:,} {plain(name)}" for name, count in plan["types"].items())
    how = (
        "run on simulated resources" if wish.simulated else "say what they said, if asked the same"
    )
    yield f"  pure steps really run: {', '.join(plan['really_run']) or 'none'}"
    yield f"  steps with resources {how}: {', '.join(plan['recorded']) or 'none'}"
    yield "  no effect can run"


def _report(name: str, result: dict[str, Any], counts: Counter[str]) -> Iterator[str]:
    for one in result["differ"][:_SHOWN_MOST]:
        changed = [*(f"+{each}" for each in one["more"]), *(f"-{each}" for each in one["less"])]
        why = f": {short(one['why'])}" if one["why"] else ""
        line = f"{one['here']} here, {one['shadow']} there  {' '.join(changed)}"
        yield f"  {plain(one['saga'])}  {line.strip()}{why}"
    if len(result["differ"]) > _SHOWN_MOST:
        yield f"  and {len(result['differ']) - _SHOWN_MOST:,} more; --json has all"
    yield from (line.strip() for line in untold_lines(result["plan"]))
    yield (
        f"{counts['same']:,} sagas ended as here, {counts['different']:,} otherwise, "
        f"{counts['unknown']:,} are unknown ({result['seconds']:.1f} s)"
    )
    if result["kept"]:
        prefix = result["shadow"].removesuffix(name)
        yield f"its topics are kept: look at it as at any other, with --prefix {prefix}"


def _end(wish: Wish, result: dict[str, Any], code: int) -> int:
    if result["stopped"] and not wish.json:
        typer.echo(f"stopped: {result['stopped']}", err=True)
    if wish.json:
        print_json({"workflow": wish.workflow, **result})
    return code
