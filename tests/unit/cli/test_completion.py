"""What a shell offers on Tab."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from minuet.cli import main

ROOT = Path(__file__).parents[3]


def offered(words: str) -> list[str]:
    """What is offered for the last word, which may be empty."""
    typed = ["minuet", *words.split(" ")]
    asked = {
        "COMP_WORDS": "\n".join(typed),
        "COMP_CWORD": str(len(typed) - 1),
        "_MINUET_COMPLETE": "complete_bash",
    }
    return CliRunner().invoke(main.build(), [], env=asked, prog_name="minuet").stdout.split()


@pytest.mark.parametrize(
    ("words", "some"),
    [
        ("topics plan o", {"orders"}),
        ("schemas check o", {"orders"}),
        ("diagram r", {"refunds"}),
        ("spec diff o", {"orders"}),
        ("worker orders --only ch", {"charge_payment"}),
        ("worker orders --only coord", {"coordinator"}),
        ("publish orders OrderP", {"OrderPlaced"}),
        ("publish orders PaymentC", set()),
        ("schemas show orders PaymentC", {"PaymentCharged"}),
        ("saga answer orders x charge_payment Pay", {"PaymentCharged", "PaymentDeclined"}),
        ("saga resume orders x --step refund", {"refund_payment"}),
        ("incidents list orders --step refund", {"refund_payment"}),
    ],
)
def test_what_may_stand_there_is_offered(words: str, some: set[str]) -> None:
    assert set(offered(words)) == some


@pytest.mark.parametrize("words", ["publish ordrs Ord", "saga show orders x", "saga show ordrs x"])
def test_what_cannot_be_found_out_is_not_offered_and_says_nothing(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert offered(words) == []
