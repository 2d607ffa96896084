"""The page of rules says what the rules are, and its examples do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from minuet.lint.rules import RULES
from tests.unit.lint.conftest import APP, Lint
from tests.unit.lint.page import TEXT, examples, sections


def test_every_rule_has_its_row_and_its_section() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:5]] for line in TEXT.splitlines()]
    written = [row for row in rows if len(row) == 4 and row[0].startswith("[`")]
    assert written == [
        [
            f"[`{rule.name}`](#{rule.name})",
            rule.level.value,
            ", ".join(found.name.lower() for found in rule.found),
            rule.finds,
        ]
        for rule in RULES.values()
    ]
    assert list(sections()) == list(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_the_wrong_example_breaks_its_rule_and_no_other(rule: str, lint: Lint) -> None:
    wrong, _ = examples(rule)
    assert [finding["rule"] for finding in lint(wrong)["findings"]] == [rule]


@pytest.mark.parametrize("rule", RULES)
def test_the_right_example_breaks_none(rule: str, lint: Lint) -> None:
    _, right = examples(rule)
    assert lint(right)["findings"] == []


def test_the_story_of_the_page_is_told(folder: Path) -> None:
    wrong, _ = examples("stuck")
    wrong.write(folder)
    told = CliRunner().invoke(APP, ["lint", "shop"]).stdout
    assert wrong.text in told
    assert re.search(r"^shop: explored \d+ states .* in .* s, all there are$", told, re.MULTILINE)
