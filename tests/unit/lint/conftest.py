"""Types `minuet lint` in a project of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from minuet.cli import main
from tests.unit.lint.page import Example

APP = main.build("lint")
Lint = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project's folder; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    sys.modules.pop("shop", None)
    yield tmp_path
    sys.modules.pop("shop", None)


@pytest.fixture
def lint(folder: Path) -> Lint:
    """Write an example, lint it, return what `--json` says."""

    def run(example: Example, *options: str) -> dict[str, Any]:
        example.write(folder)
        result = CliRunner().invoke(APP, ["lint", "shop", "--json", *options])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        found: dict[str, Any] = json.loads(result.stdout)
        assert result.exit_code == (1 if found["findings"] else 0)
        return found

    return run
