"""Whatever is done to rows: on disk they are what they are in memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from minuet.core.rows import MemoryRows
from minuet.engines.disk_rows import DiskRows
from tests.unit.engines.test_disk_stores import row, seen

KEYS = some.sampled_from(["a", "b", "ä", "a\x00", "al", "l", "r", "m", ""])
CHANGES = some.lists(
    some.one_of(
        some.tuples(some.just("put"), KEYS, some.integers(0, 90), some.booleans()),
        some.tuples(some.just("drop"), KEYS, some.just(0), some.just(False)),
        some.tuples(some.just("again"), some.just(""), some.just(0), some.just(False)),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(changes=CHANGES)
def test_rows_on_disk_are_what_they_are_in_memory(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str, int, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("rows") / "0"
    model, disk = MemoryRows(), DiskRows(folder)
    for what, key, offset, rest in changes:
        match what:
            case "put":
                for rows in (model, disk):
                    rows.put(key, row(offset, rest=rest))
            case "drop":
                for rows in (model, disk):
                    rows.drop(key)
            case _:
                disk.close()
                disk = DiskRows(folder)
        assert disk.get(key) == model.get(key)
    assert seen(disk) == seen(model)
    disk.close()
