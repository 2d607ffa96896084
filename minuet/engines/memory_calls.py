"""Wake-up calls read from the delay topics of the model broker, each when its time has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from minuet.engines.model_broker import ModelBroker

Place = tuple[str, int]


class MemoryCalls:
    """Follows delay topics for one member.

    Args:
        broker: to read from.
        tell: told of each call; what it takes to cross is the member's affair.
    """

    def __init__(self, broker: ModelBroker, tell: Callable[[int, str], None]) -> None:
        self._broker = broker
        self._tell = tell
        self._delays: dict[Place, int] = {}
        self._positions: dict[Place, int] = {}
        self._timers: dict[Place, asyncio.TimerHandle] = {}

    def follow(self, partition: int, delays: Mapping[str, int]) -> None:
        """Read a partition of these topics, from the first call that may be due yet."""
        for topic, delay_ms in delays.items():
            place = (topic, partition)
            since = self._broker.now_ms() - delay_ms
            there = self._broker.records(topic, partition)
            young = (n for n, one in enumerate(there) if one.time >= since)
            self._positions[place] = next(young, len(there))
            self._delays[place] = delay_ms
            self.wake(topic, partition)

    def unfollow(self, partition: int) -> None:
        """Read a partition no more."""
        for place in [place for place in self._delays if place[1] == partition]:
            del self._delays[place]
            timer = self._timers.pop(place, None)
            if timer is not None:
                timer.cancel()

    def stop(self) -> None:
        """Read nothing more."""
        for partition in {number for _, number in self._delays}:
            self.unfollow(partition)

    def wake(self, topic: str, partition: int) -> None:
        """Wait for the next call, if there is one."""
        place = (topic, partition)
        if place not in self._delays or place in self._timers:
            return
        there, position = self._broker.records(topic, partition), self._positions[place]
        if position < len(there):
            due_ms = there[position].time + self._delays[place] - self._broker.now_ms()
            loop = asyncio.get_running_loop()
            self._timers[place] = loop.call_later(max(0, due_ms) / 1000, self._due, place)

    def _due(self, place: Place) -> None:
        del self._timers[place]
        call = self._broker.records(*place)[self._positions[place]]
        self._positions[place] += 1
        self._tell(place[1], call.key.decode())
        self.wake(*place)
