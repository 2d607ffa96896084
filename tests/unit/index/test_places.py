"""The file of an index: what is found again, and what is thrown away."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from minuet.index import places
from minuet.index.places import Places, Unusable

ENDS = {0: (0, 10), 1: (0, 10)}


def test_places_are_found_by_their_key_between_the_ends_of_their_partitions(
    tmp_path: Path,
) -> None:
    file = tmp_path / "i" / "t.sqlite"
    with Places(file, "a") as one:
        one.add([(b"k", 0, 3), (b"k", 1, 9), (b"l", 0, 4), (b"", 0, 5)], {0: 6, 1: 10})
        one.add([(b"k", 0, 1), (b"k", 0, 3)], {0: 4})  # by another process, at the same time
    with Places(file, "a") as again:
        assert again.of(b"k", ENDS) == [(0, 1), (0, 3), (1, 9)]
        assert again.of(b"k", {0: (2, 10)}) == [(0, 3)]
        assert again.of(b"m", ENDS) == []
        assert [again.known(number) for number in (0, 1, 2)] == [6, 10, 0]
        again.forget(0)
        assert (again.of(b"k", ENDS), again.known(0)) == ([(1, 9)], 0)


def test_what_is_known_of_another_topic_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "t.sqlite"
    with Places(file, "a") as one:
        one.add([(b"k", 0, 3)], {0: 4})
    with Places(file, "b") as other:
        assert (other.of(b"k", ENDS), other.known(0)) == ([], 0)


@pytest.mark.parametrize("form", ["no file of SQLite", "another release"])
def test_what_is_broken_or_of_another_form_may_be_begun_anew(tmp_path: Path, form: str) -> None:
    file = tmp_path / "t.sqlite"
    if form == "another release":
        with sqlite3.connect(file) as db:
            db.execute(f"pragma user_version = {places.FORM + 1}")
        db.close()
    else:
        file.write_bytes(b"x" * 8192)
    with pytest.raises(Unusable) as bad:
        Places(file, "a")
    assert bad.value.may_begin_anew
    Places.delete(file)
    with Places(file, "a") as anew:
        assert anew.of(b"k", ENDS) == []


def test_what_cannot_be_written_is_no_index_and_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Unusable) as bad:
        Places(tmp_path / "file" / "t.sqlite", "a")
    assert not bad.value.may_begin_anew
    (tmp_path / "t.sqlite").mkdir()
    with pytest.raises(Unusable) as bad:
        Places(tmp_path / "t.sqlite", "a")
    assert not bad.value.may_begin_anew


def test_two_keys_with_the_same_part_are_told_apart_by_who_reads_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "_part", lambda _key: 7)
    with Places(tmp_path / "t.sqlite", "a") as one:
        one.add([(b"k", 0, 3), (b"l", 0, 4)], {0: 5})
        assert one.of(b"k", ENDS) == [(0, 3), (0, 4)]
