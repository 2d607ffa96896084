"""What the page of errors says of Kafka is what is said, and soon."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from minuet.dev import Broker
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.settings.environment import variable_of
from minuet.settings.names import SCHEMAS
from minuet.spec import project as projects
from tests.errors_page import ROOT, Row, rows
from tests.integration.in_time import timed
from tests.integration.secure_broker import SecureBroker

pytestmark = pytest.mark.kafka

LOG = "orders.events"
LOGS = {
    "a log of 3 partitions": topics.TopicPlan(LOG, 3),
    "a log that is stamped by its producers": topics.TopicPlan(LOG, 6),
    "a log that is compacted": topics.TopicPlan(LOG, 6, {"cleanup.policy": "compact"}),
}


@dataclass(frozen=True)
class Brokers:
    """One that wants no login, and one that does."""

    plain: str
    secure: SecureBroker


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory, secure: SecureBroker) -> Iterator[Brokers]:
    plain = Broker(tmp_path_factory.mktemp("plain"))
    try:
        yield Brokers(plain.up(), secure)
    finally:
        plain.reset()


def prepare(row: Row, brokers: Brokers) -> None:
    """Make the topics that the row begins with, and no others."""
    place = Connection(brokers.plain)
    admin = place.admin()
    there = [name for name in place.reach().topics if name.startswith("orders.")]
    for done in admin.delete_topics(there).values() if there else ():
        done.result()
    while any(name in place.reach().topics for name in there):
        time.sleep(0.05)
    spec = projects.load("orders", ROOT).spec
    if plan := LOGS.get(row.given):
        rest = [each for each in topics.plan(spec) if each.name not in (LOG, SCHEMAS)]
        schemas = topics.TopicPlan(SCHEMAS, 1, {"cleanup.policy": "compact"})
        topics.apply(place, [plan, schemas, *rest])


def login(row: Row, folder: Path, secure: SecureBroker) -> dict[str, str]:
    """The settings for the broker that wants a login, right but for what the row says."""
    if "secure:9094" not in row.typed:
        return {}
    wrong = "wrong" if row.given == "a wrong password" else ""
    options = secure.options("reader", wrong)
    if row.given == "the certificate of another authority":
        options["ssl.ca.location"] = str(secure.stranger)
    password = folder / "password"
    password.write_text(options.pop("sasl.password"))
    environ = {variable_of(("kafka", name)): text for name, text in options.items()}
    return {**environ, "MINUET_KAFKA__SASL_PASSWORD_FILE": str(password)}


@pytest.mark.parametrize("row", rows("Kafka"), ids=lambda row: f"{row.given}: {row.typed}")
def test_what_kafka_has_against_it_is_said_as_on_the_page(
    row: Row, brokers: Brokers, tmp_path: Path
) -> None:
    row.write(tmp_path)
    prepare(row, brokers)
    port = brokers.plain.rpartition(":")[2]
    addresses = {
        "kafka:9092": brokers.plain, "secure:9094": brokers.secure.bootstrap, "9092": port,
    }  # fmt: skip
    environ = {**login(row, tmp_path, brokers.secure), **row.environ, "PYTHONPATH": str(ROOT)}
    words = (addresses.get(word, word) for word in row.arguments)
    done = timed([sys.executable, "-m", "minuet", *words], tmp_path, environ)
    told = done.errors.replace(brokers.plain, "kafka:9092")
    told = told.replace(brokers.secure.bootstrap, "secure:9094")
    assert row.differs(told, done.code) == ""
    assert done.in_time, done
