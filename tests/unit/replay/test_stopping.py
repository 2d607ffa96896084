"""A signal ends the reading, and a question, and never what must not be cut in two."""

from __future__ import annotations

import io
import signal
import sys

import pytest
import typer

from minuet.replay.stopping import Stopping
from tests.unit.replay.wishes import wish


class Terminal:
    """Where somebody presses Ctrl-C in place of an answer."""

    def readline(self) -> str:
        signal.raise_signal(signal.SIGINT)
        return "y\n"


def test_the_first_ctrl_c_ends_what_may_end_at_once_and_nothing_else() -> None:
    with Stopping().heard() as stopping:
        with pytest.raises(KeyboardInterrupt), stopping.at_once():
            signal.raise_signal(signal.SIGINT)
        assert stopping.code == 130
    with Stopping().heard() as stopping:
        signal.raise_signal(signal.SIGTERM)
        assert stopping.code == 143
        assert list(stopping.until(iter([1]))) == []


def test_ctrl_c_at_the_question_is_a_no_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    with Stopping().heard() as stopping:
        assert not wish().agreed("Write it?", stopping)
    assert stopping.code == 130


def test_without_a_signal_the_question_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, agreed in (("y\n", True), ("n\n", False)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(said))
        assert wish().agreed("Write it?", Stopping()) is agreed
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(typer.Abort):
        wish().agreed("Write it?", Stopping())
