"""`minuet dead-letters list|show`: what could not be handled, and its bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from minuet.cli.arguments import WorkflowArgument, offer_sagas, offer_steps
from minuet.cli.columns import columns
from minuet.cli.common import BootstrapOption, JsonOption, ProjectOption, connection, print_json
from minuet.cli.plain import plain, short
from minuet.cli.verify import progress_bar
from minuet.errors import UsageError
from minuet.event.record import SCHEMA_PREFIX
from minuet.inspection.letters import Found, Letter, Wanted, find, letters
from minuet.inspection.sandbox import Decoded, decode
from minuet.kafka.connection import Connection
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.spans import moment
from minuet.spec import project as projects

_LIST = """List dead letters, the youngest first: records that could not be handled.

--since takes a length of time (2h: not older than that) or a moment (2026-11-24T10:00:00Z).

Example: minuet dead-letters list orders --step charge_payment --since 2h
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
    app.add_typer(group, name="dead-letters")


def list_letters(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    step: Annotated[
        str, typer.Option("--step", help="Only of this step.", autocompletion=offer_steps)
    ] = "",
    category: Annotated[str, typer.Option("--category", help="Only of this category.")] = "",
    saga: Annotated[
        str, typer.Option("--saga", help="Only of this saga.", autocompletion=offer_sagas)
    ] = "",
    since: Annotated[str, typer.Option("--since", help="Not older: 2h, or a moment.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 20,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print the youngest dead letters."""
    begin = moment(since, "--since")
    wanted = Wanted(step, category, saga, begin.ms if begin else 0, limit)
    spec = projects.load(workflow, project).spec
    with progress_bar("reading dead letters", quiet=json) as bar:
        found = letters(connection(bootstrap, project), spec, wanted, bar)
    if json:
        print_json(_as_dict(found))
        return
    for line in _lines(workflow, found):
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
    if raw is not None:
        _write(raw, found.value)
    decoded = _decoded(place, found)
    if json:
        print_json({**_letter(found), **_bytes(found), **asdict(decoded)})
        return
    for line in _whole(found, decoded):
        typer.echo(line)
    if raw is not None:
        typer.echo(f"{found.size:,} bytes written to {raw}")


def _write(file: Path, value: bytes) -> None:
    try:
        file.write_bytes(value)
    except OSError as error:
        message = f"--raw {file}: {error.strerror}"
        raise UsageError(message) from error


def _decoded(place: Connection, letter: Letter) -> Decoded:
    """The value, as far as its writer's schema is known; the model of today has no say."""
    if not letter.schema.startswith(SCHEMA_PREFIX):
        return Decoded(why="it names no schema")
    fingerprint = letter.schema.removeprefix(SCHEMA_PREFIX).decode(errors="replace")
    schema = TopicRegistry(place).find(fingerprint)
    if schema is None:
        return Decoded(why=f"nobody registered its schema {fingerprint}")
    return decode(schema.text, letter.value)


def _as_dict(found: Found) -> dict[str, Any]:
    counts = [
        {"category": category, "step": step, "count": count}
        for (category, step), count in found.counts.items()
    ]
    return {
        "found": found.total,
        "counts": counts,
        "letters": [_letter(each) for each in found.letters],
    }


def _letter(letter: Letter) -> dict[str, Any]:
    plain = asdict(letter)
    for name in ("key", "value", "headers"):
        del plain[name]
    return plain


def _bytes(letter: Letter) -> dict[str, Any]:
    """What may be no text, so that nothing of it is lost."""
    return {
        "key_hex": letter.key.hex(),
        "value_hex": letter.value.hex(),
        "headers": {name: raw.decode(errors="backslashreplace") for name, raw in letter.headers},
    }


def _lines(workflow: str, found: Found) -> Iterator[str]:
    names = ("letter", "at", "saga", "category", "step", "attempt", "error")
    rows = [
        (
            f"{e.partition}/{e.offset}",
            e.at,
            short(e.saga),
            e.category,
            e.step,
            e.attempt,
            short(e.error),
        )
        for e in found.letters
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
                 "source", "source_at", "left_out"):  # fmt: skip
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


def _hex(value: bytes) -> Iterator[str]:
    for at in range(0, len(value), _HEX_LINE):
        piece = value[at : at + _HEX_LINE]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in piece)
        yield f"{at:06x}  {piece.hex(' '):<{3 * _HEX_LINE - 1}}  {text}"
