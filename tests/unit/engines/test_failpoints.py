"""Places where a worker dies by itself: each where it should be, and only if it is armed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from minuet.engines import failpoints
from minuet.engines.failpoints import PLACES, FailingGuard, FailingLog, Failpoints
from minuet.engines.log import Append, Log, Sink
from minuet.engines.partition import Run
from minuet.engines.quarantine import NO_GUARD


class Died(KeyboardInterrupt):
    """Stands for SIGKILL: this alone ends a loop from wherever it comes."""


class Chunks:
    """One chunk of rows; no generator, which a death would leave half-way."""

    def __init__(self) -> None:
        self.left = 1

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> Sequence[tuple[bytes, bytes | None, int]]:
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return [(b"k", b"row", 0)]


class World:
    """A log and its sink that write down what is done to them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.sink: Sink | None = None

    async def open(self, sink: Sink) -> None:
        self.sink = sink

    def append(self, append: Append) -> None:
        self.done.append("appended")

    def commit(self, offsets: Mapping[int, int]) -> None:
        self.done.append("committed")

    def rows(
        self, partition: int, start: int = 0, end: int | None = None
    ) -> AsyncIterator[Sequence[tuple[bytes, bytes | None, int]]]:
        return Chunks()

    async def revoked(self, partitions: Iterable[int]) -> None:
        self.done.append("checkpointed")

    async def close(self) -> None:
        self.done.append("left")


async def life(world: World, points: Failpoints) -> None:
    """All that a worker does, once."""
    log = FailingLog(cast(Log, world), "a.events", "a.sagas", points)
    guard = FailingGuard(NO_GUARD, points)
    await log.open(cast(Sink, world))
    assert world.sink is not None
    async for _ in log.rows(0):
        world.done.append("restored")

    async def handler() -> str:
        world.done.append("effect")
        return "answer"

    assert await guard.watch(cast(Run, None), handler) == "answer"
    for topic, told in (("a.events", "event known"), ("a.sagas", "row known")):
        append = Append(topic, 0, b"k", b"", [])
        append.acked = lambda _append, _offset, told=told: world.done.append(told)
        log.append(append)
        append.acked(append, 7)
    log.commit({0: 8})
    world.done.append("went on")
    for _ in range(3):
        await asyncio.sleep(0)
    await world.sink.revoked([0])
    await log.close()


ALL = [
    "restored", "effect", "appended", "event known", "appended", "row known", "committed",
    "went on", "checkpointed", "left",
]  # fmt: skip
BY_THEN = {
    "in-restore": 0, "after-effect": 2, "before-append": 2, "after-append": 3, "before-ack": 3,
    "after-ack": 4, "mid-rows": 5, "before-commit": 6, "after-commit": 8, "in-revoked": 8,
    "after-revoked": 9, "at-stop": 9,
}  # fmt: skip


def outlived(story: Coroutine[Any, Any, None]) -> bool:
    """Whether it came to its end."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(story)
    except Died:
        return False
    finally:
        loop.close()
    return True


def dies() -> None:
    raise Died


@pytest.mark.parametrize("place", PLACES)
def test_a_worker_dies_at_the_place_that_is_armed_and_one_worker_only(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failpoints, "COMMITTED_S", 0.0)
    (tmp_path / place).touch()
    points = Failpoints(tmp_path, dies)
    first, second = World(), World()
    assert not outlived(life(first, points))
    assert first.done == ALL[: BY_THEN[place]]
    assert [file.name.partition(".")[0] for file in tmp_path.iterdir()] == [place]
    assert outlived(life(second, points))
    assert second.done == ALL


def test_an_append_that_is_repeated_is_told_once_that_it_was_acked(tmp_path: Path) -> None:
    world, told = World(), list[int]()
    log = FailingLog(cast(Log, world), "a.events", "a.sagas", Failpoints(tmp_path, dies))
    append = Append("a.events", 0, b"k", b"", [])
    append.acked = lambda _append, offset: told.append(offset)
    for _ in range(3):
        log.append(append)
    append.acked(append, 7)
    assert told == [7]


def test_a_thread_dies_after_its_effect(tmp_path: Path) -> None:
    points = Failpoints(tmp_path, dies)
    guard = FailingGuard(NO_GUARD, points)
    assert guard.thread(cast(Run, None), lambda: 7) == 7
    (tmp_path / "after-effect").touch()
    with pytest.raises(Died):
        guard.thread(cast(Run, None), lambda: 7)
