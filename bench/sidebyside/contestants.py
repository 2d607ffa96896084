"""Who is compared, and the environment that each of them runs in.

A library that cannot be installed beside Minuet's own has an environment of its own, made from a
file of hashed requirements beside this module.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

_HERE = Path(__file__).parent
_PROGRAMS = "bench.sidebyside.programs"


@dataclass(frozen=True)
class Contestant:
    """A program.

    Args:
        name: as it is typed.
        title: as it is shown.
        arguments: what Python is told.
        library: the distribution whose version is shown.
        requirements: the file of its environment; empty for the one that runs this.
        enveloped: whether its records are Minuet's, with an event's type in a header.
        needs: a module that the environment which runs this may lack.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    library: str
    requirements: str = ""
    enveloped: bool = False
    needs: str = ""

    @property
    def is_there(self) -> bool:
        """Whether it can be run, or an environment made for it."""
        return not self.needs or find_spec(self.needs) is not None

    def python(self, folder: Path) -> str:
        """The interpreter to run it with; its environment is made where it is not there yet."""
        if not self.requirements:
            return sys.executable
        return str(_environment(folder / f"env-{self.name}", _HERE / self.requirements))

    def version(self, folder: Path) -> str:
        """Of its library, as it is installed."""
        asked = f"from importlib.metadata import version; print(version({self.library!r}))"
        typed = [self.python(folder), "-c", asked]
        return subprocess.run(typed, capture_output=True, text=True, check=True).stdout.strip()


_WORKER = ("worker", "-l", "error", "--without-web")
CONTESTANTS = (
    Contestant("minuet", "Minuet", ("-m", f"{_PROGRAMS}.native"), "minuet", enveloped=True),
    Contestant(
        "minuet-faust",
        "Minuet on Faust",
        ("-m", "faust", "-A", f"{_PROGRAMS}.native_faust", *_WORKER),
        "faust-streaming",
        enveloped=True,
        needs="faust",
    ),
    Contestant(
        "faust",
        "Faust, by hand",
        ("-m", "faust", "-A", f"{_PROGRAMS}.faust_app", *_WORKER),
        "faust-streaming",
        "requirements-faust.txt",
    ),
    Contestant(
        "plain", "confluent-kafka, by hand", ("-m", f"{_PROGRAMS}.plain"), "confluent-kafka"
    ),
    Contestant(
        "quix",
        "Quix Streams, by hand",
        ("-m", f"{_PROGRAMS}.quix_app"),
        "quixstreams",
        "requirements-quix.txt",
    ),
)
NAMES = tuple(each.name for each in CONTESTANTS)


def _environment(folder: Path, requirements: Path) -> Path:
    """An environment that holds just those requirements; returns its interpreter."""
    python, stamp = folder / "bin" / "python", folder / "made-from"
    wanted = sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        venv.create(folder, clear=True, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*install, "-r", str(requirements)], check=True)
        stamp.write_text(wanted, encoding="ascii")
    return python
