"""A person who decides something: their name and reason stand in the headers of what they say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts, and why."""

    by: str
    why: str
