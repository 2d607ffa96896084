"""The hot path compiled: what the plain sources pass, it passes too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 900.0

pytestmark = [pytest.mark.slow, pytest.mark.kafka, pytest.mark.timeout(PATIENCE_S)]


def run(*arguments: str, **environment: str) -> str:
    """Run Python in the project and return what it says."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_the_compiled_hot_path_passes_the_tests_of_core_and_engines(tmp_path: Path) -> None:
    target = str(tmp_path / "compiled")
    run(
        "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps",
        "--no-build-isolation", "--target", target, ".", MINUET_COMPILE="1",
    )  # fmt: skip
    there = {"PYTHONPATH": target, "PYTHONSAFEPATH": "1", "CI": ""}
    found = run("-c", "import minuet.core.fold as fold; print(fold.__file__)", **there)
    assert found.startswith(target)
    assert not found.strip().endswith(".py")
    said = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", f"pythonpath={target} .",
        "tests/unit/core", "tests/unit/event", "tests/properties/test_core.py",
        "tests/properties/test_core_rows.py", "tests/engines",
        "-k", "not native or test_contract_sagas",  # one file of stories on a real broker
        **there,
    )  # fmt: skip
    assert " passed" in said
