"""The files of a replay: each record comes back byte for byte, and damage is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minuet.errors import UsageError
from minuet.kafka.kept import Kept
from minuet.replay.container import About, ContainerWriter, read_container
from minuet.replay.lines import LineWriter, read_lines

ABOUT = About("orders", 6, {"0123456789abcdef": '{"type": "record"}'})

raw = st.none() | st.binary(max_size=200)
RECORDS = st.lists(
    st.builds(
        Kept,
        st.integers(0, 1_000), st.integers(0, 2**62), st.integers(-(2**40), 2**62), raw, raw,
        st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=9), raw), max_size=5),
    ),
    max_size=20,
)  # fmt: skip


def decoded(record: Kept) -> tuple[dict[str, str] | None, str]:
    return ({"order_id": "1"}, "") if record.value else (None, "it is empty")


def as_avro(records: list[Kept]) -> BytesIO:
    stream = BytesIO()
    writer = ContainerWriter(stream, ABOUT)
    for record in records:
        writer.add(record)
    writer.flush()
    writer.close()
    return BytesIO(stream.getvalue())


def as_lines(records: list[Kept]) -> BytesIO:
    stream = BytesIO()
    writer = LineWriter(stream, ABOUT, decoded)
    for record in records:
        writer.add(record)
    return BytesIO(stream.getvalue())


def read(found: tuple[About, Iterator[Kept]]) -> list[Kept]:
    about, records = found
    assert about == ABOUT
    return list(records)


@settings(deadline=None)
@given(RECORDS)
def test_avro_comes_back_byte_for_byte(records: list[Kept]) -> None:
    assert read(read_container(as_avro(records), "a.avro")) == records


@settings(deadline=None)
@given(RECORDS)
def test_json_lines_come_back_byte_for_byte(records: list[Kept]) -> None:
    assert read(read_lines(as_lines(records), "a.jsonl")) == records


def test_more_than_a_block_comes_back_too() -> None:
    records = [Kept(n % 6, n, n, b"%d" % n, bytes(900), [("x", b"y")]) for n in range(1_000)]
    stream = as_avro(records)
    assert read(read_container(stream, "a.avro")) == records
    assert stream.getbuffer().nbytes < 100_000


def test_any_reader_of_avro_can_read_it() -> None:
    stream = as_avro([Kept(1, 2, 3, b"k", None, [("ce_id", b"1")])])
    assert list(fastavro.reader(stream)) == [
        {"partition": 1, "offset": 2, "time": 3, "key": b"k", "value": None,
         "headers": [{"name": "ce_id", "value": b"1"}]}
    ]  # fmt: skip


def test_a_line_has_the_event_and_its_headers_as_text() -> None:
    stream = as_lines([Kept(1, 2, 3, b"k", b"\xff", [("ce_type", b"OrderPlaced")])])
    assert json.loads(stream.readlines()[1]) == {
        "partition": 1, "offset": 2, "time": 3, "key": "k",
        "headers": {"ce_type": "OrderPlaced"}, "event": {"order_id": "1"}, "value_base64": "/w==",
    }  # fmt: skip


@pytest.mark.parametrize("text", [b"", b"none", b"Obj\x01", b"{}\n"])
def test_what_is_no_such_file_is_told(text: bytes) -> None:
    with pytest.raises(UsageError, match="is no file of `minuet replay`"):
        read_container(BytesIO(text), "a.avro")
    with pytest.raises(UsageError, match="is no file of `minuet replay`"):
        read_lines(BytesIO(text), "a.jsonl")


def test_a_file_that_was_cut_short_is_told() -> None:
    records = [Kept(0, n, n, b"k", bytes(100), []) for n in range(100)]
    for stream, reads in ((as_avro(records), read_container), (as_lines(records), read_lines)):
        whole = stream.getvalue()
        _, rest = reads(BytesIO(whole[:-20]), "cut")
        with pytest.raises(UsageError, match="is damaged, or was cut short"):
            list(rest)
