"""What the auditor expects of records that nobody can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.chaos.poison import Letter, Poisoned, judge_poison, poisoned
from tests.unit.core.story import ORDERS

IN_A_SAGA = Poisoned("p-1", "ff00", 2, 7, saga=True)
BARE = Poisoned("p-2", None, 2, 8, saga=False)


def letter(key: str, value: bytes | None, id: str) -> Letter:
    return Letter(key.encode(), value, {"minuet_letter": id.encode()})


GOOD = {
    f"{ORDERS.log_topic}/2/7": [letter("p-1", b"\xff\x00", "l-7")] * 2,  # written twice
    f"{ORDERS.log_topic}/2/8": [letter("p-2", None, "l-8")],
}


def told(letters: dict[str, list[Letter]], rejected: dict[str, int]) -> list[str]:
    return list(judge_poison(ORDERS, [IN_A_SAGA, BARE], letters, rejected))


def test_each_has_its_dead_letter_and_its_saga_says_why() -> None:
    assert told(GOOD, {"p-1": 1}) == []


@pytest.mark.parametrize(
    ("letters", "rejected", "says"),
    [
        ({}, {"p-1": 1}, "it cannot be read, and has no dead letter"),
        ({7: [letter("p-1", b"\xff", "l-7")]}, {"p-1": 1}, "its dead letter has other bytes"),
        ({7: [letter("p-3", b"\xff\x00", "l-7")]}, {"p-1": 1}, "its dead letter has other bytes"),
        (
            {7: [letter("p-1", b"\xff\x00", "l-7"), letter("p-1", b"\xff\x00", "l-9")]},
            {"p-1": 1},
            "it has several dead letters",
        ),
        ({7: [letter("p-1", b"\xff\x00", "l-7")]}, {}, "the log says 0 times that it was rejected"),
    ],
)
def test_what_is_missing_or_wrong_is_told(
    letters: dict[int, list[Letter]], rejected: dict[str, int], says: str
) -> None:
    there = {f"{ORDERS.log_topic}/2/{offset}": found for offset, found in letters.items()}
    there[f"{ORDERS.log_topic}/2/8"] = GOOD[f"{ORDERS.log_topic}/2/8"]
    assert told(there, rejected) == [f"p-1: {says}"]


def test_where_none_was_written_there_is_none(tmp_path: Path) -> None:
    assert poisoned(tmp_path / "poison") == []
