"""Runs a cell: its Kafka, then the contract suite of its engine, and orders from end to end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree

from minuet.settings.environment import variable_of
from tests import containers
from tests.integration.secure_cluster import secure_cluster
from tests.matrix.cells import Cell, Result
from tests.matrix.environments import ROOT, environment, interpreter

CONTRACT = sorted(
    str(each.relative_to(ROOT)) for each in ROOT.glob("tests/engines/test_contract_*")
)
ORDERS = "tests/matrix/test_orders.py"
ENGINES = {  # by the tests' ids and marks
    "native": ["-k", "native or transactional"],
    "faust": ["-m", "faust", "-k", "faust"],
}
SOURCES = (
    "minuet", "streams", "schemas", "coordinators", "tests/engines", ORDERS,
    "requirements-check.lock",
)  # fmt: skip
STOP_S = 120
_LOOK_S = 1.0
_VERSIONS = """
import platform
from importlib.metadata import version
there = [f"{name} {version(name)}" for name in ("confluent-kafka", "faust-streaming")]
print(", ".join([f"Python {platform.python_version()}", *there]), end="")
"""

Say = Callable[[str], None]


class Missing(Exception):
    """A part of a cell is not on this machine."""


def run(cell: Cell, folder: Path, processes: int, say: Say) -> Result:
    """Run a cell to its end; what it printed is in a file of its own in the folder."""
    began, load = time.monotonic(), os.getloadavg()[0]
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    try:
        found = interpreter(cell.python)
        if not found:
            message = f"no Python {cell.python}"
            raise Missing(message)
        _require(cell)
        python = environment(cell.python, found)
        with _kafka(cell) as (arguments, environ):
            command = [str(python), "-m", "pytest", *_tests(cell, processes), *arguments]
            counts = _counted(command, environ, folder / cell.name, say)
    except Missing as missing:
        return Result("not there", date, why=str(missing))
    passed, failed, skipped = counts
    versions = subprocess.run(
        [str(python), "-c", _VERSIONS], capture_output=True, text=True, check=True
    )
    return Result(
        "passed" if passed and not failed else "failed", date, commit(), "", passed, failed,
        skipped, round(time.monotonic() - began), load, versions.stdout, digest(),
    )  # fmt: skip


def commit() -> str:
    """Which commit runs; with `+` behind it when something of it was changed."""
    short = _git("rev-parse", "--short", "HEAD").decode().strip()
    return short + ("+" if _git("diff", "HEAD", "--", *SOURCES) else "")


def digest() -> str:
    """What runs, by its content: a cell that passed need not run again for the same."""
    trees = _git("ls-tree", "HEAD", "--", *SOURCES)
    return sha256(trees + _git("diff", "HEAD", "--", *SOURCES)).hexdigest()[:12]


def _git(*arguments: str) -> bytes:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


def _tests(cell: Cell, processes: int) -> list[str]:
    spread = ["-n", str(processes), "--dist", "loadfile"] if processes > 1 else []
    return ["-q", *spread, *ENGINES[cell.engine], *CONTRACT, ORDERS]


def _require(cell: Cell) -> None:
    """Make sure that what the cell is named by is here at all."""
    if cell.kafka == "docker" and (why := containers.lacks(pull=True)):
        raise Missing(why)


@contextmanager
def _kafka(cell: Cell) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The options of pytest, and the variables, by which the tests find the cell's Kafka."""
    if cell.kafka == "embedded":
        yield [], {}
    elif cell.kafka == "docker":
        yield ["--kafka=docker", "--registry=apicurio"], containers.environ()
    else:
        with tempfile.TemporaryDirectory() as folder, secure_cluster(Path(folder) / "k") as place:
            login = {variable_of(("kafka", name)): text for name, text in place.options.items()}
            yield [f"--kafka={place.bootstrap}"], login


def _counted(
    command: list[str], environ: dict[str, str], place: Path, say: Say
) -> tuple[int, int, int]:
    """Run pytest and return how many tests passed, failed and were skipped."""
    report, log = (place.with_name(f"{place.name}.{kind}") for kind in ("xml", "log"))
    report.unlink(missing_ok=True)
    env = {**os.environ, **environ, "CI": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, f"--junitxml={report}"], cwd=ROOT, env=env, stdout=out,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            told = ""
            while process.poll() is None:
                time.sleep(_LOOK_S)
                percent = re.findall(r"\[\s*\d+%\]", log.read_text(errors="replace"))
                if percent and percent[-1] != told:
                    told = percent[-1]
                    say(told)
        finally:
            if process.poll() is None:  # Ctrl-C: the tests give back their brokers
                os.killpg(process.pid, signal.SIGINT)
                process.wait(STOP_S)
    if not report.exists():
        message = f"pytest wrote no report, see {log}"
        raise RuntimeError(message)
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))
    total, failures, errors, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return total - failed - skipped, failed, skipped
