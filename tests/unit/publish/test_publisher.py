"""The publisher before it is open, and what importing it brings along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minuet.errors import UsageError
from minuet.publish import AsyncPublisher, Publisher
from tests.unit.publish.order import OrderPlaced

MACHINERY = ("step", "saga", "signature", "spec", "core", "engines", "dev", "cli", "kafka.topics")


def test_a_publisher_without_a_broker_says_where_to_name_one() -> None:
    for kind in (Publisher, AsyncPublisher):
        with pytest.raises(UsageError, match="MINUET_BOOTSTRAP_SERVERS"):
            kind("orders", "order_id", OrderPlaced)


def test_the_environment_names_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUET_BOOTSTRAP_SERVERS", "kafka:9092")
    publisher = Publisher("orders", "order_id", OrderPlaced)
    assert publisher._connection.bootstrap == "kafka:9092"


def test_the_login_of_the_environment_is_for_the_broker_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINUET_BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("MINUET_KAFKA__SASL_USERNAME", "ann")
    named = Publisher("orders", "order_id", OrderPlaced, options={"linger.ms": "5"})
    assert named._connection.options == {"sasl.username": "ann", "linger.ms": "5"}
    typed = Publisher("orders", "order_id", OrderPlaced, bootstrap="other:9092")
    assert typed._connection.options == {}


def test_a_publisher_that_is_not_open_says_so() -> None:
    publisher = Publisher("orders", "order_id", OrderPlaced, bootstrap="kafka:9092")
    with pytest.raises(UsageError, match="not open"):
        publisher.flush()


def test_the_publisher_imports_no_workflow_machinery_itself() -> None:
    # Under a bare package `minuet`, so that only what the publisher asks for is imported.
    bare = (
        "import types; package = types.ModuleType('minuet'); "
        f"package.__path__ = [{str(Path(sys.modules['minuet'].__file__ or '').parent)!r}]; "
        "sys.modules['minuet'] = package; "
    )
    found = imported_with("minuet.publish", bare)
    assert "minuet.publish.publisher" in found
    assert [m for m in MACHINERY if f"minuet.{m}" in found] == []


def test_importing_the_publisher_brings_no_engine_no_core_and_no_command_line() -> None:
    found = imported_with("minuet.publish")
    heavy = ("core", "engines", "spec.assemble", "spec.project", "kafka.topics", "dev", "cli")
    assert [m for m in heavy if f"minuet.{m}" in found] == []
    assert {"typer", "rich", "jgo"} & found == set()


def imported_with(module: str, before: str = "") -> set[str]:
    script = f"import sys; {before}import {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(sys.modules["minuet"].__file__ or "").parents[1],
    )
    return set(done.stdout.split())
