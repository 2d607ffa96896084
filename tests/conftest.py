"""Fixtures for every test: the broker that the tests start themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minuet.dev import Broker


@pytest.fixture(scope="session", autouse=True)
def no_broker_of_the_environment() -> Iterator[None]:
    """Whatever the environment names, no test touches it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MINUET_BOOTSTRAP_SERVERS", raising=False)
        yield


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a broker of our own, on a port of its own; gone after the session."""
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    try:
        yield broker.up()
    finally:
        broker.reset()
