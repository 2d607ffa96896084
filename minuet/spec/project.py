"""Finds a project's workflows: which modules they are is written in its pyproject.toml.

[tool.minuet.workflows.orders]
saga = "coordinators.orders:orders"
steps = ["streams.orders"]
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from minuet.errors import DefinitionError, MinuetError, UsageError
from minuet.event.upcast import know_versions, upcasts_of
from minuet.evolution.committed import read_committed
from minuet.saga import Saga
from minuet.settings.file import FILE, folder_of, line_of, table
from minuet.settings.prefix import prefix_of
from minuet.spec import versions
from minuet.spec.assemble import Workflow, assemble
from minuet.spec.model import misplaced_import
from minuet.step import StepDefinition, definition_of

KEYS = ("saga", "steps")  # of a workflow's table


@dataclass(frozen=True)
class Project:
    """A project's folder and the workflows that its pyproject.toml names."""

    folder: Path
    workflows: dict[str, Any]

    @property
    def file(self) -> Path:
        """Where the workflows are named."""
        return self.folder / FILE

    def refuse(self, message: str, mend: str, *path: str) -> NoReturn:
        """Raise the error that names the file, what is wrong in it and how to mend it.

        Args:
            message: what is wrong.
            mend: how to mend it.
            path: of the key below `workflows` that is wrong.
        """
        line = line_of(self.folder, ("workflows", *path))
        raise DefinitionError(message, file=str(self.file), line=line, mend=mend)

    def load(self, name: str) -> Workflow:
        """Import the modules of a workflow and assemble it."""
        table = self._table(name)
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        saga = self._saga(name, table["saga"])
        steps = self._steps(name, table["steps"])
        workflow = assemble(saga, steps, versions.read(self.folder, name))
        spec = replace(workflow.spec, prefix=prefix_of(self.folder))
        if why := misplaced_import(spec):
            raise UsageError(why)
        workflow = replace(workflow, spec=spec)
        self._know_versions(workflow)
        return workflow

    def _know_versions(self, workflow: Workflow) -> None:
        """Tell the events that are upcast which committed schema is which version."""
        upcast = [model for model in workflow.models.values() if upcasts_of(model)]
        if not upcast:
            return
        name = workflow.spec.name
        committed = read_committed(self.folder / "schemas" / name).versions
        for model in upcast:
            there = committed.get(model.__name__, ())
            last = max(upcasts_of(model))
            if last > len(there):
                event = model.__name__
                message = f"@upcast({event}, from_version={last}): schemas/{name} has no v{last}"
                raise DefinitionError(message, mend=f"it has {len(there)} versions of {event}")
            bare = [n for n in range(1, last) if n not in upcasts_of(model)]
            if bare:
                event = model.__name__
                message = f"@upcast({event}, from_version={last}) stands alone: v{bare[0]} has none"
                mend = f"write @upcast({event}, from_version={bare[0]}) too: it is not passed on"
                raise DefinitionError(message, mend=mend)
            know_versions(model, {each.schema.fingerprint: each.number for each in there})

    def _table(self, name: str) -> dict[str, Any]:
        table = self.workflows.get(name)
        if table is None:
            known = ", ".join(self.workflows) or "none"
            message = f"{self.file} names no workflow {name!r}; it names: {known}"
            raise UsageError(message)
        key = f"[tool.minuet.workflows.{name}]"
        if not isinstance(table, dict) or not isinstance(table.get("saga"), str):
            self.refuse(f"{key} has no saga", f'write saga = "coordinators.{name}:{name}"', name)
        steps = table.get("steps")
        if not isinstance(steps, list) or not all(isinstance(s, str) for s in steps) or not steps:
            self.refuse(f"{key} has no steps", f'write steps = ["streams.{name}"]', name)
        for unknown in table.keys() - set(KEYS):
            message = f"{key} has a key {unknown!r}, which nobody reads"
            self.refuse(message, f"write {' and '.join(KEYS)}, and nothing else", name, unknown)
        return table

    def _saga(self, name: str, written: str) -> Saga:
        module_name, _, attribute = written.partition(":")
        found = getattr(self._import(module_name, (name, "saga")), attribute, None)
        if not isinstance(found, Saga):
            mend = f'write saga = "module:attribute", as "coordinators.{name}:{name}"'
            self.refuse(f"{written!r} is not a saga", mend, name, "saga")
        if found.name != name:
            mend = f"write [tool.minuet.workflows.{found.name}], or rename the saga"
            self.refuse(f"workflow {name!r} names the saga {found.name!r}", mend, name, "saga")
        return found

    def _steps(self, name: str, written: Iterable[str]) -> list[StepDefinition]:
        """The steps that stand in these modules and below them, in order, each once."""
        found: dict[str, StepDefinition] = {}
        for module in (module for root in written for module in self._walk(root, name)):
            for value in vars(module).values():
                definition = definition_of(value)
                if definition is not None and definition.function.__module__ == module.__name__:
                    found[f"{module.__name__}.{definition.function.__qualname__}"] = definition
        if not found:
            key = f"[tool.minuet.workflows.{name}]"
            mend = "mark functions with @step"
            self.refuse(f"the modules of {key} hold no step", mend, name, "steps")
        return list(found.values())

    def _walk(self, root: str, workflow: str) -> Iterable[ModuleType]:
        module = self._import(root, (workflow, "steps"))
        yield module
        for below in pkgutil.iter_modules(getattr(module, "__path__", ()), f"{root}."):
            if not below.name.endswith(".__main__"):
                yield from self._walk(below.name, workflow)

    def _import(self, name: str, asked_by: tuple[str, str]) -> ModuleType:
        try:
            return importlib.import_module(name)
        except MinuetError:
            raise
        except Exception as failed:
            if isinstance(failed, ModuleNotFoundError) and f"{name}.".startswith(f"{failed.name}."):
                mend = f"name a module that can be imported from {self.folder}"
                self.refuse(f"there is no module {failed.name!r}", mend, *asked_by)
            last = traceback.extract_tb(failed.__traceback__)[-1]
            message = f"importing {name} failed: {type(failed).__name__}: {failed}"
            raise DefinitionError(message, file=last.filename, line=last.lineno or 0) from failed


def find(project: Path | None = None) -> Project:
    """Find the project: the folder given, else the nearest above with a pyproject.toml.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    folder = folder_of(project)
    if not (folder / FILE).is_file():
        where = f"{folder}" if project else f"{folder} or above"
        message = f"no {FILE} in {where}: go to the project's folder, or name it with --project"
        raise UsageError(message)
    workflows = table(folder).get("workflows", {})
    if not isinstance(workflows, dict):
        message = f"{folder / FILE}: workflows is not a table: write [tool.minuet.workflows.NAME]"
        raise UsageError(message)
    return Project(folder, workflows)


def names(project: Path | None = None) -> list[str]:
    """Return the names of the project's workflows."""
    return list(find(project).workflows)


def load(name: str, project: Path | None = None) -> Workflow:
    """Return a workflow of the project, assembled.

    Raises:
        UsageError: there is no such project or workflow.
        DefinitionError: it is written wrong.
    """
    return find(project).load(name)
