"""An environment for each Python, from the lock; and which Pythons there are."""

from __future__ import annotations

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".venv" / "matrix"
LOCK = ROOT / "requirements-check.lock"


def interpreter(version: str) -> str:
    """The Python of this version: of pyenv, else on the path; empty when there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)
    on_path = shutil.which(f"python{version}")
    candidates = [str(each) for each in found] + ([on_path] if on_path else [])
    return next((each for each in candidates if _is(each, version)), "")


def _is(python: str, version: str) -> bool:
    """Whether it runs, which a shim of pyenv may not, and is of this version."""
    says = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", says], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def environment(version: str, python: str) -> Path:
    """Return the Python of an environment that has all that the tests need, made when it has not.

    Raises:
        CalledProcessError: something cannot be installed.
    """
    folder = HOME / version
    made = folder / "bin" / "python"
    content = LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    wanted, stamp = sha256(content).hexdigest(), folder / "lock.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return made
    subprocess.run([python, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(made), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    uv = ["uv", "pip", "install", "--quiet", "--python", str(made)]
    install = uv if shutil.which("uv") else pip  # the same packages, in a tenth of the time
    subprocess.run([*install, "--require-hashes", "-r", str(LOCK)], check=True)
    editable = ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    subprocess.run([*pip, *editable], check=True)
    stamp.write_text(wanted)
    return made
