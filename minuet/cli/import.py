"""`minuet import`: carries events of elsewhere onto a workflow's log, until it is told to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Annotated, Any

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    configured,
    connection,
    project_folder,
)
from minuet.cli.logs import LogFormat, set_up
from minuet.contracts.codec import Codec
from minuet.errors import UsageError
from minuet.imports.importer import Importer, Inlet
from minuet.imports.sources import OfLog, OfTopic, Source
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.reading import partitions, there
from minuet.kafka.registries import registry_of
from minuet.publish.envelope import Envelope
from minuet.publish.foreign import Find, in_files, in_registry
from minuet.settings.registry import Registry
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow
from minuet.spec.model import Spec

_HELP = """Put the events that a workflow imports onto its log, until Ctrl-C or SIGTERM.

What is imported, and from where, stands in the workflow: `orders.imports(...)`. Each event keeps \
the id that it has on its log, or has one made of its place: imported twice is once. The group \
WORKFLOW.imports goes on only behind what is acknowledged. A record that is no such event becomes \
a dead letter of the category `import`, and reading goes on.

Any number of these may run at once: they share the partitions of the sources. Avro records of a \
topic need the registry that has their schemas: --registry, or `imports_registry` in the settings.

Exit 0 after SIGTERM, 130 after Ctrl-C; what was read is finished first.

Example: minuet import orders

Example: minuet import orders --registry http://registry:8081
"""
_EXIT_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import", help=_HELP)(import_)


def import_(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    registry: Annotated[
        str, typer.Option("--registry", metavar="URL", help="Of the schemas of Avro topics.")
    ] = "",
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="Of the log lines on standard error.")
    ] = LogFormat.CONSOLE,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Import until told to stop."""
    set_up(log_format, verbose=verbose)
    loaded = projects.load(workflow, project)
    settings = configured(project_folder(project)).settings
    find = _find(loaded.spec, settings.registry, registry or settings.imports_registry)
    importer = _importer(loaded, connection(bootstrap, project), find)

    def ready(count: int) -> None:
        topics = ", ".join(importer.inlets)
        text = f"ready, group {importer.spec.import_group}, {count} partitions of {topics}"
        _say(workflow, "ready", text, json=json, partitions=count, sources=list(importer.inlets))

    importer.ready = ready
    with _signals(importer) as heard:
        importer.run()
    tally = asdict(importer.tally)
    text = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in tally.items())
    _say(workflow, "stopped", f"stopped: {text}", json=json, **tally)
    raise typer.Exit(_EXIT_INTERRUPTED if heard == [signal.SIGINT] else 0)


def _importer(workflow: Workflow, place: Connection, find: Find) -> Importer:
    """The importer of a workflow, once it is sure that it can read and write."""
    spec = workflow.spec
    topics.check(place, spec)
    _check_sources(workflow, place)
    models = [workflow.models[each.type] for each in spec.imports]
    codec = Codec(models, registry_of(place, spec.schema_topic))
    codec.register()
    inlets: dict[str, list[Inlet]] = {}
    for topic, imports in spec.import_topics.items():
        for each in imports:
            model = workflow.models[each.type]
            source: Source = OfTopic(each, model, find)
            if each.log:
                schemas = registry_of(place, each.source(spec.prefix).schema_topic)
                source = OfLog(each, model, schemas)
            envelope = Envelope(spec.name, each.key, [model], codec)
            inlets.setdefault(topic, []).append(Inlet(source, envelope))
    return Importer(place, spec, inlets)


def _find(spec: Spec, settings: Registry, url: str) -> Find:
    """Where the schemas of Avro topics are; asked for only if there are such topics."""
    if not spec.imports:
        message = f"{spec.name} imports nothing: say {spec.name}.imports(EVENT, ...) in its module"
        raise UsageError(message)
    avro = [each.topic for each in spec.imports if each.topic and each.format == "avro"]
    if not avro:
        return in_files({})  # never asked
    if not (url or settings.url):
        message = (
            f"the Avro records of {avro[0]} need the registry that has their schemas: say "
            "--registry URL, or imports_registry in [tool.minuet]"
        )
        raise UsageError(message)
    try:
        return in_registry(settings.at(url))
    except ValueError as error:
        message = f"--registry {url}: {error}"
        raise UsageError(message) from None


def _check_sources(workflow: Workflow, place: Connection) -> None:
    """Make sure that each source is there, before anything is read."""
    spec = workflow.spec
    for topic, imports in spec.import_topics.items():
        if not there(place, topic):
            whose = f"`minuet topics apply {imports[0].log}` makes it" if imports[0].log else ""
            message = (
                f"there is no topic {topic} at {place.bootstrap}, from which {imports[0].type} is "
                f"imported: {whose or 'it belongs to others, who make it'}"
            )
            raise UsageError(message)
    for topic in spec.import_schema_topics:
        partitions(place, topic)


@contextmanager
def _signals(importer: Importer) -> Iterator[list[int]]:
    """Stop cleanly at SIGTERM and Ctrl-C; a second one ends it at once."""
    heard: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)
        importer.stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(workflow: str, state: str, text: str, *, json: bool, **more: Any) -> None:
    """One line on standard output: for people, or as JSON."""
    from json import dumps

    line = {"import": workflow, "state": state, "pid": os.getpid(), **more}
    typer.echo(dumps(line) if json else f"import {workflow}: {text}")
