"""`minuet replay --into FILE`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from time import monotonic, time_ns
from typing import Any

import typer

from minuet.cli.common import print_json
from minuet.cli.replay_wish import Wish, source_of
from minuet.cli.replayed import check_sagas, plan_lines, say
from minuet.cli.verify import progress_bar
from minuet.contracts.codec import Codec
from minuet.errors import BrokerError, MinuetError, UnreadableValue
from minuet.event.record import SCHEMA, TYPE
from minuet.kafka.kept import Kept
from minuet.kafka.spans import Span
from minuet.replay import into_file as replaying
from minuet.replay.container import About
from minuet.replay.lines import Decode
from minuet.replay.output import Output
from minuet.replay.selection import Selection
from minuet.replay.sources import LogSource, Source, SourceSchemas
from minuet.replay.stopping import Stopping
from minuet.replay.survey import Survey
from minuet.spec.assemble import Workflow


@dataclass(frozen=True)
class _Job:
    """A replay into a file, ready to be planned."""

    wish: Wish
    workflow: Workflow
    source: Source
    selection: Selection
    output: Output
    stopping: Stopping


def into_file(wish: Wish, workflow: Workflow) -> int:
    """Plan, ask, and write; return the exit code."""
    now_ms = time_ns() // 1_000_000
    source = source_of(wish, workflow.spec, now_ms)
    with ExitStack() as stack:
        stopping = stack.enter_context(Stopping().heard())
        output = Output(Path(wish.into), _identity(wish, source), now_ms)
        stack.callback(output.close)
        stack.callback(output.discard)
        if begun := output.begun:
            source = source_of(wish, workflow.spec, begun.asked_ms, begun.span)
        selection = wish.selection(workflow, SourceSchemas(source))
        return _replay(_Job(wish, workflow, source, selection, output, stopping))


def _replay(job: _Job) -> int:
    wish, output = job.wish, job.output
    plan: dict[str, Any] = {"into": wish.into, "source": job.source.name, "effects": 0}
    found = Survey()
    if output.begun is not None:
        plan |= {"goes_on_after": output.begun.records, "left_at_most": job.source.most}
    else:
        found = _surveyed(job)
        plan |= found.as_dict()
    plan["untold"] = job.selection.untold
    for line in plan_lines(plan):
        typer.echo(line, err=wish.json or not wish.dry_run)
    stopped = "interrupted" if job.stopping.code else ""
    if not (stopped or wish.dry_run or wish.agreed(f"Write {wish.into}?", job.stopping)):
        stopped = "interrupted" if job.stopping.code else "not wanted"
    if stopped or wish.dry_run:
        return _end(wish, {"plan": plan, "stopped": stopped}, job.stopping.code or bool(stopped))
    return _write(job, plan, found)


def _surveyed(job: _Job) -> Survey:
    terms = replaying.Terms(limit=job.wish.limit)
    with progress_bar("looking", quiet=job.wish.json) as show:
        found = replaying.survey(job.source, job.selection, terms, job.stopping, show)
    if not job.stopping.code:
        job.wish.check_events(job.workflow, found.types)
        if not job.wish.limit or found.records < job.wish.limit:
            check_sagas(job.wish.sagas, found.sagas_seen, job.source.name)
    return found


def _write(job: _Job, plan: dict[str, Any], found: Survey) -> int:
    wish, output, source = job.wish, job.output, job.source
    before = output.records
    output.start(_about(job, found), _decode(job), _span(source))
    began, failed = monotonic(), ""
    try:
        with progress_bar("writing", quiet=wish.json) as show:
            terms = replaying.Terms(wish.rate, wish.limit)
            replaying.write(source, job.selection, output, (terms, job.stopping), show)
    except BrokerError as error:
        failed = str(error)
    written, seconds = output.records - before, monotonic() - began
    result = {
        "plan": plan, "records": output.records, "written": written, "before": before,
        "bytes": output.length, "seconds": round(seconds, 3),
        "records_per_s": round(written / seconds) if seconds else 0,
        "stopped": failed or ("interrupted" if job.stopping.code else ""),
    }  # fmt: skip
    code = job.stopping.code or bool(failed)
    if not code and plan.get("records", output.records) != output.records:
        message = f"{source.name} lost records while they were read: the plan had {plan['records']}"
        raise MinuetError(message)
    return _end(wish, result, code)


def _end(wish: Wish, result: dict[str, Any], code: int) -> int:
    if wish.json:
        print_json({"workflow": wish.workflow, **result})
    else:
        say(result)
    return int(code)


def _identity(wish: Wish, source: Source) -> str:
    """All that decides what stands in the file."""
    parts = (
        wish.workflow, source.identity, wish.begin, wish.end, sorted(wish.sagas),
        sorted(wish.events), wish.where, wish.limit, str(Path(wish.into).suffix),
    )  # fmt: skip
    return blake2b(ascii(parts).encode(), digest_size=16).hexdigest()


def _span(source: Source) -> Span:
    return source.span if isinstance(source, LogSource) else Span({}, {})


def _about(job: _Job, found: Survey) -> About:
    schemas = ((each, job.source.find(each)) for each in sorted(found.schemas))
    texts = {name: schema.text for name, schema in schemas if schema is not None}
    return About(job.workflow.spec.name, job.source.partitions, texts)


def _decode(job: _Job) -> Decode:
    codec = Codec(job.workflow.models.values(), SourceSchemas(job.source))
    begins = job.workflow.spec.begins

    def decode(record: Kept) -> tuple[dict[str, Any] | None, str]:
        name = record.header(TYPE).decode(errors="replace")
        event_type = begins if name == "SagaRedone" else name  # it carries the begin event
        try:
            event = codec.decode(event_type, record.header(SCHEMA), record.value or b"")
        except UnreadableValue as bad:
            return None, str(bad)
        return event.model_dump(mode="json"), ""

    return decode
