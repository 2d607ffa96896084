"""Several brokers of one cluster on this machine, so that one of them may die.

Each node is a broker with a folder of its own, and at once one of the controllers. With three nodes
each topic has three copies, of which two have to be in sync.
"""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from minuet.dev import kafka_config, network
from minuet.dev.broker import Broker, Node, new_cluster_id
from minuet.errors import UsageError
from minuet.kafka.connection import Connection


@dataclass(frozen=True)
class _Plan:
    """What a cluster is known by; kept in a file, so that it can be gone on with."""

    identity: str
    controllers: list[int]
    ports: list[int]


class Cluster:
    """Brokers of one cluster, which end with whoever made them.

    Args:
        folder: each node has its data below it.
        nodes: how many.
        keep: go on with what is there, on the same ports; else it is deleted at the start.

    Raises:
        UsageError: what is there has another number of nodes.
    """

    def __init__(self, folder: Path, nodes: int = 3, *, keep: bool = False) -> None:
        self._folder = folder / "nodes"
        self._file = self._folder / "cluster.json"
        self._keep = keep and self._file.exists()
        self._plan = self._kept(nodes) if self._keep else _new(nodes)
        self._brokers = [
            Broker(
                self._folder / str(number),
                Node(
                    self._plan.identity,
                    controller,
                    kafka_config.of_cluster(number, self._plan.controllers),
                ),
            )
            for number, controller in enumerate(self._plan.controllers, 1)
        ]

    def up(self) -> str:
        """Start all nodes; returns their addresses, joined by commas, once each answers.

        Raises:
            BrokerError: one does not come up.
        """
        if not self._keep:
            self._forget()
        with ThreadPoolExecutor(len(self._brokers)) as pool:  # none answers before most are there
            starts = [
                pool.submit(broker.up, port=port)
                for broker, port in zip(self._brokers, self._plan.ports, strict=True)
            ]
            return ",".join(start.result() for start in starts)

    def pids(self) -> dict[int, int]:
        """The processes of the nodes that run, by number from 1."""
        found = {n: broker.status().pid for n, broker in enumerate(self._brokers, 1)}
        return {number: pid for number, pid in found.items() if pid}

    def in_sync(self, connection: Connection) -> bool:
        """Whether each copy of each partition is.

        Raises:
            BrokerError: no node answers.
        """
        found = connection.reach()
        return len(found.brokers) == len(self._brokers) and all(
            set(partition.isrs) == set(partition.replicas)
            for topic in found.topics.values()
            for partition in topic.partitions.values()
        )

    def kill(self, number: int) -> None:
        """End node `number`, from 1, as a power cut of its own does: SIGKILL.

        Raises:
            UsageError: it does not run.
        """
        pid = self.pids().get(number)
        if not pid:
            message = f"node {number} does not run"
            raise UsageError(message)
        os.kill(pid, signal.SIGKILL)

    def restart(self, number: int) -> None:
        """Start node `number` again, with what it had; returns once it answers.

        Raises:
            BrokerError: it does not come up.
        """
        self._brokers[number - 1].up(port=self._plan.ports[number - 1])

    def down(self) -> None:
        """Stop every node; the data stay."""
        with ThreadPoolExecutor(len(self._brokers)) as pool:
            list(pool.map(Broker.down, self._brokers))

    def _kept(self, nodes: int) -> _Plan:
        plan = _Plan(**json.loads(self._file.read_text(encoding="utf-8")))
        if len(plan.ports) != nodes:
            message = f"{self._file}: a cluster of {len(plan.ports)} nodes, not of {nodes}"
            raise UsageError(message)
        return plan

    def _forget(self) -> None:
        """Stop and delete what an earlier one left, and keep what this one is known by."""
        for node in self._folder.glob("[0-9]*"):
            Broker(node).reset()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(asdict(self._plan)) + "\n", encoding="utf-8")


def _new(nodes: int) -> _Plan:
    ports = [network.free_port() for _ in range(2 * nodes)]
    return _Plan(new_cluster_id(), ports[:nodes], ports[nodes:])
