"""The records of an operation: it began, it ended; and a dead letter that a person dealt with."""

from __future__ import annotations

from minuet.event.model import Event


class OperationBegan(Event):
    """Somebody began something; `asked` is what was typed, as a JSON object."""

    operation: str
    kind: str
    by: str
    reason: str
    asked: str


class OperationEnded(Event):
    """It ended; `result` is `done`, `interrupted` or `failed`, `counts` a JSON object."""

    operation: str
    kind: str
    result: str
    counts: str


class LetterDiscarded(Event):
    """A person has dealt with a dead letter: nothing is to be done about it any more."""

    operation: str
    letter: str
    by: str
    reason: str


EVENTS = (OperationBegan, OperationEnded, LetterDiscarded)
