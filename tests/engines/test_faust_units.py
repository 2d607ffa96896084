"""Native units and units on Faust: side by side in one workflow, and one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
import pytest

from minuet.core.row import pack
from minuet.engines.faust import attach
from minuet.engines.faust.settings import credentials
from minuet.engines.log import Log
from minuet.engines.units import Units, unit_name
from minuet.engines.worker import Assignment, unit_of
from minuet.errors import UsageError
from minuet.event.record import SLOT
from minuet.kafka.connection import Connection
from tests.engines.faust_world import FaustWorld
from tests.engines.native_world import NativeWorld
from tests.engines.world import Worker, World

pytestmark = [pytest.mark.kafka, pytest.mark.faust]

SAGAS = [f"trip-{n}" for n in range(12)]
ON_FAUST = ("confirm_trip", "reserve_seat")


class MixedWorld(FaustWorld):
    """Workers are native, until it is said that those that start next are on Faust."""

    on_faust = False

    def rows_of_now(self) -> dict[str, bytes]:
        """The last row of each saga."""
        rows = {one.key.decode(): one.value for one in self._read(self.spec.table_topic)}
        return {key: row for key, row in rows.items() if row is not None}

    def log(self, group: str, client_id: str) -> Log:
        kind = FaustWorld if self.on_faust else NativeWorld
        return kind.log(self, group, client_id)

    async def start(self, *only: str, on_faust: bool = False) -> Worker:
        self.on_faust = on_faust
        return await super().start(*only)


def play(kafka: Connection, story: Callable[[MixedWorld], Awaitable[None]]) -> None:
    async def main() -> None:
        world = MixedWorld(kafka)
        await world.open()
        try:
            await story(world)
        finally:
            await world.close()

    asyncio.run(main())


async def each_slot_answered_once(world: World) -> None:
    answers = [r.text(SLOT) for r in await world.history() if r.slot and r.type[:4] != "Step"]
    assert len(set(answers)) == len(answers) == 5 * len(SAGAS)


@pytest.mark.parametrize("coordinates", ["native", "faust"])
def test_they_do_the_sagas_of_one_workflow_together(kafka: Connection, coordinates: str) -> None:
    async def story(world: MixedWorld) -> None:
        on_faust = coordinates == "faust"
        others = sorted(set(world.workflow.steps) - set(ON_FAUST))
        first = await world.start("coordinator", *others, on_faust=on_faust)
        second = await world.start(*ON_FAUST, on_faust=not on_faust)
        await world.until(lambda: sum(p.restored for p in second.loop.parts.values()) == 4)
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        live = await asyncio.to_thread(Units(world.connection, world.spec.name).live)
        assert sorted(len(unit.does) for unit in live) == [len(ON_FAUST), len(others) + 1]
        assert sum("coordinator" in unit.does for unit in live) == 1
        assert {unit.assignor for unit in live} == {"cooperative-sticky", "roundrobin"}
        await each_slot_answered_once(world)
        await world.stop(second)
        await world.stop(first)
        assert await world.verify() == len(SAGAS)

    play(kafka, story)


def test_each_takes_over_from_the_other_with_the_same_table(kafka: Connection) -> None:
    async def story(world: MixedWorld) -> None:
        for number, on_faust in enumerate((False, True, False)):
            before = await asyncio.to_thread(world.rows_of_now)
            worker = await world.start(on_faust=on_faust)
            await world.started(worker)
            assert world.table() == before
            some = SAGAS[number * 4 : number * 4 + 4]
            await world.ask(*some)
            await world.ended(*some)
            await world.stop(worker)
        assert await world.verify() == len(SAGAS)
        assert all(len(world.desk.calls("reserve_room", saga)) == 1 for saga in SAGAS)
        await each_slot_answered_once(world)

    play(kafka, story)


def test_at_each_change_of_the_group_faust_gives_every_partition_back(kafka: Connection) -> None:
    async def story(world: MixedWorld) -> None:
        first = await world.start(on_faust=True)
        await world.started(first)
        before = dict(first.loop.parts)
        second = await world.start(on_faust=True)
        await world.until(lambda: len(first.loop.parts) == len(second.loop.parts) == 2)
        assert all(before[number] is not part for number, part in first.loop.parts.items())
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await each_slot_answered_once(world)

    play(kafka, story)


def test_a_unit_that_does_what_another_engine_does_already_is_refused(kafka: Connection) -> None:
    async def story(world: MixedWorld) -> None:
        worker = await world.start("coordinator", "reserve_seat", on_faust=True)
        await world.started(worker)
        units = Units(world.connection, world.spec.name)

        def refused(*only: str, group: str = "") -> str:
            assignment = Assignment(only=only, group=group, form="simulated")
            unit, name = unit_of(world.workflow, assignment)
            with pytest.raises(UsageError) as refusal:
                units.refuse_overlap(unit, name)
            return str(refusal.value)

        same = await asyncio.to_thread(refused, "coordinator", "reserve_seat")
        assert "live on another engine" in same
        step = await asyncio.to_thread(lambda: refused("reserve_seat", group="other"))
        assert "already does reserve_seat" in step

    play(kafka, story)


def test_an_app_that_is_there_does_its_own_and_the_steps_that_are_attached(
    kafka: Connection, tmp_path: Path
) -> None:
    async def story(world: MixedWorld) -> None:
        others = sorted(set(world.workflow.steps) - set(ON_FAUST))
        await world.start("coordinator", *others)
        app, seen = team_app(kafka, f"team-{world.spec.name}", tmp_path)
        steps = attach(
            app, world.workflow, only=ON_FAUST, form="simulated", connection=world.connection,
            project=project(tmp_path),
        )  # fmt: skip
        unit, _ = unit_of(world.workflow, Assignment(ON_FAUST, form="simulated"))
        assert app.conf.broker_client_id == unit_name(unit)
        running = asyncio.create_task(app.start())
        try:
            await world.until(lambda: steps.engine is not None and len(steps.engine.parts) == 4)
            await world.ask(*SAGAS)
            await world.ended(*SAGAS)
            await world.until(lambda: seen >= set(SAGAS))
            await each_slot_answered_once(world)
            await same_as_folded(world, steps.sagas)
            with pytest.raises(UsageError, match="publish an event"):
                steps.sagas[SAGAS[0]] = b""
            assert steps.sagas.name not in app.tables, "the app would show it on its web pages"
        finally:
            await app.stop()
            await running

    play(kafka, story)


def test_an_agent_that_would_commit_positions_of_the_log_is_refused(
    kafka: Connection, tmp_path: Path
) -> None:
    async def story(world: MixedWorld) -> None:
        app, _ = team_app(kafka, f"team-{world.spec.name}", tmp_path, acks=True)
        attach(
            app, world.workflow, only=ON_FAUST, form="simulated", connection=world.connection,
            project=project(tmp_path),
        )  # fmt: skip
        with pytest.raises(UsageError, match="declare its topic with acks=False"):
            await app.start()
        await app.stop()

    play(kafka, story)


async def same_as_folded(world: World, sagas: Any) -> None:
    """Wait until the table of the app is what the coordinator has folded."""
    states = {saga: world.state(saga) for saga in SAGAS}
    rows = {saga: pack(world.plan, state) for saga, state in states.items() if state is not None}
    await world.until(lambda: dict(sagas.items()) == rows)


def team_app(
    connection: Connection, name: str, folder: Path, *, acks: bool = False
) -> tuple[faust.App, set[str]]:
    """An app with an agent of its own, which listens to the workflow's log too."""
    app = faust.App(
        name, broker=f"kafka://{connection.bootstrap}", datadir=str(folder), web_enabled=False,
        broker_credentials=credentials(connection.options), topic_disable_leader=True,
        topic_allow_declare=False, table_standby_replicas=0,
    )  # fmt: skip
    seen: set[str] = set()
    log = app.topic(
        name.removeprefix("team-") + ".events", key_type=bytes, value_type=bytes,
        key_serializer="raw", value_serializer="raw", acks=acks,
    )  # fmt: skip

    @app.agent(log)
    async def listen(stream: Any) -> None:
        async for event in stream.events():
            seen.add(event.key.decode())

    return app, seen


def project(folder: Path) -> Path:
    """A folder with a pyproject.toml that names nothing."""
    (folder / "pyproject.toml").write_text("[tool.minuet]\n", encoding="utf-8")
    return folder
