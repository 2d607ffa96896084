"""Blocks of pages that no test follows: Python runs as it stands, commands are a shell's."""

from __future__ import annotations

import subprocess
import sys

from tests.installed import ROOT
from tests.pages import of

LINT = "lint.md"  # its blocks change one module; the tests of the linter run them
RUN = """\
import sys
for where, text in eval(sys.stdin.read()):
    exec(compile(text, where, "exec"), {"__name__": "page"})
"""


def test_python_that_is_no_file_runs() -> None:
    alone = [
        (place, block.text)
        for place, block in of("python")
        if not block.title and LINT not in place
    ]
    assert len(alone) > 3
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=ROOT, input=repr(alone), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_is_typed_has_the_syntax_of_a_shell() -> None:
    typed = [command for _, block in of("console") for command, _ in block.commands()]
    assert len(typed) > 50
    done = subprocess.run(
        ["bash", "-n"], input="\n".join(typed), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
