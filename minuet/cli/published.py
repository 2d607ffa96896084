"""What `minuet publish` says when it is done: the counts, the lines that failed, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from minuet.publish.batch import Batch
from minuet.publish.resume import Marks


def result(batch: Batch, journal: Marks | None, seconds: float) -> dict[str, Any]:
    """The counts as they are printed with --json."""
    tally = batch.tally
    return {
        "lines": tally.lines,
        **asdict(tally),
        "resumed_at": journal.begun.line + 1 if journal and journal.begun.line else 0,
        "stopped": batch.stopped,
        "seconds": round(seconds, 3),
        "lines_per_s": round(tally.lines / seconds) if seconds else 0,
        "problems": [one._asdict() for one in batch.rejects.shown],
    }


def say(result: dict[str, Any], noun: str, *, dry_run: bool, kept: bool, resumable: bool) -> None:
    """Print it for people.

    Args:
        result: the counts.
        dry_run: nothing was sent.
        kept: the bad lines are in a file.
        noun: what the input is made of.
        resumable: the next run goes on where this one stopped.
    """
    for one in result["problems"]:
        typer.echo(f"{noun} {one['line']}: {one['reason']}", err=True)
    bad = result["rejected"] + result["conflict"] + result["failed"]
    if bad > len(result["problems"]):
        rest = bad - len(result["problems"])
        hint = "" if kept else "; --rejects FILE keeps them all"
        typer.echo(f"and {rest} more{hint}", err=True)
    if result["stopped"]:
        typer.echo(f"stopped after {result['lines']} {noun}s: {result['stopped']}", err=True)
        again = "it goes on where it stopped" if resumable else "what is on the log already"
        again += ", and what is sent twice changes nothing" if resumable else " changes nothing"
        typer.echo(f"run the same command again: {again}", err=True)
    typer.echo(_counts(result, dry_run, noun))


def _counts(result: dict[str, Any], dry_run: bool, noun: str) -> str:
    published = "accepted (dry run)" if dry_run else "published"
    parts = [f"{result['accepted'] if dry_run else result['published']} {published}"]
    if result["before"]:
        parts.append(f"{result['before']} by an earlier run")
    parts += [f"{result[name]} {name}" for name in ("duplicate", "conflict", "rejected")]
    parts += [f"{result['left_out']} left out by --where"] if result["left_out"] else []
    parts += [f"{result['failed']} not acknowledged"] if result["failed"] else []
    speed = f"{result['seconds']:.1f} s, {result['lines_per_s']} {noun}s/s"
    return f"{result['lines']} {noun}s: {', '.join(parts)} ({speed})"
