"""A log that was begun with the built-in registry goes on with another, on every log.

The other one hands out ids of its own, so that the same event has other bytes in front. Nothing may
depend on them: not the fold, not what a step is given, not what is the same event again.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from pydantic import create_model

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry, Registry
from minuet.contracts.schema import Schema
from minuet.core.state import Status
from minuet.errors import BrokerError
from minuet.event.ids import begin_id
from minuet.event.model import Event
from minuet.event.record import DIGEST, SCHEMA, base_headers
from minuet.kafka.registry import TopicRegistry
from minuet.settings.names import SCHEMAS
from tests.engines import memory_world
from tests.engines.native_world import NativeWorld
from tests.engines.trips import Act, TripAsked, refuses, waits
from tests.engines.world import Play, World

SAGAS = [f"trip-{n}" for n in range(8)]
FAILING, OLD = "failing", "of-an-old-version"
EVERYONE = [*SAGAS, FAILING, OLD]


def version_of_old(**fields: Any) -> Any:
    """What an upstream wrote before trips had nights."""
    return create_model("TripAsked", __base__=Event, __module__=TripAsked.__module__, **fields)


OldTripAsked = version_of_old(trip_id=(str, ...))


class Numbered:
    """A registry that counts: its ids are 1, 2, 3, as a registry service would hand them out."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.schemas: dict[str, Schema] = {}

    def register(self, schema: Schema) -> int:
        self.schemas[schema.fingerprint] = schema
        return self.ids.setdefault(schema.fingerprint, len(self.ids) + 1)

    def find(self, fingerprint: str, number: int = 0) -> Schema | None:
        return self.schemas.get(fingerprint)


def built_in(world: World) -> Registry:
    if isinstance(world, NativeWorld):
        return TopicRegistry(world.connection, SCHEMAS)
    return LocalRegistry()


async def settled(world: World) -> None:
    """Register, once the broker leads the topic it has just made: it says so a little early."""
    for _ in range(100):
        with suppress(BrokerError):
            world.codec.register()
            return
        await asyncio.sleep(0.1)
    world.codec.register()


async def ask_as_of_old(world: World, registry: Registry) -> None:
    encoded = Codec([OldTripAsked], registry).encode(OldTripAsked(trip_id=OLD))
    identity = begin_id(world.spec.name, "TripAsked", OLD)
    headers = base_headers(identity, "TripAsked", b"/test", world.now_ms())
    headers += [(SCHEMA, encoded.schema), (DIGEST, encoded.digest)]
    await world.put(OLD, encoded.value, headers)


async def begun(world: World, first: Registry, act: Act) -> None:
    """Run every saga to the card, with the first registry, and kill the worker there."""
    world.codec = Codec(world.workflow.models.values(), first)
    await settled(world)
    for saga in EVERYONE:
        world.desk.tell("charge_card", saga, act, *([refuses()] if saga == FAILING else []))
    worker = await world.start()
    await world.ask(*SAGAS, FAILING)
    await ask_as_of_old(world, first)
    for saga in EVERYONE:
        await world.called("charge_card", saga)
    await world.kill(worker)


async def ended(world: World, second: Registry) -> None:
    """Let a worker with the second registry bring all to their ends."""
    world.codec = Codec(world.workflow.models.values(), second)
    await world.start()
    await world.ask("new", SAGAS[0])  # the second: the same event as before, under another id
    await world.ended("new", *EVERYONE)


def test_sagas_go_on_with_a_registry_that_hands_out_other_ids(play: Play) -> None:
    async def story(world: World) -> None:
        first, second = built_in(world), Numbered()
        await begun(world, first, waits(asyncio.Event()))
        for record in await world.history():  # what a move to another registry takes along
            fingerprint = record.headers[SCHEMA].rpartition(b":")[2].decode()
            found = first.find(fingerprint)
            assert found is not None
            second.register(found)
        await ended(world, second)
        statuses = {saga: state.status for saga in EVERYONE if (state := world.state(saga))}
        assert statuses.pop(FAILING) is Status.COMPENSATED
        assert set(statuses.values()) == {Status.COMPLETED}
        again = world.state(SAGAS[0])
        assert again is not None
        assert (again.counts.get("duplicates"), again.counts.get("conflicts")) == (1, None)
        ids = {int.from_bytes(r.value[1:5], "big") for r in await world.history()}
        counted = {each for each in ids if each <= len(second.ids)}
        assert counted
        assert ids - counted
        await world.close()
        assert await world.verify() == len(EVERYONE) + 1

    play(story)


def test_the_log_is_the_same_as_with_one_registry_all_along() -> None:
    told: list[list[tuple[str, str, str]]] = []

    async def story(world: World) -> None:
        first = LocalRegistry()
        await begun(world, first, waits(asyncio.Event()))
        second: Registry = first
        if told:
            second = Numbered()
            for schema in first._schemas.values():
                second.register(schema)
        await ended(world, second)
        histories = [await world.history(saga) for saga in ("new", *EVERYONE)]
        said = [(r.id, r.type, r.headers[DIGEST].decode()) for each in histories for r in each]
        told.append(sorted(said))

    memory_world.play(story)
    memory_world.play(story)
    assert told[0] == told[1]
    assert len(told[0]) > 8 * len(EVERYONE) - 8
