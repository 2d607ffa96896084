"""What the end of a handler's run becomes: an answer, another try, a logged wait, or giving up."""

from __future__ import annotations

from dataclasses import dataclass

from minuet.core.due import Slot
from minuet.spec.model import RetryPolicy

LOGGED_WAIT_MS = (
    1_000  # a wait this long is an event first (rule 6); shorter ones stay in the worker
)
BUG_ATTEMPTS = 3  # an exception that no policy speaks of is tried again this often, in case
NEVER_AGAIN = ("reject", "poison")


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that gave no answer.

    Args:
        category: `retry` (asked for, timeout, connection), `bug` (a few times), `reject` or
            `poison` (never again).
        error: for the log and the operator; no payload.
        after_ms: the shortest wait the step asked for.
    """

    category: str
    error: str
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Again:
    """Run again in this worker after `delay_ms`; nothing is logged."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Log `StepRetrying`: the slot waits `delay_ms`, wherever it runs next."""

    attempt: int
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Park:
    """Write a dead letter, then log `StepGaveUp`."""

    attempt: int


Settlement = Again | Wait | Park


def settle(slot: Slot, failure: Failure, tries_here: int, jitter: float) -> Settlement:
    """Say what follows a failed run.

    Args:
        slot: what was run.
        failure: how it ended.
        tries_here: runs in this worker since the log last spoke of the slot, this one included.
        jitter: a random number in [0, 1), so that a storm of retries spreads out.
    """
    policy = slot.step.spec.retry
    attempt = slot.attempt + tries_here
    counted = attempt - slot.since
    most = min(BUG_ATTEMPTS, policy.attempts) if failure.category == "bug" else policy.attempts
    if failure.category in NEVER_AGAIN or counted >= most:
        return Park(attempt)
    delay = max(failure.after_ms, backoff_ms(policy, counted, jitter))
    return Again(delay) if delay < LOGGED_WAIT_MS else Wait(attempt, delay)


def backoff_ms(policy: RetryPolicy, attempt: int, jitter: float) -> int:
    """Return the wait after the n-th failed run (from 1): exponential, half of it jittered.

    Source: "equal jitter", M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog 2015.
    """
    full = min(float(policy.most_ms), policy.first_ms * policy.factor ** min(attempt - 1, 60))
    return int(full * (0.5 + jitter / 2))
