from __future__ import annotations

import errno
import sys

import pytest
import typer
from typer.testing import CliRunner

from minuet.cli import main
from minuet.errors import BrokerError, UsageError


def run(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int | str | None:
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(main, "build", lambda: app)
    monkeypatch.setattr(sys, "argv", ["minuet"])
    with pytest.raises(SystemExit) as end:
        main.main()
    return end.value.code


def test_an_error_is_one_message_and_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, BrokerError("nobody answers")) == 1
    assert capsys.readouterr().err == "minuet: nobody answers\n"


def test_a_wrong_command_line_is_exit_2(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, UsageError("no such workflow")) == 2


def test_ctrl_c_is_exit_130(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, KeyboardInterrupt()) == main.EXIT_INTERRUPTED


def test_the_version_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"1.2.3 of {name}")
    shown = CliRunner().invoke(main.build(), ["--version"])
    assert shown.exit_code == 0
    assert shown.stdout == "minuet 1.2.3 of minuet\n"


def test_a_full_disk_is_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, OSError(errno.ENOSPC, "No space left on device")) == 1
    assert capsys.readouterr().err == "minuet: No space left on device\n"
    assert run(monkeypatch, PermissionError(errno.EACCES, "Permission denied", "/etc/x")) == 1
    assert capsys.readouterr().err == "minuet: /etc/x: Permission denied\n"
