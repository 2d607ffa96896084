"""A workflow's events beside what a registry has of them: told apart, registered, taken over.

Subjects are full names, so each event has one history, in files and there. Versions are compared by
fingerprint, whatever their numbers and their order are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from minuet.contracts.schema import Schema
from minuet.errors import ContractError, RegistryAway, RegistryError
from minuet.kafka.schema_service import SchemaService
from minuet.kafka.schema_texts import Registered, canonical, whole


class Form(NamedTuple):
    """A version of an event: its number in the files, its schema, and what it has to keep to."""

    number: int
    schema: Schema
    level: str


@dataclass(frozen=True)
class Subject:
    """An event as a registry is to have it.

    Args:
        event: its type.
        name: of the subject: the event's full name.
        forms: its versions, oldest first.
        level: that the registry has to hold new versions against.
        shared: others may register versions of their own, as another Minuet does of its events.
    """

    event: str
    name: str
    forms: Sequence[Form]
    level: str
    shared: bool = False


@dataclass(frozen=True)
class There:
    """A version in the registry that the files do not have.

    Args:
        version, id: its numbers there.
        schema: in our form; None for one that cannot be used, of which `why` says more.
    """

    version: int
    id: int
    schema: Schema | None
    why: str = ""

    @property
    def fingerprint(self) -> str:
        """Of its schema; empty where that cannot be used."""
        return self.schema.fingerprint if self.schema else ""


@dataclass(frozen=True)
class Standing:
    """How a subject stands in a registry.

    Args:
        subject: as it is to be.
        ids: of each version that is registered, by its number in the files.
        missing: versions that are not registered.
        more: versions that only the registry has.
        level: that is set there; empty when none is.
        order: fingerprints as the registry has them, oldest first.
    """

    subject: Subject
    ids: dict[int, int]
    missing: Sequence[Form]
    more: Sequence[There]
    level: str
    order: Sequence[str] = ()

    @property
    def same(self) -> bool:
        """Whether files and registry agree."""
        return not (self.missing or self.more) and self.level == self.subject.level


@dataclass(frozen=True)
class Refused:
    """A version that the registry does not take."""

    subject: Subject
    form: Form
    why: str


def standing(service: SchemaService, subject: Subject) -> Standing:
    """Compare a subject with its files.

    Raises:
        RegistryError: the registry refuses, or is away.
    """
    there = [_there(service, found) for found in service.versions(subject.name)]
    known = {each.schema.fingerprint: each.id for each in there if each.schema is not None}
    wanted = {form.schema.fingerprint for form in subject.forms}
    return Standing(
        subject,
        {f.number: known[f.schema.fingerprint] for f in subject.forms if _of(f) in known},
        [form for form in subject.forms if _of(form) not in known],
        [] if subject.shared else [each for each in there if each.fingerprint not in wanted],
        service.level(subject.name),
        tuple(known),
    )


def register(service: SchemaService, subject: Subject) -> Iterator[tuple[Form, int] | Refused]:
    """Register what is missing, oldest first; tells of each version, and ends at a refusal.

    Each version is registered under the level that it declares itself; the subject's own stays.

    Raises:
        RegistryError: the registry refuses for another reason, or is away.
    """
    level = service.level(subject.name)
    for form in subject.forms:
        number = service.find(form.schema)
        if number is None:
            if level != form.level:
                service.set_level(subject.name, form.level)
                level = form.level
            try:
                number = service.register(form.schema)
            except RegistryAway:
                raise
            except RegistryError as error:
                yield Refused(subject, form, str(error))
                break
        yield form, number
    if level != subject.level:
        service.set_level(subject.name, subject.level)


def apart(found: Standing) -> str:
    """Why what a registry has more cannot be taken over behind the files; empty when it can."""
    if found.missing and found.more:
        numbers = ", ".join(f"v{form.number}" for form in found.missing)
        return f"the registry lacks {numbers}, and has others: two histories"
    bad = next((each for each in found.more if each.schema is None), None)
    if bad is not None:
        return f"version {bad.version} there cannot be used: {bad.why}"
    ours = {_of(form) for form in found.subject.forms}
    places = [name in ours for name in found.order]
    if places != sorted(places, reverse=True):
        return "the registry has others before those of the files: two histories"
    return ""


def _of(form: Form) -> str:
    return form.schema.fingerprint


def _there(service: SchemaService, found: Registered) -> There:
    try:
        schema = canonical(whole(found, service.version))
    except ContractError as error:
        return There(found.version, found.id, None, str(error))
    return There(found.version, found.id, schema)
