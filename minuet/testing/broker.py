"""The Kafka of a test suite: where it is, and a workflow that runs on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

from minuet.errors import UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.settings.names import refusal
from minuet.settings.registry import BUILT_IN, Registry
from minuet.spec.assemble import Workflow
from minuet.spec.project import load
from minuet.testing.running import Running, environ_of


@dataclass(frozen=True)
class Kafka:
    """A Kafka for tests: what the fixture `kafka` gives.

    Args:
        bootstrap: its address, `host:port`, more than one joined by commas.
        options: librdkafka's settings that a client needs, such as a login; none for a broker
            that was started for the tests.
        registry: the schema registry that goes with it, as the fixture `registry` has it.
    """

    bootstrap: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # has passwords
    registry: Registry = field(default=BUILT_IN, repr=False)

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which a process finds it: `minuet`, or a service that publishes."""
        return environ_of(self.connection())

    def connection(self) -> Connection:
        """Return Minuet's own way to it."""
        return Connection(self.bootstrap, self.options, self.registry)

    @contextmanager
    def run(
        self,
        workflow: Workflow | str,
        *,
        resources: Mapping[type, object] | None = None,
        prefix: str | None = None,
    ) -> Iterator[Running]:
        """Run a workflow: its topics, and a worker with simulated resources, until the block ends.

        The topics and the group have a prefix of their own, so that no test sees what another one
        wrote. Topics that were made for it are deleted at the end.

        Args:
            workflow: its name, as pyproject.toml has it, or the workflow itself.
            resources: class -> what the steps get for it, in the place of its simulated form.
            prefix: of topics and group, such as that of another workflow that runs; empty for none.

        Raises:
            UsageError: there is no such project or workflow, a resource has no simulated form, or
                that cannot be the prefix.
            DefinitionError: the workflow is written wrong.
            BrokerError: Kafka cannot be reached, or went away.
        """
        loaded = load(workflow) if isinstance(workflow, str) else workflow
        if prefix and (why := refusal(prefix)):
            message = f"prefix={prefix!r}: {why}"
            raise UsageError(message)
        spec = replace(loaded.spec, prefix=_own(loaded) if prefix is None else prefix)
        given = replace(loaded.given(resources or {}), spec=spec)
        connection = self.connection()
        made = {each.topic for each in topics.apply(connection, topics.plan(spec))}
        try:
            with Running(given, connection) as running:
                yield running
        finally:
            if spec.log_topic in made:
                topics.delete(connection, spec, schemas=spec.schema_topic in made)


def _own(workflow: Workflow) -> str:
    """A prefix that nobody has, behind the one that is set."""
    return f"{workflow.spec.prefix}test-{uuid4().hex[:8]}."
