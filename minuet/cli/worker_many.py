"""A supervisor of worker processes: starts them, and starts again what dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from minuet.cli.processes import KILLED, Died, Processes
from minuet.cli.restarts import WRONG_SETTING, GiveUp
from minuet.cli.worker_one import Wish
from minuet.engines.crash_memory import CrashMemory
from minuet.errors import MinuetError


def run_many(wish: Wish, count: int, *, logs: Sequence[str], project: Path | None) -> int:
    """Run child processes of the same command; returns the exit code.

    Raises:
        MinuetError: one died too often.
    """
    state = wish.assignment.state
    memory = CrashMemory(state) if state is not None else None

    def explained(pid: int, code: int) -> bool:
        by_itself = () if code == KILLED else (pid,)
        with suppress(OSError):
            return memory is not None and bool(memory.learn(by_itself)[1])
        return False

    ours = uuid4().hex
    commands = [
        [*_command(wish, number, logs, project), "--place", f"{ours}-{number}"]
        for number in range(count)
    ]
    gave_up = None
    with Processes(commands, explained) as processes:
        for died in processes.wait():
            if isinstance(died.again, GiveUp):
                gave_up = died
            _tell(wish, died)
    if gave_up is not None and gave_up.code != WRONG_SETTING:
        raise MinuetError(_given_up(gave_up))
    return processes.code


def _tell(wish: Wish, died: Died) -> None:
    if isinstance(died.again, GiveUp):
        text, again = f"{_given_up(died)}; the others are stopped", None
    else:
        text = f"process {died.number} died, exit code {died.code}; again in {died.again:g} s"
        again = died.again
    wish.say("lost", text, process=died.number, died=died.pid, code=died.code, again_s=again)


def _given_up(died: Died) -> str:
    assert isinstance(died.again, GiveUp)
    why = died.again.reason
    return f"process {died.number} is not started again (exit code {died.code}): {why}"


def _command(wish: Wish, number: int, logs: Sequence[str], project: Path | None) -> list[str]:
    assignment = wish.assignment
    command = [sys.executable, "-m", "minuet", "worker", wish.workflow.spec.name]
    command += [f"--only={name}" for name in assignment.only]
    command += ["--bootstrap", wish.connection.bootstrap, "--parent", str(os.getpid())]
    command += ["--in-flight", str(assignment.options.in_flight), *logs]
    command += ["--guarantee", assignment.options.guarantee]
    command += ["--group", assignment.group] if assignment.group else []
    command += ["--shadow", wish.shadow] if wish.shadow else []
    command += ["--project", str(project)] if project else []
    command += ["--state", str(assignment.state.parent) if assignment.state else "none"]
    if wish.http is not None:
        host, port = wish.http
        command += ["--http", str(port + number if port else 0), "--http-host", host]
    for flag, wanted in (
        ("--simulated", assignment.form == "simulated"),
        ("--json", wish.json),
    ):
        command += [flag] if wanted else []
    return command
