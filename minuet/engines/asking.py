"""Asking a log how far it goes, for as long as its broker is away."""

from __future__ import annotations

import asyncio
import logging

from minuet.engines.log import Log
from minuet.engines.partition import Partition
from minuet.errors import BrokerError

ASK_AGAIN_S = 1.0  # after a broker did not say how far its log goes

_LOG = logging.getLogger("minuet.worker")


async def high_of(log: Log, part: Partition, waits: str) -> int | None:
    """Return the high watermark of now, or None when the partition went before it was told.

    Args:
        log: which is asked.
        part: the partition.
        waits: what waits for the answer, for the log of the worker.
    """
    while part.live:
        try:
            return await log.high_watermark(part.number)
        except BrokerError as failure:
            _LOG.warning("%s of partition %s wait: %s", waits, part.number, failure)
            await asyncio.sleep(ASK_AGAIN_S)
    return None
