"""Dead letters in a file: JSON lines with the bytes in base64, or an Avro object container."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import fastavro

from minuet.errors import ContractError, UsageError
from minuet.inspection.letters import Letter, letter_of
from minuet.kafka.raw import Raw

ENDINGS = (".jsonl", ".avro")
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "DeadLetter",
    "namespace": "minuet",
    "fields": [
        {"name": "partition", "type": "int"},
        {"name": "offset", "type": "long"},
        {"name": "time", "type": "long", "doc": "ms since 1970"},
        {"name": "key", "type": "bytes"},
        {"name": "value", "type": "bytes"},
        {
            "name": "headers",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Header",
                    "fields": [
                        {"name": "name", "type": "string"},
                        {"name": "value", "type": "bytes"},
                    ],
                },
            },
        },
    ],
}
_PARSED = fastavro.parse_schema(SCHEMA)


def check(file: Path) -> None:
    """Refuse a file whose ending does not say what it is.

    Raises:
        UsageError: it is neither `.jsonl` nor `.avro`.
    """
    if file.suffix not in ENDINGS:
        message = f"{file}: say what it is by its ending, {' or '.join(ENDINGS)}"
        raise UsageError(message)


def check_new(file: Path) -> None:
    """Refuse a file that is there, too.

    Raises:
        UsageError: it is there, or its ending is none of ours.
    """
    check(file)
    if file.exists():
        message = f"{file}: it is there already: name another file, or remove it"
        raise UsageError(message)


def write(file: Path, letters: Iterable[Letter]) -> int:
    """Write letters into a file that is whole or not there; return how many."""
    count = 0

    def counted() -> Iterator[dict[str, Any]]:
        nonlocal count
        for letter in letters:
            count += 1
            yield _plain(letter)

    aside = file.with_name(file.name + ".part")
    with aside.open("wb") as out:
        try:
            if file.suffix == ".avro":
                fastavro.writer(out, _PARSED, counted(), codec="deflate")
            else:
                for each in counted():
                    out.write(json.dumps(_texts(each)).encode() + b"\n")
        except BaseException:
            aside.unlink()
            raise
    aside.replace(file)
    return count


def read(file: Path) -> Iterator[Letter]:
    """Read letters from a file.

    Raises:
        ContractError: something in it is no letter; says where.
    """
    with file.open("rb") as source:
        each: Iterable[dict[str, Any]] = _lines(source)
        if file.suffix == ".avro":
            try:
                each = fastavro.reader(source, SCHEMA)  # type: ignore[assignment]
            except Exception as error:  # whatever bytes can make fastavro raise
                message = f"{file}: no Avro object container of letters"
                raise ContractError(message) from error
        for number, fields in enumerate(_told(file, each), 1):
            try:
                yield _letter(fields)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                message = f"{file}: letter {number} is none ({type(error).__name__})"
                raise ContractError(message) from error


def _told(file: Path, each: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    try:
        yield from each
    except Exception as error:  # a block that is cut short, a line that is no JSON
        message = f"{file}: it cannot be read on ({type(error).__name__})"
        raise ContractError(message) from error


def _lines(source: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in source:
        if line.strip():
            yield _bytes(json.loads(line))


def _plain(letter: Letter) -> dict[str, Any]:
    return {
        "partition": letter.partition, "offset": letter.offset, "time": letter.at_ms,
        "key": letter.key, "value": letter.value,
        "headers": [{"name": name, "value": raw} for name, raw in letter.headers],
    }  # fmt: skip


def _texts(fields: dict[str, Any]) -> dict[str, Any]:
    pairs = [{"name": h["name"], "value": b64encode(h["value"]).decode()}
             for h in fields["headers"]]  # fmt: skip
    coded = {name: b64encode(fields[name]).decode() for name in ("key", "value")}
    return {**fields, **coded, "headers": pairs}


def _bytes(fields: dict[str, Any]) -> dict[str, Any]:
    pairs = [{"name": h["name"], "value": b64decode(h["value"], validate=True)}
             for h in fields["headers"]]  # fmt: skip
    coded = {name: b64decode(fields[name], validate=True) for name in ("key", "value")}
    return {**fields, **coded, "headers": pairs}


def _letter(fields: dict[str, Any]) -> Letter:
    headers = tuple((str(pair["name"]), bytes(pair["value"])) for pair in fields["headers"])
    key, value = bytes(fields["key"]), bytes(fields["value"])
    place = int(fields["partition"]), int(fields["offset"]), int(fields["time"])
    return letter_of(Raw(*place, key, value, headers))
