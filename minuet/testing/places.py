"""Where the Kafka of a test suite comes from: what `--kafka` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from minuet.dev import Broker
from minuet.errors import UsageError
from minuet.settings.reading import read
from minuet.testing.broker import Kafka

EMBEDDED = "embedded"
DOCKER = "docker"

Place = Callable[[Path], AbstractContextManager[Kafka]]
"""Starts a Kafka, whose data may stand in the folder; it is gone after the block."""


def place(where: str, project: Path) -> Place:
    """Return the place that is meant; nothing is started, and what the environment says is read.

    Args:
        where: `embedded`, `docker`, `docker:IMAGE` or `HOST:PORT`, more than one joined by commas.
        project: the folder whose settings say how to log in at HOST:PORT.

    Raises:
        UsageError: that is none of these, or a setting is wrong.
    """
    if where == EMBEDDED:
        return _embedded
    name, _, image = where.partition(":")
    if name == DOCKER and not image.isdigit():
        from minuet.testing import docker

        return partial(docker.kafka, image or docker.KAFKA)
    if ":" not in where:
        message = f"--kafka {where}: write {EMBEDDED}, {DOCKER}, {DOCKER}:IMAGE or HOST:PORT"
        raise UsageError(message)
    settings = read(project, bootstrap=where).settings
    return partial(_given, Kafka(settings.bootstrap, settings.kafka))


@contextmanager
def _embedded(folder: Path) -> Iterator[Kafka]:
    broker = Broker(folder)
    try:
        yield Kafka(broker.up())
    finally:
        broker.reset()


@contextmanager
def _given(kafka: Kafka, _: Path) -> Iterator[Kafka]:
    kafka.connection().reach()
    yield kafka
