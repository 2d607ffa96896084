"""Plans of faults, the auditor's judgement, and what a run came to."""

from __future__ import annotations

import os
import random
from collections import Counter
from itertools import islice, pairwise
from pathlib import Path
from typing import cast

import pytest

from minuet.chaos.arming import Arming
from minuet.chaos.audit import Audit, Lives, Row, judge
from minuet.chaos.faults import Fired
from minuet.chaos.plan import KINDS, check, kinds_of, plan
from minuet.chaos.rounds import Rounds
from minuet.chaos.state import State, load
from minuet.chaos.summary import summary
from minuet.chaos.wish import Found
from minuet.engines.course import Stored
from minuet.engines.failpoints import PLACES, Failpoints
from minuet.errors import UsageError
from minuet.event.ids import slot_id
from minuet.simulation.history import NEVER, Told, told
from minuet.verify import Report
from tests.unit.core.story import ORDERS


def test_the_same_seed_draws_the_same_faults() -> None:
    first = list(islice(plan(7, 10.0), 200))
    assert first == list(islice(plan(7, 10.0), 200)) != list(islice(plan(8, 10.0), 200))
    assert {fault.kind for fault in first} == set(KINDS)
    for fault, following in pairwise(first):
        shortest, longest = KINDS[fault.kind]
        assert shortest - 0.01 <= fault.seconds <= longest + 0.01
        assert following.at_s > fault.at_s + fault.seconds + 4.9


def test_only_the_kinds_that_were_asked_for_are_drawn() -> None:
    assert {fault.kind for fault in islice(plan(7, 1.0, ["kill"]), 50)} == {"kill"}
    with pytest.raises(
        UsageError, match=r"there is no fault 'fire': choose among kill, failpoint, zombie"
    ):
        check(["kill", "fire"], 1)


def test_a_kafka_has_the_faults_of_its_nodes() -> None:
    assert {"kill", "cut", "broker-kill"} < set(kinds_of(1)) == set(KINDS) - {
        "node-kill", "node-pause",
    }  # fmt: skip
    assert {"kill", "node-kill"} < set(kinds_of(3))
    assert not {"cut", "broker-kill", "broker-pause"} & set(kinds_of(3))
    check(kinds_of(1), 1)
    check(kinds_of(3), 3)
    with pytest.raises(UsageError, match="cut is a fault of one broker: leave --nodes out"):
        check(["kill", "cut"], 3)
    with pytest.raises(UsageError, match="node-kill is a fault of several: say --nodes 3"):
        check(["node-kill"], 1)


def test_a_round_is_over_when_each_kind_and_each_place_was_made_so_often() -> None:
    rounds = Rounds(["kill", "failpoint"], 2)
    places = [f"failpoint {place}" for place in PLACES]
    made = ["kill", "kill", "kill", *places, "zombie"]
    assert rounds.open([]) == ("kill", "failpoint")
    assert rounds.open(made) == ("failpoint",)
    assert rounds.progress(made) == (2 + len(PLACES), 2 + 2 * len(PLACES))
    assert +rounds.missing(made) == Counter(places)
    assert rounds.open([*made, *places[1:]]) == ("failpoint",)
    assert rounds.open([*made, *places]) == ()


def test_without_rounds_every_kind_goes_on() -> None:
    assert Rounds(["kill", "failpoint"], 0).open(["kill"] * 1_000) == ("kill", "failpoint")


def test_the_page_tells_each_fault_and_each_place_in_the_words_of_the_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "guide" / "chaos.md").read_text(encoding="utf-8")
    assert [kind for kind in KINDS if f"\n| `{kind}` | " not in page] == []
    assert [p for p, text in PLACES.items() if f"\n| `{p}` | {text} |" not in page] == []


RESERVE = slot_id("", ["begin"], "reserve_stock")
SCREEN = slot_id("", ["begin"], "screen_fraud")
RELEASE = slot_id("", ["asked"], "release_stock")


def saga(*records: tuple[str, str, str, str]) -> Told:
    """A saga from (id, type, slot, undoes); causes are the begin event's."""
    log = [
        Stored(
            0, number, number, b"o-1", None,
            [
                ("ce_id", id.encode()), ("ce_type", kind.encode()), ("ce_slot", slot.encode()),
                ("ce_undoes", undoes.encode()), ("ce_causes", b"begin" if slot else b""),
            ],
        )
        for number, (id, kind, slot, undoes) in enumerate(records)
    ]  # fmt: skip
    return told(ORDERS, log)["o-1"]


BEGIN = ("begin", "OrderPlaced", "", "")
RESERVED = ("r", "StockReserved", RESERVE, "")
FAILED = ("f", "FraudFound", "slot-2", "")
ASKED = ("asked", "ReleaseStock", "", "r")
RELEASED = ("u", "StockReleased", RELEASE, "r")
COMPENSATED = ("e", "SagaCompensated", "", "")
GAVE_UP = ("g", "StepGaveUp", "slot-3", "")
UNDONE = (BEGIN, RESERVED, FAILED, ASKED, RELEASED, COMPENSATED)
DONE = Row(RESERVE, "stock/reserve", "shelf-1", "")
SAYS = "effect: o-1: the log says"
TAKEN_BACK = Row(RELEASE, "stock/release", "back-1", "shelf-1")


@pytest.mark.parametrize(
    ("records", "rows", "says"),
    [
        (UNDONE, (DONE, TAKEN_BACK), []),
        ((BEGIN, RESERVED), (DONE,), ["ends: o-1: it has not ended, and waits for no person"]),
        (
            UNDONE,
            (DONE,),
            [
                f"{SAYS} StockReleased, and the ledger has no effect under {RELEASE}",
                "effect: o-1: it failed, and stock/reserve is not undone",
            ],
        ),
        (
            UNDONE,
            (TAKEN_BACK,),
            [
                f"{SAYS} StockReserved, and the ledger has no effect under {RESERVE}",
                "effect: o-1: shelf-1 was undone, and never done",
            ],
        ),
        (UNDONE, None, []),
        (
            UNDONE,
            (DONE, TAKEN_BACK, Row("again", "stock/release", "back-2", "shelf-1")),
            [
                "effect: o-1: stock/release was done under again, "
                "and nothing on the log asks for it",
                "effect: o-1: stock/reserve was undone 2 times",
            ],
        ),
        (
            (BEGIN, RESERVED, GAVE_UP),
            (DONE, Row("other", "stock/reserve", "shelf-2", "")),
            ["effect: o-1: stock/reserve was done under other, and nothing on the log asks for it"],
        ),
        (
            (BEGIN, RESERVED, GAVE_UP),
            (DONE, Row(SCREEN, "stock/release", "back-1", "shelf-1")),
            ["effect: o-1: stock/reserve was undone, and nobody asked for it"],
        ),
        (
            UNDONE,
            (DONE, Row(RELEASE, "stock/release", "back-1", "shelf-9")),
            [
                "effect: o-1: stock/release was to undo shelf-1, and undid shelf-9",
                "effect: o-1: shelf-9 was undone, and never done",
                "effect: o-1: it failed, and stock/reserve is not undone",
            ],
        ),
        (
            (BEGIN, RESERVED, FAILED, COMPENSATED),
            (DONE, TAKEN_BACK),
            [
                "undo: o-1: StockReserved stands in a failed saga and was not undone",
                f"effect: o-1: stock/release was done under {RELEASE}, "
                "and nothing on the log asks for it",
                "effect: o-1: stock/reserve was undone, and nobody asked for it",
            ],
        ),
    ],
)
def test_a_broken_promise_is_found(
    records: tuple[tuple[str, str, str, str], ...], rows: tuple[Row, ...] | None, says: list[str]
) -> None:
    found = Audit()
    judge(ORDERS, saga(*records), rows, found)
    assert (found.violations, found.violated, found.sagas) == (says, len(says), 1)


def test_what_a_fault_hit_is_told_by_the_lives_of_sagas() -> None:
    sagas = [(100, 500), (200, 9_000), (600, 700), (8_000, 9_900)]
    lives = Lives(sagas, {0: [150, 1_000, 4_000, 7_900], 1: [300, 900, 1_500, 3_000, 5_000, 7_900]})
    assert [lives.in_flight(at) for at in (100, 250, 650, 9_950)] == [0, 2, 2, 0]
    assert (lives.last_end_ms, Lives([(100, NEVER), (1, 5)]).last_end_ms) == (9_900, 5)
    assert lives.silence_ms(950, 60_000) == 3_900
    assert lives.silence_ms(950, 2_000) == 1_950  # what comes later has another cause
    assert lives.silence_ms(8_500, 60_000) == 0  # nothing is begun any more
    assert Lives(sagas, {0: [150]}).silence_ms(1_000, 60_000) == 7_000  # it never answered again


def test_a_fault_that_hit_few_sagas_is_told_apart() -> None:
    sagas = [(0, 20_000)] * 19 + [(500, 900), (500, 700), (30_000, 31_000)]
    lives = Lives(sagas, {0: [600, 1_100, 4_000, 21_000]})
    faults = [Fired(at, "kill", "worker 1", 0.0) for at in (600, 1_000, 3_900)]
    state = State("orders", 7, 30.0, 21, faults)
    found = summary(Found(state, 1.0, Audit(), lives, Report("orders")))["faults"]
    assert found == {
        "kill": {
            "count": 3, "hit": 1, "missed": 2, "in_flight_least": 19, "in_flight_p50": 19,
            "silence_p50_s": 2.8, "silence_p95_s": 17.0, "silence_most_s": 17.0,
        }
    }  # fmt: skip


def test_each_place_is_armed_before_any_is_armed_again(tmp_path: Path) -> None:
    (tmp_path / "at-stop").touch()
    arming = Arming(tmp_path, random.Random(7))
    assert list(tmp_path.iterdir()) == []  # what an earlier run left is not this one's
    points = Failpoints(tmp_path, lambda: None)
    armed = []
    for _ in PLACES:
        armed.append(arming.arm())
        assert arming.arm() == armed[-1]  # nobody has come to it yet
        points.at(armed[-1])
    assert sorted(armed) == sorted(PLACES)
    again = arming.arm()
    assert (tmp_path / again).exists()
    arming.disarm()
    assert not (tmp_path / again).exists()


def test_who_died_is_told_once_and_the_place_is_no_longer_armed(tmp_path: Path) -> None:
    arming, died = Arming(tmp_path, random.Random(7)), list[int]()
    place = arming.arm()
    Failpoints(tmp_path, lambda: died.append(1)).at(place)
    [death] = arming.deaths()
    assert (death.place, death.pid, died) == (place, os.getpid(), [1])
    assert (arming.deaths(), list(tmp_path.iterdir())) == ([], [])
    arming.disarm()  # after the death too


def test_places_that_nobody_died_at_are_told_where_some_did() -> None:
    def left(*kinds: str) -> list[str]:
        faults = [Fired(1_000 * n, kind, "process 7", 0.0) for n, kind in enumerate(kinds)]
        state = State("orders", 7, 30.0, 21, faults)
        found = summary(Found(state, 1.0, Audit(), Lives(), Report("orders")))
        return cast("list[str]", found["failpoints_left"])

    assert left("kill") == []
    assert set(left("kill", "failpoint at-stop")) == set(PLACES) - {"at-stop"}


def test_a_run_that_was_broken_off_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = State("orders", 7, 12.5, 1_250, [Fired(1_000, "kill", "worker 1", 0.0)])
    state.save(tmp_path / "state.json")
    assert load(tmp_path / "state.json", "orders") == state


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"faults": [1]}'])
def test_a_state_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(UsageError, match="not the state of a run"):
        load(tmp_path / "state.json", "orders")
    with pytest.raises(UsageError, match="leave --resume out"):
        load(tmp_path / "none", "orders")


def test_a_run_of_another_workflow_is_not_gone_on_with(tmp_path: Path) -> None:
    State("refunds", 7).save(tmp_path / "state.json")
    with pytest.raises(UsageError, match="is one of refunds, not orders"):
        load(tmp_path / "state.json", "orders")


def test_a_run_on_another_kafka_is_not_gone_on_with(tmp_path: Path) -> None:
    State("orders", 7, nodes=3).save(tmp_path / "state.json")
    assert load(tmp_path / "state.json", "orders", 3).nodes == 3
    with pytest.raises(UsageError, match="has a Kafka of --nodes 3"):
        load(tmp_path / "state.json", "orders")
