"""A shadow at work, in this process or in workers that serve it, until nothing is due in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast

from minuet.engines.loop import Loop
from minuet.engines.units import Units
from minuet.engines.worker import Assignment, run
from minuet.errors import UsageError
from minuet.kafka.connection import Connection
from minuet.kafka.following import follow
from minuet.kafka.kept import kept_of
from minuet.replay.fates import Fates
from minuet.replay.stopping import Stopping
from minuet.spec.assemble import Workflow

_STALLED_S = 60.0  # without any record, while something is due


@dataclass
class Watch:
    """Follows a shadow until nothing is due in it."""

    there: Fates
    waited: set[str]
    show: Any

    def until_rest(self, place: Connection, topic: str, partitions: int) -> Iterator[bool]:
        """Whether all rests, after each look."""
        heard, meant = monotonic(), frozenset(self.waited)
        for messages in follow(place, topic, dict.fromkeys(range(partitions), 0)):
            if messages:
                heard = monotonic()
            for message in messages:
                if (message.key() or b"").decode(errors="replace") not in meant:
                    continue  # of an earlier replay into the same shadow
                saga = self.there.take(kept_of(message))
                if saga and self.there.of[saga].rests:
                    self.waited.discard(saga)
                elif saga:
                    self.waited.add(saga)
            self.show(len(meant) - len(self.waited), len(meant))
            yield not self.waited or monotonic() - heard > _STALLED_S


async def worked(shadow: Workflow, place: Connection, assignment: Assignment, watch: Watch) -> bool:
    """Run a worker until all rests; whether it was interrupted."""
    tasks: list[asyncio.Task[None]] = []

    async def look(loop: Loop) -> None:
        spec = shadow.spec
        looks = watch.until_rest(place, spec.log_topic, spec.partitions)
        while not await asyncio.to_thread(next, looks):
            pass
        cast(Any, looks).close()
        await loop.stop()

    def ready(loop: Loop) -> None:
        tasks.append(asyncio.ensure_future(look(loop)))

    heard = await run(shadow, place, assignment, ready=ready)
    for task in tasks:
        task.cancel()
    return heard is not None


def served(shadow: Workflow, place: Connection, watch: Watch) -> bool:
    """Wait for the workers that serve it until all rests; whether it was interrupted."""
    looks = watch.until_rest(place, shadow.spec.log_topic, shadow.spec.partitions)
    with Stopping().heard() as stopping:
        for rests in stopping.until(looks):
            if rests:
                break
    cast(Any, looks).close()
    return bool(stopping.code)


def check_served(shadow: Workflow, place: Connection, name: str) -> None:
    """Make sure that a worker serves it.

    Raises:
        BrokerError: Kafka cannot be reached.
        UsageError: none does.
    """
    if not Units(place, shadow.spec.group).coordinator_is_live():
        message = (
            f"--shadow {name}: no worker serves it; start one, or more: "
            f"minuet worker {shadow.spec.name} --shadow {name}"
        )
        raise UsageError(message)
