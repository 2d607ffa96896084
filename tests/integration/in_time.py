"""A promise in seconds, on a machine that may be busy with something else."""

from __future__ import annotations

import subprocess
import sys
import time

WITHIN_S = 15.0
STARTS = 5  # of this one: what a command does beside waiting for Kafka, and then some


def in_time(seconds: float, within_s: float = WITHIN_S) -> bool:
    """Whether it was fast enough; what was slow may blame the machine, which is then asked."""
    if seconds < within_s:
        return True
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "minuet", "--version"], check=True, capture_output=True)
    return seconds < within_s + STARTS * (time.monotonic() - began)
