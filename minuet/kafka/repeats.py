"""What a client says over and over is logged once in a while.

librdkafka tries to reach a broker that is away twenty times a second, and says each time that it
could not.
"""

from __future__ import annotations

import logging
import time

AGAIN_AFTER_S = 10.0
REMEMBERED = 1_000  # lines; all are forgotten at once


class Repeats(logging.Filter):
    """Lets a line through if it was not logged a short while ago; times in it do not count."""

    def __init__(self) -> None:
        super().__init__()
        self._logged: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log it."""
        line, _, _ = record.getMessage().partition(" (after")
        now = time.monotonic()
        if now - self._logged.get(line, -AGAIN_AFTER_S) < AGAIN_AFTER_S:
            return False
        if len(self._logged) >= REMEMBERED:
            self._logged.clear()
        self._logged[line] = now
        return True
