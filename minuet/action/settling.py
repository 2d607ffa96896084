"""Which actions are possible as a saga stands, as commands to paste. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from shlex import quote

from minuet.action.possible import decide
from minuet.action.view import NOBODYS, View
from minuet.action.wish import Answer, Cancel, Deed, Redo, Resume, Skip, Wish
from minuet.event.model import Event

Models = Mapping[str, type[Event]]


def settling(view: View, key: str) -> list[Wish]:
    """Return what a person may do about an incident, by its key in the state."""
    return [wish for wish in _about(view, key) if isinstance(decide(view, wish), Deed)]


def possible(view: View) -> list[Wish]:
    """Return all that a person may do about a saga, each once."""
    wishes: list[Wish] = [w for key in view.state.incidents for w in settling(view, key)]
    wishes += [wish for wish in (Cancel(), Redo()) if isinstance(decide(view, wish), Deed)]
    return list(dict.fromkeys(wishes))


def _about(view: View, key: str) -> Iterator[Wish]:
    incident = view.state.incidents[key]
    if incident.kind == "gave-up":
        step = view.rules.steps.get(incident.about)
        yield Resume(_unless_shared(view, incident.about, key))
        for said in step.spec.says if step is not None else ():
            yield Answer(_unless_shared(view, incident.about, key), said)
        yield Skip(_unless_shared(view, incident.about, key))
        causes = next((slot.causes for slot in view.pending if slot.id == key), ())
        unreadable = [cause for cause in causes if cause.rejected]
        yield from (Answer(view.said_by(cause), cause.type) for cause in unreadable)
        return
    for entry in view.unreadable():
        if entry.id == key:
            step_name = view.said_by(entry)
            yield Answer(_unless_shared(view, step_name, key), entry.type)
    yield Skip(_unless_shared(view, incident.about, key))
    if incident.kind == "rejected":
        yield Cancel()


def _unless_shared(view: View, name: str, key: str) -> str:
    """The name, where no other incident answers to it; else the key, which is one's own."""
    names = [i.about for i in view.state.incidents.values()]
    names += [view.said_by(entry) for entry in view.unreadable()]
    return name if names.count(name) <= 1 else key


def command(workflow: str, saga: str, wish: Wish, models: Models) -> str:
    """Return the command line of a wish; what stands in capitals is to be filled in."""
    where = f"{quote(workflow)} {quote(saga)}"
    match wish:
        case Resume(name):
            text = f"resume {where} --step {name}"
        case Answer(step, event, _):
            text = f"answer {where} {step or NOBODYS} {event} --data {_skeleton(models.get(event))}"
        case Skip(name):
            text = f"skip {where} --of {name}"
        case Cancel():
            text = f"cancel {where}"
        case Redo():
            text = f"redo {where}"
    return f"minuet saga {text} --why 'WHY'"


def _skeleton(model: type[Event] | None) -> str:
    names = model.model_fields if model is not None else ()
    return quote(json.dumps({name: name.upper() for name in names}))
