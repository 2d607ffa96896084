"""Log lines: fields, and nothing of what an exception says."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from minuet.cli.logs import LogFormat, set_up
from minuet.step import Context


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_step_s_line_says_which_run_it_is_of(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(LogFormat.JSON, verbose=False)
    logger = Context("o-1", "slot-1", step="charge").logger
    logger.info("not now")
    logger.warning("asked %s times", 3, extra={"bank": "north", "saga": "another"})
    (line,) = lines(capsys)
    assert line.pop("timestamp")
    assert line == {
        "bank": "north", "saga": "o-1", "step": "charge", "slot": "slot-1",
        "level": "warning", "logger": "minuet.step", "message": "asked 3 times",
    }  # fmt: skip


@pytest.mark.parametrize("shape", list(LogFormat))
def test_an_exception_is_its_type_and_its_place(
    capsys: pytest.CaptureFixture[str], shape: LogFormat
) -> None:
    set_up(shape, verbose=True)
    try:
        int("4111 1111")
    except ValueError:
        logging.getLogger("minuet.worker").exception("no")
    text = capsys.readouterr().err
    assert "ValueError" in text
    assert "test_logs.py" in text
    assert "4111" not in text


def test_colours_are_for_terminals_that_want_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for terminal, wish, coloured in ((True, "", True), (True, "1", False), (False, "", False)):
        monkeypatch.setattr("sys.stderr.isatty", lambda terminal=terminal: terminal)
        monkeypatch.setenv("NO_COLOR", wish)
        set_up(LogFormat.CONSOLE, verbose=False)
        logging.getLogger("minuet").warning("hot")
        assert ("\x1b[" in capsys.readouterr().err) is coloured
