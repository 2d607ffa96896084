"""Models beside their committed versions: what differs, and what may be written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fastavro import parse_schema

from minuet.contracts.scalars import Json
from minuet.contracts.schema import schema_of
from minuet.contracts.shape import shape_of
from minuet.event.model import Event
from minuet.event.upcast import upcasts_of
from minuet.evolution.committed import INDEX, Committed, Version, pretty, write_version
from minuet.evolution.levels import Refusal, refusals

Models = Mapping[str, type[Event]]


@dataclass(frozen=True)
class Comparison:
    """What is found when models and versions are laid side by side.

    Args:
        problems: what is wrong with the files themselves.
        refused: changes that the newest version, or the model, may not make.
        pending: the schema of each event whose model is not its newest version, as JSON.
        same: events whose model is their newest version.
        retired: events that have versions and no model: the log may still hold them.
    """

    problems: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    pending: Mapping[str, Json] = field(default_factory=dict)
    same: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the committed versions are what the models say."""
        return not (self.problems or self.refused or self.pending)


def compare(models: Models, committed: Committed) -> Comparison:
    """Lay models and versions side by side.

    Raises:
        DefinitionError: a model has no exact form in Avro.
    """
    pending: dict[str, Json] = {}
    refused = [refusal for each in committed.versions.values() for refusal in _among(each)]
    for event in sorted(models):
        older = committed.versions.get(event, ())
        avro = shape_of(models[event]).avro
        if not older or older[-1].schema.fingerprint != schema_of(avro).fingerprint:
            pending[event] = avro
            refused += refusals(event, parse_schema(avro), older)
    upcast = {event: upcasts_of(model) for event, model in models.items()}
    refused = [r for r in refused if not (r.backward and r.against in upcast.get(r.event, ()))]
    problems = [
        f"{committed.folder / place}: {INDEX} does not list it; `export` alone writes versions"
        for place, content in committed.unlisted.items()
        if not _is_pending(place, content, pending, committed)
    ]
    return Comparison(
        (*committed.problems, *problems),
        tuple(refused),
        pending,
        tuple(event for event in sorted(models) if event not in pending),
        tuple(event for event in sorted(committed.versions) if event not in models),
    )


def export(
    models: Models, committed: Committed, wrote: Callable[[Version], None] = lambda _: None
) -> Comparison:
    """Write the next version of each event whose model changed; all of them, or none.

    Args:
        models: the workflow's events.
        committed: what there is.
        wrote: told of each version once it is on the disk.

    Returns:
        What was found before: its `pending` are written if nothing was wrong.
    """
    found = compare(models, committed)
    if not found.problems and not found.refused:
        for event, avro in found.pending.items():
            wrote(write_version(committed, event, avro))
    return found


def changed_fields(old: Json, new: Json) -> str:
    """Return which of an event's own fields differ, in a few words."""
    before, after = ({f["name"]: f for f in avro["fields"]} for avro in (old, new))
    parts = (
        ("added", [name for name in after if name not in before]),
        ("removed", [name for name in before if name not in after]),
        ("changed", [name for name in after if name in before and before[name] != after[name]]),
    )
    return "; ".join(f"{what} {', '.join(names)}" for what, names in parts if names) or "its head"


def _is_pending(
    place: str, content: bytes, pending: Mapping[str, Json], committed: Committed
) -> bool:
    """Return whether a file is what an export that was stopped had written last."""
    event = place.partition("/")[0]
    written = event in pending and pretty(pending[event]).encode() == content
    return written and place == committed.next_place(event)


def _among(versions: Sequence[Version]) -> Iterator[Refusal]:
    """Yield what committed versions themselves may not do: one may have come by hand."""
    for number, version in enumerate(versions):
        yield from refusals(version.event, version.avro, versions[:number])
