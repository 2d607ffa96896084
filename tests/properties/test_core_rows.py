"""Rows are Avro: what is written by hand is what fastavro writes of the same values."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro
from hypothesis import given, settings
from hypothesis import strategies as st

from minuet.core.binary import number, read_number
from minuet.core.row import ROW_SCHEMA, pack, unpack
from minuet.core.state import Entry, Incident, Place, State, Status, Tries
from tests.unit.core.story import placed

PLAN = placed().plan
SCHEMA = fastavro.parse_schema(ROW_SCHEMA)
ANY_SPEED = settings(deadline=None)  # a busy machine is no failure
LONGS = st.integers(-(2**63), 2**63 - 1)
INTS = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(max_size=8)

entries = st.builds(
    Entry,
    id=st.text(min_size=1, max_size=8),
    type=st.sampled_from([*PLAN.bits, "SomethingElse"]),
    offset=LONGS,
    time=LONGS,
    digest=TEXTS,
    place=st.sampled_from(Place),
    slot=TEXTS,
    undoes=TEXTS,
    schema=st.binary(max_size=8),
    value=st.none() | st.binary(max_size=200),
    rejected=st.booleans(),
    causes=st.lists(TEXTS).map(tuple),
)


@st.composite
def states(draw: st.DrawFn) -> State:
    state = State("s", draw(st.sampled_from(Status)))
    state.log_offset, state.at = draw(LONGS), draw(LONGS)
    state.round, state.version, state.trace = draw(TEXTS), draw(TEXTS), draw(TEXTS)
    state.failed_by, state.failed_offset = draw(TEXTS), draw(LONGS)
    state.begin_id, state.begin_digest = draw(TEXTS), draw(TEXTS)
    state.begin_offset, state.known = draw(LONGS), draw(st.binary(max_size=30))
    state.counts = draw(st.dictionaries(TEXTS, LONGS))
    state.seen = draw(st.dictionaries(TEXTS, TEXTS))
    for entry in draw(st.lists(entries, max_size=5)):
        state.keep(entry, PLAN.bits.get(entry.type, 0))
    tries = st.builds(
        Tries, TEXTS, INTS, LONGS, since=INTS, parked=st.booleans(), decided=st.booleans()
    )
    state.tries = draw(st.dictionaries(TEXTS, tries, max_size=3))
    incidents = st.builds(Incident, TEXTS, TEXTS, LONGS, TEXTS)
    state.incidents = draw(st.dictionaries(TEXTS, incidents, max_size=3))
    return state


@ANY_SPEED
@given(states())
def test_a_row_is_what_fastavro_writes(state: State) -> None:
    row = pack(PLAN, state)
    source = BytesIO(row)
    fields: Any = fastavro.schemaless_reader(source, SCHEMA, None)
    assert source.tell() == len(row)
    again = BytesIO()
    fastavro.schemaless_writer(again, SCHEMA, fields)
    assert again.getvalue() == row
    assert fields["status"] == state.status.value
    assert fields["log_offset"] == state.log_offset
    assert fields["counts"] == state.counts
    assert [t["slot"] for t in fields["tries"]] == list(state.tries)
    assert [i["reason"] for i in fields["incidents"]] == [
        i.reason for i in state.incidents.values()
    ]


@ANY_SPEED
@given(states())
def test_a_row_that_is_read_and_packed_again_is_the_same(state: State) -> None:
    first = unpack(PLAN, "s", pack(PLAN, state))
    row = pack(PLAN, first)
    assert pack(PLAN, unpack(PLAN, "s", row)) == row


@ANY_SPEED
@given(LONGS)
def test_a_number_is_read_as_it_was_written(value: int) -> None:
    written = number(value)
    assert read_number(b"x" + written + b"y", 1) == (value, 1 + len(written))
