"""`minuet dead-letters export|import`: letters in a file, and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    print_json,
)
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
from minuet.cli.verify import progress_bar
from minuet.inspection.letters import each
from minuet.redrive import files
from minuet.redrive.importing import bring_in
from minuet.spec import project as projects

EXPORT = """Write dead letters into a file: their keys, values and headers, and where they stood.

FILE ends in .jsonl (JSON lines, bytes in base64) or .avro (an object container). It is whole, or \
not there; a file that is there is not replaced. What has become of the letters does not matter.

Example: minuet dead-letters export orders letters.avro --from 7d
"""
IMPORT = """Write the dead letters of a file to their topic; those that stand there are not doubled.

Letters of another workflow, and records that are no letters, are counted and left.

Example: minuet dead-letters import orders letters.avro
"""
_File = Annotated[Path, typer.Argument(help="Ends in .jsonl or .avro.")]


def export(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    file: _File,
    step: StepOption = "",
    category: CategoryOption = "",
    saga: SagaOption = "",
    exception: ExceptionOption = "",
    begin: FromOption = "",
    end: ToOption = "",
    header: HeaderOption = None,
    where: WhereOption = "",
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Write the letters that are wanted."""
    filters = Filters(step, category, saga, exception, begin, end, header, where)
    order = asked(workflow, filters, bootstrap, project)
    files.check_new(file)
    order.check_saga()
    with progress_bar("reading dead letters", quiet=json) as bar:
        letters = each(order.desk.connection, order.loaded.spec, order.wanted, bar)
        count = files.write(file, letters)
    if json:
        unread = order.unread_plain()
        print_json({"exported": count, "file": str(file), "unread": unread})
    else:
        for line in (*order.unread_lines(), f"{count:,} letters written to {file}"):
            typer.echo(line)


def import_letters(
    workflow: WorkflowArgument,
    file: _File,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Write the letters of a file that are not there."""
    spec = projects.load(workflow, project).spec
    files.check(file)
    with progress_bar("reading dead letters", quiet=json) as bar:
        found = bring_in(connection(bootstrap, project), spec, files.read(file), bar)
    if json:
        print_json(asdict(found))
    else:
        typer.echo(f"{found.written:,} written, {found.known:,} were there")
        if found.foreign:
            typer.echo(f"{found.foreign:,} are no letters of {workflow}, and were left")
