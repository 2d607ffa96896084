"""The file that letters are written into."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.errors import UsageError
from minuet.redrive import files


@pytest.mark.parametrize("ending", files.ENDINGS)
def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"letters{ending}"
    files.check_new(file)
    assert files.write(file, []) == 0
    with pytest.raises(UsageError, match="it is there already"):
        files.check_new(file)
    files.check(file)  # to be read


def test_the_ending_is_looked_at_first(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="by its ending"):
        files.check_new(tmp_path / "letters.txt")
