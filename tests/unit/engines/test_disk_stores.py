"""Rows on disk: the same as in memory, found again, and of nobody else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from minuet.core.binary import number
from minuet.core.row import peek
from minuet.core.rows import Rows
from minuet.engines import disk_rows
from minuet.engines.disk_rows import DiskRows
from minuet.engines.disk_stores import DiskStores
from minuet.errors import MinuetError, UsageError

TOPICS = {"orders.events": "one", "orders.sagas": "two"}
HIGH = 1_000


def row(offset: int, *, rest: bool = False) -> bytes:
    """The fields of a row that are read without the others, and one more."""
    return number(offset) + number(1) + number(offset * 10) + (b"\x01" if rest else b"\x00") + b"x"


def seen(rows: Rows) -> tuple[dict[str, bytes | None], dict[str, bytes]]:
    return {key: rows.get(key) for key in rows.keys()}, dict(rows.live())  # noqa: SIM118


def stores(folder: Path, most: int = 0, topics: dict[str, str] = TOPICS) -> DiskStores:
    return DiskStores(folder, topics, most)


def folders(path: Path) -> list[str]:
    return sorted(found.name for found in path.iterdir() if found.is_dir())


def test_an_iteration_outlives_changes_and_takes_every_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_rows, "PAGE", 3)
    disk = DiskRows(tmp_path / "0")
    for number_ in range(10):
        disk.put(f"k{number_}", row(number_, rest=number_ == 4))
    found = []
    for key, _ in disk.live():
        found.append(key)
        disk.drop("k8")
        disk.put("k1", row(50))
    assert found == ["k0", "k1", "k2", "k3", "k5", "k6", "k7", "k9"]
    left = disk.live()
    assert next(left)[0] == "k0"
    disk.close()
    assert [key for key, _ in left] == ["k1", "k2"]  # the rest of its page
    assert (disk.get("k0"), list(disk.live()), len(disk)) == (None, [], 0)
    disk.put("k0", row(1))  # a run that ends late: nobody cares any more


def test_rows_are_in_memory_until_there_are_too_many_in_all_partitions(tmp_path: Path) -> None:
    worker = stores(tmp_path, most=4)
    first, second = worker.open(0, HIGH), worker.open(1, HIGH)
    for key in "abc":
        first.rows.put(key, row(1))
    second.rows.put("d", row(2))
    assert folders(tmp_path) == ["0"]
    assert seen(first.rows)[1] == {key: row(1) for key in "abc"}
    first.close()
    for key in "efg":
        second.rows.put(key, row(3))  # what it has alone now
    assert folders(tmp_path) == ["0"]
    second.close()
    second.rows.put("h", row(3))
    assert folders(tmp_path) == ["0"]  # it is given back


def test_what_is_on_disk_is_found_again_with_what_it_is_good_for(tmp_path: Path) -> None:
    store = stores(tmp_path).open(3, HIGH)
    assert (store.start, store.log_time) == (0, 0)
    store.rows.put("a", row(7))
    store.save(40, 8, 70)
    store.rows.put("b", row(9))  # a crash may come at any time after this
    store.close()
    again = stores(tmp_path).open(3, HIGH)
    assert (again.start, again.log_time) == (40, 70)
    assert seen(again.rows)[1] == {"a": row(7), "b": row(9)}
    again.close()


@pytest.mark.parametrize(
    ("topics", "high"), [({**TOPICS, "orders.sagas": "three"}, HIGH), (TOPICS, 7)]
)
def test_rows_of_another_log_are_not_taken(
    tmp_path: Path, topics: dict[str, str], high: int
) -> None:
    store = stores(tmp_path).open(0, HIGH)
    store.rows.put("a", row(7))
    store.save(40, 8, 70)
    store.close()
    other = stores(tmp_path, topics=topics).open(0, high)
    assert (other.start, other.log_time, seen(other.rows)[0]) == (0, 0, {})
    assert folders(tmp_path) == []


def test_rows_that_were_never_saved_are_not_taken(tmp_path: Path) -> None:
    store = stores(tmp_path).open(0, HIGH)
    store.rows.put("a", row(7))
    store.close()
    assert seen(stores(tmp_path).open(0, HIGH).rows)[0] == {}


def test_what_a_sleeper_still_has_is_left_alone_and_the_next_folder_is_taken(
    tmp_path: Path,
) -> None:
    sleeper = stores(tmp_path).open(0, HIGH)
    sleeper.rows.put("a", row(7))
    sleeper.save(40, 8, 70)
    owner = stores(tmp_path).open(0, HIGH)
    assert (owner.start, seen(owner.rows)[0]) == (0, {})
    owner.rows.put("a", row(8))
    owner.save(50, 9, 80)
    assert sleeper.rows.get("a") == row(7)
    owner.close()
    again = stores(tmp_path).open(0, HIGH)
    assert (again.start, again.rows.get("a")) == (50, row(8))
    again.close()
    sleeper.close()
    assert folders(tmp_path) == ["0", "0.1"]


def test_a_folder_that_cannot_be_opened_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "0").write_text("no folder at all", encoding="utf-8")
    store = stores(tmp_path).open(0, HIGH)
    store.rows.put("a", row(1))
    store.close()
    assert (tmp_path / "0.1").is_dir()
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"partition 0 can be opened in .*rows: name another"):
        stores(blocked / "rows").open(0, HIGH).rows.put("a", row(1))


def filled(folder: Path) -> Path:
    """Save many rows on disk, and return the largest file of them."""
    store = stores(folder).open(0, HIGH)
    for number_ in range(20_000):
        store.rows.put(f"k{number_}", row(number_) + bytes(str(number_), "ascii") * 20)
    store.save(40, 8, 70)
    store.close()
    return max((folder / "0").glob("*.sst"), key=lambda file: file.stat().st_size)


def flip(file: Path, step: int) -> None:
    """Change bytes of a file, so many apart."""
    content = bytearray(file.read_bytes())
    for at in range(step, len(content), step):
        content[at] ^= 0xFF
    file.write_bytes(content)


READINGS = {
    "all": lambda rows: list(rows.live()),
    "one": lambda rows: [rows.get(f"k{number_}") for number_ in range(20_000)],
}


@pytest.mark.parametrize("what", READINGS)
def test_rows_that_cannot_be_read_are_told_and_the_next_start_goes_without(
    tmp_path: Path, what: str
) -> None:
    file = filled(tmp_path)
    content = file.read_bytes()
    file.write_bytes(
        content[:2_000] + bytes(len(content) // 2) + content[2_000 + len(content) // 2 :]
    )
    store = stores(tmp_path).open(0, HIGH)
    with pytest.raises(
        MinuetError, match=r"rows in .*/0 cannot be read .*Corruption.* deleted, and"
    ):
        READINGS[what](store.rows)
    store.close()
    again = stores(tmp_path).open(0, HIGH)
    assert (again.start, seen(again.rows)[0]) == (0, {})
    again.rows.put("a", row(7))
    assert folders(tmp_path) == ["0"]
    again.close()


@pytest.mark.parametrize("name", ["MANIFEST*", "CURRENT"])
def test_a_folder_whose_bytes_are_no_good_is_made_anew(tmp_path: Path, name: str) -> None:
    filled(tmp_path)
    for file in (tmp_path / "0").glob(name):
        flip(file, max(1, file.stat().st_size // 3))
    store = stores(tmp_path).open(0, HIGH)
    assert (store.start, seen(store.rows)[0]) == (0, {})
    store.rows.put("a", row(7))
    assert folders(tmp_path) == ["0"]
    store.close()


def test_an_iteration_that_was_left_does_not_keep_the_folder(tmp_path: Path) -> None:
    filled(tmp_path)
    store = stores(tmp_path).open(0, HIGH)
    left = store.rows.keys()
    assert len(list(islice(left, 100))) == 100
    store.close()
    again = stores(tmp_path).open(0, HIGH)
    assert again.start == 40
    again.close()


@pytest.mark.parametrize("makes_room", [True, False])
def test_nobody_finds_a_folder_that_is_being_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, makes_room: bool
) -> None:
    others = []

    def deleted(folder: Path, ignore_errors: bool = False) -> None:
        with pytest.raises(BlockingIOError):
            others.append(DiskRows(folder))
        remove(folder, ignore_errors)

    disk, remove = DiskRows(tmp_path / "0"), shutil.rmtree
    disk.put("a", row(1))
    monkeypatch.setattr(shutil, "rmtree", deleted)
    if makes_room:
        disk.clear()
        assert seen(disk)[0] == {}
        disk.close()
    else:
        disk.destroy()
    assert others == []
    DiskRows(tmp_path / "0").close()


FILL = """
import resource, sys
from pathlib import Path
from minuet.engines.disk_rows import DiskRows
from minuet.errors import UsageError
disk = DiskRows(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    for key in range(5_000):
        disk.put(str(key), b"\\x02\\x02\\x02\\x00" + bytes(str(key).encode()) * 100)
except UsageError as refused:
    print(refused)
disk.close()
print("closed")
"""


def test_a_full_disk_is_told_with_what_to_do(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILL, str(tmp_path / "0")]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.startswith(f"rows cannot be written to {tmp_path}")
    assert "make room, name another folder with --state" in ran.stdout
    assert ran.stdout.endswith("closed\n")  # or the worker would hang where it wants to stop


def test_the_row_of_this_test_is_one_that_the_core_reads() -> None:
    assert peek(row(5, rest=True))[0::2] == (5, 50)
    assert peek(row(5, rest=True))[3]
