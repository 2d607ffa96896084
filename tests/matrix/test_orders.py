"""`orders` and `refunds` from end to end, on the Kafka, registry and engine of a cell.

Real resources, workers as processes, and a shop whose ledger is held against both logs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from minuet.testing import Kafka

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
ORDERS = 200
PATIENCE_S = 240.0
WORKFLOWS = ("orders", "refunds")
PARTS = ("pyproject.toml", "schemas", "streams", "coordinators", "examples")


class Place:
    """A copy of the project, the shop, and how `minuet` is told where everything is."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder = folder
        for name in PARTS:
            (folder / name).symlink_to(ROOT / name)
        self.environ = {**os.environ, **environ, "PYTHONPATH": str(ROOT)}
        self.shop = ""

    def minuet(self, *arguments: str, text: str = "", may_differ: bool = False) -> str:
        """Run a command, which must do well, and return what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", "minuet", *arguments], cwd=self.folder, env=self.environ,
            input=text, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        well = done.returncode == 0 or (may_differ and done.stdout)
        assert well, f"{arguments}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def open_shop(self) -> Iterator[None]:
        """A shop that does what it is asked for, and sometimes does not say so."""
        ledger = str(self.folder / "ledger.sqlite")
        command = [sys.executable, "-m", "minuet", "demo", "shop", "--port", "0"]
        command += ["--ledger", ledger, "--failure", "0.05", "--drop", "0.02"]
        process = subprocess.Popen(
            command, cwd=self.folder, env=self.environ, stdout=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout
            self.shop = process.stdout.readline().rpartition("SHOP_URL=")[2].strip()
            self.environ["SHOP_URL"] = self.shop
            yield
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)

    @contextmanager
    def worker(self, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        """A worker, told to stop at the end; how it ended must be well."""
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environ, stdout=log, stderr=log
            )
        try:
            yield process
            assert process.poll() is None, (self.folder / "worker.log").read_text()
        finally:
            process.terminate()
            process.wait(PATIENCE_S)

    def verified(self, workflow: str) -> dict[str, Any]:
        """What `verify` says of the log, its table, and the ledger."""
        found: dict[str, Any] = json.loads(
            self.minuet("verify", workflow, "--ledger", self.shop, "--json", may_differ=True)
        )
        return found

    def ended(self, workflow: str, least: int) -> dict[str, Any]:
        """Wait until every saga has ended, of at least so many."""
        until = time.monotonic() + PATIENCE_S
        while True:
            found = self.verified(workflow)
            assert found["incidents"] == 0, found
            if found["sagas"] >= least and not found["live"]:
                return found
            assert time.monotonic() < until, found


def native(workflow: str) -> list[str]:
    return [sys.executable, "-m", "minuet", "worker", workflow]


def on_faust(workflow: str) -> list[str]:
    return [sys.executable, "-m", "minuet.engines.faust", workflow]


@pytest.fixture
def place(minuet_kafka: Kafka, tmp_path: Path) -> Iterator[Place]:
    prefix = f"orders-{uuid4().hex[:8]}."  # whatever else is on that Kafka
    made = Place(tmp_path, {**minuet_kafka.environ, "MINUET_PREFIX": prefix})
    with made.open_shop():
        yield made


def goes_through(place: Place, workers: list[list[str]]) -> None:
    """All orders, the refunds that they begin, and what the services did for them."""
    lines = (ROOT / "examples" / "orders.jsonl").read_text(encoding="utf-8").splitlines()[:ORDERS]
    for name in WORKFLOWS:
        place.minuet("topics", "apply", name)
    with place.worker(workers[0]), place.worker(workers[1]):
        place.minuet("publish", "orders", "OrderPlaced", text="\n".join(lines))
        orders = place.ended("orders", ORDERS)
        place.ended("refunds", 0)
    assert orders["sagas"] == ORDERS
    assert orders["completed"] > orders["compensated"] > 0
    for name in WORKFLOWS:
        found = place.verified(name)
        assert found["ok"], found


def test_orders_end_to_end_native(place: Place) -> None:
    goes_through(place, [native(name) for name in WORKFLOWS])


@pytest.mark.faust
def test_orders_end_to_end_on_faust(place: Place) -> None:
    goes_through(place, [on_faust(name) for name in WORKFLOWS])
