"""What the page of errors says is what is said."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.cli import main
from tests.errors_page import Row, rows

AT_LEAST = 30


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to type commands in; what they import and set is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    modules, handler = set(sys.modules), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    signal.signal(signal.SIGTERM, handler)
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(
    "row", rows("The project", "Steps, events and files", "Settings"), ids=lambda row: row.typed
)
def test_a_wrong_input_gets_the_message_of_the_page(
    row: Row, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row.write(project)
    for name, text in row.environ.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(sys, "argv", ["minuet", *row.arguments])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert row.differs(capsys.readouterr().err, int(end.value.code or 0)) == ""


def test_there_are_rows_enough() -> None:
    assert len(rows()) >= AT_LEAST
