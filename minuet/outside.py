"""What a saga says of the outside, beside its table: resources, what their errors mean, breakers.

It stands in the workflow's own module, next to the services that the steps reach.
"""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from minuet.duration import parse_ms
from minuet.errors import GiveUp, RetryLater
from minuet.event.model import Event, Request
from minuet.settings.names import refusal
from minuet.spec.model import CATEGORIES, BreakerSpec, ImportSpec

Factory = Callable[[], object]

_HERE = ("minuet.outside", "minuet.saga")


@dataclass(frozen=True, slots=True)
class Provided:
    """The two forms of a resource, None where there is none, and where that is written."""

    real: Factory | None
    simulated: Factory | None
    place: tuple[str, int] = ("", 0)


class Outside(ABC):
    """The part of a saga that speaks of the outside."""

    provided: dict[type, Provided]
    categories: dict[type[Exception], str]
    breakers: dict[str, BreakerSpec]
    imported: dict[type[Event], ImportSpec]
    name: str
    key: str
    begins: type[Event]
    external: tuple[type[Event], ...]

    @abstractmethod
    def refuse(
        self, message: str, mend: str, place: tuple[str, int] | None = None, *,
        rule: str = "definition",
    ) -> NoReturn:  # fmt: skip
        """Raise the error that names the saga, its place, what is wrong and how to mend it."""

    def provide(
        self, resource: type, *, real: Factory | None = None, simulated: Factory | None = None
    ) -> None:
        """Name the real and the simulated form of a resource: classes, or functions, without
        arguments, each called once for a worker. What has an `async def aclose(self)` is closed
        when the worker stops.

        Raises:
            DefinitionError: there is no form, or it is provided already.
        """
        place = written_at()
        if not isinstance(resource, type):
            self.refuse(f"{resource!r} is not a class", "provide a class; steps ask by it", place)
        name = resource.__name__
        if resource in self.provided:
            self.refuse(f"{name} is provided twice", "write both forms in one `provide`", place)
        if real is None and simulated is None:
            mend = f"name one: provide({name}, real=..., simulated=...)"
            self.refuse(f"{name} is provided without a form", mend, place)
        for form in (real, simulated):
            if form is not None and not _callable_without_arguments(form):
                mend = "give a class or a function that can be called without arguments"
                self.refuse(f"{name} cannot be made by {form!r}", mend, place)
        self.provided[resource] = Provided(real, simulated, place)

    def errors(self, table: Mapping[type[Exception], str]) -> None:
        """Say what exceptions of the steps mean; the most specific class wins.

        Args:
            table: exception class -> `retry` (may pass), `reject` (never again: a person
                decides), `poison` (the input is at fault; never again, either) or `bug` (a few
                tries, then a person). Not in it: timeouts and connection errors are `retry`,
                all else is `bug`.

        Raises:
            DefinitionError: a row cannot be, or speaks of a class again.
        """
        place = written_at()
        for error, category in table.items():
            if not isinstance(error, type) or not issubclass(error, Exception):
                mend = 'write classes, as errors({httpx.ConnectError: "retry"})'
                self.refuse(f"{error!r} is not a class of exceptions", mend, place)
            name = error.__name__
            if category not in CATEGORIES:
                mend = f"write one of {', '.join(CATEGORIES)}"
                self.refuse(f"{name} has the unknown category {category!r}", mend, place)
            if error in (RetryLater, GiveUp):
                mend = "name the exceptions of your services; a class that extends it may be named"
                self.refuse(f"{name} says itself what it means", mend, place)
            if error in self.categories:
                self.refuse(f"{name} has a category already", "leave one of the rows out", place)
            self.categories[error] = category

    def breaker(self, name: str, *, failures: int = 5, open_for: str = "10s") -> None:
        """Set when a circuit breaker opens, which steps share by its name.

        Args:
            name: as in `@step(breaker="payments")`.
            failures: so many in a row of category `retry` open it.
            open_for: so long nothing is tried; then one run is let through as a probe.

        Raises:
            DefinitionError: a number cannot be, or the breaker is set already.
        """
        place = written_at()
        if name in self.breakers:
            self.refuse(f"the breaker {name!r} is set twice", "leave one of them out", place)
        if not isinstance(failures, int) or failures < 1:
            mend = "write how many failures in a row open it, from 1 up"
            self.refuse(f"the breaker {name!r} has failures={failures!r}", mend, place)
        try:
            open_ms = parse_ms(open_for)
        except ValueError:
            open_ms = 0
        if open_ms < 1:
            mend = 'write a number and a unit, as open_for="10s"'
            self.refuse(f"the breaker {name!r} has open_for={open_for!r}", mend, place)
        self.breakers[name] = BreakerSpec(name, failures, open_ms)

    def imports(  # noqa: PLR0913  (what there is to say of it)
        self, event: type[Event], *, key: str, from_log: str = "", from_topic: str = "",
        named: str = "", format: str = "", fields: Mapping[str, str] | None = None, id: str = "",
        prefix: str | None = None,
    ) -> None:  # fmt: skip
        """Take an event of elsewhere as one of this workflow: `minuet import` puts it on the log.

        Args:
            event: what it is here; a step may need it, or the table name it.
            key: its field that is the saga's id.
            from_log: the workflow whose log it stands on.
            from_topic: or a topic that Minuet does not own; each record is such an event.
            named: its type on that log, if it is not the same.
            format: of the topic's records: `json`, or `avro` in the Confluent wire format.
            fields: field of the event -> field there, where the names differ; a dot goes one
                deeper. What is there besides is passed over.
            id: the field of the event that is its own id; else what it has on the log, or one
                made of topic, partition and offset.
            prefix: of that log's workflow, if it is another than this one's.

        Raises:
            DefinitionError: it cannot be imported so.
        """
        place = written_at()
        found = _import_of(event, key, from_log, from_topic, named, format, fields, id, prefix)
        wrong = _why_not(self, event, found) or _why_not_from(self, found)
        if wrong is not None:
            self.refuse(*wrong, place, rule="import")
        self.imported[event] = found
        self.external = (*self.external, event)


def _import_of(  # noqa: PLR0913  (as they were said)
    event: type[Event], key: str, log: str, topic: str, named: str, format: str,
    fields: Mapping[str, str] | None, id: str, prefix: str | None,
) -> ImportSpec:  # fmt: skip
    name = getattr(event, "__name__", str(event))
    pairs = tuple(sorted((fields or {}).items()))
    there = (named or name) if log else named
    return ImportSpec(name, key, log, topic, there, format or "avro", pairs, id, prefix)


_Wrong = tuple[str, str]


def _why_not(saga: Outside, event: type[Event], found: ImportSpec) -> _Wrong | None:
    """Why an event of this kind cannot be imported, and how to mend it."""
    name = found.type
    if not isinstance(event, type) or not issubclass(event, Event) or issubclass(event, Request):
        return f"{name} cannot be imported", "name the class of an event, which extends Event"
    if event is saga.begins:
        return f"{name} begins the saga", "publish it: `minuet publish --topic` takes records too"
    if event in saga.external:
        twice = "imported twice" if event in saga.imported else "imported and in `external`"
        return f"{name} is {twice}", "leave one of them out"
    there = event.model_fields
    named = [("key", found.key), *(("fields", field) for field, _ in found.fields)]
    for what, field in (*named, *([("id", found.id)] if found.id else [])):
        if field not in there:
            return f"{name} has no field {field!r} ({what})", f"name one of {', '.join(there)}"
    wanted = saga.begins.model_fields[saga.key].annotation
    if there[found.key].annotation is not wanted:
        mend = f"let it be of the type that {saga.begins.__name__}.{saga.key} has: {wanted}"
        return f"{name}.{found.key} cannot be the saga's id: it is another type", mend
    return None


def _why_not_from(saga: Outside, found: ImportSpec) -> _Wrong | None:
    """Why it cannot be imported from there."""
    name, others = found.type, saga.imported.values()
    if bool(found.log) == bool(found.topic):
        return f"{name} needs one source", "say from_log=WORKFLOW, or from_topic=TOPIC"
    if found.format not in ("avro", "json"):
        return f"{name}: format={found.format!r}", "say avro or json"
    if found.log and found.format != "avro":
        return f"{name}: a log has no format to be said", "leave `format` out"
    if found.topic and (found.named or found.prefix is not None):
        return f"{name}: a topic has its whole name", "`named` and `prefix` are for a log"
    if why := refusal(found.prefix or ""):
        return f"{name}: prefix={found.prefix!r}", why
    if found.log == saga.name and not found.prefix:
        return f"{name} would come from the saga's own log", "let a step say it"
    records = (found.log, found.topic, found.named, found.prefix)
    if records in ((each.log, each.topic, each.named, each.prefix) for each in others):
        mend = "a record becomes one event: import it once, and let steps need that"
        return f"{name} is made of the same records as another import", mend
    return None


def written_at() -> tuple[str, int]:
    """Return the file and line, outside of what defines sagas, that is being run."""
    frame: Any = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _HERE:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _callable_without_arguments(form: object) -> bool:
    if not callable(form):
        return False
    try:
        inspect.signature(form).bind()
    except TypeError:
        return False
    except ValueError:  # a built-in without a signature
        return True
    return not inspect.isabstract(form) and not getattr(form, "_is_protocol", False)
