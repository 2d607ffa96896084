"""Plans of faults, the auditor's judgement, and what a run came to."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import pytest

from minuet.chaos.audit import Audit, Lives, Row, judge
from minuet.chaos.faults import Fired
from minuet.chaos.plan import KINDS, plan
from minuet.chaos.state import State, load
from minuet.engines.course import Stored
from minuet.errors import UsageError
from minuet.event.ids import slot_id
from minuet.simulation.history import Told, told
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
    with pytest.raises(UsageError, match=r"there is no fault 'fire': choose among kill, zombie"):
        plan(7, 1.0, ["fire"])


RESERVE = slot_id("", ["begin"], "reserve_stock")
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
            ["effect: o-1: stock/reserve was undone 2 times"],
        ),
        (
            (BEGIN, RESERVED, FAILED, COMPENSATED),
            (DONE, TAKEN_BACK),
            ["undo: o-1: StockReserved stands in a failed saga and was not undone"],
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
    assert lives.silence_ms(950, 60_000) == 3_900
    assert lives.silence_ms(950, 2_000) == 1_950  # what comes later has another cause
    assert lives.silence_ms(8_500, 60_000) == 0  # nothing is begun any more
    assert Lives(sagas, {0: [150]}).silence_ms(1_000, 60_000) == 7_000  # it never answered again


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
