"""`python -m minuet`: the command line without the script, for child processes."""

from __future__ import annotations

from minuet.cli.main import script

script()
