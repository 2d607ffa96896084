"""The first five minutes: a thousand orders through a real Kafka, and what may go wrong.

Uses what everybody uses: the same commands, the same publishing, the same `verify`.
"""

from __future__ import annotations

from minuet.demo.result import Result
from minuet.demo.run import WORKFLOWS, Options, Stages, demo
from minuet.demo.watching import Watch

__all__ = ["WORKFLOWS", "Options", "Result", "Stages", "Watch", "demo"]
