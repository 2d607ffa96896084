"""The public face of Minuet: all else may change."""

from __future__ import annotations

import subprocess
import sys

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
]


def test_the_public_face_is_these_names() -> None:
    assert minuet.__all__ == FACE == sorted(FACE)


def test_every_public_name_is_there_and_documented() -> None:
    for name in FACE:
        assert getattr(minuet, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Worker'"):
        minuet.Worker  # type: ignore[attr-defined]  # noqa: B018


def test_the_step_decorator_is_not_hidden_by_its_module() -> None:
    script = "import minuet.step; from minuet import step; print(callable(step))"
    assert _run(script) == "True"


def test_importing_minuet_brings_no_kafka_client_no_avro_and_no_engine() -> None:
    heavy = "confluent_kafka fastavro py_avro_schema typer rich minuet.core minuet.engines"
    script = f"import sys, minuet; print([m for m in {heavy.split()} if m in sys.modules])"
    assert _run(script) == "[]"


def _run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
