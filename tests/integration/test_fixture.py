"""The fixture of `minuet.testing`: a workflow on a real Kafka, from a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from decimal import Decimal
from pathlib import Path

import pytest

from minuet import scaffold
from minuet.errors import GiveUp, UsageError
from minuet.spec.project import load
from minuet.testing import Kafka
from schemas.orders import OrderPlaced, PaymentCharged, ShipmentBooked
from streams.orders.resources import Payments
from streams.shop import Answer
from tests import containers

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]


class Shut:
    """A bank that is shut: for one order for good, for others it does not answer."""

    async def charge(self, order_id: str, card: str, amount: Decimal, *, key: str) -> Answer:
        if order_id == "o-1":
            message = "shut"
            raise GiveUp(message)
        message = "away"
        raise ConnectionError(message)


def order(number: int = 1, quantity: int = 1) -> OrderPlaced:
    return OrderPlaced(
        order_id=f"o-{number}", customer="ada", sku="pen", quantity=quantity,
        total=Decimal("9.90"), card="4111", country="DE",
    )  # fmt: skip


def test_a_workflow_runs_and_its_sagas_are_told(minuet_kafka: Kafka) -> None:
    with minuet_kafka.run(load("orders", ROOT)) as orders:
        orders.publish(order(1), order(2, quantity=21))
        story, refused = orders.story("o-1"), orders.story("o-2")
    assert story.status == "completed"
    assert story.said(ShipmentBooked).tracking.startswith("parcel-")
    assert story.types[-1] == "SagaCompleted"
    assert refused.status == "compensated"
    found = minuet_kafka.connection().reach().topics
    assert [name for name in found if name.startswith(orders.prefix)] == [], "nothing is left"


def test_each_run_begins_with_nothing(minuet_kafka: Kafka) -> None:
    for _ in range(2):
        with minuet_kafka.run(load("orders", ROOT)) as orders:
            orders.publish(order())
            assert orders.story("o-1", until=PaymentCharged).types.count("OrderPlaced") == 1


def test_a_resource_of_the_test_takes_the_place_of_the_simulated_one(minuet_kafka: Kafka) -> None:
    with minuet_kafka.run(load("orders", ROOT), resources={Payments: Shut()}) as orders:
        orders.publish(order(1), order(2))
        parked = orders.story("o-1")
        with pytest.raises(TimeoutError, match=r"o-2 is running: OrderPlaced.*, charge_payment is"):
            orders.story("o-2", within="100ms")
    assert parked.status == "running"
    assert parked.incidents == ("charge_payment: shut",)


def test_a_saga_that_nobody_began_is_waited_for_and_named(minuet_kafka: Kafka) -> None:
    with (
        minuet_kafka.run(load("orders", ROOT)) as orders,
        pytest.raises(TimeoutError, match="after 100ms: there is no saga o-9"),
    ):
        orders.story("o-9", within="100ms")


def test_a_workflow_that_another_one_begins_runs_beside_it(minuet_kafka: Kafka) -> None:
    with minuet_kafka.run(load("orders", ROOT)) as orders:
        env = {**os.environ, **orders.environ}
        with minuet_kafka.run(load("refunds", ROOT), prefix=orders.prefix) as refunds:
            assert refunds.workflow.spec.schema_topic == orders.workflow.spec.schema_topic
        orders.publish(order())  # the schemas of both are there as long as the first one runs
        orders.story("o-1")
        command = [sys.executable, "-m", "minuet", "saga", "list", "orders"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert "1 of 1" in done.stdout, done


def test_a_worker_that_cannot_begin_says_why(minuet_kafka: Kafka) -> None:
    workflow = load("orders", ROOT)
    with pytest.raises(UsageError, match="no step of orders takes a Shut"):  # noqa: SIM117
        with minuet_kafka.run(workflow, resources={Shut: Shut()}):
            pass


def test_a_kafka_that_is_not_there_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(kafka): pass\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "minuet.testing.plugin"]
    for where, code, says in (
        ("--kafka=127.0.0.1:1", 1, "Kafka at 127.0.0.1:1: the connection was refused"),
        ("--kafka=nowhere", 4, "--kafka nowhere: write embedded, docker, docker:IMAGE or HOST"),
        ("--registry=nowhere", 4, "--registry nowhere: write built-in, apicurio or http://HOST"),
    ):
        done = subprocess.run(
            [*command, where], cwd=tmp_path, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert (done.returncode, says in done.stdout + done.stderr) == (code, True), done
        assert "Traceback" not in done.stdout + done.stderr


def test_the_schemas_of_a_new_project_are_in_the_registry_that_is_named(
    registry: str, tmp_path: Path
) -> None:
    scaffold.create("bookings", tmp_path)
    (tmp_path / "bookings" / "tests" / "test_registry.py").write_text(
        "def test_it(registry, kafka):\n"
        "    assert kafka.environ['MINUET_REGISTRY__URL'] == registry.url\n"
    )
    tests = ["tests/test_on_kafka.py", "tests/test_registry.py", "-p", "minuet.testing.plugin"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *tests, f"--registry={registry}"],
        cwd=tmp_path / "bookings", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done
    with urllib.request.urlopen(f"{registry}/subjects") as answer:
        assert any("booking" in subject.lower() for subject in json.load(answer))


def test_a_new_project_has_its_kafka_in_a_container(tmp_path: Path) -> None:
    if why := containers.lacks():
        pytest.skip(f"{why}; deploy/ci/docker.sh makes what is missing")
    scaffold.create("bookings", tmp_path)
    command = [sys.executable, "-m", "pytest", "-q", "--kafka=docker", "tests/test_on_kafka.py"]
    done = subprocess.run(
        [*command, "-p", "minuet.testing.plugin"], cwd=tmp_path / "bookings",
        env={**os.environ, **containers.environ()}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 passed" in done.stdout, done
