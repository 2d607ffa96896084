"""`minuet bench`."""

from __future__ import annotations

from typing import Annotated

import typer

from minuet.cli.common import JsonOption, ProjectOption, print_json, project_folder
from minuet.cli.dev import progress_bar


def register(app: typer.Typer) -> None:
    """Add `minuet bench`."""
    app.command("bench")(bench)


def bench(
    sagas: Annotated[int, typer.Option(min=1, help="Sagas of a throughput run.")] = 20_000,
    runs: Annotated[int, typer.Option(min=1, help="Throughput runs; the median counts.")] = 3,
    bootstrap: Annotated[str, typer.Option(metavar="HOST:PORT")] = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Measure this machine."""
    from minuet.bench import measures, place
    from minuet.bench.workload import Workload

    if bootstrap:
        with place.other_broker(bootstrap) as where:
            found = measures.measure(where, Workload(), sagas, runs)
    else:
        folder = project_folder(project)
        with progress_bar() as progress, place.own_broker(folder, progress) as where:
            found = measures.measure(where, Workload(), sagas, runs)
    print_json(found)
