"""`minuet asyncapi`: a workflow's topics and events, for tools that know nothing of Minuet."""

from __future__ import annotations

import json as js
from typing import Annotated

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.common import JsonOption, ProjectOption, print_json
from minuet.cli.diagram import OutputOption, write_or_print
from minuet.description.asyncapi import asyncapi as document_of
from minuet.spec import project as projects

_HELP = """Describe a workflow's topics and events as an AsyncAPI 3.0 document.

The log with its settings, each event with its Avro schema and headers, and for each step what \
it waits for and what it may say. As JSON, which tools for AsyncAPI read like YAML; no broker \
is asked.

Example: minuet asyncapi orders --output orders.asyncapi.json
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("asyncapi", help=_HELP)(asyncapi)


def asyncapi(
    workflow: WorkflowArgument,
    output: OutputOption = None,
    bootstrap: Annotated[
        str, typer.Option("--bootstrap", metavar="HOST:PORT", help="Name it as the server.")
    ] = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Print or write the document."""
    document = document_of(projects.load(workflow, project), bootstrap)
    write_or_print(js.dumps(document, indent=2) + "\n", output, quiet=json)
    if json:
        print_json(document)
