"""What a run under faults came to, as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import Any, TypeVar

from minuet.chaos.faults import Fired
from minuet.chaos.wish import Found
from minuet.engines.failpoints import PLACES

_N = TypeVar("_N", int, float)

HIT_LEAST = 20  # sagas in flight, without which a fault shows little
_PATIENCE_MS = 30_000  # a silence that begins later has another cause than the fault
_NEVER_MS = 1 << 62


def summary(found: Found) -> dict[str, Any]:
    """Return the figures; times are of the log."""
    state, audit, seen = found.state, found.audit, _seen(found)
    kinds = sorted({one.fault.kind for one in seen})
    return {
        "ok": found.ok,
        "workflow": state.workflow,
        "seed": state.seed,
        "seconds": round(state.elapsed_s, 1),
        "nodes": state.nodes,
        "load": [state.loads[0], state.loads[-1]] if state.loads else [],
        "faults": {k: _of_kind([one for one in seen if one.fault.kind == k]) for k in kinds},
        "each_fault": [_in_words(one) for one in seen],
        "failpoints_left": _failpoints_left(kinds),
        "acked": audit.acked,
        "lost": audit.lost,
        "sagas": audit.sagas,
        "ended": dict(audit.ended),
        "parked": audit.parked,
        "hit_least": HIT_LEAST,
        "effects": audit.effects,
        "asked_again": audit.again,
        "poisoned": audit.poisoned,
        "violated": audit.violated,
        "violations": audit.violations,
        "settled_s": found.settled_s,
        "verify": found.verify.as_dict(),
    }


def _failpoints_left(kinds: Iterable[str]) -> list[str]:
    """Places where nobody died in a run in which some did."""
    prefix = "failpoint "
    died = {kind.removeprefix(prefix) for kind in kinds if kind.startswith(prefix)}
    return [place for place in PLACES if place not in died] if died else []


@dataclass(frozen=True)
class _Seen:
    """A fault, how many sagas were in flight right before, and the longest silence after it."""

    fault: Fired
    in_flight: int
    silence_s: float


def _seen(found: Found) -> list[_Seen]:
    """All faults, in their order."""
    faults = sorted(found.state.faults, key=lambda fault: fault.at_ms)
    until = [*(fault.at_ms for fault in faults[1:]), _NEVER_MS]
    lives = found.lives
    seen = []
    for fault, following in zip(faults, until, strict=True):
        silence_ms = lives.silence_ms(fault.at_ms, min(following - fault.at_ms, _PATIENCE_MS))
        seen.append(_Seen(fault, lives.in_flight(fault.at_ms), silence_ms / 1000))
    return seen


def _of_kind(seen: Sequence[_Seen]) -> dict[str, Any]:
    """How often it was made, what it hit, and how long a partition had no answer after it."""
    flying = sorted(one.in_flight for one in seen)
    silences = sorted(one.silence_s for one in seen)
    hits = sum(count >= HIT_LEAST for count in flying)
    return {
        "count": len(seen),
        "hit": hits,
        "missed": len(seen) - hits,
        "in_flight_least": flying[0],
        "in_flight_p50": _share(flying, 0.5),
        "silence_p50_s": _share(silences, 0.5),
        "silence_p95_s": _share(silences, 0.95),
        "silence_most_s": silences[-1],
    }


def _in_words(seen: _Seen) -> dict[str, Any]:
    more = {"in_flight": seen.in_flight, "silence_s": seen.silence_s}
    return {**asdict(seen.fault), **more}


def _share(ordered: Sequence[_N], share: float) -> _N:
    """The least of them that so large a share does not exceed."""
    return ordered[max(0, ceil(len(ordered) * share) - 1)]
