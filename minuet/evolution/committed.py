"""The committed versions of a workflow's schemas, and the list that tells whether one was edited.

    schemas/orders/OrderPlaced/v1.avsc
    schemas/orders/OrderPlaced/v2.avsc
    schemas/orders/versions.sha256

A version is written once and never again: whoever reads the log of last year reads it with these.
The list has a line for each, in the form of `sha256sum --check`, so that an edited, lost or forged
version is found without git's history, and without Minuet.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from minuet.contracts.safety import safe_schema
from minuet.contracts.scalars import Json
from minuet.contracts.schema import Schema, schema_of
from minuet.errors import UsageError

INDEX = "versions.sha256"
_FILE = re.compile(r"v([1-9][0-9]*)\.avsc")
_LINE = re.compile(r"([0-9a-f]{64})  (\w+)/v([1-9][0-9]*)\.avsc", re.ASCII)


@dataclass(frozen=True)
class Version:
    """One committed schema of an event.

    Args:
        event: the event's type.
        number: 1 for the first.
        schema: as the registry has it.
        avro: the schema as JSON, its names in full.
    """

    event: str
    number: int
    schema: Schema
    avro: Json

    def __str__(self) -> str:
        return f"{self.event} v{self.number}"


@dataclass(frozen=True)
class Committed:
    """What stands in a workflow's folder.

    Args:
        folder: `schemas/<workflow>`.
        versions: by event, oldest first.
        digests: of each file in the list, by its place below the folder.
        problems: what is wrong with the files themselves; empty where all is as it was written.
        unlisted: versions that the list lacks, by place: by hand, or of an export that was stopped.
    """

    folder: Path
    versions: Mapping[str, Sequence[Version]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()
    unlisted: Mapping[str, bytes] = field(default_factory=dict)

    def next_place(self, event: str) -> str:
        """Return where an event's next version belongs, below the folder."""
        return f"{event}/v{len(self.versions.get(event, ())) + 1}.avsc"


def read_committed(folder: Path) -> Committed:
    """Return the versions of a workflow, and what is wrong with them; an absent folder is empty."""
    problems: list[str] = []
    digests = _read_index(folder / INDEX, problems)
    versions: dict[str, list[Version]] = {}
    unlisted: dict[str, bytes] = {}
    found = sorted(folder.glob("*/*.avsc"), key=lambda file: (file.parent.name, _number(file)))
    for file in found:
        place = f"{file.parent.name}/{file.name}"
        if not _number(file):
            problems.append(f"{file}: versions are named v1.avsc, v2.avsc and so on")
        elif place not in digests:
            unlisted[place] = file.read_bytes()
        elif digest(file.read_bytes()) != digests[place]:
            problems.append(f"{file}: edited since it was written; take it back, add a version")
        elif version := _read(file, problems):
            versions.setdefault(version.event, []).append(version)
    there = {f"{file.parent.name}/{file.name}" for file in found}
    mend = f"take it back; if nothing was published yet, delete {folder} and export anew"
    problems += [f"{folder / place}: lost; {mend}" for place in digests if place not in there]
    for event, known in versions.items():
        if [version.number for version in known] != list(range(1, len(known) + 1)):
            problems.append(f"{folder / event}: a version is missing between v1 and the last")
    return Committed(folder, versions, digests, problems, unlisted)


def write_version(committed: Committed, event: str, avro: Json) -> Version:
    """Write an event's next version, and then its line in the list; replaces nothing.

    What was left half done by a stop in between is found there and finished.
    """
    place = committed.next_place(event)
    text = pretty(avro)
    if committed.unlisted.get(place) != text.encode():
        _write(committed.folder / place, text, new=True)
    digests = {**_read_index(committed.folder / INDEX, []), place: digest(text.encode())}
    lines = [f"{digests[place]}  {place}\n" for place in sorted(digests, key=_in_order)]
    _write(committed.folder / INDEX, "".join(lines))
    return Version(event, _number(Path(place)), schema_of(avro), avro)


def pretty(avro: Json) -> str:
    """Return a record's schema as it is committed: a line for each field, made to be reviewed."""
    head = {key: avro[key] for key in ("type", "name") if key in avro}
    rest = {key: value for key, value in avro.items() if key not in (*head, "fields")}
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in (head | rest).items()]
    fields = ",\n".join(f"    {json.dumps(each)}" for each in avro["fields"])
    lines.append(f'  "fields": [\n{fields}\n  ]' if fields else '  "fields": []')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file, whatever line ends a checkout gave it."""
    return sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _read(file: Path, problems: list[str]) -> Version | None:
    try:
        text = file.read_text(encoding="utf-8")
        avro = safe_schema(text)
        schema = schema_of(json.loads(text))
    except Exception as error:  # a file may hold anything, and fastavro raises what it may
        problems.append(f"{file}: no usable schema: {error}")
        return None
    event = file.parent.name
    if schema.name.rpartition(".")[2] != event:
        problems.append(f"{file}: its schema is of {schema.name}")
        return None
    return Version(event, _number(file), schema, avro)


def _read_index(file: Path, problems: list[str]) -> dict[str, str]:
    digests: dict[str, str] = {}
    if not file.is_file():
        return digests
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            problems.append(f"{file}:{number}: not a digest and a version")
        else:
            digests[line[66:]] = match[1]
    return digests


def _write(file: Path, text: str, *, new: bool = False) -> None:
    """Put the whole text in its place at once, so that a stop leaves nothing half written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.new")
    beside.write_text(text, encoding="utf-8", newline="\n")
    if new and file.exists():
        message = f"{file} exists, and no version is ever replaced"
        raise UsageError(message)
    os.replace(beside, file)


def _number(file: Path) -> int:
    match = _FILE.fullmatch(file.name)
    return int(match[1]) if match else 0


def _in_order(place: str) -> tuple[str, int]:
    event, _, name = place.partition("/")
    return event, _number(Path(name))
