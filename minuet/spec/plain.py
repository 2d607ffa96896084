"""A spec as a JSON document, and back: what `minuet spec` prints, keeps and compares."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from minuet.errors import UsageError
from minuet.spec.model import Spec


def as_plain(spec: Spec) -> dict[str, Any]:
    """Return a spec as JSON has it: without its older versions, and any place that it names."""
    found = asdict(replace(spec, before=()))
    del found["before"], found["prefix"]
    for step in found["steps"]:
        del step["file"], step["line"]
    return found


def from_plain(text: str | bytes, where: str) -> Spec:
    """Return the spec that a JSON document holds.

    Args:
        text: the document.
        where: it comes from, for the error.

    Raises:
        UsageError: it is not a spec.
    """
    try:
        return TypeAdapter(Spec).validate_json(text)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        place = ".".join(map(str, first["loc"]))
        message = f"{where} is no spec, as `minuet spec show WORKFLOW --json` prints one: "
        raise UsageError(message + f"{place} {first['msg']}".strip()) from None
