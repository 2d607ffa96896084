"""A file as a source: of the workflow that is replayed, and of no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.errors import UsageError
from minuet.kafka.kept import Kept
from minuet.kafka.spans import Moment
from minuet.replay.container import About, ContainerWriter
from minuet.replay.sources import FileSource


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of three records of orders, a second apart."""
    path = tmp_path / "orders.avro"
    with path.open("wb") as stream:
        writer = ContainerWriter(stream, About("orders", 6, {}))
        for number in range(3):
            writer.add(Kept(0, number, 1_000 * number, b"k", b"v", []))
        writer.flush()
        writer.close()
    return path


def test_a_file_of_another_workflow_is_refused(path: Path) -> None:
    assert FileSource(path, "orders").partitions == 6
    with pytest.raises(UsageError, match="is of the log of orders, and not of refunds"):
        FileSource(path, "refunds")


def test_from_its_beginning_it_ends_where_it_ended(path: Path) -> None:
    asked = FileSource(path, "orders", Moment(1_000), Moment(2_000))
    assert [each.offset for each in asked.records()] == [1]
    assert [each.offset for each in asked.from_beginning().records()] == [0, 1]
