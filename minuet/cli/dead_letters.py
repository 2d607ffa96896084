"""`minuet dead-letters`: what could not be handled, its bytes, and what is done about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from minuet.cli import dead_letters_discard, dead_letters_files, dead_letters_redrive
from minuet.cli.arguments import WorkflowArgument
from minuet.cli.columns import columns
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, connection, print_json
from minuet.cli.letter_filters import (
    CategoryOption,
    ExceptionOption,
    Filters,
    FromOption,
    HeaderOption,
    SagaOption,
    StepOption,
    ToOption,
    WhereOption,
    asked,
)
from minuet.cli.plain import plain, short
from minuet.cli.verify import progress_bar
from minuet.contracts.codec import wire_id
from minuet.errors import UsageError
from minuet.event.record import SCHEMA_PREFIX
from minuet.inspection.letters import Letter, chain, find
from minuet.inspection.sandbox import Decoded, decode
from minuet.kafka.connection import Connection
from minuet.kafka.registries import registry_of
from minuet.redrive.listing import Listed, listed
from minuet.spec import project as projects

_LIST = """List dead letters, the youngest first: records that could not be handled.

Those about which nothing is to be done any more are hidden: redriven, answered, discarded, or of \
a saga that is over. --from and --to take a length of time (2h: not older than that) or a \
moment (2026-11-24T10:00:00Z).

Example: minuet dead-letters list orders --step charge_payment --from 2h
"""
_SHOW = """Show a dead letter: why it is one, where it came from, its headers and its bytes.

LETTER is its partition/offset, or its id, or the beginning of its id. The value is decoded in a \
process of its own, so that bytes which crash a decoder crash nothing else.

Example: minuet dead-letters show orders 2/17 --raw letter.bin
"""

_HEX_LINE = 16
_HEX_MOST = 1024  # bytes shown; --json and --raw have all of them


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Records that could not be handled.", no_args_is_help=True)
    group.command("list", help=_LIST)(list_letters)
    group.command("show", help=_SHOW)(show)
    group.command("redrive", help=dead_letters_redrive.HELP)(dead_letters_redrive.redrive_letters)
    group.command("discard", help=dead_letters_discard.HELP)(dead_letters_discard.discard)
    group.command("export", help=dead_letters_files.EXPORT)(dead_letters_files.export)
    group.command("import", help=dead_letters_files.IMPORT)(dead_letters_files.import_letters)
    app.add_typer(group, name="dead-letters")


def list_letters(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    step: StepOption = "",
    category: CategoryOption = "",
    saga: SagaOption = "",
    exception: ExceptionOption = "",
    begin: FromOption = "",
    end: ToOption = "",
    header: HeaderOption = None,
    where: WhereOption = "",
    every: Annotated[
        bool, typer.Option("--all", help="Those too about which nothing is to be done any more.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print the youngest dead letters."""
    filters = Filters(step, category, saga, exception, begin, end, header, where)
    order = asked(workflow, filters, bootstrap, project, limit)
    with progress_bar("reading dead letters", quiet=json) as bar:
        found = listed(order.desk, order.wanted, bar, every=every)
    order.check_saga(found.total + found.hidden)
    if json:
        print_json({**_as_dict(found), "unread": order.unread_plain()})
        return
    for line in (*_lines(workflow, found), *order.unread_lines()):
        typer.echo(line)


def show(
    workflow: WorkflowArgument,
    letter: Annotated[str, typer.Argument(help="partition/offset, or an id.")],
    raw: Annotated[
        Path | None, typer.Option("--raw", help="Write the value's bytes there.", metavar="FILE")
    ] = None,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print all of a dead letter."""
    spec = projects.load(workflow, project).spec
    place = connection(bootstrap, project)
    with progress_bar("looking for it", quiet=json) as bar:
        found = find(place, spec, letter, bar)
        earlier = chain(place, spec, found, bar)
    if raw is not None:
        _write(raw, found.value)
    decoded = _decoded(place, spec.schema_topic, found)
    if json:
        history = [_letter(each) for each in earlier]
        print_json({**_letter(found), **_bytes(found), **asdict(decoded), "history": history})
        return
    for line in (*_whole(found, decoded), *_history(earlier)):
        typer.echo(line)
    if raw is not None:
        typer.echo(f"{found.size:,} bytes written to {raw}")


def _write(file: Path, value: bytes) -> None:
    try:
        file.write_bytes(value)
    except OSError as error:
        message = f"--raw {file}: {error.strerror}"
        raise UsageError(message) from error


def _decoded(place: Connection, topic: str, letter: Letter) -> Decoded:
    """The value, as far as its writer's schema is known; the model of today has no say."""
    if not letter.schema.startswith(SCHEMA_PREFIX):
        return Decoded(why="it names no schema")
    fingerprint = letter.schema.removeprefix(SCHEMA_PREFIX).decode(errors="replace")
    schema = registry_of(place, topic).find(fingerprint, wire_id(letter.value or b""))
    if schema is None:
        return Decoded(why=f"nobody registered its schema {fingerprint}")
    return decode(schema.text, letter.value)


def _as_dict(found: Listed) -> dict[str, Any]:
    counts = [
        {"category": category, "step": step, "count": count}
        for (category, step), count in found.counts.items()
    ]
    return {
        "found": found.total,
        "counts": counts,
        "letters": [{**_letter(each), "fate": fate} for each, fate in found.letters],
    }


def _letter(letter: Letter) -> dict[str, Any]:
    plain = asdict(letter)
    for name in ("key", "value", "headers", "at_ms"):
        del plain[name]
    return plain


def _bytes(letter: Letter) -> dict[str, Any]:
    """What may be no text, so that nothing of it is lost."""
    return {
        "key_hex": letter.key.hex(),
        "value_hex": letter.value.hex(),
        "headers": {name: raw.decode(errors="backslashreplace") for name, raw in letter.headers},
    }


def _lines(workflow: str, found: Listed) -> Iterator[str]:
    names = ("letter", "at", "saga", "category", "step", "attempt", "fate", "error")
    rows = [
        (
            f"{e.partition}/{e.offset}",
            e.at,
            short(e.saga),
            e.category,
            e.step,
            e.attempt,
            short(fate),
            short(e.error),
        )
        for e, fate in found.letters
    ]
    yield from columns(names, rows) if rows else ()
    if len(found.letters) < found.total:
        yield from (f"{n:,} {category} {step}".rstrip() for (category, step), n in
                    found.counts.items())  # fmt: skip
    yield f"{len(found.letters):,} of {found.total:,}"
    if rows:
        yield f"all of one: minuet dead-letters show {workflow} {rows[0][0]}"


def _whole(letter: Letter, decoded: Decoded) -> Iterator[str]:
    yield f"dead letter {letter.id} at partition {letter.partition}, offset {letter.offset}"
    for name in ("at", "saga", "category", "error", "step", "slot", "attempt", "type", "event",
                 "source", "source_at", "left_out", "earlier"):  # fmt: skip
        value = getattr(letter, name)
        if value:
            yield f"  {name.replace('_', ' '):<9}  {plain(str(value))}"
    yield "headers"
    for name, raw in letter.headers:
        yield f"  {plain(name)}: {plain(raw.decode(errors='backslashreplace'))}"
    yield "value, decoded"
    yield f"  {plain(decoded.text)}" if decoded.text else "  not decoded"
    if decoded.why:
        yield f"  {plain(decoded.why)}"
    yield f"value, {letter.size:,} bytes"
    yield from (f"  {line}" for line in _hex(letter.value[:_HEX_MOST]))
    if letter.size > _HEX_MOST:
        yield f"  and {letter.size - _HEX_MOST:,} more; --raw FILE writes them all"


def _history(earlier: list[Letter]) -> Iterator[str]:
    """What the same step failed of before, the youngest first."""
    for each in earlier:
        place = f"{each.partition}/{each.offset}"
        yield f"before that, letter {place} at {each.at}, attempt {each.attempt}"
        yield f"  {each.category}: {plain(each.error)}"


def _hex(value: bytes) -> Iterator[str]:
    for at in range(0, len(value), _HEX_LINE):
        piece = value[at : at + _HEX_LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        yield f"{at:06x}  {piece.hex(' '):<{3 * _HEX_LINE - 1}}  {text}"
