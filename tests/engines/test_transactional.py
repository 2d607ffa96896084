"""What only a log of transactions does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError

from minuet.core.row import peek
from minuet.engines.log import Append
from minuet.engines.native import KafkaLog
from minuet.engines.native_line import Batch, Line
from minuet.engines.native_transactions import Transactions, identity
from minuet.kafka.connection import Connection
from tests.engines.native_world import NativeWorld
from tests.engines.test_contract_edges import stored
from tests.engines.test_late_end_of_transaction import Meddled, Meddling
from tests.engines.world import OPTIONS, Worker

SAGAS = [f"trip-{n}" for n in range(8)]
TRANSACTIONAL = replace(OPTIONS, guarantee="transactional")
REFUSALS = 8


async def opened(kafka: Connection) -> tuple[NativeWorld, Worker]:
    world = NativeWorld(kafka, options=TRANSACTIONAL)
    await world.open()
    worker = await world.start()
    await world.started(worker)
    return world, worker


@pytest.mark.kafka
def test_who_finds_its_name_taken_asks_the_group_and_goes_on(kafka: Connection) -> None:
    async def main() -> None:
        world, worker = await opened(kafka)
        await world.ask(*SAGAS)
        await world.ended(*SAGAS)
        await world.until(lambda: stored(world))  # else a row finds it out before there is work
        number = world.partition("t")
        part = worker.loop.parts[number]
        name = identity(world.spec.name, number)
        other = world.connection.transactional(name, lambda _: None, {})
        await asyncio.to_thread(other.init_transactions, 10)
        await world.ask("t")
        await world.ended("t")
        assert not part.live  # it was lost, and what was said in it too
        assert worker.loop.parts[number] is not part
        assert len(world.desk.calls("reserve_room", "t")) == 2
        await world.until(lambda: stored(world))
        assert await world.verify() == len(SAGAS) + 1
        await world.close()

    asyncio.run(main())


@pytest.mark.kafka
def test_what_a_predecessor_left_open_is_ended_at_once_and_never_seen(kafka: Connection) -> None:
    async def main() -> None:
        world = NativeWorld(kafka, options=TRANSACTIONAL)
        await world.open()
        number = world.partition("t")
        name = identity(world.spec.name, number)
        forever = {"transaction.timeout.ms": 600_000}  # it would be, if nobody ended it
        dead = world.connection.transactional(name, lambda _: None, forever)
        await asyncio.to_thread(dead.init_transactions, 10)
        dead.begin_transaction()
        dead.produce(world.spec.log_topic, b"?", b"t", number)
        await asyncio.to_thread(dead.flush, 10)
        worker = await world.start()
        await world.started(worker)
        await world.ask("t")
        await world.ended("t")
        assert worker.loop.parts[number].letters == set()
        assert await world.letters() == []
        await world.close()

    asyncio.run(main())


@pytest.mark.kafka
def test_refusals_right_behind_a_record_leave_the_worker_alive(kafka: Connection) -> None:
    """As librdkafka's own abort there does not (its issue 4849)."""

    async def main() -> None:
        world, worker = await opened(kafka)
        part = worker.loop.parts[world.partition("t")]
        topic = world.spec.dead_letter_topic
        for number in range(REFUSALS):
            saga = f"t-{number}"
            await world.ask(saga)
            large = Append(topic, part.number, b"k", b"." * 2_000_000, [("minuet_letter", b"1")])
            small = Append(topic, part.number, b"k", b".", [("minuet_letter", b"2")])
            acked = asyncio.Event()
            large.acked = lambda *_, acked=acked: acked.set()
            worker.loop.append(part, small)
            worker.loop.append(part, large)
            async with asyncio.timeout(world.patience_s):
                await acked.wait()
        await world.ended(*[f"t-{number}" for number in range(REFUSALS)])
        assert worker.loop.parts[part.number] is part
        await world.close()

    asyncio.run(main())


@pytest.mark.kafka
def test_rows_and_their_position_are_one_and_ends_of_transactions_are_not_looked_at(
    kafka: Connection,
) -> None:
    class Noting(Meddling):
        def before_end(self, producer: Meddled) -> None:
            if self.spec.table_topic in producer.topics:
                self.with_rows.append(producer.positions)

        with_rows: list[int] = []  # noqa: RUF012

    async def main() -> None:
        world = Noting(kafka)
        await world.open()
        worker = await world.start()
        await world.started(worker)
        for saga in SAGAS:
            await world.ask(saga)
            await world.ended(saga)
        await world.until(lambda: stored(world))
        assert world.with_rows
        # Behind a slow commit rows are written once more alone; their position comes later.
        slow = len(world.replaced) > world.spec.partitions
        assert set(world.with_rows) == {1} or (slow and 1 in world.with_rows)
        assert worker.log.rows_read == 0
        await world.close()

    asyncio.run(main())


@pytest.mark.kafka
def test_a_row_of_somebody_else_between_the_own_ones_is_found(kafka: Connection) -> None:
    async def main() -> None:
        world, worker = await opened(kafka)
        await world.ask("t")
        await world.ended("t")
        await world.until(lambda: stored(world))
        number = world.partition("t")
        row = [one for one in await world.stored(world.spec.table_topic) if one.key == b"t"][-1]
        assert row.value is not None
        await world.produce(world.spec.table_topic, number, b"t", row.value, [])
        near = next(f"n-{n}" for n in range(99) if world.partition(f"n-{n}") == number)
        await world.ask(near)
        await world.ended(near)
        await world.until(lambda: stored(world))
        assert worker.log.rows_read > 0
        rows = [one for one in await world.stored(world.spec.table_topic) if one.key == b"t"]
        assert rows[-1].offset > row.offset + 2  # ours, behind the other's
        assert peek(rows[-1].value or b"") == peek(row.value)
        await world.close()

    asyncio.run(main())


# -- without a broker ------------------------------------------------------------------------------


def committed(*offsets: int) -> Batch:
    batch = Batch()
    for offset in offsets:
        append = Append("a.sagas", 0, b"k", b"", [])
        batch.appends.append(append)
        batch.offsets[id(append)] = offset
    return batch


def test_a_gap_is_the_end_of_a_transaction_only_right_behind_its_rows() -> None:
    transactions = Transactions(Connection("127.0.0.1:1"), "a", "a.events", "a.sagas")
    line = Line(Connection("127.0.0.1:1"), "a.0", 0, transactions)
    transactions._committed(line, committed(0, 1))
    transactions._committed(line, committed(3, 4))
    assert not transactions.knows(0, 2, None)
    assert transactions.knows(0, 2, 3)
    transactions._committed(line, committed(7))  # 5 is an end or a row, 6 then the end
    assert not transactions.knows(0, 5, 7)
    transactions._committed(line, committed(9, 11))  # 10 is somebody else's
    assert transactions.knows(0, 8, 9)
    assert not transactions.knows(0, 10, 11)


class Told:
    """What a line tells."""

    def __init__(self, member: bool) -> None:
        self.member = member
        self.heard: list[str] = []

    def is_member(self) -> bool:
        return self.member

    def undone(self, _line: Line, _batch: Batch, error: KafkaError, positions: int) -> None:
        self.heard.append(f"undone {error.name()} {positions}")

    def taken(self, _line: Line) -> None:
        self.heard.append("taken")


@pytest.mark.parametrize(
    ("code", "member"),
    [(KafkaError._FENCED, True), (KafkaError.INVALID_PRODUCER_EPOCH, True),
     (KafkaError._MSG_TIMED_OUT, False)],
)  # fmt: skip
def test_who_is_fenced_or_no_member_takes_no_name_and_positions_behind_a_failure_go(
    code: int, member: bool
) -> None:
    told = Told(member)
    line = Line(Connection("127.0.0.1:1"), "a.0", 0, cast(Any, told))
    line._producer = Connection("127.0.0.1:1").producer()
    line.put(Append("a.sagas", 0, b"k", b"", []))
    line.put(7)
    batch = Batch()
    batch.position = 5
    line._undone(batch, KafkaError(code))
    assert told.heard == [f"undone {KafkaError(code).name()} 2", "taken"]


def test_what_has_to_be_alone_is_and_a_position_keeps_its_place() -> None:
    line = Line(Connection("127.0.0.1:1"), "a.0", 0, cast(Any, Told(member=True)))
    first, alone, last = (Append("a.events", 0, bytes([n]), b"", []) for n in range(3))
    alone.alone = True
    for item in (first, 3, alone, last, 4):
        line.put(item)
    found = [line._next() for _ in range(3)]
    assert [batch.appends for batch in found] == [[first], [alone], [last]]
    assert [batch.position for batch in found] == [3, None, 4]


def test_only_a_log_of_transactions_is_atomic() -> None:
    def log(**more: Any) -> KafkaLog:
        where = Connection("127.0.0.1:1")
        return KafkaLog(
            where, "a.events", "a.sagas", group="a", reads_from="a", client_id="a", **more
        )

    assert not log().atomic
    assert log(guarantee="transactional").atomic
