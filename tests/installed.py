"""The built wheel in an environment of its own, quickly: all else is borrowed from this one."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHECKS = ("mypy", "pytest")
OURS = ("PYTHONPATH", "VIRTUAL_ENV", "MINUET_BOOTSTRAP_SERVERS", "JAVA_HOME")
PATIENCE_S = 300


def build(folder: Path) -> Path:
    """Build the wheel into a folder, and return it."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (wheel,) = folder.glob("minuet-*.whl")
    return wheel


def environment(wheel: Path, folder: Path) -> Path:
    """Make an environment that has the wheel, and what the tests' own has besides.

    A .pth file lends the packages; in the lent folder no .pth is read, so Minuet's sources, which
    are installed there by one, stay out.
    """
    run(sys.executable, "-m", "venv", str(folder))
    python = str(folder / "bin" / "python")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel))
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    lent = sysconfig.get_path("purelib")
    (Path(site) / "lent.pth").write_text(f"{lent}\n", encoding="utf-8")
    (folder / "bin" / "ruff").symlink_to(Path(sysconfig.get_path("scripts")) / "ruff")
    for name in CHECKS:
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{python}" -m {name} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    where = run(python, "-c", "import minuet; print(minuet.__file__)", cwd=folder)
    assert where.startswith(site), f"{where} is not the wheel's"
    return folder


def environ(folder: Path | None = None) -> dict[str, str]:
    """The variables of a shell in which an environment is active, or none."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS}
    if folder is None:
        return {**kept, "PATH": f"{Path(sys.base_prefix) / 'bin'}{os.pathsep}{os.defpath}"}
    path = f"{folder / 'bin'}{os.pathsep}{os.defpath}"
    return {**kept, "VIRTUAL_ENV": str(folder), "PATH": path}


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command, which must do well, and return what it prints."""
    done = subprocess.run(
        command, cwd=cwd, env=env or environ(), capture_output=True, text=True,
        timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
