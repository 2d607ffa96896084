"""What the start of a worker makes of the rules."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from minuet.cli.lint import check_rules
from minuet.errors import MinuetError
from minuet.spec import project
from tests.unit.lint.page import Example, examples

SILENT = '[tool.minuet.lint]\nignore = ["shop.{step}: {rule}"]\n'


def start(folder: Path, example: Example) -> None:
    example.write(folder)
    check_rules(project.load("shop", folder), folder)


def silenced(rule: str, step: str) -> Example:
    return Example(examples(rule)[0].python, SILENT.format(step=step, rule=rule))


def test_an_error_stops_it_with_the_list(folder: Path) -> None:
    with pytest.raises(MinuetError, match=r"(?s)shop does not run.*blocking-call: step send"):
        start(folder, examples("blocking-call")[0])


def test_a_warning_is_logged(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "minuet.worker"):
        start(folder, examples("not-undone")[0])
    (line,) = caplog.messages
    assert line.startswith("shop.py:")
    assert "not-undone: step insure: Insured has an effect" in line


@pytest.mark.parametrize(("rule", "step"), [("blocking-call", "send"), ("not-undone", "insure")])
def test_what_is_silenced_is_neither(
    rule: str, step: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(folder, silenced(rule, step))
    assert caplog.messages == []


def test_nothing_is_explored(folder: Path) -> None:
    start(folder, examples("stuck")[0])
