"""Whatever happened to a saga of whatever shape: there is a way on, and it is what is offered."""

from __future__ import annotations

from hypothesis import given

from minuet.action.act import judged
from minuet.action.possible import decide
from minuet.action.settling import possible, settling
from minuet.action.view import View, fold_headers
from minuet.action.wish import Cancel, Deed, Wish
from minuet.core.row import pack
from minuet.inspection.history import History, fold
from minuet.inspection.incidents import may_have_incidents
from tests.properties.test_core import histories, shapes, tapes
from tests.unit.core.workflows import Tape, workflow
from tests.unit.core.world import HAPPENINGS, KEY, World


class Attended(World):
    """A world whose persons do what is offered to them, any of it."""

    def view(self) -> View:
        plan = self.current.plan
        return View(plan, History(KEY, 0, list(self.log), *fold(plan, self.log)), self.time)

    def person(self) -> None:
        """Settle the oldest incident, one way or another."""
        view = self.view()
        key = next(iter(view.state.incidents))
        assert may_have_incidents(pack(view.plan, view.state))
        offered = settling(view, key)
        assert [wish for wish in offered if not isinstance(wish, Cancel)], view.state.incidents
        self.persons += 1
        self.does(view, offered[self.tape.pick(len(offered))])

    def does(self, view: View, wish: Wish) -> None:
        deed = decide(view, wish)
        assert isinstance(deed, Deed)
        headers = {
            name.removeprefix("ce_"): raw.decode()
            for name, raw in fold_headers(deed, view.state, "ada")
        }
        record = self.append(deed.type, deed.id, headers)
        outcome = judged(self.view(), wish, deed, record.offset)
        assert outcome.result == "effective", (wish, outcome.why)


@histories(60)
@given(shapes, tapes)
def test_every_incident_has_an_action_that_is_effective_and_the_saga_ends(
    shape: bytes, tape: bytes
) -> None:
    world = Attended(workflow(Tape(shape)), Tape(tape))
    world.happen(HAPPENINGS)
    world.settle()
    state = world.view().state
    assert (state.incidents, state.status.ended) == ({}, True)


@histories(40)
@given(shapes, tapes)
def test_what_is_possible_at_any_time_has_its_effect(shape: bytes, tape: bytes) -> None:
    world = Attended(workflow(Tape(shape)), Tape(tape))
    for _ in range(4):
        world.happen(HAPPENINGS // 4)
        if offered := possible(world.view()):
            world.does(world.view(), offered[world.tape.pick(len(offered))])
