"""A person's answer: in the place of a parked step, or of a value that cannot be read. Pure."""

from __future__ import annotations

from minuet.action.view import NOBODYS, View
from minuet.action.wish import Answer, Choice, Decision, Deed, Earlier, Refusal, Which
from minuet.core.due import Slot
from minuet.core.state import Entry
from minuet.event.ids import action_id
from minuet.event.platform import PLATFORM_EVENTS
from minuet.event.record import BY, STEP


def answer(view: View, wish: Answer) -> Decision:
    """Say what event answers, or why none can."""
    slots = [s for s in view.pending if view.is_parked(s) and wish.step in (s.step.name, s.id)]
    entries = [
        entry
        for entry in view.unreadable()
        if wish.step in (view.said_by(entry), entry.id, entry.slot)
    ]
    deeds = {
        slot.id: _in_its_place(slot, wish.event)
        for slot in slots
        if wish.event in slot.step.spec.says
    }
    deeds |= {e.id: replacing(view, e) for e in entries if e.type == wish.event}
    if len(deeds) > 1:
        return Which(tuple(Choice(name, deed.about) for name, deed in deeds.items()))
    if deeds:
        return next(iter(deeds.values()))
    return _before(view, wish) or Refusal(_why(view, wish, slots, entries))


def _in_its_place(slot: Slot, event_type: str) -> Deed:
    return Deed(
        event_type,
        action_id(event_type, slot.id),
        f"{slot.step.name}, in its place",
        step=slot.step.name,
        slot=slot.id,
        causes=tuple(cause.id for cause in slot.causes),
        undoes=slot.undoes,
        late=slot.in_doubt,
    )


def replacing(view: View, entry: Entry) -> Deed:
    """Give the event at its place a readable value; slot and step are those it was said with."""
    said = view.with_id(entry.id)
    step = said.text(STEP) if said is not None else view.rules.said_by.get(entry.type, "")
    return Deed(
        entry.type,
        action_id(entry.type, entry.id),
        f"{entry.type} at log offset {entry.offset}, which cannot be read",
        step=step if entry.slot else "",
        slot=entry.slot,
        causes=tuple(said.causes) if said is not None else (),
        undoes=entry.undoes,
    )


def _before(view: View, wish: Answer) -> Decision | None:
    """What somebody answered before: the same, or something else that was first."""
    for record in view.effective():
        if not record.headers.get(BY) or wish.step not in (
            record.text(STEP) or NOBODYS,
            record.slot,
        ):
            continue
        if record.type == "StepResumed":
            return None
        if record.type == wish.event and record.digest == wish.digest:
            return Earlier(record)
        if record.type == "StepSkipped" or record.type not in PLATFORM_EVENTS:
            what = "with other content" if record.type == wish.event else f"with {record.type}"
            return Refusal(f"{record.text(BY)} was first, and has settled it {what}")
    return None


def _why(view: View, wish: Answer, slots: list[Slot], entries: list[Entry]) -> str:
    if slots:
        says = " | ".join(slots[0].step.spec.says)
        return f"{slots[0].step.name} says {says}, never {wish.event}"
    if entries:
        kept = entries[0].type
        return f"it was {kept} that cannot be read: another type would say that it did not happen"
    if wish.step == NOBODYS:
        return f"no {wish.event} from outside waits for a readable value"
    if view.state.status.ended and not view.state.incidents:
        return f"it has ended ({view.state.status.value}), and waits for no answer"
    return view.stands(wish.step)
