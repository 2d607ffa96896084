"""Compiles the modules of the hot path when a wheel is built with MINUET_COMPILE=1.

The sources stay what runs everywhere: a compiled module does the same, faster. Nothing is compiled
in place, so that an edited module is never shadowed by an older one.
"""

from __future__ import annotations

import os
import shutil
from contextlib import chdir
from glob import glob
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HOT = (
    "minuet/core/[a-z]*.py",
    "minuet/event/ids.py",
    "minuet/event/record.py",
    "minuet/engines/acting.py",
    "minuet/engines/assignments.py",
    "minuet/engines/breaker.py",
    "minuet/engines/checkpoint.py",
    "minuet/engines/compose.py",
    "minuet/engines/flow.py",
    "minuet/engines/gates.py",
    "minuet/engines/log.py",
    "minuet/engines/loop.py",
    "minuet/engines/native.py",
    "minuet/engines/native_records.py",
    "minuet/engines/partition.py",
    "minuet/engines/runner.py",
    "minuet/engines/saying.py",
    "minuet/engines/timers.py",
    "minuet/engines/verdict.py",
)


class CompileHook(BuildHookInterface[Any]):
    """Adds the compiled modules to the wheel, beside their sources."""

    def dependencies(self) -> list[str]:
        """What the build needs beside hatchling."""
        return ["mypy", "setuptools", "pydantic", "confluent-kafka"] if _is_wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into a folder of its own, from which the wheel takes what it finds."""
        if version == "editable" or not _is_wanted():
            return
        self._folder = TemporaryDirectory()
        folder = Path(self._folder.name)
        shutil.copytree(Path(self.root) / "minuet", folder / "minuet")
        _compile(folder, Path(self.root) / "pyproject.toml")
        found = [*folder.glob("*.so"), *folder.glob("minuet/**/*.so")]
        build_data["force_include"].update({str(p): str(p.relative_to(folder)) for p in found})
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def _is_wanted() -> bool:
    return os.environ.get("MINUET_COMPILE") == "1"


def _compile(folder: Path, settings: Path) -> None:
    import setuptools  # first: it stands in for distutils
    from mypyc.build import mypycify

    with chdir(folder):
        modules = sorted(name for pattern in HOT for name in glob(pattern))
        extensions = mypycify([f"--config-file={settings}", *modules], opt_level="3")
        setuptools.setup(
            name="minuet",
            packages=[],
            py_modules=[],
            ext_modules=extensions,
            script_args=["--quiet", "build_ext", "--inplace"],
        )
