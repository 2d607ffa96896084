"""A workflow on a real Kafka of its own while workers and broker are killed, stopped and paused.

What comes of it is held against the promises by an auditor that shares nothing with the core.
"""

from __future__ import annotations

from minuet.chaos.audit import Audit, Lives
from minuet.chaos.faults import Fired
from minuet.chaos.plan import KINDS, kinds_of
from minuet.chaos.run import run
from minuet.chaos.summary import summary
from minuet.chaos.wish import Found, Stages, Wish

__all__ = [
    "KINDS",
    "Audit",
    "Fired",
    "Found",
    "Lives",
    "Stages",
    "Wish",
    "kinds_of",
    "run",
    "summary",
]
