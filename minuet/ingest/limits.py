"""What bounds the ingest: a request's size, and how much may wait for the broker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds.

    Args:
        body_bytes: of one request.
        under_way: events that wait for their acknowledgement; more are told to come again.
        retry_after_s: when they may.
        remembered: ids whose content is known, to tell duplicates and conflicts.
    """

    body_bytes: int = 1 << 20
    under_way: int = 10_000
    retry_after_s: int = 1
    remembered: int = 100_000
