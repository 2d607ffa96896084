"""Recorded sagas under another version: the same one changes nothing, a seeded change is found."""

from __future__ import annotations

from collections import Counter

import pytest

from minuet import Event, step
from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.core.decide import Say
from minuet.core.state import Entry, State
from minuet.engines.compose import Composer
from minuet.errors import GiveUp
from minuet.event.record import Record
from minuet.rehearsal.comparison import Change
from minuet.rehearsal.course import Course
from minuet.rehearsal.recording import Recording, outcome
from minuet.rehearsal.sayings import Sayings
from minuet.rehearsal.trying import Steps
from minuet.simulation import begin_events
from minuet.spec.project import load
from tests.integration.parcels import ROOT
from tests.unit.action.situations import SITUATIONS
from tests.unit.rehearsal.histories import recorded, rehearsed, under_faults
from tests.unit.rehearsal.loans import Bank, LoanAsked, Rules, asked, loans

CODEC = Codec(load("orders", ROOT).models.values(), LocalRegistry())
ASKED = [asked(n, amount=1_000 + 37 * n, income=13 if n % 9 == 4 else 100) for n in range(60)]


@pytest.mark.parametrize("seed", range(40))
def test_the_same_version_differs_in_nothing_whatever_went_wrong(seed: int) -> None:
    history = under_faults(loans(), seed, ASKED, 8)
    found = rehearsed(history, loans(), loans())
    assert found
    assert {s: one for s, one in found.items() if one.kind or one.unknown} == {}


def test_a_changed_limit_is_found_for_exactly_the_sagas_it_touches() -> None:
    history = recorded(loans(), ASKED)
    found = rehearsed(history, loans(), loans(Rules(limit=20)))
    touched = {one.loan_id for one in ASKED if one.amount > 20 * one.income}
    assert 0 < len(touched) < len(ASKED)
    assert {saga for saga, one in found.items() if one.kind} == touched
    ended = Counter((one.before, one.after) for one in found.values() if one.saga in touched)
    assert ended[("completed", "compensated")] > 10
    assert all(not one.unknown for saga, one in found.items() if saga not in touched)


def test_other_inputs_of_a_step_with_resources_are_unknown_and_equal_ones_are_not() -> None:
    history = recorded(loans(), ASKED[:10])
    dearer = Rules(rate=lambda one: 9 if one.amount > 1_200 else 3 + one.amount // 1000)
    found = rehearsed(history, loans(), loans(dearer))
    for one in ASKED[:10]:
        saga = found[one.loan_id]
        if one.amount <= 1_200:
            assert (saga.kind, saga.unknown) == ("", {})
        elif one.income == 13:
            assert saga.kind == "fields"
            assert saga.unknown == {}  # no money was asked for
        else:
            assert Change("LoanRated", "rate", 4, 9) in saga.changes
            assert "reserve_money" in saga.unknown
            assert saga.after == "unknown"
    simulated = rehearsed(history, loans(), loans(dearer), "unknown")
    assert {one.after for one in simulated.values()} <= {"completed", "compensated"}
    assert any("reserve_money" in one.simulated for one in simulated.values())


class Poor(Bank):
    """Has no money for what ends in 8."""

    async def reserve(self, loan: str, amount: int, *, key: str) -> str:
        if amount % 10 == 8:
            message = "no money"
            raise GiveUp(message)
        return await super().reserve(loan, amount, key=key)


def test_a_renamed_pure_step_makes_other_slots_with_equal_inputs_answers_or_giving_up() -> None:
    paid = [one for one in ASKED if one.amount % 10 != 7]  # an undo's request names what it undoes
    history = recorded(loans().given({Bank: Poor()}), paid)
    found = rehearsed(history, loans(), loans(Rules(rater="weigh_loan")))
    assert Counter(one.before for one in found.values())["incident"] > 1
    assert {s: one for s, one in found.items() if one.kind or one.unknown} == {}


def test_the_last_rule_changes_fields_and_nothing_else() -> None:
    history = recorded(loans(), ASKED[:10])
    found = rehearsed(history, loans(), loans(Rules(noted=lambda rated, one: 1)))
    kinds = Counter((one.before, one.kind) for one in found.values())
    assert set(kinds) <= {("completed", "fields"), ("compensated", "")}
    assert all(not one.unknown for one in found.values())


def test_a_rule_that_breaks_is_an_incident() -> None:
    history = recorded(loans(), ASKED[:3])
    found = rehearsed(history, loans(), loans(Rules(noted=lambda rated, one: 1 // 0)))
    assert ("completed", "incident") in {(one.before, one.after) for one in found.values()}


@pytest.mark.parametrize("seed", range(20))
def test_the_shipped_workflow_under_faults_differs_in_nothing(seed: int) -> None:
    workflow = load("orders", ROOT)
    events = begin_events(workflow, ROOT / "examples" / "orders.jsonl")
    history = under_faults(workflow, seed, events, 8)
    found = rehearsed(history, workflow, workflow)
    assert {s: one for s, one in found.items() if one.kind or one.unknown} == {}


@pytest.mark.parametrize("seed", range(40, 80))
def test_another_version_that_says_the_same_differs_in_nothing_either(seed: int) -> None:
    history = under_faults(loans(), seed, ASKED, 8)
    other = loans(partitions=4)  # another version, so that each record is weighed
    assert other.spec.version != loans().spec.version
    found = rehearsed(history, loans(), other)
    assert found
    assert {s: one for s, one in found.items() if one.kind or one.unknown} == {}


def test_an_earlier_deadline_comes_when_it_is_due() -> None:
    history = recorded(loans(), ASKED[:5])  # the register takes two seconds
    found = rehearsed(history, loans(), loans(Rules(within="1s")))
    for one in found.values():
        assert one.after == "compensated"
        assert one.kind == ("outcome" if one.before == "completed" else "events")
        assert "LoanExpired" in one.new
        assert one.unknown == {}


class LoanSeen(Event):
    amount: int


@step
def see_loan(asked: LoanAsked) -> LoanSeen:
    return LoanSeen(amount=asked.amount)


def test_a_new_pure_step_says_its_event_in_every_saga_that_comes_to_it() -> None:
    history = recorded(loans(), ASKED[:5])
    found = rehearsed(history, loans(), loans(Rules(extra=[see_loan])))
    differs = {(one.kind, one.new, one.gone) for one in found.values()}
    assert differs == {("events", ("LoanSeen",), ())}
    assert {one.before == one.after for one in found.values()} == {True}


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("name", SITUATIONS)
def test_whatever_persons_did_stands_again(name: str, same: bool) -> None:
    story = SITUATIONS[name]()
    recording = Recording(story.plan, list(story.log))
    outside = Outside(load("orders", ROOT), CODEC)
    sayings = AsTold(recording, outside, Composer(story.spec, CODEC, lambda: 0))
    course = Course(recording, story.plan, sayings, same=same)
    course.go()
    said = ([r.type for r in course.dropped], [r.type for r in course.added], course.unknown)
    assert said == ([], [], {})
    assert outcome(story.plan, course.state) == recording.outcome
    assert course.state.status is recording.state.status


class Outside(Steps):
    """Steps of which none is pure: a story has no values to run one on."""

    def runs(self, name: str) -> bool:
        return False

    def reads(self, cause: Entry) -> bool:
        return False


class AsTold(Sayings):
    """What a coordinator says in a story: of events without values nothing can be copied."""

    def __init__(self, recording: Recording, steps: Steps, composer: Composer) -> None:
        super().__init__(steps, composer)
        self._told = {record.id: record for record in recording.records}

    def said(self, say: Say, state: State, now: int) -> Record:
        return self._told[say.id]
