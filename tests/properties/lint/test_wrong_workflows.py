"""Further wrong workflows, each found by exactly its rule; and right ones that look like them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.lint.conftest import APP, Lint
from tests.unit.lint.page import Example, base

ROOT = Path(__file__).parents[3]
FILE = Path(__file__).with_name("workflows.md")
CASE = re.compile(
    r"^### ([^\n\[]+?)(?: \[([\w-]+)\])?\n+```python\n(.*?)```", re.DOTALL | re.MULTILINE
)
CASES = {name: (rule, text) for name, rule, text in CASE.findall(FILE.read_text(encoding="utf-8"))}
WRONG = {name: case for name, case in CASES.items() if case[0]}
RIGHT = {name: text for name, (rule, text) in CASES.items() if not rule}


STORIES = {
    "an outcome that fails the business and not the saga": ("pay says Refused", "tell says Told"),
    "a join that forgets one of two ways": (
        "pack says TooLarge", "send waits for Packed, which nobody will say",
    ),
    "a fail event behind the pivot, where there is no way back": (
        "send says Lost", "a person does without the undo of Lost",
    ),
    "a join of what happens on different ways, on which the end waits": (
        "fly says Flown", "send waits for Cleared, which nobody will say",
    ),
    "a step that waits for a deadline and for what stops it": (
        "answer says Answered", "send waits for Late, which nobody will say",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_workflow_breaks_exactly_its_rule(name: str, lint: Lint) -> None:
    rule, python = WRONG[name]
    (finding,) = lint(Example(python))["findings"]
    assert finding["rule"] == rule
    assert finding["line"] > 0
    assert finding["mend"]
    story = "\n".join(finding["story"])
    assert {line for line in STORIES.get(name, ()) if line not in story} == set()
    assert ("then nothing can happen any more" in story) == (name in STORIES)


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_workflow_breaks_none(name: str, lint: Lint) -> None:
    assert lint(Example(RIGHT[name]))["findings"] == []


def test_a_finding_names_its_line_and_its_step(lint: Lint) -> None:
    python = """\
import time

@step
def send(reserved: Reserved) -> Sent:
    return Sent(parcel=str(time.time()))
"""
    (finding,) = lint(Example(python), "--no-explore")["findings"]
    assert (finding["line"], finding["step"]) == (len(base().splitlines()) + 2 + 5, "send")


def test_there_are_workflows_enough() -> None:
    assert len(WRONG) >= 20
    assert len(RIGHT) >= 8
    assert len(STORIES.keys() & WRONG.keys()) >= 5


def test_nothing_is_found_in_what_is_shipped() -> None:
    result = CliRunner().invoke(APP, ["lint", "--project", str(ROOT)])
    assert result.stdout.splitlines()[-1] == "nothing found"
    assert result.exit_code == 0
