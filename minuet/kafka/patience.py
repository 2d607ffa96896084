"""Asking a broker that has no answer yet, as while leaders move or a topic is new."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaException

T = TypeVar("T")

PATIENCE_S = 15.0


def patiently(ask: Callable[[], T]) -> T:
    """Ask again and again for a while.

    Raises:
        KafkaException: there was no answer in all that time.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
