"""A file that is written in pieces: whole, or not there, and gone on with where it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.errors import UsageError
from minuet.kafka.kept import Kept
from minuet.kafka.spans import Span
from minuet.replay.container import About, read_container
from minuet.replay.lines import read_lines
from minuet.replay.output import Output

ABOUT = About("orders", 1, {})
SPAN = Span({0: 0}, {0: 100})


def record(offset: int) -> Kept:
    return Kept(0, offset, 1, b"k", b"v", [])


def decode(_: Kept) -> tuple[None, str]:
    return None, ""


def opened(path: Path, identity: str = "one") -> Output:
    output = Output(path, identity)
    output.start(ABOUT, decode, SPAN)
    return output


def offsets(path: Path) -> list[int]:
    with path.open("rb") as stream:
        read = read_container if path.suffix == ".avro" else read_lines
        return [found.offset for found in read(stream, str(path))[1]]


@pytest.fixture(params=["out.avro", "out.jsonl"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def test_what_was_written_after_the_last_mark_is_cut_off_and_written_again(path: Path) -> None:
    first = opened(path)
    for offset in range(10):
        first.add(record(offset), wanted=offset % 2 == 0)
    first.mark()
    first.add(record(10), wanted=True)
    first._writer.flush()  # type: ignore[union-attr]
    first.close()  # as a kill does, after the bytes and before the mark
    assert not path.exists()

    second = Output(path, "one")
    assert second.begun is not None
    assert (second.begun.records, second.begun.next, second.begun.ends) == (5, {0: 10}, {0: 100})
    second.start(ABOUT, decode, second.begun.span)
    for offset in (10, 11, 12):
        second.add(record(offset), wanted=True)
    second.finish()
    second.close()
    assert second.records == 8
    assert offsets(path) == [0, 2, 4, 6, 8, 10, 11, 12]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_another_replay_begins_anew(path: Path) -> None:
    first = opened(path)
    first.add(record(1), wanted=True)
    first.mark()
    first.close()
    second = opened(path, "another")
    assert second.begun is None
    second.add(record(7), wanted=True)
    second.finish()
    second.close()
    assert offsets(path) == [7]


def test_a_mark_of_bytes_that_are_not_there_is_not_believed(path: Path) -> None:
    first = opened(path)
    first.add(record(1), wanted=True)
    first.mark()
    first.close()
    path.with_name(path.name + ".part").write_bytes(b"")
    second = Output(path, "one")
    assert second.begun is None
    second.close()


def test_a_file_that_is_there_is_not_written_over(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(UsageError, match="it is there already"):
        Output(path, "one")
    assert path.read_text() == "mine"


def test_two_replays_do_not_write_one_file(path: Path) -> None:
    first = opened(path)
    with pytest.raises(UsageError, match="another replay writes it now"):
        Output(path, "one")
    first.close()


def test_a_replay_that_was_not_begun_leaves_nothing(path: Path) -> None:
    output = Output(path, "one")
    output.discard()
    output.close()
    assert list(path.parent.iterdir()) == []


def test_a_replay_that_was_not_begun_leaves_what_another_began(path: Path) -> None:
    first = opened(path)
    first.add(record(1), wanted=True)
    first.mark()
    first.close()
    other = Output(path, "another")  # which is a --dry-run, or not wanted
    other.discard()
    other.close()
    again = Output(path, "one")
    assert again.begun is not None
    assert again.begun.records == 1
    again.close()


def test_when_it_was_asked_for_is_kept_for_the_next_run(path: Path) -> None:
    first = Output(path, "one", 1_000)
    first.start(ABOUT, decode, SPAN)
    first.close()
    second = Output(path, "one", 2_000)
    assert second.begun is not None
    assert second.begun.asked_ms == 1_000
    second.close()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        Output(tmp_path / "none" / "out.avro", "one")
