"""What a real bash offers on Tab, with what `--install-completion` wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

IN_BASH = """
minuet --install-completion
source "$HOME/.bashrc"
COMP_WORDS=(minuet saga answer orders order-0001 charge_payment PaymentD) COMP_CWORD=6
_minuet_completion minuet
echo "offered: ${COMPREPLY[*]}"
"""


def test_a_real_bash_completes_with_what_was_installed(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "HOME": str(tmp_path), "PATH": path}
    bash = ["bash", "--norc", "-c", IN_BASH]
    run = subprocess.run(bash, env=environ, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "offered: PaymentDeclined\n" in run.stdout
    assert run.stderr == ""
