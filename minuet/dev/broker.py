"""A project's broker: started, found again, stopped, forgotten.

All it owns is in `<project>/.minuet/broker`. What changes it holds the lock file there, so that
two commands at once make one broker; who only asks reads `broker.json`.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from minuet.dev import jars, java, kafka_config, network, process
from minuet.dev.jars import Progress
from minuet.dev.lock import locked
from minuet.errors import BrokerError, UsageError

PREFERRED_PORT = 9092
START_S = 120  # 2 s on a quiet machine, 13 s were seen on one with a load of ten
STOP_S = 30  # a clean stop takes half a second
PORT_TRIES = 3
LOG_TAIL_LINES = 15


@dataclass(frozen=True)
class Status:
    """What is known of a project's broker; `state` is running, stopped or silent."""

    state: str
    bootstrap: str = ""
    pid: int = 0
    folder: str = ""
    log: str = ""
    data_bytes: int = 0


@dataclass(frozen=True)
class Node:
    """What a broker is of a cluster; `settings` are of Kafka, beside those of every broker."""

    cluster_id: str
    controller_port: int
    settings: Mapping[str, str]


@dataclass(frozen=True)
class _Record:
    """What `broker.json` keeps; pid 0 when the broker is down."""

    cluster_id: str
    port: int
    controller_port: int
    pid: int = 0
    started: str = ""
    ready: bool = False

    @property
    def bootstrap(self) -> str:
        return f"{network.HOST}:{self.port}"


class Broker:
    """The broker of the project in `folder`.

    Its data outlive `down`; its port stays the same as long as nobody else takes it.

    Args:
        folder: of the project.
        node: what it is of a cluster of several; by default it is alone.
        told: the port that clients are told, where something stands in between; 0 for its own.
    """

    def __init__(self, folder: Path, node: Node | None = None, told: int = 0) -> None:
        self._node = node
        self._told = told
        self.folder = folder.resolve() / ".minuet" / "broker"
        self.log = self.folder / "broker.log"
        self._config = self.folder / "server.properties"
        self._record_file = self.folder / "broker.json"

    def up(self, progress: Progress = lambda *_: None, *, port: int = 0) -> str:
        """Start it if it is not running; returns its address once it answers.

        Args:
            progress: told about the download, the first time.
            port: the port it must have; by default the last one, else 9092, else a free one.
        """
        if "," in str(self.folder):
            message = f"{self.folder}: Kafka's settings cannot name a folder with a comma"
            raise UsageError(message)
        with locked(self.folder / "lock"):
            record = self._read()
            if record and self._is_alive(record) and self._comes_up(record):
                if port not in (0, record.port):
                    message = f"it runs on port {record.port} already: `minuet dev down` first"
                    raise UsageError(message)
                return record.bootstrap
            runtime, class_path = java.find(), jars.class_path(progress)
            progress("Starting Kafka", 0, 0)
            for tries_left in reversed(range(PORT_TRIES)):
                record = self._ports(record, port)
                try:
                    return self._start(record, runtime.path, class_path)
                except _PortTaken:
                    if port or not tries_left:
                        raise
            raise AssertionError

    def down(self) -> bool:
        """Stop it and keep its data; whether it was running."""
        if not self.folder.is_dir():
            return False
        with locked(self.folder / "lock"):
            return self._stop()

    def reset(self) -> bool:
        """Stop it and delete its data; whether it was running."""
        if not self.folder.is_dir():
            return False
        with locked(self.folder / "lock"):
            was_running = self._stop()
            for entry in self.folder.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry.name != "lock":
                    entry.unlink()
            return was_running

    def status(self) -> Status:
        """What it is doing, asked of the broker itself."""
        data = self.folder / "data"
        size = sum(f.stat().st_blocks * 512 for f in data.rglob("*") if f.is_file())
        known = Status("stopped", folder=str(self.folder), log=str(self.log), data_bytes=size)
        record = self._read()
        if record is None or not self._is_alive(record):
            return known
        state = "running" if network.answers(record.bootstrap, record.cluster_id) else "silent"
        return replace(known, state=state, bootstrap=record.bootstrap, pid=record.pid)

    def running(self) -> str | None:
        """Its address, if it is up and was seen to answer."""
        record = self._read()
        return record.bootstrap if record and record.ready and self._is_alive(record) else None

    def _start(self, record: _Record, runtime: Path, class_path: str) -> str:
        more = dict(self._node.settings) if self._node else {}
        more |= kafka_config.told(self._told) if self._told else {}
        kafka_config.write(self.folder, record.port, record.controller_port, more)
        tool = kafka_config.command(runtime, class_path, self.folder, "kafka.tools.StorageTool")
        self._format(tool, record.cluster_id)
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        server = kafka_config.command(runtime, class_path, self.folder, "kafka.Kafka")
        child = process.start([*server, str(self._config)], str(self._config), self.log)
        record = replace(record, pid=child.pid, started=child.started)
        self._write(record)
        try:
            self._wait(record)
        except BaseException:  # also when interrupted: nothing half started is left behind
            self._stop()
            raise
        return record.bootstrap

    def _format(self, tool: list[str], cluster_id: str) -> None:
        if (self.folder / "data" / "meta.properties").exists():
            return
        arguments = ["format", "-t", cluster_id, "-c", str(self._config), "--ignore-formatted"]
        done = subprocess.run([*tool, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            message = f"Kafka could not prepare its folder:\n{done.stdout}{done.stderr}"
            raise BrokerError(message.rstrip())

    def _comes_up(self, record: _Record) -> bool:
        """Whether one that is alive answers sooner or later; no when it was about to end."""
        try:
            self._wait(record)
        except BrokerError:
            if self._is_alive(record):
                raise
            return False
        return True

    def _wait(self, record: _Record) -> None:
        deadline = time.monotonic() + START_S
        while not network.answers(record.bootstrap, record.cluster_id):
            alive = self._is_alive(record)
            if not alive or time.monotonic() > deadline:
                what = f"did not answer within {START_S} s" if alive else "ended while it started"
                raise _failure(what, self.log)
            time.sleep(process.POLL_S)
        if not record.ready:
            self._write(replace(record, ready=True))

    def _stop(self) -> bool:
        record = self._read()
        if record is None:
            return False
        was_running = self._is_alive(record)
        _process(record, self._config).stop(STOP_S)
        self._write(replace(record, pid=0, started="", ready=False))
        return was_running

    def _ports(self, last: _Record | None, port: int) -> _Record:
        """The record of a start to come: last time's, on ports that are free now."""
        if port and not network.is_free(port):
            message = f"port {port} is taken"
            raise UsageError(message)
        if self._node is not None:
            return _Record(self._node.cluster_id, port, self._node.controller_port)
        wished = port or (last.port if last else PREFERRED_PORT)
        return _Record(
            last.cluster_id if last else new_cluster_id(),
            wished if network.is_free(wished) else network.free_port(),
            network.free_port(),
        )

    def _is_alive(self, record: _Record) -> bool:
        return _process(record, self._config).is_alive()

    def _read(self) -> _Record | None:
        try:
            return _Record(**json.loads(self._record_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def _write(self, record: _Record) -> None:
        new = self._record_file.with_suffix(".new")
        new.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
        new.replace(self._record_file)


class _PortTaken(BrokerError):
    """Somebody took the port between our look and Kafka's."""


def _failure(what: str, log: Path) -> BrokerError:
    tail = "\n  ".join(_tail(log))
    message = f"Kafka {what}; the end of {log}:\n  {tail}"
    taken = "Address already in use" in tail
    return _PortTaken(message) if taken else BrokerError(message)


def running(folder: Path) -> str | None:
    """The address of the running broker of the project in `folder`, if there is one."""
    return Broker(folder).running()


def _process(record: _Record, config: Path) -> process.Process:
    return process.Process(record.pid, record.started, str(config))


def new_cluster_id() -> str:
    """An id for a cluster to come."""
    first, *rest = uuid.uuid4().bytes
    # In the lower half: an id that begins with "-" would be taken for an option.
    return base64.urlsafe_b64encode(bytes([first & 0x7F, *rest])).decode().rstrip("=")


def _tail(log: Path) -> list[str]:
    """The last lines of the log, without the places in Java's stack traces."""
    if not log.exists():
        return ["(nothing was logged)"]
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    told = [line for line in lines if not line.startswith("\t")]
    return told[-LOG_TAIL_LINES:] or ["(nothing was logged)"]
