"""Puts the rules together: what is found in a workflow, less what the project silences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from minuet.errors import DefinitionError, UsageError
from minuet.lint import calls, ends, events, resources, undo
from minuet.lint.rules import RULES, Finding, Found
from minuet.lint.subject import Subject

FAMILIES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    events.check, undo.check, ends.check, resources.check, calls.check,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ignored:
    """A row of `[tool.minuet.lint] ignore`: `WORKFLOW: RULE` or `WORKFLOW.STEP: RULE`."""

    workflow: str
    step: str
    rule: str
    text: str

    def covers(self, workflow: str, finding: Finding) -> bool:
        """Whether it silences a finding of this workflow."""
        of = (self.workflow, self.step, self.rule)
        return of == (workflow, finding.step, finding.rule)


def ignored(rows: Iterable[str], origin: str) -> list[Ignored]:
    """Read the rows of the setting.

    Args:
        rows: as they are written.
        origin: where that is.

    Raises:
        UsageError: a row cannot be.
    """
    return [_ignored(text, origin) for text in rows]


def _ignored(text: str, origin: str) -> Ignored:
    about, _, rule = (part.strip() for part in text.partition(":"))
    workflow, _, step = about.partition(".")
    if not workflow or not rule:
        message = f"{origin}: lint.ignore {text!r}: write WORKFLOW.STEP: RULE, or WORKFLOW: RULE"
        raise UsageError(message)
    if rule not in RULES:
        message = f"{origin}: lint.ignore {text!r}: there is no such rule: {', '.join(RULES)}"
        raise UsageError(message)
    if not RULES[rule].can_be_silenced:
        message = f"{origin}: lint.ignore {text!r}: {rule} is refused at import and cannot be "
        message += "silenced: mend it"
        raise UsageError(message)
    return Ignored(workflow, step, rule, text)


def static(subject: Subject) -> list[Finding]:
    """Return what the rules find that need no exploration, in the order of the files."""
    found = [finding for family in FAMILIES for finding in family(subject)]
    return sorted(found, key=lambda each: (each.file, each.line, each.rule))


def refused(error: DefinitionError) -> Finding:
    """Return a refusal in the form of a finding."""
    return Finding(error.rule, error.message, error.mend, error.file, error.line)


def silenced(
    workflow: str, findings: Iterable[Finding], rows: Iterable[Ignored]
) -> tuple[list[Finding], list[Ignored]]:
    """Return the findings that are left, and the rows that silenced one."""
    rows = list(rows)
    left, used = [], []
    for finding in findings:
        by = [row for row in rows if row.covers(workflow, finding)]
        used += by
        if not by:
            left.append(finding)
    return left, used


def unused(
    workflow: str, rows: Iterable[Ignored], used: Iterable[Ignored], place: tuple[str, int],
    *, explored: bool,
) -> Iterator[Finding]:  # fmt: skip
    """Find rows of a workflow that silenced nothing, though their rule was asked."""
    used = list(used)
    for row in rows:
        asked = explored or Found.EXPLORED not in RULES[row.rule].found
        if row.workflow == workflow and row not in used and asked:
            message = f"lint.ignore {row.text!r} silences nothing"
            yield Finding("unused-ignore", message, RULES["unused-ignore"].do, *place, row.step)
