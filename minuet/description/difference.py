"""What differs between two versions of a workflow, in words, and what it means for sagas in flight.

The new version folds a saga in flight on from the row that the old one left, and may fold it anew
from the log at any time. A change is `safe` when both agree and nothing happens to the saga but
what was changed; `careful` when they agree, and something happens that one should know of; `unsafe`
when it may stand for ever or be forgotten, or when a rebuilt table differs from the one that runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from minuet.description.parts import COMPENSATED, COMPLETED, closure, needs_any, short
from minuet.duration import written
from minuet.errors import UsageError
from minuet.spec.model import ImportSpec, Spec, StepSpec

Safety = Literal["safe", "careful", "unsafe"]
_T = TypeVar("_T")
_KEPT = "where a row no longer keeps the event that is needed, an incident calls a person"
_NEXT_RUN = "from its next run on"


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    Args:
        what: in words.
        safety: for sagas in flight.
        in_flight: what becomes of them.
        rebuilt: it is unsafe only since a rebuilt table would differ, which it does not where
            each saga goes by its own version, or left it by an event.
    """

    what: str
    safety: Safety
    in_flight: str
    rebuilt: bool = False


def differences(old: Spec, new: Spec) -> list[Difference]:
    """Compare two versions of a workflow; none when they mean the same.

    Raises:
        UsageError: they are two workflows.
    """
    if old.name != new.name:
        message = f"these are two workflows, {old.name} and {new.name}, not two versions"
        raise UsageError(message)
    found = [*_table(old, new), *_events(old, new)]
    for words, fields in (
        (_fails, ("fails",)),
        (_undos, ("undo", "parallel_undo")),
        (_deadlines, ("deadlines",)),
        (_steps, ("steps",)),
        (_imports, ("imports",)),
        (_settings, ("partitions", "duplicate_horizon_ms", "early_ms", "errors")),
    ):
        said = list(words(old, new))
        found += said or _wordless(old, new, fields)
    found += _migrations(old, new)
    return found or _wordless(old, new, ("version",))


def _wordless(old: Spec, new: Spec, fields: Iterable[str]) -> list[Difference]:
    """What differs in these fields, and has no words: never nothing, where something does."""
    differ = [name for name in fields if _plain(old, name) != _plain(new, name)]
    what = "something that has no words here ({}): compare `minuet spec show --json`"
    return [Difference(what.format(name), "careful", "unknown") for name in differ]


def _plain(spec: Spec, name: str) -> object:
    """A field of a version; where a step stands in its file is no part of it."""
    if name == "steps":
        return [replace(step, file="", line=0) for step in spec.steps]
    return getattr(spec, name)


def _table(old: Spec, new: Spec) -> Iterator[Difference]:
    if old.begins != new.begins:
        why = f"begun by {old.begins}, which begins none any more: a rebuilt table has lost them"
        yield Difference(
            f"{new.begins} begins the saga, no longer {old.begins}", "unsafe", why, True
        )
    if old.key != new.key:
        why = "keep their ids; see that a new saga never gets the id of another"
        yield Difference(f"the key is the field {new.key}, no longer {old.key}", "careful", why)
    if old.completes != new.completes:
        what = f"{new.completes} completes the saga, no longer {old.completes}"
        why = f"that have {old.completes} go on until {new.completes}; in a rebuilt table also "
        why = f"{why}those that {old.completes} has ended"
        yield Difference(what, "unsafe", why, rebuilt=True)
    if old.pivot != new.pivot:
        what = f"the pivot is {new.pivot or 'none'}, no longer {old.pivot or 'none'}"
        why = "that fail are undone, or wait for a person, by the new pivot"
        why = f"{why}; a rebuilt table takes it for failures of before too"
        yield Difference(what, "unsafe", why, rebuilt=True)


def _fails(old: Spec, new: Spec) -> Iterator[Difference]:
    known = _said(old)
    for event in _added(old.fails, new.fails):
        if event in known:
            why = f"that have {event} went on; a rebuilt table says that they failed"
            yield Difference(f"{event} now fails the saga", "unsafe", why, True)
        else:
            yield Difference(f"{event}, which is new, fails the saga", "safe", "from now on")
    for event in _added(new.fails, old.fails):
        why = f"that {event} failed are being undone; a rebuilt table says that they run"
        yield Difference(f"{event} no longer fails the saga", "unsafe", why, True)


def _undos(old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = ({undo.outcome: undo for undo in spec.undo} for spec in (old, new))
    known = _said(old)
    for outcome in _added(before, after):
        undo = after[outcome]
        what = f"{outcome} is now undone, by {undo.request} and {undo.undone}"
        if outcome in known:
            why = "that fail are undone so, too; in a rebuilt table also those that ended undone"
            yield Difference(what, "unsafe", why, rebuilt=True)
        else:
            yield Difference(what, "safe", f"{outcome} is new to them")
    for outcome in _added(after, before):
        request = before[outcome].request
        why = f"that fail keep {outcome}; those that wait for the answer to {request} never end"
        yield Difference(f"{outcome} is no longer undone", "unsafe", why)
    for outcome in _both(before, after):
        one, other = before[outcome], after[outcome]
        if one != other:
            what = f"{outcome} is undone by {other.request} and {other.undone}"
            what += f", no longer by {one.request} and {one.undone}"
            yield Difference(what, "unsafe", f"that wait for {one.undone} never end")
    if old.parallel_undo != new.parallel_undo:
        how = "all at once" if new.parallel_undo else "one after the other, last outcome first"
        yield Difference(f"outcomes are undone {how}", "safe", "what is not asked for yet")


def _deadlines(old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = (
        {deadline.type: deadline for deadline in spec.deadlines} for spec in (old, new)
    )
    for event in _added(before, after):
        one = after[event]
        what = (
            f"{event} happens {written(one.within_ms)} after {one.after}, unless {one.unless} has"
        )
        why = f"counted from when {one.after} happened, so perhaps at once"
        yield Difference(what, "careful", why)
    for event in _added(after, before):
        why = "no longer run out of time: one that waits for the outside may stand for ever"
        yield Difference(f"the deadline {event} is gone", "careful", why)
    for event in _both(before, after):
        one, other = before[event], after[event]
        if one.within_ms != other.within_ms:
            times = f"{written(other.within_ms)}, no longer {written(one.within_ms)}"
            times += f" after {other.after}"
            shorter = other.within_ms < one.within_ms
            why = "counted from when it happened" + (", so perhaps at once" * shorter)
            yield Difference(f"{event} happens {times}", "careful" if shorter else "safe", why)
        if (one.after, one.unless) != (other.after, other.unless):
            what = f"{event} counts from {other.after} unless {other.unless}"
            what += f", no longer from {one.after} unless {one.unless}"
            why = "one that has fired may have come too late, or in time, in a rebuilt table"
            yield Difference(what, "unsafe", why, rebuilt=True)


def _imports(old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = ({each.type: each for each in spec.imports} for spec in (old, new))
    for event in _added(before, after):
        what = f"{event} is imported, from {_source(after[event])}"
        yield Difference(what, "safe", "that have none take it from now on")
    for event in _added(after, before):
        why = f"that wait for {event} get it only if somebody publishes it"
        yield Difference(f"{event} is no longer imported", "careful", why)
    for event in _both(before, after):
        one, other = before[event], after[event]
        if _source(one) != _source(other):
            what = f"{event} is imported from {_source(other)}, no longer {_source(one)}"
            why = f"that have {event} keep it; a second one, under another id, is a stray"
            yield Difference(what, "careful", why)
        elif one != other:
            what = f"{event} is read otherwise from {_source(other)}: key, id or fields"
            why = "that have it keep it; one that is imported again may be told as a conflict"
            yield Difference(what, "careful", why)


def _source(one: ImportSpec) -> str:
    behind = "" if one.prefix is None else f" behind {one.prefix or 'no prefix'}"
    return (
        f"{one.named} on the log of {one.log}{behind}" if one.log else f"{one.topic} ({one.format})"
    )


def _steps(old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = ({step.name: step for step in spec.steps} for spec in (old, new))
    gone, late = _added(after, before), closure(new, {COMPLETED, COMPENSATED})
    for name in _added(before, after):
        step = after[name]
        twin = next((g for g in gone if set(before[g].says) & set(step.says)), "")
        if twin:
            gone.remove(twin)
            what = f"step {twin} is now called {name}"
            why = f"where it has answered, nothing; what it began is begun again by {name}, "
            yield Difference(what, "careful", why + "under another idempotency key")
            yield from _step(before[twin], step, old, new)
        else:
            needs = _all_of(step.needs)
            what = f"step {name} is new: needs {needs}, says {' or '.join(step.says)}"
            why = f"it runs in those that have {needs}, too; {_KEPT}"
            if needs_any(step, late):
                why = "nothing; a rebuilt table also runs it in sagas that ended before"
            after_end = needs_any(step, late)
            yield Difference(what, "unsafe" if after_end else "careful", why, rebuilt=after_end)
    for name in gone:
        why = "what it has begun and not answered is not asked for any more"
        yield Difference(f"step {name} is gone", "unsafe", why)
    for name in (step.name for step in old.steps if step.name in after):
        yield from _step(before[name], after[name], old, new)


def _step(one: StepSpec, other: StepSpec, old: Spec, new: Spec) -> Iterator[Difference]:
    name = f"step {other.name}"
    yield from _needs(one, other, new)
    for event in _added(one.says, other.says):
        how = " which fails the saga," if event in new.fails else ""
        what = f"{name} may now say {event},{how}".rstrip(",")
        if event in _said(old):
            why = f"{_NEXT_RUN}; where {event} has happened already, it comes second and is a stray"
            yield Difference(what, "careful", why)
        else:
            yield Difference(what, "safe", _NEXT_RUN)
    for event in _added(other.says, one.says):
        why = f"where it said {event}, a rebuilt table takes it as not answered: it runs again"
        why += ", under the same key"
        yield Difference(f"{name} no longer says {event}", "unsafe", why, rebuilt=True)
    uses, used = (", ".join(map(short, s.resources)) or "nothing" for s in (other, one))
    if one.resources != other.resources:
        yield Difference(f"{name} uses {uses}, no longer {used}", "safe", _NEXT_RUN)
    if one.retry != other.retry:
        yield Difference(f"{name} {_retry(one, other)}", "safe", "from its next failure on")
    if one.timeout_ms != other.timeout_ms:
        times = f"{written(other.timeout_ms)}, no longer {written(one.timeout_ms)}"
        yield Difference(f"{name} may take {times}", "safe", _NEXT_RUN)
    if one.breaker != other.breaker:
        what = (
            f"{name} has the breaker {other.breaker or 'none'}, no longer {one.breaker or 'none'}"
        )
        yield Difference(what, "safe", _NEXT_RUN)
    if one.in_doubt != other.in_doubt:
        what = (
            f"{name} in doubt: {other.in_doubt or 'default'}, no longer {one.in_doubt or 'default'}"
        )
        yield Difference(what, "careful", "where it has not answered when the saga fails")


def _needs(one: StepSpec, other: StepSpec, new: Spec) -> Iterator[Difference]:
    name = f"step {other.name}"
    safety: Safety = "careful"
    why = "where it has answered, nothing; what it began and has not answered it begins again, "
    why += f"under another idempotency key; {_KEPT}"
    more, fewer = _added(one.needs, other.needs), _added(other.needs, one.needs)
    late = closure(new, {COMPLETED, COMPENSATED})
    if needs_any(other, late) and not needs_any(one, late):
        safety, why = "unsafe", f"{why}; a rebuilt table also runs it in sagas that ended before"
    if more and fewer:
        what = f"{name} now needs {_all_of(more)}, no longer {_all_of(fewer)}"
        yield Difference(what, safety, why, safety == "unsafe")
    elif more:
        what = f"{name} now also needs {_all_of(more)}"
        yield Difference(what, safety, why, safety == "unsafe")
    elif fewer:
        what = f"{name} no longer needs {_all_of(fewer)}"
        yield Difference(what, safety, why, safety == "unsafe")
    elif one.parameters != other.parameters and one.resources == other.resources:
        yield Difference(f"{name} has its parameters in other words or order", "safe", "nothing")


def _events(old: Spec, new: Spec) -> Iterator[Difference]:
    before, after = dict(old.events), dict(new.events)
    for event in _both(before, after):
        if before[event] != after[event]:
            why = f"`minuet schemas check {new.name}` says whether their {event} can still be read"
            yield Difference(f"the schema of {event} has changed", "careful", why)


def _migrations(old: Spec, new: Spec) -> Iterator[Difference]:
    for rule in _added(old.migrations, new.migrations):
        unless = f", unless {' or '.join(rule.unless)} has happened" if rule.unless else ""
        what = f"running sagas of version {rule.version} go on under this one{unless}"
        yield Difference(what, "careful", "of that version: the other differences are for them too")
    for rule in _added(new.migrations, old.migrations):
        what = f"running sagas of version {rule.version} no longer go on under this one"
        yield Difference(what, "safe", "of that version finish under it, if it is committed")


def _settings(old: Spec, new: Spec) -> Iterator[Difference]:
    if old.partitions != new.partitions:
        what = f"each topic has {new.partitions} partitions, no longer {old.partitions}"
        yield Difference(what, "unsafe", "stay where they are: this is a migration to a new log")
    for name, of, what in (
        ("duplicate_horizon_ms", "ended sagas know their events again for", "have not ended"),
        ("early_ms", "events of unknown sagas are kept for", "have begun"),
    ):
        was, now = getattr(old, name), getattr(new, name)
        if was != now:
            text = f"{of} {written(now)}, no longer {written(was)}"
            yield Difference(text, "safe", f"nothing: they {what}")
    breakers = {breaker.name: breaker for breaker in old.breakers}
    for each in new.breakers:
        was_set = breakers.get(each.name)
        if was_set and was_set != each:
            what = f"breaker {each.name} opens after {each.failures} failures, for "
            yield Difference(what + written(each.open_ms), "safe", "from the worker's start on")
    if old.errors != new.errors:
        changed = sorted({short(name) for name, _ in set(old.errors) ^ set(new.errors)})
        what = f"{', '.join(changed)} mean something else when a step raises them"
        yield Difference(what, "safe", "from the next failure on")


def _added(before: Iterable[_T], after: Iterable[_T]) -> list[_T]:
    """What is in the second and not in the first, in order."""
    known = set(before)
    return [each for each in after if each not in known]


def _both(before: Iterable[_T], after: Iterable[_T]) -> list[_T]:
    known = set(before)
    return [each for each in after if each in known]


def _said(spec: Spec) -> set[str]:
    said = {spec.begins, *(name for name, _ in spec.events)}
    return said | {event for step in spec.steps for event in step.says}


def _all_of(needs: Iterable[tuple[str, ...]]) -> str:
    return " and ".join(" or ".join(types) for types in needs)


def _retry(one: StepSpec, other: StepSpec) -> str:
    old, new, said = one.retry, other.retry, []
    if new.attempts != old.attempts:
        said.append(f"is tried {new.attempts} times, no longer {old.attempts}")
    if (new.first_ms, new.most_ms) != (old.first_ms, old.most_ms):
        waits = [f"{written(retry.first_ms)} to {written(retry.most_ms)}" for retry in (new, old)]
        said.append(f"waits {waits[0]} between tries, no longer {waits[1]}")
    if new.factor != old.factor:
        said.append(f"waits {new.factor:g} times longer each time, no longer {old.factor:g}")
    return ", and ".join(said)
