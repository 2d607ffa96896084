"""The file that letters are written into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.errors import BrokerError, UsageError
from minuet.inspection.letters import Letter, letter_of
from minuet.kafka.raw import Raw
from minuet.redrive import files


@pytest.mark.parametrize("ending", files.ENDINGS)
def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"letters{ending}"
    files.check_new(file)
    assert files.write(file, []) == 0
    with pytest.raises(UsageError, match="it is there already"):
        files.check_new(file)
    files.check(file)  # to be read


@pytest.mark.parametrize("ending", files.ENDINGS)
def test_what_cannot_be_read_to_its_end_leaves_nothing(tmp_path: Path, ending: str) -> None:
    def letters() -> Iterator[Letter]:
        yield letter_of(Raw(0, 0, 1, b"k", b"v", ()))
        raise BrokerError(ending)

    with pytest.raises(BrokerError):
        files.write(tmp_path / f"letters{ending}", letters())
    assert list(tmp_path.iterdir()) == []


def test_the_ending_is_looked_at_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="by its ending"):
        files.check_new(tmp_path / "letters.txt")
