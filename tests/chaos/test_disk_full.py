"""The disk of the broker is full in mid-run; then there is room, and it is started again."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev import Broker, network
from tests.integration.orders_run import Observer, OrdersRun, Upstream, orders_run, until
from tests.integration.test_kill import (
    IN_FLIGHT_LEAST,
    all_is_well,
    in_flight_at,
    now_ms,
    wait_for_a_moment,
)

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

DISK = "96m"
ROOM_LEFT = 256 << 10  # bytes: less than a second of the work


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk, where the broker will have its data."""
    place = tmp_path / ".minuet" / "broker" / "data"
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if not shutil.which("mount"):
        pytest.skip("there is no `mount`")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def broker(disk: Path, tmp_path: Path) -> Iterator[Broker]:
    assert disk.is_mount()
    broker = Broker(tmp_path)
    try:
        broker.up(port=network.free_port())
        yield broker
    finally:
        broker.down()


@pytest.fixture
def run(broker: Broker, tmp_path: Path) -> Iterator[OrdersRun]:
    with orders_run(tmp_path, broker.running() or "") as run:
        yield run


def fill(disk: Path) -> Path:
    """Leave next to no room, and return the file that takes it."""
    ballast = disk.parent / "data" / "ballast"
    with ballast.open("wb") as file:
        while (free := shutil.disk_usage(disk).free) > ROOM_LEFT:
            file.write(b"\0" * min(1 << 20, free - ROOM_LEFT))
            file.flush()
    return ballast


def test_a_full_disk_loses_nothing_that_was_acknowledged_and_work_goes_on_when_there_is_room(
    disk: Path, broker: Broker, run: OrdersRun
) -> None:
    for _ in range(2):
        run.start_ready()
    port = int(run.bootstrap.rpartition(":")[2])
    with Observer(run.bootstrap) as observer, Upstream(run.bootstrap, 1_000, 150) as upstream:
        wait_for_a_moment(observer, random.Random(), 1, 3)
        ballast = fill(disk)
        until("the broker ends", lambda: not broker.status().pid)
        ended = now_ms()
        assert "No space left on device" in broker.log.read_text("utf-8", errors="replace")
        time.sleep(2)  # it is not started again at once
        ballast.unlink()
        broker.up(port=port)
        all_is_well(run, observer, upstream)
        hit = in_flight_at(observer, ended)
    print(f"{hit} sagas in flight")  # noqa: T201
    assert hit >= IN_FLIGHT_LEAST
    assert any(one.begun > ended for one in observer.sagas.values()), "it was too late"
