"""Kafka's jars: those of MINUET_KAFKA_HOME, else downloaded once into the user's cache.

`kafka.lock` beside this file names every jar with size and SHA-256; nothing else is fetched,
and a jar that differs is not used. `python -m minuet.dev.pin` writes that file.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from minuet.dev import maven
from minuet.dev.lock import locked
from minuet.errors import BrokerError, MinuetError, UsageError

DOWNLOADS_AT_ONCE = 8
TRIES = 3

MEND = (
    "a mirror of Maven Central is taken from ~/.m2/settings.xml, a certificate authority of your "
    "own from REQUESTS_CA_BUNDLE; with MINUET_KAFKA_HOME set to the folder of a Kafka "
    "installation nothing is fetched"
)

LOCK_FILE = Path(__file__).with_name("kafka.lock")

# Told about a long piece of work: what it is, how much is done, of how much.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Jar:
    """One line of `kafka.lock`."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str
    classifier: str = ""
    packaging: str = "jar"

    @property
    def name(self) -> str:
        """The jar's file name."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{classifier}.{self.packaging}"


def class_path(progress: Progress) -> str:
    """What to give `java -cp`: the jars of MINUET_KAFKA_HOME, else of the user's cache."""
    if home := os.environ.get("MINUET_KAFKA_HOME"):
        libs = Path(home, "libs")
        if not any(libs.glob("kafka_*.jar")):
            message = f"MINUET_KAFKA_HOME={home}: {libs} holds no kafka_*.jar"
            raise UsageError(message)
        return f"{libs}{os.sep}*"
    jars = pinned()
    folder = cache() / f"kafka-{version(jars)}"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):
        missing = [jar for jar in jars if not _is_there(folder / jar.name, jar)]
        if missing:
            fetch(missing, folder, progress)
    return f"{folder}{os.sep}*"


def pinned() -> tuple[Jar, ...]:
    """The jars that `kafka.lock` names."""
    jars = []
    for line in LOCK_FILE.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            coordinate, size, sha256 = line.split()
            group, artifact, number = coordinate.split(":")
            jars.append(Jar(group, artifact, number, int(size), sha256))
    return tuple(jars)


def version(jars: tuple[Jar, ...]) -> str:
    """The version of Kafka among these jars."""
    return next(jar.version for jar in jars if jar.artifact.startswith("kafka_"))


def cache() -> Path:
    """The user's folder for what Minuet downloads."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "minuet"


def _is_there(file: Path, jar: Jar) -> bool:
    # Whole and checked before it got its name, so its size is enough to know it by.
    return file.is_file() and file.stat().st_size == jar.size


def fetch(jars: list[Jar], folder: Path, progress: Progress, what: str = "Kafka") -> None:
    """Fetch the jars side by side; each gets its name once it is whole and checked.

    Args:
        jars: what to fetch.
        folder: where to.
        progress: told about it.
        what: the name of it all.

    Raises:
        BrokerError: one could not be had, or is not what it should be.
        UsageError: what fetches is not installed.
    """
    try:
        import jgo  # noqa: F401
    except ImportError:
        message = (
            f"{what}'s jars are not in the cache: pip install 'minuet[dev]' so that they can be "
            "fetched"
        )
        if what == "Kafka":
            message += ", or set MINUET_KAFKA_HOME to the folder of a Kafka installation"
        raise UsageError(message) from None
    count = _Count(sum(jar.size for jar in jars), progress, f"Downloading {what}")
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix="incoming-") as incoming,
        ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool,
    ):
        started = [pool.submit(_fetch_one, jar, folder, Path(incoming), count) for jar in jars]
        try:
            for each in started:
                each.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _fetch_one(jar: Jar, folder: Path, incoming: Path, count: _Count) -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            file = _download(jar, incoming, count)
        except MinuetError:
            raise
        except Exception as error:  # whatever jgo and its HTTP client raise: all are the world's
            if tries_left:
                continue
            why = re.sub(r"//[^/@\s]+@", "//", str(error))  # without a mirror's password
            message = f"{jar.name} could not be fetched: {why}\n  to mend: {MEND}"
            raise BrokerError(message) from None
        file.replace(folder / jar.name)
        return


def _download(jar: Jar, incoming: Path, count: _Count) -> Path:
    """The jar, checked, in a folder of its own."""
    from jgo.constants import MAVEN_CENTRAL_URL, default_maven_repo
    from jgo.maven import MavenContext, PythonResolver

    own = incoming / jar.name.removesuffix(".jar")
    shutil.rmtree(own, ignore_errors=True)  # of an earlier try
    context = MavenContext(
        resolver=PythonResolver(progress_callback=count.of_file),
        repo_cache=own,
        remote_repos={maven.CENTRAL: maven.repository_url(MAVEN_CENTRAL_URL)},
    )
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    artifact = component.artifact(jar.classifier, jar.packaging)
    by_maven = default_maven_repo() / component.path_prefix / jar.name
    if by_maven.is_file() and _sha256(by_maven) == jar.sha256:
        count.add(jar.size)
        return Path(shutil.copy(by_maven, incoming))
    fetched = Path(artifact.resolve())
    if (sha256 := _sha256(fetched)) != jar.sha256:
        message = f"{jar.name} came with SHA-256 {sha256}, not the pinned {jar.sha256}"
        raise BrokerError(message)
    return fetched


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class _Count:
    """How many bytes have come, over all downloads."""

    def __init__(self, total: int, progress: Progress, what: str) -> None:
        self._total, self._progress, self._what = total, progress, what
        self._done = 0
        self._lock = Lock()

    def add(self, size: int) -> None:
        with self._lock:
            self._done = min(self._done + size, self._total)
            self._progress(self._what, self._done, self._total)

    @contextmanager
    def of_file(self, _name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield self.add
