"""The crash-loop breaker: what a journal says of a death, what is remembered, who runs alone."""

from __future__ import annotations

import asyncio
import fcntl
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from minuet.contracts.registry import LocalRegistry
from minuet.core.settle import Failure
from minuet.engines import virtual_time
from minuet.engines.crash_journal import _ENTRY, VALUE_MOST, Journal, _name, value_name
from minuet.engines.crash_journal import suspects as told
from minuet.engines.crash_memory import DEATHS_MOST, FORGET_S, CrashMemory, Suspect, _blame
from minuet.engines.partition import Run
from minuet.engines.quarantine import GuardedCodec, Quarantine
from minuet.errors import UnreadableValue, UsageError
from tests.engines.trips import TripAsked


def suspects(file: Path) -> list[str]:
    return told(file)[0]


DIES = """
import os, signal, sys
from pathlib import Path
from minuet.engines.crash_memory import CrashMemory

journal = CrashMemory(Path(sys.argv[1])).open_journal()
exec(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""


def die(folder: Path, doing: str) -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(folder), doing], check=False)
    assert done.returncode == -signal.SIGKILL


def died_at(memory: CrashMemory, name: str) -> None:
    """What a process that is killed leaves, without one."""
    journal = memory.open_journal()
    journal.begin(name)
    journal._words.release()
    journal._map.close()
    journal._file.close()


def run(slot: str, since: int = 0) -> Run:
    return cast(Run, SimpleNamespace(slot=SimpleNamespace(id=slot, since=since)))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal((tmp_path / "j").open("w+b"))


def test_a_journal_names_what_is_on_the_cpu(journal: Journal, tmp_path: Path) -> None:
    assert suspects(tmp_path / "j") == []
    journal.begin("one")
    assert suspects(tmp_path / "j") == ["one"]
    journal.end()
    assert suspects(tmp_path / "j") == []
    journal.close()


def test_a_value_that_is_being_decoded_is_known_by_its_bytes(
    journal: Journal, tmp_path: Path
) -> None:
    for value in (b"schema" + b"value", b"x" * (VALUE_MOST + 9)):
        journal.decode(value)
        assert suspects(tmp_path / "j") == [value_name(value)]
        journal.decoded()
    assert value_name(b"x" * (VALUE_MOST + 9)) != value_name(b"x" * (VALUE_MOST + 8))
    journal.close()


def test_threads_are_suspected_too_and_what_waits_only_when_nothing_else_is(
    journal: Journal, tmp_path: Path
) -> None:
    file = tmp_path / "j"
    seen: list[list[str]] = []

    async def waits() -> None:
        seen.append(suspects(file))
        await asyncio.sleep(0)
        seen.append(suspects(file))

    async def scene() -> None:
        task = asyncio.ensure_future(journal.watch("waits", waits))
        await asyncio.sleep(0)
        seen.append(suspects(file))
        journal.thread("thread", lambda: seen.append(suspects(file)))
        await task

    asyncio.run(scene())
    assert seen == [["waits"], ["waits"], ["thread"], ["waits"]]
    assert suspects(file) == []
    journal.close()


def test_a_watched_coroutine_is_cancelled_fails_and_returns_as_it_would(journal: Journal) -> None:
    async def returns() -> int:
        await asyncio.sleep(0)
        return 7

    async def raises() -> None:
        await asyncio.sleep(0)
        raise KeyError

    async def leaves() -> None:
        raise SystemExit(3)

    async def scene() -> None:
        assert await journal.watch("a", returns) == 7
        with pytest.raises(KeyError):
            await journal.watch("a", raises)
        with pytest.raises(RuntimeError, match="SystemExit: 3"):
            await journal.watch("a", leaves)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(journal.watch("a", lambda: asyncio.sleep(60)), 0.01)

    asyncio.run(scene())
    journal.close()


def test_three_deaths_at_the_same_run_are_a_quarantine(tmp_path: Path) -> None:
    memory = CrashMemory(tmp_path)
    die(tmp_path, "journal.begin('innocent'); journal.end()")
    assert memory.learn() == ({}, [])
    died_at(memory, "bad")
    died_at(memory, "bad")
    assert not memory.learn()[0]["bad"].quarantined
    die(tmp_path, "journal.begin('bad')")
    known, added = memory.learn()
    assert (known["bad"].quarantined, known["bad"].deaths, added) == (True, 3, ["bad"])
    assert memory.learn()[1] == []
    memory.clear(["bad"])
    assert memory.learn()[0] == {}


def test_who_lives_is_no_suspect_and_a_clean_end_leaves_nothing(tmp_path: Path) -> None:
    memory = CrashMemory(tmp_path)
    journal = memory.open_journal()
    journal.begin("alive")
    assert memory.learn() == ({}, [])
    journal.close()
    assert list(tmp_path.glob("*.running")) == []


def test_a_suspicion_fades(tmp_path: Path) -> None:
    now = [0.0]
    memory = CrashMemory(tmp_path, lambda: now[0])
    died_at(memory, "bad")
    assert list(memory.learn()[0]) == ["bad"]
    now[0] = FORGET_S
    assert memory.learn()[0] == {}


def test_a_memory_that_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"a": 1}', '{"a": {"deaths": 1}}'):
        (tmp_path / "deaths.json").write_text(text)
        assert CrashMemory(tmp_path).learn() == ({}, [])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"state folder .*file/x cannot be written .* --state"):
        CrashMemory(tmp_path / "file" / "x")


def test_what_is_quarantined_is_not_decoded_and_the_rest_is(tmp_path: Path) -> None:
    async def scene() -> None:
        quarantine = Quarantine(CrashMemory(tmp_path))
        codec = GuardedCodec([TripAsked], LocalRegistry(), quarantine)
        good, bad = (codec.encode(TripAsked(trip_id=name)) for name in ("good", "bad"))
        for found in (bad, good):
            name = value_name(found.schema + found.value)
            quarantine.suspects[name] = Suspect(3, 0, alone=found is bad)
        assert codec.decode("TripAsked", good.schema, good.value) == TripAsked(trip_id="good")
        with pytest.raises(UnreadableValue, match="killed the process 3 times"):
            codec.decode("TripAsked", bad.schema, bad.value)
        assert len(quarantine.suspects) == 1
        quarantine.close()

    asyncio.run(scene())


class Deaths:
    """A memory without files, for many lives of a process in a moment."""

    def __init__(self) -> None:
        self.known: dict[str, Suspect] = {}

    def open_journal(self) -> Any:
        return None

    def learn(self) -> tuple[dict[str, Suspect], list[str]]:
        return dict(self.known), []

    def clear(self, names: list[str]) -> None:
        for name in names:
            del self.known[name]


async def one_life(memory: Deaths, order: list[str], bad: str) -> Failure | None:
    """Start all that may start; whatever runs when the bad one does is there at the death."""
    quarantine = Quarantine(cast(CrashMemory, memory))
    waiting = [run(name) for name in order]
    flying: list[Run] = []
    while waiting:
        current, waiting = waiting, []
        for each in current:
            stopped = quarantine.stops(each, waiting.append) if quarantine.suspects else False
            if isinstance(stopped, Failure):
                assert each.slot.id == bad
                return stopped
            if not stopped:
                flying.append(each)
        if any(each.slot.id == bad for each in flying):
            names = [each.slot.id for each in flying]
            memory.known = _blame(memory.known, names, 0)
            return None
        for each in flying:
            quarantine.cleared(each)
        flying.clear()
        await asyncio.sleep(0)
    raise AssertionError


IN_FLIGHT, HANDLER_S, KILLS = 50, 0.2, 100
LIVES_S = (0.05, 0.5)  # what a process has after its start, when one is killed every two seconds


async def parked_by_kills(dice: random.Random, *, certain: bool) -> int:
    """How many of those are parked that call a slow service while their worker is killed."""
    loop, memory, parked, serial = asyncio.get_running_loop(), Deaths(), 0, 0
    waiting: list[Run] = []
    for _ in range(KILLS):
        quarantine = Quarantine(cast(CrashMemory, memory))
        until = loop.time() + dice.uniform(*LIVES_S)
        flying: list[tuple[float, Run]] = []
        while loop.time() < until:
            while len(waiting) + len(flying) + len(quarantine._held) < IN_FLIGHT:
                waiting.append(run(f"slot-{serial}"))
                serial += 1
            starting, waiting = waiting, []
            for each in starting:
                stopped = quarantine.stops(each, waiting.append) if quarantine.suspects else False
                parked += isinstance(stopped, Failure)
                if not stopped:
                    flying.append((loop.time() + HANDLER_S, each))
            await asyncio.sleep(0.01)
            for end, each in list(flying):
                if end <= loop.time():
                    flying.remove((end, each))
                    quarantine.cleared(each)
        names = [each.slot.id for _, each in flying]
        waiting = [each for _, each in flying] + [each for each, _ in quarantine._held] + waiting
        quarantine._held.clear()
        memory.known = _blame(memory.known, names, 0, certain=certain)
    return parked


def test_who_waits_for_a_slow_service_is_not_taken_for_what_kills() -> None:
    def parked(certain: bool) -> int:
        return sum(
            virtual_time.run(parked_by_kills(random.Random(seed), certain=certain))
            for seed in range(10)
        )

    as_if_it_had_died_by_itself, by_sigkill = parked(True), parked(False)
    assert as_if_it_had_died_by_itself >= 10  # of 1,000 deaths
    assert by_sigkill == 0


def test_a_sigkill_needs_more_deaths_where_the_run_only_waited(tmp_path: Path) -> None:
    memory = CrashMemory(tmp_path)

    def dies(waits: bool, by_itself: bool = False) -> Suspect:
        journal = memory.open_journal()
        _name(journal._map, _ENTRY * 2, b"slot", 0)
        journal._words[0] = 0 if waits else 2
        journal._words.release()
        journal._map.close()
        journal._file.close()
        pids = (os.getpid(),) if by_itself else ()
        return memory.learn(pids)[0]["slot"]

    found = [dies(waits=True) for _ in range(5)]
    assert [each.quarantined for each in found] == [False] * 4 + [True]
    for by_itself in (True, False):
        memory.clear(["slot"])
        found = [dies(waits=by_itself, by_itself=by_itself) for _ in range(3)]
        assert [each.quarantined for each in found] == [False, False, True]


@pytest.mark.parametrize(("count", "deaths"), [(1, 3), (8, 3), (15, 3), (300, 4)])
def test_the_one_that_kills_is_found_among_all_that_run_in_threads(count: int, deaths: int) -> None:
    async def lives() -> int:
        dice, memory = random.Random(count), Deaths()
        names = [f"slot-{n}" for n in range(count)]
        bad = dice.choice(names)
        for life in range(20):
            dice.shuffle(names)
            if await one_life(memory, names, bad):
                return life
        raise AssertionError(memory.known[bad])

    found = asyncio.run(lives())
    assert DEATHS_MOST <= found <= deaths


def test_a_run_that_a_person_resumed_is_another_one(tmp_path: Path) -> None:
    quarantine = Quarantine(CrashMemory(tmp_path))
    quarantine.suspects["slot"] = Suspect(3, 0, alone=True)
    stopped = quarantine.stops(run("slot"), lambda _: None)
    assert isinstance(stopped, Failure)
    assert (stopped.category, "killed the process" in stopped.error) == ("poison", True)
    assert quarantine.stops(run("slot", since=2), lambda _: None) is False
    quarantine.close()


def test_a_successor_with_the_same_number_leaves_the_journal_of_the_dead(tmp_path: Path) -> None:
    first, second = CrashMemory(tmp_path).open_journal(), CrashMemory(tmp_path).open_journal()
    names = [file.name for file in tmp_path.glob("*.running")]
    assert [name.startswith(f"{os.getpid()}-") for name in names] == [True, True]
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("*.running")} == {0o600}
    first.close()
    second.close()


def test_a_lock_that_is_never_given_back_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("minuet.engines.crash_memory.LOCK_S", 0.01)
    quarantine = Quarantine(CrashMemory(tmp_path))
    quarantine.suspects["one"] = Suspect(1, 0, alone=False)
    with (tmp_path / "lock").open("a") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        quarantine.learn()
    assert "cannot be read" in caplog.text
    assert list(quarantine.suspects) == ["one"]
    quarantine.close()


def test_a_run_past_its_timeout_stays_suspected_until_it_has_ended() -> None:
    async def scene() -> None:
        memory = Deaths()
        memory.known = {name: Suspect(2, 0.0, alone=False) for name in ("slow", "other")}
        quarantine = Quarantine(cast(CrashMemory, memory))
        again: list[Run] = []
        assert not quarantine.stops(run("slow"), again.append)
        assert quarantine.stops(run("other"), again.append)  # one at a time
        quarantine.overdue(run("slow"))
        await asyncio.sleep(0)
        assert [each.slot.id for each in again] == ["other"]
        assert "slow" in quarantine.suspects
        quarantine.cleared(run("slow"))
        assert "slow" not in quarantine.suspects

    asyncio.run(scene())
