from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from minuet.dev.lock import locked

CHILD = """
import sys
from pathlib import Path
from minuet.dev.lock import locked
print("asks", flush=True)
with locked(Path(sys.argv[1])):
    print(Path(sys.argv[2]).exists(), flush=True)
"""


def test_another_process_waits_until_the_lock_is_free(tmp_path: Path) -> None:
    lock, proof = tmp_path / "lock", tmp_path / "proof"
    with locked(lock):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(lock), str(proof)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout
        assert child.stdout.readline() == "asks\n"
        proof.touch()
    assert child.communicate(timeout=30)[0] == "True\n"
