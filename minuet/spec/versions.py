"""The versions that a workflow had: files that are written once, as those of its events are.

A saga finishes under the version that it began with. So a worker needs the older ones too: as plain
data, `specs/WORKFLOW/v1.json` and so on, beside pyproject.toml.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from minuet.errors import UsageError
from minuet.spec.model import Spec, StepSpec
from minuet.spec.plain import as_plain, from_plain

FOLDER = "specs"
_FILE = re.compile(r"v([1-9]\d*)\.json")


@dataclass(frozen=True)
class Unfit:
    """A step of an older version that the code of today cannot run for it.

    Args:
        number, version: of the older one.
        why: in words.
    """

    number: int
    version: str
    step: str
    why: str

    def __str__(self) -> str:
        return f"version {self.number} ({self.version}): step {self.step} {self.why}"


def read(project: Path, workflow: str) -> tuple[Spec, ...]:
    """Return the committed versions of a workflow, the oldest first.

    Args:
        project: the folder of pyproject.toml.
        workflow: its name.

    Raises:
        UsageError: a file is no spec, one is missing between two others, or one stands there twice.
    """
    folder = project / FOLDER / workflow
    if not folder.is_dir():
        return ()
    named = (_FILE.fullmatch(file.name) for file in folder.iterdir())
    numbers = sorted(int(name[1]) for name in named if name)
    if numbers != list(range(1, len(numbers) + 1)):
        gap = next(n for n in range(1, len(numbers) + 1) if n not in numbers)
        message = f"{folder / f'v{gap}.json'} is missing: versions are numbered without gaps"
        raise UsageError(message)
    found: dict[str, Spec] = {}
    for number in numbers:
        file = folder / f"v{number}.json"
        spec = _read(file)
        if spec.version in found:
            message = f"{file} is a version that stands there already: delete it"
            raise UsageError(message)
        found[spec.version] = spec
    return tuple(found.values())


def _read(file: Path) -> Spec:
    try:
        return from_plain(file.read_bytes(), str(file))
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror or error}"
        raise UsageError(message) from error


def export(project: Path, spec: Spec) -> Path | None:
    """Write the version of now, if it is not there; return its file, else None.

    Raises:
        UsageError: the folder cannot be written, or what is there is wrong.
    """
    there = read(project, spec.name)
    if any(each.version == spec.version for each in there):
        return None
    file = project / FOLDER / spec.name / f"v{len(there) + 1}.json"
    text = json.dumps(as_plain(spec), indent=2) + "\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror or error}"
        raise UsageError(message) from error
    return file


def unfit(older: Sequence[Spec], spec: Spec) -> Iterator[Unfit]:
    """Iterate over what sagas of older versions would wait for in vain.

    A version whose running sagas are all migrated needs no step any more.
    """
    migrated = {rule.version for rule in spec.migrations if not rule.unless}
    steps = {step.name: step for step in spec.steps}
    for number, each in enumerate(older, 1):
        if each.version in (spec.version, *migrated):
            continue
        for step in each.steps:
            if why := misfit(step, steps.get(step.name)):
                yield Unfit(number, each.version, step.name, why)


def misfit(old: StepSpec, new: StepSpec | None) -> str:
    """Say why a step's code of today cannot answer for the step of an older version; else empty."""
    if new is None:
        return "is gone"
    if old.needs != new.needs:
        return "needs other events"
    if more := [event for event in new.says if event not in old.says]:
        return f"may say {more[0]}, which that version does not know"
    return ""
