"""Fixtures for every test: the broker that the tests start themselves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev import apicurio, java
from minuet.errors import BrokerError, UsageError
from minuet.testing import Kafka
from tests import installed
from tests.integration.secure_broker import SecureBroker, secure_broker

pytest_plugins = ["minuet.testing.plugin"]  # also where an older install is not known by it

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as where a shell started this beside it
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C of a child is tested

HERE = Path(__file__).parent
# The files that take longest: runs of minutes, and then those of tests/integration.
RUNS = ("failpoints", "one_broker", "three_nodes")
FIRST = ("docker", "tutorial", "compiled", "kill", "secure")
LONGEST = (*FIRST, "worker", "dev", "actions", "verify", "bench")
OURS = ("MINUET_KAFKA_HOME", "MINUET_EXPLORE")  # which Kafka to start, and how many cases to try


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long come first: with several processes none is left alone at the end."""
    places = [HERE / "chaos" / f"test_{name}.py" for name in RUNS]
    places += [HERE / "integration" / f"test_{name}.py" for name in LONGEST]
    first = {place: number for number, place in enumerate(places)}
    items.sort(key=lambda item: first.get(item.path, len(places)))


@pytest.fixture(scope="session", autouse=True)
def no_settings_of_the_environment() -> Iterator[None]:
    """Whatever the environment names or sets, no test touches that broker or obeys it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("MINUET_") and name not in OURS:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def kafka(minuet_kafka: Kafka) -> str:
    """The address of the broker that `--kafka` names: by default one of our own, gone after it."""
    return minuet_kafka.bootstrap


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a schema registry of our own; gone after the session.

    Subjects are full names: a project's module has a name of its own, as `Parcels` has.
    """
    try:
        java.find(apicurio.OLDEST_JAVA, "Apicurio Registry")
        apicurio.unpacked(lambda *_: None)
    except (BrokerError, UsageError) as missing:
        pytest.skip(f"no Apicurio Registry on this machine: {missing}")
    with apicurio.running(tmp_path_factory.mktemp("registry")) as url:
        yield url


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    """A broker of our own that wants TLS and a login; gone after the session."""
    with secure_broker(tmp_path_factory.mktemp("secure")) as broker:
        yield broker


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sources as they are."""
    return installed.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def newcomer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the wheel, as somebody has who installed it."""
    return installed.environment(wheel, tmp_path_factory.mktemp("newcomer") / "environment")
