"""`minuet demo` in a copy of the project: its own broker, whatever the environment names."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minuet.dev import Broker
from minuet.engines.units import Units
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.spec import project
from tests.integration.orders_run import until

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "schemas", "streams", "coordinators", "examples")
ORDERS = 120
PATIENCE_S = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project, with fewer orders; its broker is gone afterwards."""
    folder = tmp_path_factory.mktemp("project")
    for part in PARTS:
        place = ROOT / part
        copy = shutil.copytree if place.is_dir() else shutil.copy
        copy(place, folder / part)
    orders = folder / "examples" / "orders.jsonl"
    lines = orders.read_text(encoding="utf-8").splitlines()
    orders.write_text("\n".join(lines[:ORDERS]) + "\n", encoding="utf-8")
    yield folder
    Broker(folder).reset()


@pytest.fixture
def trap() -> Iterator[str]:
    """The address of somebody else's broker: nobody may connect there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


LOGIN = {"MINUET_KAFKA__SECURITY_PROTOCOL": "SASL_SSL", "MINUET_KAFKA__SASL_USERNAME": "ann"}


def start(folder: Path, *arguments: str, bootstrap: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "minuet", "demo", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "MINUET_BOOTSTRAP_SERVERS": bootstrap,
            **(LOGIN if bootstrap else {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder: Path, *arguments: str, bootstrap: str = "") -> tuple[int, str, str]:
    process = start(folder, *arguments, bootstrap=bootstrap)
    out, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, errors


def found(folder: Path, *arguments: str, bootstrap: str = "") -> dict[str, Any]:
    code, out, errors = run(folder, "--json", *arguments, bootstrap=bootstrap)
    assert code == 0, errors
    result: dict[str, Any] = json.loads(out)
    return result


def test_the_demo_runs_on_its_own_broker_and_a_second_run_adds_to_the_first(
    folder: Path, trap: str
) -> None:
    first = found(folder, "--rate", "0", "--seed", "7", bootstrap=trap)
    orders, refunds = (first["workflows"][name] for name in ("orders", "refunds"))
    assert (first["ok"], first["orders"], orders["sagas"], first["seed"]) == (
        True,
        ORDERS,
        ORDERS,
        7,
    )
    outcomes = {each["name"]: each["sagas"] for each in orders["outcomes"]}
    assert sum(outcomes.values()) == ORDERS
    assert outcomes.keys() >= {"completed", "PaymentDeclined", "ShipmentRefused"}
    assert min(refunds["sagas"], orders["ledger"]["effects"], refunds["ledger"]["effects"]) > 0
    assert (first["rotten"], first["letters"]) == (3, 3)
    assert first["recovery"]["in_flight"] > 0
    happened = " ".join(each["text"] for each in first["troubles"])
    assert all(text in happened for text in ("503", "kill -9", "rotten", "successor", "is back"))
    assert Broker(folder).running() == first["bootstrap"]

    code, out, errors = run(folder, "--rate", "500", "--calm", bootstrap=trap)
    assert code == 0, errors
    assert f"{2 * ORDERS + 2} sagas" in out  # two of the rotten records begin one
    assert "orders/s" in out
    assert "each once" in out
    assert "kill -9" not in out
    assert "Kafka goes on at" in out
    assert "dev down" in out
    place = Connection(first["bootstrap"])
    until("nobody is left in the group", lambda: Units(place, "orders").live() == [])


def test_the_demo_does_not_run_beside_other_workers(folder: Path) -> None:
    bootstrap = Broker(folder).up()
    topics.apply(Connection(bootstrap), topics.plan(project.load("orders", folder).spec))
    worker = subprocess.Popen(
        [sys.executable, "-m", "minuet", "worker", "orders", "--simulated"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert worker.stdout
        assert "ready" in worker.stdout.readline()
        code, _, errors = run(folder)
        assert code == 2
        assert "1 workers of group orders are live" in errors
    finally:
        worker.terminate()
        worker.communicate(timeout=PATIENCE_S)


def test_ctrl_c_leaves_no_worker_and_no_broker_that_it_started(folder: Path) -> None:
    Broker(folder).down()
    process = start(folder, "--rate", "1")
    assert process.stderr
    while "publishing" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, said
    assert Broker(folder).running() is None
    logs = list((folder / ".minuet" / "demo").glob("worker*.log"))
    assert len(logs) == 2
    for log in logs:
        assert '"state": "stopped"' in log.read_text(encoding="utf-8")


def test_down_stops_the_broker_at_the_end(folder: Path) -> None:
    assert found(folder, "--rate", "0", "--calm", "--down")["ok"]
    assert Broker(folder).running() is None


def test_a_broker_that_was_typed_is_used_and_left_alone(folder: Path, kafka: str) -> None:
    result = found(folder, "--rate", "0", "--calm", "--bootstrap", kafka)
    assert (result["ok"], result["bootstrap"]) == (True, kafka)
    assert Broker(folder).running() is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--file", "none.jsonl"), "none.jsonl: No such file"),
        (("--file", "pyproject.toml"), "not JSON lines with the field 'order_id'"),
        (("--rate", "-1"), "--rate"),
        (("--project", "schemas"), "pyproject.toml"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_message(
    folder: Path, kafka: str, arguments: tuple[str, ...], says: str
) -> None:
    code, _, errors = run(folder, "--bootstrap", kafka, *arguments)
    assert (code, says in errors, "Traceback" in errors) == (2, True, False), errors
