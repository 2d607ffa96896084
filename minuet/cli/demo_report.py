"""What a demo found, for people: outcomes, where time went, the checks, and what to try next."""

from __future__ import annotations

import os
import shutil
import sys

import typer
from rich.console import Console
from rich.table import Table

from minuet.cli.verify import describe, describe_effects
from minuet.demo import Result
from minuet.demo.result import Ended


def report(result: Result, rate: int, *, goes_on: bool) -> None:
    """Print it on standard output.

    Args:
        result: of the demo.
        rate: at which orders were published; 0 for as fast as it went.
        goes_on: Kafka is there to be looked at.
    """
    console = Console()
    console.print()
    console.print(_outcomes(result))
    pace = f"published at {rate}/s" if rate else "published as fast as it goes"
    typer.echo(
        f"{result.sagas_per_s:,.0f} orders/s in {result.seconds:.1f} s, {pace}; latency is from "
        "begin to the saga's end, by the log's clock\n"
    )
    console.print(_steps(result))
    typer.echo("")
    _troubles(result)
    for ended in result.workflows.values():
        for line in (*describe(ended.verify), *describe_effects(ended.ledger)):
            typer.echo(line)
    typer.echo("")
    if goes_on:
        _next(result)


def _outcomes(result: Result) -> Table:
    table = Table("workflow", "outcome", title=f"{result.orders:,} orders, run {result.run}")
    for name in ("sagas", "p50 ms", "p99 ms"):
        table.add_column(name, justify="right")
    for workflow, ended in result.workflows.items():
        for outcome in ended.outcomes:
            well = outcome.name == "completed"
            name = outcome.name if well else f"compensated after {outcome.name}"
            figures = (f"{outcome.sagas:,}", f"{outcome.p50_ms:,.0f}", f"{outcome.p99_ms:,.0f}")
            table.add_row(workflow, name, *figures)
    return table


def _steps(result: Result) -> Table:
    table = Table("step", title="where time went: from what a step needed to its answer")
    for name in ("answers", "tried again", "p50 ms", "p99 ms", "share"):
        table.add_column(name, justify="right")
    all_s = sum(step.total_s for ended in result.workflows.values() for step in ended.steps) or 1.0
    for ended in result.workflows.values():
        for step in ended.steps:
            table.add_row(
                step.name, f"{step.answers:,}", f"{step.retries:,}", f"{step.p50_ms:,.0f}",
                f"{step.p99_ms:,.0f}", f"{step.total_s / all_s:.0%}",
            )  # fmt: skip
    return table


def _troubles(result: Result) -> None:
    if not result.troubles:
        return
    typer.echo(f"what went wrong (--seed {result.seed} repeats the moments):")
    for trouble in result.troubles:
        typer.echo(f"  {trouble.at_s:6.1f} s  {trouble.text}")
    if result.recovery:
        typer.echo(
            f"  the killed worker's partitions were silent for {result.recovery.silence_s:.1f} s; "
            f"{result.recovery.in_flight:,} orders were under way"
        )
    kept = "each is a dead letter" if result.letters == result.rotten else "SOME ARE LOST"
    typer.echo(f"  {result.letters} of {result.rotten} rotten records: {kept}\n")


def _example(ended: Ended) -> str:
    failed = [saga for name, saga in ended.examples.items() if name != "completed"]
    return next(iter(failed or ended.examples.values()), "ID")


def _next(result: Result) -> None:
    program = "minuet" if shutil.which("minuet") else os.path.relpath(sys.argv[0])
    if program.endswith("__main__.py"):
        program = f"{os.path.basename(sys.executable)} -m minuet"
    saga = _example(result.workflows["orders"])
    commands = [
        (f"saga history orders {saga}", "how one order was undone"),
        ("saga list orders --status compensated", "which were"),
    ]
    if result.rotten:
        commands.append(("dead-letters list orders", "the rotten bytes, and why"))
        commands.append(("incidents list orders", "what waits for a person"))
    commands += [
        ("worker orders --simulated", "a worker of your own, and beside it:"),
        ("publish orders OrderPlaced -f examples/orders.jsonl", ""),
        ("verify orders", "once more"),
        ("dev down", "stop Kafka, keep its data"),
    ]
    typer.echo(f"Kafka goes on at {result.bootstrap}. What to try now:")
    for command, what in commands:
        typer.echo(f"  {program + ' ' + command:<62}  {what}".rstrip())
