"""The cells of the matrix: a Kafka with a registry, an engine, and a Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

KAFKAS = ("embedded", "docker", "secured")
ENGINES = ("native", "faust")
PYTHONS = ("3.11", "3.13")
WORDS = {
    "embedded": "embedded Kafka, built-in registry",
    "docker": "Kafka in Docker, Apicurio Registry",
    "secured": "three nodes with TLS and SCRAM, built-in registry",
}


@dataclass(frozen=True)
class Cell:
    """One combination; its name is what `--only` takes."""

    kafka: str
    engine: str
    python: str

    @property
    def name(self) -> str:
        """As `embedded-native-3.11`."""
        return f"{self.kafka}-{self.engine}-{self.python}"


CELLS = tuple(Cell(*each) for each in product(KAFKAS, ENGINES, PYTHONS))


def chosen(only: str) -> list[Cell]:
    """The cells that have all words of one of these, as `docker-3.13,secured`; empty for all.

    Raises:
        ValueError: a word is of no cell.
    """
    words = {word for cell in CELLS for word in (cell.kafka, cell.engine, cell.python)}
    wanted = [set(each.split("-")) for each in only.split(",") if each]
    if strange := sorted(word for each in wanted for word in each - words):
        message = f"no cell has {strange[0]!r}: they have {', '.join(sorted(words))}"
        raise ValueError(message)
    parts = {cell: {cell.kafka, cell.engine, cell.python} for cell in CELLS}
    return [c for c in CELLS if not wanted or any(each <= parts[c] for each in wanted)]


@dataclass(frozen=True)
class Result:
    """What a cell came to.

    Args:
        state: `passed`, `failed`, or `not there`, when a part is missing, which `why` names.
        versions: of what ran.
        commit: of the sources; with `+` behind it when they were changed; `sources`: their digest.
    """

    state: str
    date: str = ""
    commit: str = ""
    why: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: int = 0
    load: float = 0.0
    versions: str = ""
    sources: str = ""

    @classmethod
    def read(cls, found: dict[str, Any]) -> Result:
        """A result as the state file has it."""
        return cls(**found)

    def written(self) -> dict[str, Any]:
        """What the state file keeps."""
        return asdict(self)


def rows(results: dict[str, Result]) -> Iterator[str]:
    """The table, in Markdown."""
    yield "| Kafka and registry | engine | Python | result | passed | failed | skipped | s | run |"
    yield "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | --- |"
    for cell in CELLS:
        found = results.get(cell.name)
        place = f"| {WORDS[cell.kafka]} | {cell.engine} | {cell.python} |"
        if found is None:
            yield f"{place} not run yet | | | | | |"
        elif found.state == "not there":
            yield f"{place} not there: {found.why} | | | | | {found.date} |"
        else:
            counts = f"{found.passed} | {found.failed} | {found.skipped} | {found.seconds}"
            run = f"{found.date}, {found.commit}, load {found.load:.0f}, {found.versions}"
            yield f"{place} {found.state} | {counts} | {run} |"
