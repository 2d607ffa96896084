"""`minuet replay --into here` from the log itself: rows that are not what it says, made anew."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import Any

import typer

from minuet.cli.anew import Wanted, make_all_anew, person_of, told
from minuet.cli.common import print_json
from minuet.cli.plain import plain
from minuet.cli.replay_choice import chosen
from minuet.cli.replay_wish import Wish, source_of
from minuet.cli.replayed import due_lines, untold_lines
from minuet.cli.verify import progress_bar
from minuet.core.plan import compile_plan
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.spans import span
from minuet.replay.outlook import Choice
from minuet.replay.own_rows import Differing, differing, due_in, to_renew
from minuet.replay.sources import LogSource
from minuet.replay.stopping import Stopping
from minuet.spec.assemble import Workflow
from minuet.verify import verify

_SHOWN_MOST = 5


def rows_anew(wish: Wish, workflow: Workflow) -> int:
    """Hold the rows against the log, ask, and have those that differ made anew."""
    person = person_of(wish.by, wish.why or ("-" if wish.dry_run else ""))
    spec = workflow.spec
    place = wish.place()
    topics.check(place, spec)
    with Stopping().heard() as stopping:
        choice = chosen(wish, workflow, source_of(wish, spec), stopping)
        if stopping.code:
            return _end(wish, {"stopped": "interrupted"}, stopping.code)
    found = _looked(wish, workflow, place, choice)
    anew = to_renew(found, choice)
    plan = {**_plan(workflow, place, found, anew), "untold": choice.untold}
    for line in _plan_lines(plan):
        typer.echo(line, err=wish.json or not wish.dry_run)
    if wish.dry_run or not found.sagas:
        return _end(wish, {"plan": plan, "stopped": ""}, 0)
    many = "all" if anew is None else f"{len(anew):,}"
    if not wish.agreed(f"Have the rows of {many} sagas made anew from the log?"):
        return _end(wish, {"plan": plan, "stopped": "not wanted"}, 1)
    began = monotonic()
    with progress_bar("partitions made anew", quiet=wish.json) as show:
        (made,) = make_all_anew(place, spec, [Wanted(anew or ())], person, show)
    left = _looked(wish, workflow, place, choice).sagas if made.by_worker else ()
    result = {
        "plan": plan, "requests": dict(made.asked.offsets), "done": made.by_worker,
        "rows_differ": len(left), "seconds": round(monotonic() - began, 3), "stopped": "",
    }  # fmt: skip
    if not wish.json:
        typer.echo(told(spec, made))
        if made.by_worker:
            typer.echo(f"{len(left):,} rows differ now")
    return _end(wish, result, bool(left))


def _looked(wish: Wish, workflow: Workflow, place: Connection, choice: Choice) -> Differing:
    with progress_bar("reading the log", quiet=wish.json) as show:
        return differing(verify(place, workflow.spec, show, meant=choice.has_saga))


def _plan(
    workflow: Workflow, place: Connection, found: Differing, anew: tuple[str, ...] | None
) -> dict[str, Any]:
    spec = workflow.spec
    log = LogSource(place, spec, span(place, spec.log_topic), spec.partitions)
    due = due_in(compile_plan(spec), log.records(), anew)
    return {
        "source": log.name, "into": "here", "rows_differ": len(found.sagas),
        "complete": found.complete, "sagas": list(found.sagas), **due.as_dict(),
    }  # fmt: skip


def _plan_lines(plan: dict[str, Any]) -> Iterator[str]:
    yield f"replay {plan['source']} into its own rows: nothing is appended but the request"
    yield from untold_lines(plan)
    if not plan["rows_differ"]:
        yield "  each row is what the log says: nothing is to be done"
        return
    more = "" if plan["complete"] else ", and more that are not named"
    yield f"  {plan['rows_differ']:,} sagas have a row that is not what the log says{more}"
    yield from (f"    {plain(saga)}" for saga in plan["sagas"][:_SHOWN_MOST])
    yield from due_lines(plan)


def _end(wish: Wish, result: dict[str, Any], code: int) -> int:
    if result["stopped"] and not wish.json:
        typer.echo(f"stopped: {result['stopped']}", err=True)
    if wish.json:
        print_json({"workflow": wish.workflow, **result})
    return int(code)
