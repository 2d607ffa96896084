"""Does what a plan says to workers and broker, and notes when it was done."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from minuet.chaos.arming import Arming
from minuet.chaos.crew import Crew
from minuet.chaos.kafka import Kafka
from minuet.chaos.plan import Fault
from minuet.chaos.poison import Poison
from minuet.chaos.proxy import Proxy

_EXCUSED_S = 60.0  # after Kafka was hit, a worker may have ended for that; starts can take long
_WHOLE_S = 0.5  # from one look whether Kafka is whole to the next
GROWN_S = 4.0  # that one worker more is there to take partitions away from others


@dataclass(frozen=True)
class Fired:
    """A fault that was made: `at_ms` since 1970, what it hit in words, and for how long.

    Of a death at a named place the kind has the place in it.
    """

    at_ms: int
    kind: str
    what: str
    seconds: float


class Faults:
    """Makes faults.

    Args:
        crew: the workers.
        kafka: which is this run's own.
        arming: of places where workers die by themselves.
        poison: what nobody can read.
        proxy: before the broker; None where nothing is to be cut.
        seed: of whom a fault hits.
    """

    def __init__(
        self, crew: Crew, kafka: Kafka, arming: Arming, poison: Poison, proxy: Proxy | None,
        seed: int,
    ) -> None:  # fmt: skip
        self._poison = poison
        self._proxy = proxy
        self._ended: list[Fired] = []
        self._crew = crew
        self._kafka = kafka
        self._arming = arming
        self._dice = random.Random(f"whom-{seed}")
        self._mend: Callable[[], object] | None = None
        self._mend_at = 0.0
        self._excused_until = 0.0
        self._is_whole, self._whole_at = True, 0.0

    def make(self, fault: Fault) -> Fired | None:
        """Make a fault; None when there is nobody whom it could hit, or it is to come yet."""
        at_ms = time.time_ns() // 1_000_000
        what = self._make(fault)
        return Fired(at_ms, fault.kind, what, fault.seconds) if what else None

    def look(self) -> list[Fired]:
        """Mend what is to be mended by now; returns what is known only since the last look.

        These are the deaths at named places, and how many connections were cut.
        """
        if self._mend is not None and time.monotonic() >= self._mend_at:
            self.heal()
        self._look_at_kafka()
        self._crew.look(kafka_was_hit=time.monotonic() < self._excused_until)
        ended, self._ended = self._ended, []
        return ended + [
            Fired(death.at_ms, f"failpoint {death.place}", f"process {death.pid}", 0.0)
            for death in self._arming.deaths()
        ]

    def stop(self) -> None:
        """Let nobody die by himself any more."""
        self._arming.disarm()

    def heal(self) -> None:
        """Mend everything at once."""
        mend, self._mend = self._mend, None
        if mend is not None:
            mend()
            self._excused_until = time.monotonic() + _EXCUSED_S

    @property
    def over(self) -> bool:
        """Whether the last fault is, so that the next may begin; who died may still be starting."""
        return self._mend is None and self._is_whole and not self._crew.busy

    @property
    def quiet(self) -> bool:
        """Whether nothing is broken just now."""
        return self._mend is None and self._is_whole and self._crew.settled

    def _make(self, fault: Fault) -> str:
        match fault.kind:
            case "kill":
                return self._crew.kill(self._dice)
            case "failpoint":
                self._lead_to(self._arming.arm())
                return ""
            case "restart":
                return self._crew.restart(self._dice)
            case "scale":
                return self._crew.grow(fault.seconds)
            case "storm":
                return self._crew.storm(fault.seconds)
            case "poison":
                return self._poison.put()
            case "cut":
                self._cut(fault)
                return ""
            case "broker-kill" | "broker-pause" | "node-kill" | "node-pause":
                return self._hit_kafka(fault)
            case _:
                return self._crew.freeze(self._dice, fault.seconds)

    def _lead_to(self, place: str) -> None:
        """Bring about what a worker comes to a place by; to most of them it always comes."""
        match place:
            case "in-restore":
                self._crew.kill(self._dice)
            case "in-revoked" | "after-revoked":
                self._crew.grow(GROWN_S)
            case "at-stop":
                self._crew.restart(self._dice)

    def _cut(self, fault: Fault) -> None:
        """Cut connections for a while; whether there was any to cut is known at its end."""
        if (proxy := self._proxy) is None:
            return
        at_ms, before = time.time_ns() // 1_000_000, proxy.cuts
        proxy.cutting = True

        def end() -> None:
            proxy.cutting = False
            if cuts := proxy.cuts - before:
                what = f"{cuts} connections, each after an append"
                self._ended.append(Fired(at_ms, fault.kind, what, fault.seconds))

        self._mend, self._mend_at = end, time.monotonic() + fault.seconds

    def _hit_kafka(self, fault: Fault) -> str:
        if (hit := self._kafka.hit(fault.kind, self._dice)) is None:
            return ""
        self._mend, self._mend_at = hit.mend, time.monotonic() + fault.seconds
        self._excused_until = inf
        self._is_whole = False
        return hit.what

    def _look_at_kafka(self) -> None:
        """See now and then whether all copies are in sync again after it was mended."""
        if self._mend is None and not self._is_whole and time.monotonic() >= self._whole_at:
            self._is_whole = self._kafka.whole()
            self._whole_at = time.monotonic() + _WHOLE_S
