"""`minuet lint`: says what is wrong with a workflow, where, and what to do about it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from minuet.cli.common import JsonOption, ProjectOption, configured, print_json, project_folder
from minuet.cli.verify import progress_bar
from minuet.errors import DefinitionError, MinuetError
from minuet.event.model import Event
from minuet.lint.linter import Ignored, ignored, refused, silenced, static, unused
from minuet.lint.rules import RULES, Finding, Found, Level
from minuet.lint.subject import Subject
from minuet.settings import reading
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow
from minuet.spec.check import models_of

_HELP = """Say what is wrong with a workflow, or with each of the project's, and what to do.

Looks at the table, the signatures and the code of the steps; then lets everything happen to one \
saga that can, in every order, by the core that workers run, and tells the shortest way to where \
it gets stuck. The rules, each with examples, are in docs/guide/lint.md; a row of \
[tool.minuet.lint] ignore silences one of them for one step.

Exit 1 when something is found.

Example: minuet lint orders
"""
_IGNORE = ("lint", "ignore")
_LOG = logging.getLogger("minuet.worker")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("lint", help=_HELP)(lint)


@dataclass
class _Report:
    findings: list[tuple[str, Finding]] = field(default_factory=list)
    explored: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Wish:
    """What was typed: how many states to explore, 0 for none; and which findings are silenced."""

    most: int
    quiet: bool
    rows: list[Ignored]
    place: tuple[str, int]


def lint(
    workflow: Annotated[
        str, typer.Argument(help="As pyproject.toml names it; else each of them.")
    ] = "",
    explore: Annotated[
        bool, typer.Option("--explore/--no-explore", help="Let everything happen to a saga.")
    ] = True,
    bound: Annotated[
        int, typer.Option("--bound", metavar="STATES", min=1, help="Explore so many at most.")
    ] = 200_000,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Find, and print what was found."""
    folder = project_folder(project)
    found = configured(folder)
    rows, place = _ignored(found, folder)
    wish = _Wish(bound if explore else 0, json, rows, place)
    report = _Report()
    for subject, error in _subjects(workflow, project):
        if isinstance(error, DefinitionError):
            report.findings.append((subject, refused(error)))
        else:
            _look(error, wish, report)
    if json:
        print_json(_plain(report))
    else:
        for line in _lines(report):
            typer.echo(line)
    if report.findings:
        raise typer.Exit(1)


def check_rules(workflow: Workflow, folder: Path) -> None:
    """Look at a workflow before it runs: warnings are logged, errors stop it.

    Raises:
        MinuetError: names each error.
    """
    rows, _ = _ignored(configured(folder), folder)
    findings, _ = silenced(workflow.spec.name, static(Subject(workflow)), rows)
    for finding in findings:
        if finding.level is Level.WARNING:
            _LOG.warning("%s", finding)
    errors = [str(finding) for finding in findings if finding.level is Level.ERROR]
    if errors:
        message = f"{workflow.spec.name} does not run as it is written:"
        silence = "a rule is silenced for one step in [tool.minuet.lint] ignore: docs/guide/lint.md"
        raise MinuetError("\n  ".join([message, *errors, silence]))


def _ignored(found: reading.Found, folder: Path) -> tuple[list[Ignored], tuple[str, int]]:
    """The rows that silence findings, and where they are written."""
    origin = found.origins.get(_IGNORE, reading.DEFAULT)
    name, _, line = origin.partition(":")
    place = (str(folder / name), int(line)) if line.isdecimal() else (origin, 0)
    return ignored(found.settings.lint.ignore, origin), place


def _subjects(
    workflow: str, project: Path | None
) -> Iterator[tuple[str, Subject | DefinitionError]]:
    """The workflows that are meant, each with what the project's others name; or its refusal."""
    found: dict[str, Workflow | DefinitionError] = {}
    wanted = projects.names(project)
    for name in dict.fromkeys([*wanted, *([workflow] if workflow else [])]):
        try:
            found[name] = projects.load(name, project)
        except DefinitionError as error:
            found[name] = error
    for name in [workflow] if workflow else wanted:
        one = found[name]
        if isinstance(one, DefinitionError):
            yield name, one
            continue
        others = [other for key, other in found.items() if key != name]
        events: set[type[Event]] = set()
        for other in others:
            if isinstance(other, Workflow):
                events.update(models_of(other.saga, other.steps.values()))
        all_known = all(isinstance(other, Workflow) for other in others)
        yield name, Subject(one, frozenset(events) if all_known else None)


def _look(subject: Subject, wish: _Wish, report: _Report) -> None:
    """Look at one workflow, by all rules."""
    name = subject.workflow.spec.name
    findings, complete = static(subject), False
    if wish.most and not any(Found.EXPLORED in RULES[each.rule].found for each in findings):
        more, complete = _explore(subject, wish, report)  # else it would tell the same once more
        findings += more
    left, used = silenced(name, findings, wish.rows)
    left += unused(name, wish.rows, used, wish.place, explored=complete)
    report.findings += [(name, finding) for finding in left]


def _explore(subject: Subject, wish: _Wish, report: _Report) -> tuple[list[Finding], bool]:
    from minuet.lint import explored  # only now: the start of a worker does without
    from minuet.lint.exploration.explore import explore

    name = subject.workflow.spec.name
    began = time.monotonic()
    with progress_bar(f"exploring {name}", quiet=wish.quiet) as show:
        found = explore(subject.plan, wish.most, show)
    report.explored.append(
        {
            "workflow": name, "states": found.states, "transitions": found.transitions,
            "complete": found.complete, "seconds": round(time.monotonic() - began, 3),
        }
    )  # fmt: skip
    return list(explored.check(subject, found)), found.complete


def _plain(report: _Report) -> dict[str, Any]:
    findings = [
        {"workflow": name, **asdict(finding), "level": finding.level.value}
        for name, finding in report.findings
    ]
    return {"findings": findings, "explored": report.explored}


def _lines(report: _Report) -> Iterator[str]:
    for _, finding in report.findings:
        yield str(finding)
    for each in report.explored:
        whole = "all there are" if each["complete"] else "not all: --bound takes more"
        yield (
            f"{each['workflow']}: explored {each['states']:,} states and "
            f"{each['transitions']:,} transitions in {each['seconds']:.1f} s, {whole}"
        )
    errors = sum(finding.level is Level.ERROR for _, finding in report.findings)
    warnings = len(report.findings) - errors
    yield f"{errors} errors, {warnings} warnings" if report.findings else "nothing found"
