"""What an import brings along, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MACHINERY = ("step", "saga", "signature", "spec", "core", "engines", "dev", "cli", "kafka.topics")


def said(script: str) -> str:
    """Run a script and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_step_decorator_is_not_hidden_by_its_module() -> None:
    script = "import minuet.step; from minuet import step; print(callable(step))"
    assert said(script) == "True"


def test_importing_minuet_brings_no_kafka_client_no_avro_and_no_engine() -> None:
    heavy = "confluent_kafka fastavro py_avro_schema typer rich minuet.core minuet.engines"
    script = f"import sys, minuet; print([m for m in {heavy.split()} if m in sys.modules])"
    assert said(script) == "[]"


def test_a_suite_that_does_not_use_the_plugin_of_pytest_pays_nothing_for_it() -> None:
    ours = {m for m in imported_with("minuet.testing.plugin") if m.startswith("minuet")}
    assert ours == {"minuet", "minuet.testing", "minuet.testing.plugin"}
    assert "pytest" not in imported_with("minuet.testing.broker, minuet.testing.stories")


def test_the_publisher_imports_no_workflow_machinery_itself() -> None:
    # Under a bare package `minuet`, so that only what the publisher asks for is imported.
    bare = (
        "import types; package = types.ModuleType('minuet'); "
        f"package.__path__ = [{str(ROOT / 'minuet')!r}]; "
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
    return set(said(script).split())


def test_the_coordinator_imports_no_step() -> None:
    script = """
import sys, coordinators.orders
from minuet.step import definition_of
print([name for name, m in list(sys.modules.items())
       if any(definition_of(value) for value in vars(m).values())])
"""
    assert said(script) == "[]"
