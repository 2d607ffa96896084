"""The way between a member and the model broker: what crosses, and what holds it up or cuts it off.

Each thing takes its time and stays in its lane: what Kafka keeps in order comes in order, all else
may overtake.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from minuet.engines.model_broker import TIE_S, ModelBroker
from minuet.engines.virtual_time import VirtualTime


class Way:
    """The way of one member.

    Args:
        broker: at its other end; draws how long all takes.
        time: in which it takes so long.

    Attributes:
        silent: nothing comes or goes for now; `dead`: never again.
    """

    def __init__(self, broker: ModelBroker, time: VirtualTime) -> None:
        self.silent = False
        self.dead = False
        self._broker = broker
        self._time = time
        self._lanes: dict[object, float] = {}
        self._cuts: dict[object, float] = {}
        self._held: list[Callable[[], None]] = []

    def out(self, lane: object, arrive: Callable[[], None]) -> None:
        """Send to the broker; of what is on its way when the sender dies, a first part arrives."""
        if self.silent:
            self._held.append(lambda: self.out(lane, arrive))
        elif not self.dead:
            self._time.at(self._when(lane), self._reach, lane, arrive)

    def back(self, lane: object, arrive: Callable[[], None]) -> None:
        """Send to the member, who may be silent or dead by then."""
        self._time.at(self._when(lane), self._arrive, arrive)

    async def there_and_back(self, lane: object) -> None:
        """Wait for one way there and back."""
        there: asyncio.Future[None] = self._time.create_future()

        def answer() -> None:
            if not there.done():
                there.set_result(None)

        self.out(lane, lambda: self.back(lane, answer))
        await there

    def cut(self) -> None:
        """End here: of each lane that is torn, what arrives after some moment of now is lost."""
        self.dead = True
        now, broker = self._time.time(), self._broker
        for lane, last in self._lanes.items():
            if broker.between(0, 1) < broker.faults.torn:
                self._cuts[lane] = broker.between(now, last)

    def open_up(self) -> None:
        """Go on after a silence, with what was held up."""
        self.silent = False
        held, self._held = self._held, []
        for one in held:
            one()

    def _reach(self, lane: object, arrive: Callable[[], None]) -> None:
        if self.dead and self._time.time() > self._cuts.get(lane, math.inf):
            self._broker.hits["torn"] += 1
        else:
            arrive()

    def _arrive(self, arrive: Callable[[], None]) -> None:
        if self.silent:
            self._held.append(arrive)
        elif not self.dead:
            arrive()

    def _when(self, lane: object) -> float:
        earliest = self._lanes.get(lane, 0.0) + TIE_S
        when = max(self._time.time() + self._broker.latency_s(), earliest)
        self._lanes[lane] = when
        return when
