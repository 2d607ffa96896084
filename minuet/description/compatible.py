"""Can a new version of a workflow be deployed over an old one? Events, topics, sagas in flight.

What two specs differ in is said by `difference`; here each difference is held against the rule by
which sagas change their version: under its own, as long as that is committed and the code of today
can run its steps, or under the new one, by a rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from minuet.description.difference import Safety, differences
from minuet.evolution.committed import Committed
from minuet.evolution.drift import Models, compare
from minuet.kafka import topics
from minuet.spec.model import Spec
from minuet.spec.versions import unfit

Part = Literal["events", "topics", "sagas"]


@dataclass(frozen=True)
class Finding:
    """One thing that somebody who deploys should know.

    Args:
        part: of the whole.
        safety: `unsafe` when it must not be deployed so.
        what: in words; `mend`: what to do, empty where nothing has to be done.
    """

    part: Part
    safety: Safety
    what: str
    mend: str = ""


def findings(old: Spec, new: Spec, models: Models, committed: Committed) -> list[Finding]:
    """Hold a new version against an old one.

    Args:
        old: what is deployed.
        new: what is to be, with the versions that are committed.
        models: of the new one's events.
        committed: versions of its events.

    Raises:
        UsageError: they are two workflows.
    """
    return [*_events(new.name, models, committed), *_topics(old, new), *_sagas(old, new)]


def _events(name: str, models: Models, committed: Committed) -> Iterator[Finding]:
    found = compare(models, committed)
    mend = f"see `minuet schemas check {name}`"
    for problem in (*found.problems, *map(str, found.refused)):
        yield Finding("events", "unsafe", problem, mend)
    for event in found.pending:
        what = f"{event}: the model is not its newest committed version"
        yield Finding("events", "unsafe", what, f"run `minuet schemas export {name}`")


def _topics(old: Spec, new: Spec) -> Iterator[Finding]:
    before = {plan.name: plan for plan in topics.plan(old)}
    after = {plan.name: plan for plan in topics.plan(new)}
    apply = f"run `minuet topics apply {new.name}` before the workers"
    for name in after.keys() - before.keys():
        yield Finding("topics", "careful", f"{name} is new", apply)
    for name in before.keys() - after.keys():
        yield Finding("topics", "safe", f"{name} is not used any more")
    for name in sorted(before.keys() & after.keys()):
        one, other = before[name], after[name]
        if one.partitions != other.partitions:
            what = f"{name} has {other.partitions} partitions, no longer {one.partitions}"
            mend = "keep the number: keys would move; another number is a migration to a new log"
            yield Finding("topics", "unsafe", what, mend)
        for setting in sorted(one.config.keys() | other.config.keys()):
            was, now = one.config.get(setting, "-"), other.config.get(setting, "-")
            if was != now:
                yield Finding("topics", "careful", f"{name}: {setting} {was} -> {now}", apply)


def _sagas(old: Spec, new: Spec) -> Iterator[Finding]:
    if old.version == new.version:
        return
    changes = differences(old, new)
    rule = next((rule for rule in new.migrations if rule.version == old.version), None)
    kept = any(each.version == old.version for each in new.before)
    if rule is None and kept:
        yield from _under_their_own(new, old.version)
        return
    if rule is not None:
        which = f", unless {' or '.join(rule.unless)} has happened" if rule.unless else ""
        yield Finding("sagas", "careful", f"running sagas go on under the new version{which}")
    for each in changes:
        mend, safety = "", each.safety
        if each.rebuilt and rule is not None:
            safety = "careful"  # what was folded before the event is folded by the old rules
        if safety == "unsafe":
            mend = (
                f"run `minuet spec export {new.name}` on the code that is deployed: its sagas then "
                "finish under its version"
            )
        yield Finding("sagas", safety, f"{each.what}; sagas in flight: {each.in_flight}", mend)
    if rule is not None and rule.unless:
        yield from _under_their_own(new, old.version)


def _under_their_own(new: Spec, version: str) -> Iterator[Finding]:
    what = "sagas that began under the old version finish under it"
    yield Finding("sagas", "safe", what)
    for each in unfit(new.before, new):
        if each.version == version:
            mend = f"keep a step that can, or write Migrate({each.number}) on the saga"
            text = f"step {each.step} {each.why}: what waits for it in these sagas waits for ever"
            yield Finding("sagas", "unsafe", text, mend)
