"""The guide to incidents knows every kind of them."""

from __future__ import annotations

from pathlib import Path

from minuet.inspection.incidents import KINDS

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "incidents.md"


def test_the_guide_knows_every_kind() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert {kind for kind in KINDS if f"| `{kind}` |" not in text} == set()
