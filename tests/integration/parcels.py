"""A small project of one workflow, for commands that are run as people run them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from minuet.cli.main import main
from minuet.event.record import TYPE
from minuet.kafka.connection import Connection
from minuet.kafka.following import follow
from minuet.kafka.offsets import watermarks

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0  # until a test gives up; no bar

PYPROJECT = """\
[tool.minuet.workflows.NAME]
saga = "MODULE:parcels"
steps = ["MODULE"]
"""

WORKFLOW = """\
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from minuet import Event, Saga, step


class ParcelSent(Event):
    parcel_id: str
    value: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    sent_at: datetime
    note: str = ""


class ParcelArrived(Event):
    parcel_id: str


@step
def deliver_parcel(sent: ParcelSent) -> ParcelArrived:
    return ParcelArrived(parcel_id=sent.parcel_id)


parcels = Saga(
    "NAME", key="parcel_id", begins=ParcelSent, completes=ParcelArrived, partitions=PARTITIONS
)
"""


class Parcels:
    """The project in a folder; each has a name of its own, so that many share one broker."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder, self.bootstrap = folder, bootstrap
        self.name = f"parcels-{uuid4().hex[:8]}"
        self.topic = f"{self.name}.events"
        module = self.name.replace("-", "_")
        text = PYPROJECT.replace("NAME", self.name).replace("MODULE", module)
        (folder / "pyproject.toml").write_text(text)
        self._module = folder / f"{module}.py"
        self._written_s = int(time.time()) - 3600
        self.write(partitions=3)

    def write(self, *, partitions: int) -> None:
        """Write the workflow."""
        text = WORKFLOW.replace("NAME", self.name).replace("PARTITIONS", str(partitions))
        self._module.write_text(text)
        # Python takes a module for unchanged when its size and the second of its time are.
        self._written_s += 1
        os.utime(self._module, (self._written_s, self._written_s))

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start `minuet` with these arguments in the project's folder, on the broker."""
        return self._start(*arguments, *self._where(arguments))

    def _where(self, arguments: Sequence[str]) -> tuple[str, ...]:
        return () if "--bootstrap" in arguments else ("--bootstrap", self.bootstrap)

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from minuet.cli.main import main; main()", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )

    def run(self, *arguments: str, text: bytes = b"") -> tuple[int, str, str]:
        """Run `minuet` to its end: exit code, output and errors."""
        process = self.start(*arguments)
        out, errors = process.communicate(text, timeout=PATIENCE_S)
        return process.returncode, out.decode(), errors.decode()

    def offline(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command that asks no broker to its end: exit code, output and errors."""
        process = self._start(*arguments)
        out, errors = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out.decode(), errors.decode()

    def typed(self, *arguments: str, text: bytes = b"") -> tuple[int, str, str]:
        """Run `minuet` in this process, where it need not be imported again."""
        return self.here(*arguments, *self._where(arguments), text=text)

    def here(self, *arguments: str, text: bytes = b"") -> tuple[int, str, str]:
        """As `typed`, a command that asks no broker."""
        return in_this_process(self.folder, *arguments, "--project", str(self.folder), text=text)

    def begins(self, count: int) -> None:
        """Wait until so many parcels were sent, and say so at once: nothing is read twice."""
        place = Connection(self.bootstrap)
        start = {number: low for number, (low, _) in watermarks(place, self.topic).items()}
        until, sent = time.monotonic() + PATIENCE_S, 0
        for messages in follow(place, self.topic, start):
            sent += sum(dict(m.headers() or ()).get(TYPE) == b"ParcelSent" for m in messages)
            if sent >= count:
                return
            assert time.monotonic() < until, f"{sent} of {count} were sent"

    def found(self, *arguments: str) -> Any:
        """Run a command with --json in this process and return what it printed."""
        code, out, errors = self.typed(*arguments, "--json")
        assert out, errors
        return {"code": code, **json.loads(out)}


def in_this_process(folder: Path, *arguments: str, text: bytes = b"") -> tuple[int, str, str]:
    """Type `minuet` in a folder: exit code, output and errors."""
    out, errors = StringIO(), StringIO()
    code: object = 0
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level  # a command has its own, for its end
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["minuet", *arguments])
        patch.setattr(sys, "stdin", TextIOWrapper(BytesIO(text)))
        try:
            main()
        except SystemExit as end:
            code = end.code
        finally:
            logger.handlers[:] = handlers
            logger.setLevel(level)
    assert code is None or isinstance(code, int)
    return code or 0, out.getvalue(), errors.getvalue()


def parcel(number: int, value: str = "12.50") -> bytes:
    """A line of input."""
    text = '{"parcel_id": "p-%d", "value": "%s", "sent_at": "2026-11-22T10:00:00.5Z"}\n'
    return (text % (number, value)).encode()
