"""The public face of Minuet: all else may change."""

from __future__ import annotations

import pytest

import minuet

FACE = [
    "AsyncPublisher",
    "Backoff",
    "Context",
    "Deadline",
    "Event",
    "Formerly",
    "GiveUp",
    "Migrate",
    "MinuetError",
    "Pii",
    "Publisher",
    "Request",
    "RetryLater",
    "Saga",
    "Undo",
    "Wire",
    "contract",
    "step",
    "upcast",
]


def test_the_public_face_is_these_names() -> None:
    assert minuet.__all__ == FACE == sorted(FACE)


def test_every_public_name_is_there_and_documented() -> None:
    for name in FACE:
        assert getattr(minuet, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Worker'"):
        minuet.Worker  # type: ignore[attr-defined]  # noqa: B018
