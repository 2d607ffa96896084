"""The embedded broker: a real Kafka for one machine, with nothing but Python on it.

It keeps all that belongs to a project in `<project>/.minuet/broker`; Kafka itself, which is
the same for everyone, in the user's cache.
"""

from __future__ import annotations

from minuet.dev.broker import Broker, Status, running

__all__ = ["Broker", "Status", "running"]
