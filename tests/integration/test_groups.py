"""Groups are asked about while Kafka does not answer: told, and the process lives on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev import Broker, network

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
ASK = """
import sys
from contextlib import suppress
from minuet.errors import BrokerError
from minuet.kafka.connection import Connection
from minuet.kafka.groups import described

connection = Connection(sys.argv[1])
connection.reach()
print("reached", flush=True)
sys.stdin.readline()  # by now Kafka does not answer
try:
    described(connection, ["some"])
except BrokerError as failure:
    kept = failure  # with its traceback, as a log or a task may keep it
    print(failure, flush=True)
sys.stdin.readline()  # by now Kafka answers again
for _ in range(20):
    with suppress(BrokerError):
        described(connection, ["some"])
print("lives", flush=True)
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Its own: it is stopped."""
    broker = Broker(tmp_path)
    try:
        broker.up(port=network.free_port())
        yield broker
    finally:
        broker.reset()


def test_a_coordinator_that_answers_too_late_does_not_take_the_process_down(broker: Broker) -> None:
    pid = broker.status().pid
    command = [sys.executable, "-c", ASK, broker.running() or ""]
    asking = subprocess.Popen(
        command, cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert asking.stdout
    assert asking.stdin
    assert asking.stdout.readline() == "reached\n"
    os.kill(pid, signal.SIGSTOP)
    try:
        asking.stdin.write("go on\n")
        asking.stdin.flush()
        told = asking.stdout.readline()
    finally:
        os.kill(pid, signal.SIGCONT)
    out, errors = asking.communicate("go on\n", timeout=60)
    assert "no answer in time" in told
    assert (asking.returncode, out) == (0, "lives\n"), errors
