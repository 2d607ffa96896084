"""What a run under faults came to, as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Any, TypeVar

from minuet.chaos.audit import Lives
from minuet.chaos.run import Found
from minuet.engines.failpoints import PLACES

_N = TypeVar("_N", int, float)

HIT_LEAST = 20  # sagas in flight, without which a fault shows little
_PATIENCE_MS = 30_000  # a silence that begins later has another cause than the fault
_NEVER_MS = 1 << 62


def summary(found: Found) -> dict[str, Any]:
    """Return the figures; times are of the log."""
    state, audit = found.state, found.audit
    return {
        "ok": found.ok,
        "workflow": state.workflow,
        "seed": state.seed,
        "seconds": round(state.elapsed_s, 1),
        "faults": {kind: _of_kind(found, kind) for kind in sorted(_counts(found))},
        "failpoints_left": _failpoints_left(found),
        "acked": audit.acked,
        "lost": audit.lost,
        "sagas": audit.sagas,
        "ended": dict(audit.ended),
        "parked": audit.parked,
        "hit_least": HIT_LEAST,
        "effects": audit.effects,
        "asked_again": audit.again,
        "violated": audit.violated,
        "violations": audit.violations,
        "settled_s": found.settled_s,
        "verify": found.verify.as_dict(),
    }


def _counts(found: Found) -> Counter[str]:
    return Counter(fault.kind for fault in found.state.faults)


def _failpoints_left(found: Found) -> list[str]:
    """Places where nobody died in a run in which some did."""
    prefix = "failpoint "
    died = {kind.removeprefix(prefix) for kind in _counts(found) if kind.startswith(prefix)}
    return [place for place in PLACES if place not in died] if died else []


def _of_kind(found: Found, kind: str) -> dict[str, Any]:
    """How often, what it hit, and how long a partition had no answer after it."""
    faults = sorted(found.state.faults, key=lambda fault: fault.at_ms)
    times = [*(fault.at_ms for fault in faults), _NEVER_MS]
    made = [
        (fault.at_ms, min(following - fault.at_ms, _PATIENCE_MS))
        for fault, following in zip(faults, times[1:], strict=True)
        if fault.kind == kind
    ]
    lives: Lives = found.lives
    flying = sorted(lives.in_flight(at_ms) for at_ms, _ in made)
    silences = sorted(lives.silence_ms(*one) / 1000 for one in made)
    hits = sum(count >= HIT_LEAST for count in flying)
    return {
        "count": len(made),
        "hit": hits,
        "missed": len(made) - hits,
        "in_flight_least": flying[0],
        "in_flight_p50": _share(flying, 0.5),
        "silence_p50_s": _share(silences, 0.5),
        "silence_p95_s": _share(silences, 0.95),
        "silence_most_s": silences[-1],
    }


def _share(ordered: Sequence[_N], share: float) -> _N:
    """The least of them that so large a share does not exceed."""
    return ordered[max(0, ceil(len(ordered) * share) - 1)]
