"""Every error Minuet raises, by whose fault it is.

MinuetError
├── DefinitionError    a step, saga or workflow is written wrong (file, line, mend)
├── UsageError         a command or a setting is wrong
├── ContractError      an event breaks its contract
│   └── UnreadableValue    bytes on a topic cannot be read as their event
├── BrokerError        the world's fault: Kafka cannot be reached, or refuses
│   └── RegistryError      the schema registry refuses
│       └── RegistryAway       it does not answer now; a wait, and no refusal
└── raised by a step
    ├── RetryLater     again later
    └── GiveUp         never again: a person decides

A broken promise of our own is an assertion, not one of these.
"""

from __future__ import annotations


class MinuetError(Exception):
    """Anything that Minuet raises on purpose."""


class DefinitionError(MinuetError):
    """A step, a saga or a workflow is written wrong; says where and how to mend it.

    Args:
        message: what is wrong.
        file, line: where it is written.
        mend: what to do.
        rule: the rule that it breaks, by which `minuet lint` reports it.
    """

    def __init__(
        self, message: str, *, file: str = "", line: int = 0, mend: str = "",
        rule: str = "definition",
    ) -> None:  # fmt: skip
        self.message, self.file, self.line, self.mend = message, file, line, mend
        self.rule = rule
        place = f"{file}:{line}: " if file else ""
        super().__init__(f"{place}{message}" + (f"\n  to mend: {mend}" if mend else ""))


class UsageError(MinuetError):
    """A command line or a setting is wrong; the message says what to type instead."""


class ContractError(MinuetError):
    """An event does not keep its contract."""


class UnreadableValue(ContractError):
    """Bytes on a topic cannot be read as the event their headers name."""


class BrokerError(MinuetError):
    """Kafka cannot be reached, or refuses; the message says which broker and why."""


class RegistryError(BrokerError):
    """The schema registry refuses, or is none; the message says which and why."""


class RegistryAway(RegistryError):
    """The schema registry does not answer now: what needs it waits, and is not refused."""


class RetryLater(MinuetError):
    """Raised by a step: it did not work now, try again.

    Args:
        reason: for the log and the operator.
        after: the shortest wait, as ``"5s"``; empty for the step's own backoff.
    """

    def __init__(self, reason: str = "", *, after: str = "") -> None:
        self.reason, self.after = reason, after
        super().__init__(reason)


class GiveUp(MinuetError):
    """Raised by a step: trying again is useless; the slot waits for a person."""
