from __future__ import annotations

import errno
import sys
from typing import Any

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from minuet.cli import main
from minuet.errors import BrokerError, UsageError


def run(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int | str | None:
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise error

    monkeypatch.setattr(main, "meant", lambda words: app)
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


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_the_list_of_commands_is_told_as_the_commands_tell_it(words: list[str]) -> None:
    told, whole = (CliRunner().invoke(app, words) for app in (main.meant(words), main.build()))
    assert "dead-letters" in told.output
    assert (told.output, told.exit_code) == (whole.output, whole.exit_code)


def test_a_command_is_built_without_the_others() -> None:
    command: Any = get_command(main.meant(["dead-letters", "list", "--help"]))
    assert list(command.commands) == ["dead-letters"]


def test_a_shell_that_completes_is_offered_the_commands_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(main.COMPLETING, "complete_bash")
    command: Any = get_command(main.meant([]))
    assert command.commands["saga"].commands


def test_a_word_that_is_no_command_is_told_the_nearest() -> None:
    said = CliRunner().invoke(main.meant(["verfy"]), ["verfy"])
    assert said.exit_code == 2
    assert "Did you mean 'verify'" in said.output
