"""What persons do to sagas, by users who may not: the right is named, and nothing is half done."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from minuet.engines.loop import Loop
from minuet.engines.worker import Assignment, run
from minuet.kafka import rights, topics
from minuet.kafka.offsets import watermarks
from minuet.kafka.rights import Rule
from minuet.rights.comparing import compare
from minuet.rights.wish import principals
from minuet.spec import project as projects
from tests.integration.crew import typed
from tests.integration.refusals import Refusals
from tests.integration.secure_broker import SecureBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PATIENCE_S = 120.0  # until a test gives up; no bar


class Desk:
    """A project with a letter whose saga waits, and users with more or fewer rights."""

    def __init__(self, folder: Path, secure: SecureBroker) -> None:
        self.secure = secure
        self.project = Refusals(folder, secure.bootstrap)
        self.name = self.project.name
        self.spec = projects.load(self.name, folder).spec
        assert self.typed("admin", "topics", "apply", self.name, "--schemas")[0] == 0

    def typed(self, user: str, *words: str) -> tuple[int, dict[str, Any]]:
        """Type a command as a user; the exit code, and what it printed."""
        return typed(self.secure, *words, user=user, folder=self.project.folder)

    def admit(self, *units: str) -> str:
        """A user with the rights of these units."""
        user = f"{self.name}-{'-'.join(units)}"
        self.secure.admit(user)
        who = principals(self.spec, [f"{unit}=User:{user}" for unit in units])
        self.give(user, *(row.rule for row in compare(self.spec, who, ())))
        return user

    def give(self, user: str, *rules: Rule) -> None:
        assert all(rule.principal == f"User:{user}" for rule in rules)
        rights.give(self.secure.connection(), rules)

    def ends(self) -> dict[str, dict[int, tuple[int, int]]]:
        """Where each topic ends: what was done or begun stands on one of them."""
        place = self.secure.connection()
        return {plan.name: watermarks(place, plan.name) for plan in topics.plan(self.spec)}

    async def has_a_letter(self) -> None:
        """Run a worker until a saga waits for a person."""
        loops: list[Loop] = []
        workflow = projects.load(self.name, self.project.folder)
        assignment = Assignment(form="simulated")
        working = asyncio.create_task(
            run(workflow, self.secure.connection(), assignment, ready=loops.append)
        )
        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(self.is_parked):
                await asyncio.sleep(0.1)
        await loops[0].stop()
        await working

    def is_parked(self) -> bool:
        found = self.typed("admin", "incidents", "list", self.name)[1]
        return bool(found["incidents"])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, secure: SecureBroker) -> Desk:
    folder = tmp_path_factory.mktemp("desk")
    made = Desk(folder, secure)
    (folder / "in.jsonl").write_text('{"parcel_id": "p-1", "kilos": 0}\n')
    words = ("publish", made.name, "ParcelSent", "--file", "in.jsonl")
    assert made.typed("admin", *words)[0] == 0
    asyncio.run(made.has_a_letter())
    return made


@pytest.fixture(scope="module")
def looker(desk: Desk) -> str:
    return desk.admit("reader")


WHY = ("--why", "x", "--yes")
ACTIONS = {
    ("dead-letters", "redrive", "NAME", *WHY): "NAME.operations",
    ("rebuild", "NAME", *WHY): "NAME.operations",
    ("saga", "cancel", "NAME", "p-1", "--why", "x"): "NAME.events",
}


@pytest.mark.parametrize(
    ("words", "topic"), ACTIONS.items(), ids=[" ".join(words[:2]) for words in ACTIONS]
)
def test_who_only_looks_is_told_what_is_missing_to_act(
    desk: Desk, looker: str, words: tuple[str, ...], topic: str
) -> None:
    before = desk.ends()
    code, found = desk.typed(looker, *(desk.name if word == "NAME" else word for word in words))
    text = str(found)
    where = topic.replace("NAME", desk.name)
    assert code == 1, found
    assert f"(user {looker}): topic {where}: this user may not use the topic (Write)" in text
    assert desk.ends() == before


def test_to_discard_needs_the_right_to_write_it_down(desk: Desk, looker: str) -> None:
    """A letter of no saga that waits: of what could not be read at all."""
    place = desk.secure.connection()
    producer = place.producer()
    headers: list[tuple[str, str | bytes | None]] = [
        ("minuet_letter", b"7"), ("minuet_category", b"unreadable"),
    ]  # fmt: skip
    producer.produce(desk.spec.dead_letter_topic, b"?", b"p-2", 0, headers=headers)
    assert producer.flush(PATIENCE_S) == 0
    before = desk.ends()
    code, found = desk.typed(looker, "dead-letters", "discard", desk.name, "--saga", "p-2", *WHY)
    assert code == 1
    assert (
        f"topic {desk.spec.operations_topic}: this user may not use the topic (Write)"
        in (found["error"])
    )
    assert desk.ends() == before


def test_a_redrive_that_may_be_written_down_and_not_be_done_is_told_and_can_be_done_later(
    desk: Desk,
) -> None:
    user = desk.admit("reader")
    login = f"User:{user}"
    desk.give(user, Rule(login, "Topic", desk.spec.operations_topic, "Write"))
    before = watermarks(desk.secure.connection(), desk.spec.log_topic)
    code, found = desk.typed(user, "dead-letters", "redrive", desk.name, *WHY)
    assert code == 1
    assert re.search(rf"topic {desk.spec.log_topic}: .*\(Write\)", str(found)), found
    assert watermarks(desk.secure.connection(), desk.spec.log_topic) == before
    desk.give(user, Rule(login, "Topic", desk.spec.log_topic, "Write"))
    code, found = desk.typed(user, "dead-letters", "redrive", desk.name, *WHY)
    assert (code, found["appended"]) == (0, 1)


def test_a_rehearsal_needs_to_read_what_was_recorded(desk: Desk) -> None:
    user = desk.admit("publisher")
    before = desk.ends()
    code, found = desk.typed(user, "whatif", desk.name, "--against", ".")
    assert code == 1
    assert f"topic {desk.spec.log_topic}: this user may not use the topic (Read)" in found["error"]
    assert desk.ends() == before
