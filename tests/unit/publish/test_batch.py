"""A batch adds up, whatever its lines and the broker do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO, StringIO
from threading import Timer
from typing import Any, cast

import pytest

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.kafka.writer import Done, Headers, Place, WriteError, Writer
from minuet.publish.batch import Batch, Tally, Terms
from minuet.publish.envelope import Envelope
from minuet.publish.rejects import Rejects
from minuet.publish.source import Row, read_json_lines
from minuet.where import Where
from tests.unit.publish.order import OrderPlaced, line

ENVELOPE = Envelope("orders", "order_id", [OrderPlaced], Codec([OrderPlaced], LocalRegistry()))

GONE = WriteError("Kafka at a:1: gone", "gone")
TOO_LARGE = WriteError("Kafka at a:1: too large", "too large", alone=True)


class FakeWriter:
    """Holds `room` records; each look answers one, with an error for the keys that fail."""

    def __init__(self, room: int = 2, fails: dict[str, WriteError] | None = None) -> None:
        self.room, self.fails = room, fails or {}
        self.written: list[str] = []
        self.stuck = False
        self._waiting: list[tuple[str, Done]] = []

    def append(self, key: bytes, _value: bytes, _headers: Headers, done: Done) -> None:
        if len(self._waiting) >= self.room:
            raise BufferError
        self._waiting.append((key.decode(), done))

    def serve(self, _wait_s: float) -> None:
        if self._waiting and not self.stuck:
            key, done = self._waiting.pop(0)
            failure = self.fails.get(key)
            if failure is None:
                self.written.append(key)
            done(failure or Place(0, len(self.written)))

    def flush(self, wait_s: float) -> int:
        while self._waiting and not self.stuck:
            self.serve(wait_s)
        return len(self._waiting)

    def purge(self) -> None:
        for _, done in self._waiting:
            done(GONE)
        self._waiting.clear()


def batch(writer: FakeWriter | None, **more: Any) -> Batch:
    rejects = more.pop("rejects", Rejects())
    return Batch(ENVELOPE, cast("Writer | None", writer), rejects, Terms(**more))


def rows(*lines: bytes) -> Iterator[Row]:
    return read_json_lines(BytesIO(b"\n".join(lines)), OrderPlaced)


def test_a_full_queue_is_waited_for_and_nothing_is_dropped() -> None:
    writer = FakeWriter(room=1)
    keys = [f"o-{i}" for i in range(50)]
    tally = batch(writer).run(rows(*map(line, keys)))
    assert writer.written == keys
    assert tally == Tally(accepted=50, published=50)


def test_each_line_is_counted_once_and_the_counts_add_up() -> None:
    other = line("o-1").replace(b"12.50", b"13.00")
    rejects = Rejects()
    tally = batch(FakeWriter(), rejects=rejects).run(
        rows(line("o-1"), line("o-1"), other, b"nonsense", line("o-2"), line(""))
    )
    assert tally == Tally(accepted=2, published=2, duplicate=1, conflict=1, rejected=2)
    assert tally.lines == 6
    assert not tally.clean
    assert [one.line for one in rejects.shown] == [3, 4, 6]
    assert "in this input with other content" in rejects.shown[0].reason


def test_what_stands_on_the_log_is_a_duplicate_or_a_conflict() -> None:
    dry = batch(None)
    dry.run(rows(line("o-1"), line("o-2")))
    on_log = dict(dry._seen)
    changed = line("o-2").replace(b"12.50", b"13.00")
    rejects = Rejects()
    tally = batch(FakeWriter(), rejects=rejects, on_log=on_log).run(
        rows(line("o-1"), changed, line("o-3"))
    )
    assert tally == Tally(accepted=1, published=1, duplicate=1, conflict=1)
    assert "on the log with other content" in rejects.shown[0].reason


def test_a_dry_run_sends_nothing_and_counts_the_same() -> None:
    tally = batch(None).run(rows(line("o-1"), b"nonsense", line("o-1")))
    assert tally == Tally(accepted=1, duplicate=1, rejected=1)


def test_a_record_that_is_too_large_fails_alone() -> None:
    writer = FakeWriter(fails={"o-2": TOO_LARGE})
    rejects = Rejects()
    tally = batch(writer, rejects=rejects).run(rows(line("o-1"), line("o-2"), line("o-3")))
    assert tally == Tally(accepted=3, published=2, failed=1)
    assert writer.written == ["o-1", "o-3"]
    assert rejects.shown[0].line == 2
    assert rejects.shown[0].reason == "not published: too large"


def test_when_the_broker_is_gone_reading_stops_and_every_line_is_accounted_for() -> None:
    keys = [f"o-{i}" for i in range(9)]
    writer = FakeWriter(room=3, fails=dict.fromkeys(keys[2:], GONE))
    one = batch(writer)
    tally = one.run(rows(*map(line, keys)))
    assert one.stopped == "gone"
    assert tally.published == 2
    assert tally.published + tally.failed == tally.accepted == tally.lines < 9
    assert [r.line for r in one.rejects.shown] == list(range(3, tally.lines + 1))


def test_an_interrupt_ends_the_reading_but_not_the_flush() -> None:
    one = batch(FakeWriter(room=100))

    def interrupted() -> Iterator[Row]:
        yield from rows(line("o-1"), line("o-2"))
        assert one.reading
        raise KeyboardInterrupt

    assert one.run(interrupted()) == Tally(accepted=2, published=2)
    assert one.stopped == "interrupted"


def test_a_stop_between_two_lines_takes_effect_before_the_next() -> None:
    one = batch(FakeWriter(room=100))

    def stopping() -> Iterator[Row]:
        for number, row in enumerate(rows(line("o-1"), line("o-2"), line("o-3"))):
            if number == 1:
                one.stop("interrupted")
            yield row

    assert one.run(stopping()) == Tally(accepted=2, published=2)


def test_a_second_stop_gives_up_the_flush_and_counts_what_is_left_as_failed() -> None:
    writer = FakeWriter(room=100)
    writer.stuck = True
    one = batch(writer)

    def stopping() -> Iterator[Row]:
        yield from rows(line("o-1"), line("o-2"))
        one.stop("interrupted")
        one.stop("interrupted")

    assert one.run(stopping()) == Tally(accepted=2, failed=2)


def test_a_second_stop_while_the_queue_is_full_gives_up_too() -> None:
    writer = FakeWriter(room=1)
    writer.stuck = True
    one = batch(writer)

    def stopping() -> Iterator[Row]:
        yield from rows(line("o-1"))
        one._abandon = True
        yield from rows(line("o-2"))
        one.stop("interrupted")
        one.stop("interrupted")

    assert one.run(stopping()) == Tally(accepted=2, failed=2)


def test_the_upstream_id_may_be_a_field() -> None:
    one = batch(None, id_field="note")
    with_note = line("o-1").replace(b"}", b', "note": "n-1"}')
    same_key = line("o-1").replace(b"}", b', "note": "n-2"}')
    assert one.run(rows(with_note, same_key)) == Tally(accepted=2)
    assert set(one._seen) == {"n-1", "n-2"}


@pytest.mark.parametrize("id", ["", "a,b", "a\\nb", "x" * 257])
def test_a_line_whose_upstream_id_can_be_none_is_refused(id: str) -> None:
    rejects = Rejects()
    with_note = line("o-1").replace(b"}", b', "note": "%s"}' % id.encode())
    one = batch(FakeWriter(), id_field="note", rejects=rejects)
    assert one.run(rows(with_note)) == Tally(rejected=1)
    assert "id" in rejects.shown[0].reason


def test_events_that_are_not_wanted_are_left_out_and_counted() -> None:
    writer = FakeWriter()
    one = batch(writer, where=Where("order_id != 'o-2'", OrderPlaced))
    tally = one.run(rows(line("o-1"), line("o-2"), line("o-3")))
    assert tally == Tally(accepted=2, published=2, left_out=1)
    assert tally.lines == 3
    assert writer.written == ["o-1", "o-3"]


def test_a_pace_is_kept_and_a_stop_ends_its_waiting() -> None:
    one = batch(FakeWriter(room=100), rate=0.001)

    def stopping() -> Iterator[Row]:
        yield from rows(line("o-1"))
        Timer(0.1, one.stop, ["interrupted"]).start()
        yield from rows(line("o-2"), line("o-3"))

    assert one.run(stopping()).published == 2


def test_progress_is_told_now_and_then() -> None:
    told: list[int] = []
    lines = [line(f"o-{i}") for i in range(1000)]
    batch(None).run(rows(*lines), lambda tally: told.append(tally.lines))
    assert told == [256, 512, 768]


@pytest.mark.parametrize("text", [b"plain", b"not \xff UTF-8", b'quote " and \\'])
def test_the_rejects_file_gives_back_the_line_verbatim(text: bytes) -> None:
    file = StringIO()
    Rejects(file).add(7, text, "why")
    kept = json.loads(file.getvalue())
    assert kept["text"].encode("utf-8", "surrogateescape") == text
    assert (kept["line"], kept["reason"]) == (7, "why")


def test_the_file_keeps_all_lines_and_the_screen_a_few() -> None:
    file = StringIO()
    rejects = Rejects(file)
    for number in range(100):
        rejects.add(number, b"x", "why")
    assert len(rejects.shown) == 20
    assert len(file.getvalue().splitlines()) == 100
