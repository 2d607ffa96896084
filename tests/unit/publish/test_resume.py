"""A second run goes on where the first was acknowledged, and never behind that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, cast

from minuet.kafka.writer import Writer
from minuet.publish.batch import Batch, Tally, Terms
from minuet.publish.rejects import Rejects
from minuet.publish.resume import Journal, place
from minuet.publish.source import Row, read_json_lines
from tests.unit.publish.order import OrderPlaced, line
from tests.unit.publish.test_batch import ENVELOPE, GONE, FakeWriter

KEYS = [f"o-{i}" for i in range(600)]


class Input:
    """A file of orders and the marks of it."""

    def __init__(self, folder: Path, lines: list[bytes] | None = None) -> None:
        self.file, self.marks = folder / "in.jsonl", folder / "kept" / "marks.json"
        self.write(lines or [line(key) for key in KEYS])

    def write(self, lines: list[bytes]) -> None:
        self.file.write_bytes(b"".join(text + b"\n" for text in lines))

    def publish(self, writer: FakeWriter, **more: Any) -> tuple[Batch, Journal]:
        with self.file.open("rb") as stream:
            journal = Journal(self.marks, stream)
            terms = Terms(journal=journal, **more)
            batch = Batch(ENVELOPE, cast("Writer", writer), Rejects(), terms)
            batch.run(read_json_lines(stream, OrderPlaced))
            return batch, journal


def test_what_was_acknowledged_is_not_sent_again(tmp_path: Path) -> None:
    given = Input(tmp_path)
    first, second = FakeWriter(room=50, fails=dict.fromkeys(KEYS[400:], GONE)), FakeWriter(50)
    stopped, _ = given.publish(first)
    assert stopped.stopped == "gone"
    batch, journal = given.publish(second)
    done = journal.begun.line
    assert 256 <= done <= 400
    assert first.written == KEYS[:400]
    assert second.written == KEYS[done:]
    assert batch.tally == Tally(accepted=600, published=600 - done, before=done)


def test_after_an_interrupt_that_was_flushed_nothing_is_sent_twice(tmp_path: Path) -> None:
    given = Input(tmp_path)
    with given.file.open("rb") as stream:
        terms = Terms(journal=Journal(given.marks, stream))
        batch = Batch(ENVELOPE, cast("Writer", FakeWriter(50)), Rejects(), terms)
        rows = read_json_lines(stream, OrderPlaced)

        def interrupted() -> Iterator[Row]:
            yield from islice(rows, 299)
            batch.stop("interrupted")
            yield next(rows)

        batch.run(interrupted())
    writer = FakeWriter(50)
    given.publish(writer)
    assert writer.written == KEYS[300:]


def test_a_run_that_ended_well_leaves_no_mark(tmp_path: Path) -> None:
    given = Input(tmp_path)
    given.publish(FakeWriter(50))
    assert not given.marks.exists()
    batch, _ = given.publish(FakeWriter(50))
    assert batch.tally.published == 600


def test_a_line_that_is_not_acknowledged_is_never_passed_by_a_mark(tmp_path: Path) -> None:
    given = Input(tmp_path)
    with given.file.open("rb") as stream:
        journal = Journal(given.marks, stream)
        stream.readline()
        journal.look(1, 1, 1, now=True)
        assert not given.marks.exists()
        stream.readline()
        journal.look(2, 2, 2, now=True)
        assert Journal(given.marks, stream).begun.line == 1
        journal.look(2, 2, None, now=True)
        assert Journal(given.marks, stream).begun.line == 2


def test_a_file_that_begins_otherwise_is_published_from_its_first_line(tmp_path: Path) -> None:
    given = Input(tmp_path)
    given.publish(FakeWriter(50, fails=dict.fromkeys(KEYS[400:], GONE)))
    given.write([line("new"), *(line(key) for key in KEYS)])
    batch, journal = given.publish(FakeWriter(50))
    assert journal.changed
    assert batch.tally == Tally(accepted=601, published=601)


def test_a_file_that_only_grew_goes_on(tmp_path: Path) -> None:
    given = Input(tmp_path)
    given.publish(FakeWriter(50, fails=dict.fromkeys(KEYS[400:], GONE)))
    given.write([line(key) for key in [*KEYS, "more"]])
    batch, journal = given.publish(FakeWriter(50))
    done = journal.begun.line
    assert 0 < done == batch.tally.before
    assert batch.tally.published == 601 - done


def test_the_lines_before_still_count_for_what_follows(tmp_path: Path) -> None:
    changed = line("o-5").replace(b"12.50", b"13.00")
    given = Input(tmp_path, [*(line(key) for key in KEYS), line("o-7"), changed])
    given.publish(FakeWriter(50, fails=dict.fromkeys(KEYS[400:], GONE)))
    batch, _ = given.publish(FakeWriter(50))
    assert batch.tally.before > 0
    assert (batch.tally.duplicate, batch.tally.conflict) == (1, 1)


def test_a_model_that_judges_the_lines_otherwise_ends_the_run_before_it_sends(
    tmp_path: Path,
) -> None:
    given = Input(tmp_path, [b"nonsense", *(line(key) for key in KEYS)])
    given.publish(FakeWriter(50, fails=dict.fromkeys(KEYS[400:], GONE)))
    kept = json.loads(given.marks.read_text())
    kept["mark"]["accepted"] += 1
    given.marks.write_text(json.dumps(kept))
    writer = FakeWriter(50)
    batch, _ = given.publish(writer)
    assert "--from-start" in batch.stopped
    assert writer.written == []


def test_a_mark_that_cannot_be_read_costs_the_resuming_only(tmp_path: Path) -> None:
    given = Input(tmp_path)
    given.marks.parent.mkdir()
    for text in ("", "{", "[]", '{"mark": {"line": 3}}', '{"mark": 7, "digest": ""}'):
        given.marks.write_text(text)
        with given.file.open("rb") as stream:
            assert Journal(given.marks, stream).begun.line == 0


def test_each_input_has_a_place_of_its_own(tmp_path: Path) -> None:
    assert place(tmp_path, "a", "bc") != place(tmp_path, "ab", "c")
    assert place(tmp_path, "a", "b") == place(tmp_path, "a", "b")
