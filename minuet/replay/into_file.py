"""A replay into a file: plan it, then write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep

from minuet.errors import MinuetError
from minuet.publish.pace import Pace
from minuet.replay.output import Output
from minuet.replay.selection import Selection
from minuet.replay.sources import Source
from minuet.replay.stopping import Stopping
from minuet.replay.survey import Survey

_PROGRESS_EVERY = 2_000
_PAUSE_S = 0.1

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Terms:
    """How it is to be done.

    Args:
        rate: the most records in a second; 0 for no limit.
        limit: the most records in all; 0 for no limit.
    """

    rate: float = 0
    limit: int = 0


def survey(
    source: Source, selection: Selection, terms: Terms, stopping: Stopping, progress: Progress
) -> Survey:
    """Count what would be replayed.

    Raises:
        BrokerError: the source's broker cannot be reached.
    """
    found = Survey(selection.sagas)
    for number, record in enumerate(stopping.until(source.records())):
        if number % _PROGRESS_EVERY == 0:
            progress(number, source.most)
        if selection.takes(record):
            found.add(record)
            if found.records == terms.limit:
                break
    return found


def write(
    source: Source,
    selection: Selection,
    output: Output,
    how: tuple[Terms, Stopping],
    progress: Progress,
) -> None:
    """Write what is wanted; the file is there when all of it is.

    Raises:
        BrokerError: the source's broker cannot be reached; what is written is kept.
    """
    terms, stopping = how
    pace = Pace(terms.rate) if terms.rate else None
    look_every = min(_PROGRESS_EVERY, max(1, int(terms.rate / 10))) if pace else _PROGRESS_EVERY
    first = output.begun.next if output.begun else None
    try:
        for number, record in enumerate(stopping.until(source.records(first))):
            if terms.limit and output.records >= terms.limit:
                break
            wanted = selection.takes(record)
            if wanted and pace is not None and not _waited(pace, stopping):
                break
            output.add(record, wanted=wanted)
            if number % look_every == 0:
                progress(number, source.most)
                output.mark_now_and_then()
    except MinuetError:
        output.mark()
        raise
    if stopping.code:
        output.mark()
    else:
        output.finish()


def _waited(pace: Pace, stopping: Stopping) -> bool:
    """Wait for the turn; False when it is to end meanwhile."""
    while (wait_s := pace.wait_s(monotonic())) > 0:
        if stopping.code:
            return False
        sleep(min(wait_s, _PAUSE_S))
    pace.went(monotonic())
    return True
