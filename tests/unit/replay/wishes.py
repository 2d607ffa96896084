"""What may be typed for a replay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from minuet.cli.replay_wish import Wish

_NOTHING = Wish(
    workflow="orders", into="here", begin="", end="", sagas=(), events=(), where="", source="",
    rate=0, limit=0, login=None, apply=False, beside_workers=False, by="", why="", dry_run=False,
    simulated=False, keep=False, shadow="", yes=False, bootstrap="", json=False, project=None,
)  # fmt: skip


def wish(**typed: Any) -> Wish:
    """A wish with what is typed."""
    return replace(_NOTHING, **typed)
