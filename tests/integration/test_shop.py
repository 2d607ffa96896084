"""`orders` and `refunds` on a real broker with a shop that fails; its ledger against both logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from minuet.dev import Broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
ORDERS = 60
PATIENCE_S = 120.0


def minuet(*arguments: str, kafka: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "minuet", *arguments, "--bootstrap", kafka],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def verified(workflow: str, kafka: str, shop: str) -> tuple[int, dict[str, Any]]:
    done = minuet("verify", workflow, "--ledger", shop, "--json", kafka=kafka)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A shop whose answers are sometimes missing and sometimes late."""
    file = tmp_path_factory.mktemp("shop") / "ledger.sqlite"
    process = subprocess.Popen(
        [
            sys.executable, "-m", "minuet", "demo", "shop", "--port", "0", "--ledger", str(file),
            "--failure", "0.1", "--drop", "0.05", "--late", "0.005",
        ],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        yield process.stdout.readline().rpartition("SHOP_URL=")[2].strip()
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One of its own: the ledger must know every order on the log."""
    broker = Broker(tmp_path_factory.mktemp("broker"))
    try:
        yield broker.up()
    finally:
        broker.reset()


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, kafka: str, shop: str) -> Iterator[str]:
    """The broker, when sixty orders and their refunds have ended; a worker was killed meanwhile."""
    state = tmp_path_factory.mktemp("state")
    workers = []
    for workflow in ("orders", "refunds"):
        assert minuet("topics", "apply", workflow, kafka=kafka).returncode == 0
        workers.append(started(workflow, kafka, shop, state))
    lines = (ROOT / "examples" / "orders.jsonl").read_text(encoding="utf-8").splitlines()[:ORDERS]
    try:
        done = subprocess.run(
            [
                sys.executable, "-m", "minuet", "publish", "orders", "OrderPlaced",
                "--bootstrap", kafka,
            ],
            cwd=ROOT, input="\n".join(lines), text=True, timeout=PATIENCE_S, check=True,
        )  # fmt: skip
        assert done.returncode == 0
        until = time.monotonic() + PATIENCE_S
        while effects_of("orders", shop) < ORDERS:
            assert time.monotonic() < until
        workers[0].kill()  # between effects and answers, of sagas of every kind
        workers.append(started("orders", kafka, shop, state))
        until = time.monotonic() + PATIENCE_S
        while not all(finished(name, kafka, shop) for name in ("orders", "refunds")):
            assert time.monotonic() < until
        yield kafka
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait(PATIENCE_S)


def started(workflow: str, kafka: str, shop: str, state: Path) -> subprocess.Popen[bytes]:
    """A worker whose services are the shop's."""
    command = [sys.executable, "-m", "minuet", "worker", workflow, "--bootstrap", kafka]
    command += ["--state", str(state)]  # the orders of every run have the same ids
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "SHOP_URL": shop})


def effects_of(workflow: str, shop: str) -> int:
    """How much the shop has done in the name of a workflow."""
    with urlopen(f"{shop}/ledger?workflow={workflow}") as answer:
        return len(json.load(answer)["effects"])


def finished(workflow: str, kafka: str, shop: str) -> bool:
    _, found = verified(workflow, kafka, shop)
    assert found["incidents"] == 0
    return bool(found["sagas"] and not found["live"])


def test_every_effect_happened_once_and_what_failed_is_undone(ended: str, shop: str) -> None:
    code, orders = verified("orders", ended, shop)
    assert (code, orders["ledger"]["differences"]) == (0, [])
    assert orders["sagas"] == ORDERS
    assert min(orders["completed"], orders["compensated"]) > 0
    assert orders["ledger"]["effects"] > 2 * ORDERS
    assert orders["ledger"]["called_again"] > 0


def test_late_orders_began_a_refund_each(ended: str, shop: str) -> None:
    code, refunds = verified("refunds", ended, shop)
    assert (code, refunds["ledger"]["differences"]) == (0, [])
    with urlopen(f"{shop}/ledger?workflow=orders") as answer:
        booked = {r["saga"] for r in json.load(answer)["effects"] if r["effect"] == "shipping/book"}
    lines = (ROOT / "examples" / "orders.jsonl").read_text(encoding="utf-8").splitlines()[:ORDERS]
    placed = {order["order_id"]: order for order in map(json.loads, lines)}
    late = {saga for saga in booked if placed[saga]["country"] in ("FI", "NO")}
    assert refunds["sagas"] == len(late) > 0


def test_an_effect_that_nobody_asked_for_is_told(ended: str, shop: str) -> None:
    import httpx

    asked = {"workflow": "orders", "saga": "order-0001", "card": "card-1", "amount": "1.00"}
    headers = {"Idempotency-Key": "stranger"}
    while "stranger" not in httpx.get(f"{shop}/ledger?workflow=orders", timeout=PATIENCE_S).text:
        with suppress(httpx.HTTPError):  # the shop drops this answer, too, or gives it late
            httpx.post(f"{shop}/payments/charge", json=asked, headers=headers)
    code, orders = verified("orders", ended, shop)
    assert code == 1
    assert any("order-0001: payments/charge was done" in d for d in orders["ledger"]["differences"])
