"""`minuet schemas export|check|show|import`: the committed versions of a workflow's events.

What a registry has of them is in `minuet.cli.schemas_registry`.
"""

from __future__ import annotations

import json as js
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from minuet.cli import schemas_registry
from minuet.cli.arguments import WorkflowArgument, offer_events, offer_workflows
from minuet.cli.columns import columns
from minuet.cli.common import JsonOption, ProjectOption, print_json
from minuet.errors import UsageError
from minuet.evolution.committed import Committed, Version, read_committed
from minuet.evolution.described import Field, fields
from minuet.evolution.drift import Comparison, changed_fields, compare
from minuet.evolution.drift import export as write_versions
from minuet.evolution.levels import level_of
from minuet.evolution.models import write_models
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

_EXPORT = """Write a version for each event whose model changed: schemas/WORKFLOW/EVENT/v2.avsc.

A version that is written is never written again. A change that older versions, or older events on \
the log, could not bear is refused with the field and the rule, and then nothing is written: exit 1.

Example: minuet schemas export orders
"""
_CHECK = """Compare models and committed versions; changes nothing. `make check` calls it.

Exit 1 when a model is not its newest version, a version was edited or lost, or a version does not \
keep to its compatibility.

Example: minuet schemas check orders
"""
_SHOW = """Show the committed versions of a workflow, or the fields of one of its events.

Fields marked as personal data say so.

Example: minuet schemas show orders OrderPlaced
"""
_IMPORT = """Write pydantic models for an existing Avro schema: a record of its own file, .avsc.

Exporting the models gives an equivalent schema; what a model cannot keep exactly is refused with \
the field and the reason, and nothing is written: exit 1.

Example: minuet schemas import parcel.avsc --to schemas/parcels.py
"""

_Workflows = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORKFLOW]...", help="Else all of the project's.", autocompletion=offer_workflows
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="The schemas of a workflow's events.", no_args_is_help=True)
    group.command("export", help=_EXPORT)(export)
    group.command("check", help=_CHECK)(check)
    group.command("show", help=_SHOW)(show)
    group.command("import", help=_IMPORT)(import_)
    group.command("register", help=schemas_registry.REGISTER)(schemas_registry.register)
    group.command("diff", help=schemas_registry.DIFF)(schemas_registry.diff)
    group.command("pull", help=schemas_registry.PULL)(schemas_registry.pull)
    app.add_typer(group, name="schemas")


def export(
    workflows: _Workflows = None, json: JsonOption = False, project: ProjectOption = None
) -> None:
    """Write what is missing, and print what was written."""
    ended: list[dict[str, Any]] = []
    for name in workflows or projects.names(project):
        workflow, committed = _load(name, project)
        wrote: list[Version] = []
        found = write_versions(workflow.models, committed, wrote.append)
        ended.append(
            {
                "workflow": name,
                "written": [_version_as_dict(each) for each in wrote],
                "unchanged": list(found.same),
                **_refused(found),
            }
        )
        if json:
            continue
        for each in wrote:
            typer.echo(f"{name}: wrote {each}, {each.schema.fingerprint}")
        for line in (*found.problems, *map(str, found.refused)):
            typer.echo(f"{name}: {line}", err=True)
        if found.refused:
            typer.echo(_mend(name), err=True)
        elif not wrote and not found.problems:
            typer.echo(f"{name}: {len(found.same)} events, nothing changed")
    if json:
        print_json(ended)
    if any(each["problems"] or each["refused"] for each in ended):
        raise typer.Exit(1)


def check(
    workflows: _Workflows = None, json: JsonOption = False, project: ProjectOption = None
) -> None:
    """Print what differs."""
    ended: list[dict[str, Any]] = []
    for name in workflows or projects.names(project):
        workflow, committed = _load(name, project)
        found = compare(workflow.models, committed)
        ended.append(_as_dict(name, found, committed))
        if json:
            continue
        for line in _differences(found, committed):
            typer.echo(f"{name}: {line}", err=True)
        if found.clean:
            count = sum(map(len, committed.versions.values()))
            typer.echo(f"{name}: {len(found.same)} events are their newest of {count} versions")
        elif found.refused:
            typer.echo(_mend(name), err=True)
        elif found.pending and not found.problems:
            typer.echo(f"  to mend: minuet schemas export {name}, and commit it", err=True)
    if json:
        print_json(ended)
    if any(not each["clean"] for each in ended):
        raise typer.Exit(1)


def show(
    workflow: WorkflowArgument,
    event: Annotated[
        str, typer.Argument(help="One of its events.", autocompletion=offer_events)
    ] = "",
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Else the newest.")
    ] = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print versions, or fields."""
    loaded, committed = _load(workflow, project)
    if not event:
        _show_all(loaded, committed, json)
        return
    one = _version(workflow, committed, event, version)
    found = list(fields(one.avro))
    if json:
        print_json(_version_as_dict(one) | {"fields": [asdict(each) for each in found]})
        return
    typer.echo(f"{one}, {one.schema.name}, {one.schema.fingerprint}, {level_of(one.avro)}")
    names = ("field", "type", "default", "pii", "formerly")
    for line in columns(names, [_cells(each) for each in found]) if found else ():
        typer.echo(line)


def import_(
    file: Annotated[Path, typer.Argument(help="The schema.", metavar="FILE.avsc")],
    to: Annotated[
        Path | None, typer.Option("--to", help="A new file; else print it.", metavar="FILE.py")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Write the models, or print them."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{file}: {getattr(error, 'strerror', '') or 'not UTF-8'}"
        raise UsageError(message) from error
    source = write_models(text, str(file))
    if to is not None:
        try:
            with to.open("x", encoding="utf-8") as new:
                new.write(source)
        except FileExistsError:
            message = f"{to} exists, and is not replaced: name another file with --to"
            raise UsageError(message) from None
        except OSError as error:
            message = f"{to} cannot be written: {error}"
            raise UsageError(message) from error
    if json:
        print_json({"file": str(to) if to else None, "source": source})
    else:
        typer.echo(f"wrote {to}" if to else source, nl=to is not None)


def _load(name: str, project: Path | None) -> tuple[Workflow, Committed]:
    found = projects.find(project)
    return found.load(name), read_committed(found.folder / "schemas" / name)


def _differences(found: Comparison, committed: Committed) -> Iterator[str]:
    yield from found.problems
    yield from map(str, found.refused)
    for event, avro in found.pending.items():
        versions = committed.versions.get(event, ())
        if versions:
            what = changed_fields(js.loads(versions[-1].schema.text), avro)
            yield f"{event}: the model is not v{versions[-1].number}: {what}"
        else:
            yield f"{event}: no version is committed"


def _mend(name: str) -> str:
    return (
        f"  to mend: undo the change, or make it in steps that each version of {name} can bear "
        "(a default, an optional field, Formerly); @contract(compatibility=...) asks for less"
    )


def _version(workflow: str, committed: Committed, event: str, number: int | None) -> Version:
    versions = committed.versions.get(event, ())
    if not versions:
        known = ", ".join(sorted(committed.versions)) or "none; `minuet schemas export` writes them"
        message = f"{workflow} has no committed versions of {event}; it has: {known}"
        raise UsageError(message)
    if number and number > len(versions):
        message = f"{event} has {len(versions)} versions, no v{number}"
        raise UsageError(message)
    return versions[(number or len(versions)) - 1]


def _show_all(workflow: Workflow, committed: Committed, json: bool) -> None:
    newest = [versions[-1] for _, versions in sorted(committed.versions.items())]
    if json:
        print_json([_version_as_dict(each) for each in newest])
        return
    rows = []
    for one in newest:
        pii = ", ".join(each.path for each in fields(one.avro) if each.pii)
        level = level_of(one.avro) if one.event in workflow.models else "no model any more"
        rows.append((one.event, f"v{one.number}", one.schema.fingerprint, level, pii))
    for line in columns(("event", "newest", "fingerprint", "compatibility", "pii"), rows):
        typer.echo(line)


def _cells(found: Field) -> tuple[str, ...]:
    pii = "pii" if found.pii else ""
    return found.path, found.type, found.default, pii, ", ".join(found.formerly)


def _version_as_dict(one: Version) -> dict[str, Any]:
    return {
        "event": one.event,
        "version": one.number,
        "name": one.schema.name,
        "fingerprint": one.schema.fingerprint,
        "compatibility": level_of(one.avro),
        "pii": [each.path for each in fields(one.avro) if each.pii],
    }


def _as_dict(name: str, found: Comparison, committed: Committed) -> dict[str, Any]:
    return {
        "workflow": name,
        "clean": found.clean,
        **_refused(found),
        "pending": sorted(found.pending),
        "retired": list(found.retired),
        "versions": {event: len(each) for event, each in sorted(committed.versions.items())},
    }


def _refused(found: Comparison) -> dict[str, Any]:
    return {
        "problems": list(found.problems),
        "refused": [
            {
                "event": each.event,
                "version": each.number,
                "against": each.against,
                "direction": "backward" if each.backward else "forward",
                "level": each.level,
                "path": each.broken.path,
                "rule": each.broken.rule.name,
                "detail": each.broken.detail,
            }
            for each in found.refused
        ],
    }
