"""`minuet schemas register|diff|pull`: the committed versions and a schema registry."""

from __future__ import annotations

import json as js
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from minuet.cli.arguments import offer_workflows
from minuet.cli.common import JsonOption, ProjectOption, configured, print_json, project_folder
from minuet.contracts.schema import avro_schema
from minuet.errors import ContractError, MinuetError, UsageError
from minuet.event.platform import PLATFORM_EVENTS
from minuet.event.upcast import upcasts_of
from minuet.evolution.committed import Committed, pretty, read_committed, write_version
from minuet.evolution.drift import compare
from minuet.evolution.levels import level_of
from minuet.kafka.schema_service import SchemaService
from minuet.kafka.schema_texts import canonical, whole
from minuet.kafka.subjects import Form, Refused, Standing, Subject, apart, standing
from minuet.kafka.subjects import register as registered
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

REGISTER = """Register the committed versions of a workflow's events, and of those that Minuet says.

Each event is a subject of its full name, orders.OrderPlaced, with the compatibility that it \
declares. What is there stays as it is; what the registry refuses is told with its reason: exit 1.

Example: minuet schemas register orders
"""
DIFF = """Show how a registry differs from the committed versions; changes nothing.

Exit 1 when it lacks a version, has one more, or holds new ones against another compatibility.

Example: minuet schemas diff orders
"""
PULL = """Write what a registry has and the committed versions lack, as their next versions.

Each is vetted before it is written; where both have what the other lacks, nothing is: exit 1. \
With --subject one schema is written into a file, for `minuet schemas import` and \
`minuet publish --schema`; what it refers to is written out in it.

Example: minuet schemas pull --subject payments-value --to payments.avsc
"""

_Workflows = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WORKFLOW]...", help="Else all of the project's.", autocompletion=offer_workflows
    ),
]


def register(
    workflows: _Workflows = None, json: JsonOption = False, project: ProjectOption = None
) -> None:
    """Register what is not there."""
    service = _service(project)
    ended: list[dict[str, Any]] = []
    for name in _names(workflows, project):
        new: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        count = 0
        for subject in _subjects(name, project):
            before = standing(service, subject)
            for each in registered(service, subject):
                if isinstance(each, Refused):
                    refused.append(_refused(each, name, json))
                    continue
                count += 1
                if each[0].number not in before.ids:
                    new.append(_new(subject, *each, name, json))
        if not json:
            typer.echo(f"{name}: {count} versions are registered, {len(new)} of them now")
        ended.append({"workflow": name, "registered": count, "new": new, "refused": refused})
    if json:
        print_json(ended)
    if any(each["refused"] for each in ended):
        raise typer.Exit(1)


def diff(
    workflows: _Workflows = None, json: JsonOption = False, project: ProjectOption = None
) -> None:
    """Print what differs."""
    service = _service(project)
    ended: list[dict[str, Any]] = []
    for name in _names(workflows, project):
        found = [standing(service, subject) for subject in _subjects(name, project)]
        differ = [each for each in found if not each.same]
        ended.append({"workflow": name, "same": not differ, "subjects": list(map(_plain, found))})
        if json:
            continue
        for each in differ:
            for line in _lines(each):
                typer.echo(f"{name}: {line}", err=True)
        if not differ:
            count = sum(len(each.ids) for each in found)
            typer.echo(f"{name}: the registry has all {count} versions, and no others")
        elif any(each.missing or each.level != each.subject.level for each in differ):
            typer.echo(f"  to mend: minuet schemas register {name}", err=True)
        else:
            typer.echo(f"  to mend: minuet schemas pull {name}", err=True)
    if json:
        print_json(ended)
    if any(not each["same"] for each in ended):
        raise typer.Exit(1)


def pull(
    workflows: _Workflows = None,
    subject: Annotated[str, typer.Option("--subject", help="One alone.", metavar="NAME")] = "",
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Of the subject; else the newest.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="A new file; else print it.", metavar="FILE.avsc")
    ] = None,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Write versions, or one schema."""
    service = _service(project)
    if subject and workflows:
        message = "say a workflow, or --subject, not both"
        raise UsageError(message)
    if subject:
        _one(service, subject, version, to, json)
        return
    if to is not None or version is not None:
        message = "--to and --version go with --subject"
        raise UsageError(message)
    wrote, refused = _pulled(service, _names(workflows, project), project)
    if json:
        print_json({"written": wrote, "refused": refused})
    else:
        _tell(wrote, refused)
    if refused:
        raise typer.Exit(1)


def _pulled(
    service: SchemaService, names: list[str], project: Path | None
) -> tuple[list[dict[str, Any]], list[str]]:
    wrote: list[dict[str, Any]] = []
    refused: list[str] = []
    for name in names:
        for each in _subjects(name, project, alone=True):
            found = standing(service, each)
            if why := apart(found):
                refused.append(f"{name}: {each.event}: {why}")
            else:
                wrote += _written(name, found, project)
    return wrote, refused


def _tell(wrote: list[dict[str, Any]], refused: list[str]) -> None:
    for line in refused:
        typer.echo(line, err=True)
    for one in wrote:
        typer.echo(f"{one['workflow']}: wrote {one['event']} v{one['version']}")
    if not wrote and not refused:
        typer.echo("the registry has nothing that the files lack")


def _service(project: Path | None) -> SchemaService:
    settings = configured(project_folder(project)).settings.registry
    if not settings.url:
        message = (
            "no registry: set MINUET_REGISTRY__URL, or url in [tool.minuet.registry] of "
            "pyproject.toml"
        )
        raise UsageError(message)
    return SchemaService(settings)


def _names(workflows: list[str] | None, project: Path | None) -> list[str]:
    return workflows or list(projects.names(project))


def _subjects(name: str, project: Path | None, *, alone: bool = False) -> Iterator[Subject]:
    """A workflow's subjects; `alone`: without those of Minuet's own events.

    Raises:
        UsageError: the committed versions are not what the models say.
    """
    found = projects.find(project)
    workflow, committed = found.load(name), read_committed(found.folder / "schemas" / name)
    if not alone:
        _refuse_unclean(name, workflow, committed)
        for event, model in sorted(PLATFORM_EVENTS.items()):
            schema = avro_schema(model)
            level = level_of(js.loads(schema.text))
            yield Subject(event, schema.name, [Form(1, schema, level)], level, shared=True)
    for event, versions in sorted(committed.versions.items()):
        upcast = upcasts_of(workflow.models[event]) if event in workflow.models else ()
        forms = [Form(one.number, one.schema, level_of(one.avro)) for one in versions]
        if upcast:  # what a function of ours reads, no registry can judge
            forms = [form._replace(level="NONE") for form in forms]
        yield Subject(event, versions[-1].schema.name, forms, forms[-1].level)


def _refuse_unclean(name: str, workflow: Workflow, committed: Committed) -> None:
    found = compare(workflow.models, committed)
    if found.clean:
        return
    mend = "export" if found.pending and not (found.refused or found.problems) else "check"
    message = f"{name}: models and committed versions differ: run `minuet schemas {mend} {name}`"
    raise UsageError(message)


def _new(subject: Subject, form: Form, number: int, workflow: str, json: bool) -> dict[str, Any]:
    if not json:
        typer.echo(f"{workflow}: registered {subject.name} v{form.number} as {number}")
    return {"subject": subject.name, "version": form.number, "id": number, "level": form.level}


def _refused(found: Refused, workflow: str, json: bool) -> dict[str, Any]:
    subject, form = found.subject, found.form
    if not json:
        line = f"{workflow}: {subject.name} v{form.number} ({form.level}): {found.why}"
        typer.echo(line, err=True)
    return {"subject": subject.name, "version": form.number, "why": found.why}


def _lines(found: Standing) -> Iterator[str]:
    name = found.subject.name
    for form in found.missing:
        yield f"{name} v{form.number} {form.schema.fingerprint} is not registered"
    for each in found.more:
        what = f"{each.schema.fingerprint}" if each.schema else f"cannot be used: {each.why}"
        yield f"{name} version {each.version} (id {each.id}) is only in the registry: {what}"
    if found.ids and found.level != found.subject.level:
        there = found.level or "nothing"
        yield f"{name} is held against {there} there, and declares {found.subject.level}"


def _plain(found: Standing) -> dict[str, Any]:
    return {
        "subject": found.subject.name,
        "event": found.subject.event,
        "ids": {f"v{number}": id for number, id in found.ids.items()},
        "missing": [f"v{form.number}" for form in found.missing],
        "more": [{"version": each.version, "id": each.id, "why": each.why} for each in found.more],
        "level": found.level,
        "declared": found.subject.level,
    }


def _written(name: str, found: Standing, project: Path | None) -> list[dict[str, Any]]:
    folder = projects.find(project).folder / "schemas" / name
    wrote = []
    for each in found.more:
        assert each.schema is not None  # `apart` has told of it
        avro = js.loads(each.schema.text)
        version = write_version(read_committed(folder), found.subject.event, avro)
        wrote.append({"workflow": name, "event": version.event, "version": version.number})
    return wrote


def _one(
    service: SchemaService, subject: str, version: int | None, to: Path | None, json: bool
) -> None:
    found = service.version(subject, version)
    if found is None:
        which = f"version {version} of {subject}" if version else f"subject {subject}"
        message = f"{service.settings.name} has no {which}"
        raise MinuetError(message)
    try:
        schema = canonical(whole(found, service.version))
    except ContractError as error:
        message = f"{subject} version {found.version}: {error}"
        raise ContractError(message) from None
    text = pretty(js.loads(schema.text))
    if to is not None:
        try:
            with to.open("x", encoding="utf-8") as new:
                new.write(text)
        except FileExistsError:
            message = f"{to} exists, and is not replaced: name another file with --to"
            raise UsageError(message) from None
    if json:
        about = {"subject": subject, "version": found.version, "id": found.id}
        print_json({**about, "file": str(to) if to else None, "schema": js.loads(schema.text)})
    else:
        typer.echo(f"wrote {to}" if to else text, nl=to is not None)
