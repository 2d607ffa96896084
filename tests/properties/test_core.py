"""What holds of every workflow and every history, not only of those somebody thought of.

`MINUET_EXPLORE=20000` looks at that many new histories instead of the same few.
"""

from __future__ import annotations

import os
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minuet.core.plan import compile_plan
from minuet.core.row import pack
from minuet.core.state import State
from minuet.event.record import DIGEST, REJECTS, Record
from tests.unit.core.audit import check, check_order, check_rows, folded
from tests.unit.core.workflows import Tape, workflow
from tests.unit.core.world import HAPPENINGS, World, lived

EXPLORE = int(os.environ.get("MINUET_EXPLORE", "0"))
GAP = 10

shapes = st.binary(min_size=20, max_size=40)
tapes = st.binary(min_size=100, max_size=300)


def histories(examples: int) -> settings:
    return settings(
        max_examples=EXPLORE or examples,
        derandomize=not EXPLORE,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@histories(150)
@given(shapes, tapes)
def test_two_writers_end_in_one_answer_for_each_slot_and_nothing_in_doubt(
    shape: bytes, tape: bytes
) -> None:
    check(lived(shape, tape))


@histories(40)
@given(shapes, tapes)
def test_a_row_and_the_rest_of_the_log_are_the_whole_fold_at_every_cut(
    shape: bytes, tape: bytes
) -> None:
    check_rows(lived(shape, tape))


@histories(60)
@given(shapes, tapes)
def test_without_an_incident_a_saga_ends_by_itself_and_undoes_backwards(
    shape: bytes, tape: bytes
) -> None:
    world = World(workflow(Tape(shape)), Tape(tape), faults=False)
    world.calmly(HAPPENINGS)
    world.settle()
    verdict = check(world)
    check_order(world, verdict)
    # Only what comes from outside the steps can meet a pivot in doubt, or happen behind it.
    assert world.persons == 0 or {"SagaCancelled", "TooLate"} & {r.type for r in world.log}


@histories(60)
@given(shapes, tapes, st.integers(0, 100), st.integers(0, 100))
def test_reading_a_part_of_the_log_again_changes_nothing(
    shape: bytes, tape: bytes, start: int, end: int
) -> None:
    log = lived(shape, tape).log
    spec = workflow(Tape(shape))
    again = [*log[:end], *log[min(start, end) : end], *log[end:]]
    assert row(shape, folded(spec, again)) == row(shape, folded(spec, log))


@histories(60)
@given(shapes, tapes, st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.booleans())))
def test_duplicates_change_nothing_but_their_count(
    shape: bytes, tape: bytes, copies: list[tuple[int, int, bool]]
) -> None:
    log = spread(lived(shape, tape).log)
    more = list(log)
    for number, (which, later, other_bytes) in enumerate(copies[: GAP - 1]):
        record = log[which % len(log)]
        behind = log[min(len(log) - 1, which % len(log) + later)]
        headers = {**record.headers, DIGEST: b"another"} if other_bytes else record.headers
        offset = behind.offset + 1 + number
        more.append(replace(record, offset=offset, time=behind.time, headers=headers))
    more.sort(key=lambda record: record.offset)
    spec = workflow(Tape(shape))
    assert facts(shape, folded(spec, more)) == facts(shape, folded(spec, log))


def spread(log: list[Record]) -> list[Record]:
    """The same log with room between its records."""
    found = []
    for record in log:
        headers = dict(record.headers)
        if REJECTS in headers:
            headers[REJECTS] = str(int(headers[REJECTS]) * GAP).encode()
        found.append(replace(record, offset=record.offset * GAP, headers=headers))
    return found


def row(shape: bytes, state: State) -> bytes:
    return pack(compile_plan(workflow(Tape(shape))), state)


def facts(shape: bytes, state: State) -> bytes:
    """A row without what a duplicate changes: counts, and how far the log has been read."""
    state.counts, state.log_offset, state.at = {}, 0, 0
    return row(shape, state)
