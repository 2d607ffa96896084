"""An Apicurio Registry to develop and test with: a real one, fetched once, in memory, on loopback.

    python -m minuet.dev.apicurio [PORT]

prints its address and runs it until Ctrl-C or SIGTERM. What is registered there is gone afterwards.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from minuet.dev import jars, java, network, process
from minuet.dev.jars import Jar, Progress
from minuet.dev.lock import locked
from minuet.errors import BrokerError, MinuetError

ARCHIVE = Jar(
    "io.apicurio",
    "apicurio-registry-app",
    "3.3.3",
    158_577_952,
    "8bc6751c76d963734224b01d5e7f84ccb3cb61c87d3bd77c36c35f10a5cbed63",
    "all",
    "tar.gz",
)
OLDEST_JAVA = 21
START_S = 180  # 5 s on a quiet machine, 23 s were seen on one with a load of twenty
STOP_S = 20
CONFLUENT = "/apis/ccompat/v7"  # where it speaks as Confluent's does
_RUNS = "quarkus-run.jar"
_JVM = ("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class Apicurio:
    """A registry of one's own.

    Args:
        folder: for its log.
        port: where it listens; 0 for a free one. It keeps it over `down` and `up`.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._folder = folder
        self._port = port or network.free_port()
        self._process: process.Process | None = None
        self.log = folder / "registry.log"

    @property
    def url(self) -> str:
        """What `registry.url` is to be."""
        return f"http://{network.HOST}:{self._port}{CONFLUENT}"

    def up(self, progress: Progress = lambda *_: None) -> str:
        """Start it, and wait until it answers; returns its address.

        Raises:
            BrokerError: it cannot be fetched, or does not start.
            UsageError: there is no Java that can run it, or nothing to fetch it with.
        """
        runtime = java.find(OLDEST_JAVA, "Apicurio Registry")
        home = unpacked(progress)
        progress("Starting the registry", 0, 0)
        self._folder.mkdir(parents=True, exist_ok=True)
        command = ["/usr/bin/env", *_settings(self._port), str(runtime.path), *_JVM]
        marker = str(home / _RUNS)
        self._process = process.start([*command, "-jar", marker], marker, self.log)
        try:
            self._wait(self._process)
        except BaseException:  # also when interrupted: nothing half started is left behind
            self.down()
            raise
        return self.url

    def down(self) -> None:
        """Stop it, and forget what was registered."""
        if self._process is not None:
            self._process.stop(STOP_S)
            self._process = None

    def _wait(self, started: process.Process) -> None:
        deadline = time.monotonic() + START_S
        while not _answers(self.url):
            alive = started.is_alive()
            if not alive or time.monotonic() > deadline:
                what = f"did not answer within {START_S} s" if alive else "ended while it started"
                lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
                end = "\n  ".join(lines[-15:])
                message = f"the registry {what}; the end of {self.log}:\n  {end}"
                raise BrokerError(message)
            time.sleep(process.POLL_S)


@contextmanager
def running(folder: Path, port: int = 0, progress: Progress = lambda *_: None) -> Iterator[str]:
    """A registry that runs as long as the block does; gives its address."""
    registry = Apicurio(folder, port)
    try:
        yield registry.up(progress)
    finally:
        registry.down()


def unpacked(progress: Progress) -> Path:
    """The folder of what it runs from; fetched and unpacked the first time.

    Raises:
        BrokerError: it cannot be fetched.
        UsageError: there is nothing to fetch it with.
    """
    home = jars.cache() / f"apicurio-{ARCHIVE.version}"
    with locked(home.with_name(f"{home.name}.lock")):
        if (home / _RUNS).is_file():
            return home
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent, prefix="incoming-") as incoming:
            jars.fetch([ARCHIVE], Path(incoming), progress, "Apicurio Registry")
            whole = Path(incoming, "whole")
            with tarfile.open(Path(incoming, ARCHIVE.name)) as archive:
                archive.extractall(whole, filter="data")
            shutil.rmtree(home, ignore_errors=True)
            whole.replace(home)
    return home


def _settings(port: int) -> list[str]:
    """Of the process: by environment, as in a container; and its management on loopback too."""
    return [
        "QUARKUS_PROFILE=prod",
        f"QUARKUS_HTTP_HOST={network.HOST}",
        f"QUARKUS_HTTP_PORT={port}",
        f"QUARKUS_MANAGEMENT_HOST={network.HOST}",
        f"QUARKUS_MANAGEMENT_PORT={network.free_port()}",
        "APICURIO_REST_DELETION_ARTIFACT_ENABLED=true",
        "APICURIO_REST_DELETION_ARTIFACT_VERSION_ENABLED=true",
        "APICURIO_REST_DELETION_GROUP_ENABLED=true",
    ]


def _answers(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(f"{url}/subjects", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except MinuetError as error:
        sys.exit(str(error))


def main() -> None:
    """Run one until it is told to stop."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with (
        _told(),
        suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="minuet-registry-") as folder,
        running(Path(folder), port) as url,
    ):
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        while True:
            signal.pause()


if __name__ == "__main__":
    main()
