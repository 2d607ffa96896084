"""A workflow on a real Kafka of its own while workers and broker are killed, stopped and paused.

What comes of it is held against the promises by an auditor that shares nothing with the core.
"""

from __future__ import annotations

from minuet.chaos.audit import Audit, Lives
from minuet.chaos.faults import Fired
from minuet.chaos.plan import KINDS
from minuet.chaos.run import Found, Stages, Wish, run
from minuet.chaos.summary import summary

__all__ = ["KINDS", "Audit", "Fired", "Found", "Lives", "Stages", "Wish", "run", "summary"]
