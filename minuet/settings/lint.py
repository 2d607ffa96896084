"""What the linter passes over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator


def _rows(written: object) -> object:
    """A variable holds its rows in one line, with commas between them."""
    if isinstance(written, str):
        return [row.strip() for row in written.split(",") if row.strip()]
    return written


@dataclass(frozen=True, slots=True)
class Lint:
    """The table `[tool.minuet.lint]`.

    Args:
        ignore: rows as `orders.screen_fraud: not-undone`: this rule for this step; without a step
            for the saga itself.
    """

    ignore: Annotated[tuple[str, ...], BeforeValidator(_rows)] = ()
