"""What a shell offers on Tab; once in a real bash, with what `--install-completion` wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from minuet.cli import main

ROOT = Path(__file__).parents[3]

IN_BASH = """
minuet --install-completion
source "$HOME/.bashrc"
COMP_WORDS=(minuet saga answer orders order-0001 charge_payment PaymentD) COMP_CWORD=6
_minuet_completion minuet
echo "offered: ${COMPREPLY[*]}"
"""


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


def test_a_real_bash_completes_with_what_was_installed(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "HOME": str(tmp_path), "PATH": path}
    bash = ["bash", "--norc", "-c", IN_BASH]
    run = subprocess.run(bash, env=environ, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "offered: PaymentDeclined\n" in run.stdout
    assert run.stderr == ""
