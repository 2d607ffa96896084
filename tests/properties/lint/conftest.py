"""The examples are linted as in the unit tests."""

from tests.unit.lint.conftest import folder, lint

__all__ = ["folder", "lint"]
