"""The plug-in of pytest: the fixture `kafka`.

It is there as soon as Minuet is installed; where plug-ins are named by hand, and in
`PYTEST_DISABLE_PLUGIN_AUTOLOAD` suites, `pytest_plugins = ["minuet.testing.plugin"]` does it.
Whoever has a fixture `kafka` of another kind finds this one as `minuet_kafka`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from minuet.testing.broker import Kafka
    from minuet.testing.places import Place

_PLACE: pytest.StashKey[Place] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--kafka`."""
    group = parser.getgroup("minuet", "Kafka for tests")
    group.addoption(
        "--kafka",
        metavar="WHERE",
        default="embedded",
        help=(
            "embedded: a broker of the tests' own, with nothing but Python (the default); "
            "docker, or docker:IMAGE: in a container, by testcontainers; "
            "HOST:PORT: one that runs, with the login that MINUET_KAFKA__... variables set"
        ),
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read which Kafka is meant, and the login for it, before a test changes the environment."""
    where = config.getoption("--kafka")
    if where == "embedded":
        return  # and imports nothing, in suites that have no test with Kafka
    from minuet.errors import UsageError
    from minuet.testing.places import place

    try:
        config.stash[_PLACE] = place(where, config.rootpath)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def minuet_kafka(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kafka]:
    """The Kafka that `--kafka` names, for all tests; by default one that is started for them."""
    from minuet.errors import MinuetError
    from minuet.testing.places import place

    start = pytestconfig.stash.get(_PLACE, None) or place("embedded", pytestconfig.rootpath)
    running = start(tmp_path_factory.mktemp("kafka"))
    try:
        kafka = running.__enter__()
    except MinuetError as error:
        pytest.fail(str(error), pytrace=False)
    yield kafka
    running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def kafka(minuet_kafka: Kafka) -> Kafka:
    """Kafka, for all tests: where it is, and `run`, which runs a workflow on it."""
    return minuet_kafka
