"""Doing without: an undo, a slot of a failing saga, an event that cannot be undone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from minuet.action.view import View
from minuet.action.wish import Choice, Decision, Deed, Earlier, Refusal, Skip, Which
from minuet.core.state import Incident, Place
from minuet.event.ids import action_id
from minuet.event.record import STEP, UNDOES

_WHY_NOT_UNDONE = {
    "irreversible": ", which cannot be undone",
    "failed-after-pivot": ", which came after the pivot",
}


@dataclass(frozen=True, slots=True)
class _Target:
    """What may be skipped: by which names, and whether a person is waited for."""

    deed: Deed
    names: tuple[str, ...]
    waits: bool


def skip(view: View, wish: Skip) -> Decision:
    """Say what event skips it, or why nothing can be skipped."""
    every = _merged(_targets(view))
    targets = [t for t in every if wish.name in t.names or (not wish.name and t.waits)]
    good = [target for target in targets if not view.trial(target.deed)[0]]
    if len(good) > 1:
        return Which(tuple(Choice(_name(t, good), t.deed.about) for t in good))
    if good:
        return good[0].deed
    if targets:
        return Refusal(_why(view, targets[0]))
    return _before(view, wish) or Refusal(_nothing(view, wish))


def _merged(targets: Iterable[_Target]) -> list[_Target]:
    """Each deed once: an outcome and the request to undo it may both be unreadable."""
    found: dict[str, _Target] = {}
    for target in targets:
        before = found.get(target.deed.id)
        if before is not None:
            names = tuple(dict.fromkeys((*before.names, *target.names)))
            found[target.deed.id] = _Target(before.deed, names, before.waits or target.waits)
        else:
            found[target.deed.id] = target
    return list(found.values())


def _name(target: _Target, among: list[_Target]) -> str:
    """The first of its names that only it has."""
    others = {name for each in among if each is not target for name in each.names}
    return next(name for name in target.names if name not in others)


def _targets(view: View) -> Iterator[_Target]:
    state = view.state
    found: set[str] = set()
    for key, incident in state.incidents.items():
        undoes = _undoes(view, key, incident)
        found.add(undoes)
        yield _undo(view, undoes, key) if undoes else _slot(key, incident)
    wanted = [*state.requests, *state.strays]
    if state.failing:
        wanted += [e.id for e in state.events.values() if e.type in view.rules.undo_of]
    for undoes in dict.fromkeys(wanted):
        if undoes not in found and undoes not in state.undone:
            yield _undo(view, undoes)


def _undoes(view: View, key: str, incident: Incident) -> str:
    """The id of the event that an incident is about the undo of; empty for a forward slot."""
    if incident.kind == "gave-up":
        return next((slot.undoes for slot in view.pending if slot.id == key), "")
    entry = view.state.ids.get(key)
    return entry.undoes if entry is not None and entry.place is Place.REQUEST else key


def _undo(view: View, undoes: str, key: str = "") -> _Target:
    state, plan = view.state, view.plan
    incident = state.incidents.get(key)
    entry = state.undoable(undoes)
    said = view.with_id(undoes)
    of = entry.type if entry is not None else said.type if said is not None else ""
    undo = plan.undo_of.get(of)
    step = plan.undo_steps.get(undo.request) if undo is not None else None
    name = step.name if step is not None else ""
    about = f"the undo of {of}" if undo is not None else of
    if incident is not None:
        about += _WHY_NOT_UNDONE.get(incident.kind, "")
    deed = Deed("StepSkipped", action_id("StepSkipped", undoes), about, step=name, undoes=undoes)
    names = (name, of, incident.about if incident else "", undoes, key)
    return _Target(deed, tuple(dict.fromkeys(n for n in names if n)), incident is not None)


def _slot(slot: str, incident: Incident) -> _Target:
    step = incident.about
    deed = Deed("StepSkipped", action_id("StepSkipped", slot), step, step=step, slot=slot)
    return _Target(deed, (step, slot), waits=True)


def _why(view: View, target: _Target) -> str:
    deed, status = target.deed, view.state.status.value
    if deed.slot:
        return f"{deed.step} cannot be skipped in a {status} saga: others would wait for its answer"
    return f"{deed.about} cannot be skipped in a {status} saga: nobody has asked for its undo"


def _before(view: View, wish: Skip) -> Earlier | None:
    for record in view.persons("StepSkipped"):
        undone = view.with_id(record.text(UNDOES))
        names = (record.text(STEP), record.slot, record.text(UNDOES), undone.type if undone else "")
        if not wish.name or wish.name in names:
            return Earlier(record)
    return None


def _nothing(view: View, wish: Skip) -> str:
    if wish.name:
        return f"no undo, and no incident, of {wish.name} is open"
    return "no incident is open that could be skipped; name the undo that is not to be waited for"
