"""The rules, as data; docs/guide/lint.md says the same with examples.

What assembling a workflow refuses is no rule written twice: the refusal names its rule, and is
reported in the same form.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Level(Enum):
    """How bad it is: an error stops a worker at its start, a warning is logged there."""

    ERROR = "error"
    WARNING = "warning"


class Found(Enum):
    """Who finds it."""

    REFUSED = "refused at import, by every command"
    STATIC = "lint, and the start of a worker"
    EXPLORED = "lint, by exploring"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Args:
        name: as it is reported and silenced.
        level: how bad a finding is.
        found: who finds it, in the order of what is asked first.
        finds: what it finds.
        do: what to do about that, in general.
    """

    name: str
    level: Level
    found: tuple[Found, ...]
    finds: str
    do: str

    @property
    def can_be_silenced(self) -> bool:
        """What is refused cannot be: there is no workflow that could run."""
        return self.found != (Found.REFUSED,)


_ERROR, _WARNING = Level.ERROR, Level.WARNING
_REFUSED, _STATIC, _EXPLORED = Found.REFUSED, Found.STATIC, Found.EXPLORED

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "definition", _ERROR, (_REFUSED,),
            "a step, a saga or a workflow that is written wrong in any other way",
            "what the message says",
        ),
        Rule(
            "nobody-says", _ERROR, (_REFUSED,),
            "an event that a step or a row of the table needs, and that nobody says",
            "let a step return it, or list it in `external` if others publish it",
        ),
        Rule(
            "nobody-needs", _WARNING, (_STATIC,),
            "an event from outside or a deadline that changes nothing, or an event class that no "
            "workflow of the project names",
            "let a step need it, give it its part in the table, or remove it",
        ),
        Rule(
            "import", _ERROR, (_REFUSED,),
            "an event of elsewhere that cannot be imported as it is said",
            "what the message says",
        ),
        Rule(
            "said-twice", _ERROR, (_REFUSED,),
            "a second step for an event: two that may say the same one",
            "give each step outcomes of its own, and need `A | B` where either will do",
        ),
        Rule(
            "cycle", _ERROR, (_REFUSED,),
            "events that wait for each other",
            "let one of the steps need another event: in a saga each happens once",
        ),
        Rule(
            "never-runs", _ERROR, (_REFUSED, _STATIC, _EXPLORED),
            "a step that can never run, since what it needs never comes together",
            "write `A | B` where either will do, or remove the step",
        ),
        Rule(
            "not-undone", _WARNING, (_STATIC,),
            "an outcome before the pivot that has an effect on the outside and no undo",
            "add a row to the saga's `undo`, with a step that carries it out",
        ),
        Rule(
            "no-undo-step", _ERROR, (_REFUSED,),
            "an undo request that no step carries out",
            "write a step that takes the request and returns the undone event",
        ),
        Rule(
            "not-copied", _ERROR, (_REFUSED,),
            "a field of a request that cannot be copied, by name and type, from its event",
            "declare the same field in both, or remove it from the request",
        ),
        Rule(
            "cannot-end", _ERROR, (_STATIC, _EXPLORED),
            "a saga that can never complete: what completes it comes only after it has failed",
            "complete it by an event of the good way",
        ),
        Rule(
            "stuck", _ERROR, (_REFUSED, _EXPLORED),
            "a saga that can come to a place where nothing is due, nothing is decided and no "
            "person is called, or that turns in a circle",
            "let a step need the last event of the story, or let that event fail the saga",
        ),
        Rule(
            "not-simulated", _WARNING, (_STATIC,),
            "a resource without a simulated form",
            "add simulated=... to its `provide`, so that the workflow can be tried and tested",
        ),
        Rule(
            "blocking-call", _ERROR, (_STATIC,),
            "a blocking call in a step that runs on the loop: every other handler stands still",
            "await an async form, or write a plain `def` with the resource: that has a thread",
        ),
        Rule(
            "not-pure", _WARNING, (_STATIC,),
            "clock or chance in a pure step: run again, it would say something else",
            "take the time from `ctx.now`, and chance from a resource or `ctx.idempotency_key`",
        ),
        Rule(
            "unused-ignore", _WARNING, (_STATIC,),
            "a row of `[tool.minuet.lint] ignore` that silences nothing",
            "remove it",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found.

    Args:
        rule: its name.
        message: what is wrong.
        mend: what to do.
        file, line: where.
        step: whose it is; empty for the saga's.
        story: lines that tell how it comes to that.
    """

    rule: str
    message: str
    mend: str
    file: str = ""
    line: int = 0
    step: str = ""
    story: tuple[str, ...] = ()

    @property
    def level(self) -> Level:
        """How bad it is."""
        return RULES[self.rule].level

    def __str__(self) -> str:
        line = f":{self.line}" if self.line else ""
        place = f"{_shown(self.file)}{line}: " if self.file else ""
        told = "".join(f"\n    {line}" for line in self.story)
        mend = f"; to mend: {self.mend}" if self.mend else ""
        return f"{place}{self.rule}: {self.message}{mend}{told}"


def _shown(file: str) -> str:
    """A path as one types it here, when it is below."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
