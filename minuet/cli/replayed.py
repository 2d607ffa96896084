"""What `minuet replay` says: its plan before, and its report after."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import typer

from minuet.cli.plain import plain
from minuet.errors import UsageError

_TYPES_MOST = 12


def plan_lines(plan: Mapping[str, Any]) -> Iterator[str]:
    """Say what would be done."""
    yield f"replay {plain(plan['source'])} into {plain(plan['into'])}"
    if "goes_on_after" in plan:
        yield (
            f"  goes on: {plan['goes_on_after']:,} records by an earlier run, "
            f"at most {plan['left_at_most']:,} left to read"
        )
        return
    about = "" if plan["sagas_exact"] else "about "
    span = f", {plan['first']} to {plan['last']}" if plan["records"] else ""
    yield f"  {plan['records']:,} records of {about}{plan['sagas']:,} sagas{span}"
    yield from _types(plan["types"])
    yield from untold_lines(plan)
    if "known" in plan:
        yield from _effects(plan)
    else:
        yield "  no step runs, and nothing is written on the log"


def _effects(plan: Mapping[str, Any]) -> Iterator[str]:
    """Say what a worker would do of it."""
    yield f"  {plan['known']:,} more stand there already"
    if plan["unreadable"]:
        yield f"  {plan['unreadable']:,} more have no key or no headers, and can change no saga"
    yield from due_lines(plan)
    if plan["workers"]:
        yield f"  workers run there: {', '.join(map(plain, plan['workers']))}"


def untold_lines(plan: Mapping[str, Any]) -> Iterator[str]:
    """Say what may have been meant, and is left out."""
    if plan["untold"]:
        yield f"  {plan['untold']:,} more of which --where cannot be told: they are left out"


def due_lines(plan: Mapping[str, Any]) -> Iterator[str]:
    """Say what a worker will find due."""
    if plan["effects"]:
        yield f"  {plan['effects']:,} effects could run: steps with resources that are due then"
        yield from (f"    {count:,} {name}" for name, count in plan["effects_by_step"].items())
    else:
        yield "  no effect could run: no step with resources is due then"
    if plan["pure_runs"]:
        yield f"  {plan['pure_runs']:,} runs of pure steps are due then"
    if plan["waiting"]:
        yield f"  {plan['waiting']:,} runs wait, for a time or a person"
    if plan["deadlines"] and "known" in plan:
        yield (
            f"  {plan['deadlines']:,} deadlines begin anew: an appended record has the time at "
            "which it is appended"
        )


def _types(types: Mapping[str, int]) -> Iterator[str]:
    shown = list(types.items())[:_TYPES_MOST]
    width = max((len(f"{count:,}") for _, count in shown), default=0)
    for name, count in shown:
        yield f"  {count:>{width},} {plain(name) or 'without a type'}"
    if len(types) > len(shown):
        rest = sum(list(types.values())[_TYPES_MOST:])
        yield f"  {rest:>{width},} of {len(types) - len(shown)} other types"


def say(result: Mapping[str, Any]) -> None:
    """Print what was done; on standard error, why it was not all."""
    if result["stopped"]:
        typer.echo(f"stopped: {plain(result['stopped'])}", err=True)
    if "seconds" not in result:
        return
    if result["stopped"]:
        typer.echo("run the same command again: it goes on where it was broken off", err=True)
    for line in _done(result):
        typer.echo(line)


def _done(result: Mapping[str, Any]) -> Iterator[str]:
    pace = f"({result['seconds']:.1f} s, {result['records_per_s']:,} records/s)"
    if "written" in result:
        before = f", {result['before']:,} of them by an earlier run" if result["before"] else ""
        yield f"{result['records']:,} records{before}, {result['bytes']:,} bytes {pace}"
        return
    yield f"{result['appended']:,} records appended, {result['known']:,} stood there {pace}"
    yield from (line.strip() for line in untold_lines(result["plan"]))
    if unknown := result["schemas_unknown"]:
        yield (
            f"{len(unknown)} schemas are not known to the source, {unknown[0]} first: values that "
            "name them keep the schema ids that they have"
        )


def check_sagas(asked: Collection[str], seen: Collection[bytes], place: str) -> None:
    """Make sure that each saga asked for was there.

    Raises:
        UsageError: one was not.
    """
    missing = [each for each in asked if each.encode() not in seen]
    if missing:
        more = f", nor {len(missing) - 1} others of --saga" if len(missing) > 1 else ""
        message = f"there is no saga {missing[0]!r} in what was asked for of {place}{more}"
        raise UsageError(message)
