"""What is refused before anything is started."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from minuet.cli.main import build
from minuet.errors import UsageError


@pytest.mark.parametrize(
    "options", [("--parallel", "--slow"), ("--live", "1", "--slow"), ("--ended", "1", "--parallel")]
)
def test_two_benches_at_once_are_refused(options: tuple[str, ...]) -> None:
    done = CliRunner().invoke(build("bench"), ["bench", *options])
    assert isinstance(done.exception, UsageError)
    assert "take one" in str(done.exception)
