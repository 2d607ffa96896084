"""The first five minutes: a thousand orders through a real Kafka, watched, checked and explained.

Uses what everybody uses: the same worker command, the same publishing, the same `verify`.
"""

from __future__ import annotations

from minuet.demo.result import Result
from minuet.demo.run import Options, Stages, demo

__all__ = ["Options", "Result", "Stages", "demo"]
