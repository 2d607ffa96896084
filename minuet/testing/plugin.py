"""The plug-in of pytest: the fixtures `kafka` and `registry`.

They are there as soon as Minuet is installed; where plug-ins are named by hand, and in
`PYTEST_DISABLE_PLUGIN_AUTOLOAD` suites, `pytest_plugins = ["minuet.testing.plugin"]` does it.
Whoever has fixtures of another kind by these names finds these as `minuet_kafka` and
`minuet_registry`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from minuet.settings.registry import Registry
    from minuet.testing import places, registries
    from minuet.testing.broker import Kafka

_KAFKA: pytest.StashKey[places.Place] = pytest.StashKey()
_REGISTRY: pytest.StashKey[registries.Place] = pytest.StashKey()
_EMBEDDED, _BUILT_IN = "embedded", "built-in"  # for these nothing is imported before a test asks

T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--kafka` and `--registry`."""
    group = parser.getgroup("minuet", "Kafka for tests")
    group.addoption(
        "--kafka",
        metavar="WHERE",
        default=_EMBEDDED,
        help=(
            "embedded: a broker of the tests' own, with nothing but Python (the default); "
            "docker, or docker:IMAGE: in a container, by testcontainers; "
            "HOST:PORT: one that runs, with the login that MINUET_KAFKA__... variables set"
        ),
    )
    group.addoption(
        "--registry",
        metavar="WHERE",
        default=_BUILT_IN,
        help=(
            "built-in: schemas are in Kafka itself (the default); "
            "apicurio: an Apicurio Registry of the tests' own; "
            "URL: one that runs, with the login that MINUET_REGISTRY__... variables set"
        ),
    )


def pytest_configure(config: pytest.Config) -> None:
    """Read what is meant, and the login for it, before a test changes the environment."""
    kafka, registry = config.getoption("--kafka"), config.getoption("--registry")
    if (kafka, registry) == (_EMBEDDED, _BUILT_IN):
        return
    from minuet.errors import UsageError
    from minuet.testing import places, registries

    try:
        config.stash[_KAFKA] = places.place(kafka, config.rootpath)
        config.stash[_REGISTRY] = registries.place(registry, config.rootpath)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture(scope="session")
def minuet_registry(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """The schema registry that `--registry` names, for all tests."""
    from minuet.testing.registries import place

    start = pytestconfig.stash.get(_REGISTRY, None) or place(_BUILT_IN, pytestconfig.rootpath)
    with _started(start(tmp_path_factory.mktemp("registry"))) as registry:
        yield registry


@pytest.fixture(scope="session")
def minuet_kafka(
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
    minuet_registry: Registry,
) -> Iterator[Kafka]:
    """The Kafka that `--kafka` names, for all tests; by default one that is started for them."""
    from dataclasses import replace

    from minuet.testing.places import place

    start = pytestconfig.stash.get(_KAFKA, None) or place(_EMBEDDED, pytestconfig.rootpath)
    with _started(start(tmp_path_factory.mktemp("kafka"))) as kafka:
        yield replace(kafka, registry=minuet_registry)


@pytest.fixture(scope="session")
def kafka(minuet_kafka: Kafka) -> Kafka:
    """Kafka, for all tests: where it is, and `run`, which runs a workflow on it."""
    return minuet_kafka


@pytest.fixture(scope="session")
def registry(minuet_registry: Registry) -> Registry:
    """The schema registry, for all tests; its `url` is empty for the built-in one."""
    return minuet_registry


@contextmanager
def _started(place: AbstractContextManager[T]) -> Iterator[T]:
    """Start it; a reason why it cannot be is told in a line."""
    from minuet.errors import MinuetError

    try:
        running = place.__enter__()
    except MinuetError as error:
        pytest.fail(str(error), pytrace=False)
    try:
        yield running
    finally:
        place.__exit__(None, None, None)
