"""What `minuet replay` says: its plan before, and its report after."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

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
    if plan["untold"]:
        yield f"  {plan['untold']:,} more of which --where cannot be told: they are left out"
    if not plan["effects"]:
        yield "  no step runs, and nothing is written on the log"


def _types(types: Mapping[str, int]) -> Iterator[str]:
    shown = list(types.items())[:_TYPES_MOST]
    width = max((len(f"{count:,}") for _, count in shown), default=0)
    for name, count in shown:
        yield f"  {count:>{width},} {plain(name) or 'without a type'}"
    if len(types) > len(shown):
        rest = sum(list(types.values())[_TYPES_MOST:])
        yield f"  {rest:>{width},} of {len(types) - len(shown)} other types"


def said(result: Mapping[str, Any]) -> Iterator[str]:
    """Say what was done."""
    if result["stopped"]:
        yield f"stopped: {result['stopped']}"
    if "written" not in result:
        return
    if result["stopped"]:
        yield "run the same command again: it goes on where it was broken off"
    before = f", {result['before']:,} of them by an earlier run" if result["before"] else ""
    yield (
        f"{result['records']:,} records{before}, {result['bytes']:,} bytes "
        f"({result['seconds']:.1f} s, {result['records_per_s']:,} records/s)"
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
