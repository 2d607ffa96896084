"""The Kafka of a test suite: where it is, and a workflow that runs on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.settings.environment import BOOTSTRAP, variable_of
from minuet.spec.assemble import Workflow
from minuet.spec.project import load
from minuet.testing.running import Running


@dataclass(frozen=True)
class Kafka:
    """A Kafka for tests: what the fixture `kafka` gives.

    Args:
        bootstrap: its address, `host:port`, more than one joined by commas.
        options: librdkafka's settings that a client needs, such as a login; none for a broker
            that was started for the tests.
    """

    bootstrap: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # has passwords

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which a process finds it: `minuet`, or a service that publishes."""
        login = {variable_of(("kafka", name)): text for name, text in self.options.items()}
        return {BOOTSTRAP: self.bootstrap, **login}

    def connection(self) -> Connection:
        """Return Minuet's own way to it."""
        return Connection(self.bootstrap, self.options)

    @contextmanager
    def run(
        self,
        workflow: Workflow | str,
        *,
        resources: Mapping[type, object] | None = None,
        name: str = "",
    ) -> Iterator[Running]:
        """Run a workflow: its topics, and a worker with simulated resources, until the block ends.

        The topics and the group have a name of their own, so that no test sees what another one
        wrote; they are deleted at the end.

        Args:
            workflow: its name, as pyproject.toml has it, or the workflow itself.
            resources: class -> what the steps get for it, in the place of its simulated form.
            name: what topics and group are called by, when something else has to know it; they
                stay there.

        Raises:
            UsageError: there is no such project or workflow, or a resource has no simulated form.
            DefinitionError: the workflow is written wrong.
            BrokerError: Kafka cannot be reached, or went away.
        """
        loaded = load(workflow) if isinstance(workflow, str) else workflow
        spec = replace(loaded.spec, name=name or f"{loaded.spec.name}-{uuid4().hex[:8]}")
        given = replace(loaded.given(resources or {}), spec=spec)
        connection = self.connection()
        topics.apply(connection, topics.plan(spec))
        try:
            with Running(given, connection) as running:
                yield running
        finally:
            if not name:
                topics.delete(connection, spec)
