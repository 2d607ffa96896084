"""What the embedded broker is told: Kafka's settings, the JVM's flags, where it logs.

One node, one copy of everything, for one developer's machine: short waits, little memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from minuet.dev.network import HOST

# C1 alone starts in half the time and leaves the second core to the workers; C2 has earned back
# what it costs after more than half a million records only (docs/decisions/0003).
HEAP = ("-Xms64m", "-Xmx512m")
SMALL = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)
JVM_FLAGS = (*HEAP, *SMALL)

ONE_NODE = {
    # A topic that nobody planned is a mistake to see, not to paper over.
    "auto.create.topics.enable": "false",
    # One node: one copy. Few partitions: their leaders are found, and loaded, at every start.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "2",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "2",
    # Groups form at once and notice a killed member in seconds, under both group protocols.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.heartbeat.interval.ms": "100",
    "group.consumer.heartbeat.interval.ms": "1000",
    "group.consumer.assignment.interval.ms": "0",
}
"""What a broker is told that is alone, wherever it runs."""

SETTINGS = {
    **ONE_NODE,
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),  # the default 128 MB is a quarter of the heap
}

LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c{1})%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
"""


def of_cluster(number: int, controller_ports: Sequence[int]) -> dict[str, str]:
    """The settings of node `number`, from 1, of several: three copies, of which two are in sync."""
    voters = [f"{n}@{HOST}:{port}" for n, port in enumerate(controller_ports, 1)]
    copies = str(min(3, len(voters)))
    in_sync = str(min(2, len(voters)))
    settings = {
        "node.id": str(number),
        "controller.quorum.voters": ",".join(voters),
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.replication.factor"] = copies
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        settings[f"{topic}.min.isr"] = in_sync
    return settings


def told(port: int) -> dict[str, str]:
    """The setting of where clients are told to go, when something stands in between."""
    return {"advertised.listeners": f"PLAINTEXT://{HOST}:{port}"}


def write(
    folder: Path, port: int, controller_port: int, more: Mapping[str, str] | None = None
) -> Path:
    """Write the configuration files into `folder`, with `more` settings; returns Kafka's."""
    settings = SETTINGS | {
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "log.dirs": str(folder / "data").replace("\\", "\\\\"),
    }
    settings |= more or {}
    (folder / "log4j2.properties").write_text(LOGGING, encoding="utf-8")
    file = folder / "server.properties"
    file.write_text("".join(f"{k}={v}\n" for k, v in settings.items()), encoding="utf-8")
    return file


def command(java: Path, class_path: str, folder: Path, main_class: str) -> list[str]:
    """How to start one of Kafka's main classes with the files of `folder`; arguments follow."""
    logging = f"-Dlog4j2.configurationFile={folder / 'log4j2.properties'}"
    crash = f"-XX:ErrorFile={folder / 'crash.log'}"
    return [str(java), *JVM_FLAGS, crash, logging, "-cp", class_path, main_class]
