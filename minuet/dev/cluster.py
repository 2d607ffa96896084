"""Several brokers of one cluster on this machine, so that one of them may die.

Each node is a broker with a folder of its own, and at once one of the controllers. With three nodes
each topic has three copies, of which two have to be in sync.
"""

from __future__ import annotations

import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from minuet.dev import kafka_config, network
from minuet.dev.broker import Broker, Node, new_cluster_id
from minuet.errors import UsageError


class Cluster:
    """Brokers of one cluster, which end with whoever made them: their ports are never given again.

    Args:
        folder: what is below it is deleted at the start; each node has its data there.
        nodes: how many.
    """

    def __init__(self, folder: Path, nodes: int = 3) -> None:
        self._folder = folder / "nodes"
        controllers = [network.free_port() for _ in range(nodes)]
        self._ports = [network.free_port() for _ in range(nodes)]
        identity = new_cluster_id()
        self._brokers = [
            Broker(
                self._folder / str(number),
                Node(identity, controller, kafka_config.of_cluster(number, controllers)),
            )
            for number, controller in enumerate(controllers, 1)
        ]

    def up(self) -> str:
        """Start all nodes; returns their addresses, joined by commas, once each answers.

        Raises:
            BrokerError: one does not come up.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        with ThreadPoolExecutor(len(self._brokers)) as pool:  # none answers before most are there
            starts = [
                pool.submit(broker.up, port=port)
                for broker, port in zip(self._brokers, self._ports, strict=True)
            ]
            return ",".join(start.result() for start in starts)

    def kill(self, number: int) -> None:
        """End node `number`, from 1, as a power cut of its own does: SIGKILL.

        Raises:
            UsageError: it does not run.
        """
        status = self._brokers[number - 1].status()
        if not status.pid:
            message = f"node {number} does not run"
            raise UsageError(message)
        os.kill(status.pid, signal.SIGKILL)

    def restart(self, number: int) -> None:
        """Start node `number` again, with what it had; returns once it answers.

        Raises:
            BrokerError: it does not come up.
        """
        self._brokers[number - 1].up(port=self._ports[number - 1])

    def down(self) -> None:
        """Stop every node; the data stay."""
        with ThreadPoolExecutor(len(self._brokers)) as pool:
            list(pool.map(Broker.down, self._brokers))
