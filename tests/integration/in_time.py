"""The promise of 15 seconds, on a machine that may be busy with something else."""

from __future__ import annotations

import subprocess
import sys
import time

WITHIN_S = 15.0
STARTS = 5  # of this one: what a command does beside waiting for Kafka, and then some


def in_time(seconds: float) -> bool:
    """Whether a command was fast enough; a slow one may blame the machine, which is then asked."""
    if seconds < WITHIN_S:
        return True
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "minuet", "--version"], check=True, capture_output=True)
    return seconds < WITHIN_S + STARTS * (time.monotonic() - began)
