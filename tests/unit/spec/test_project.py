"""Finding a project's workflows from its pyproject.toml."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from minuet.errors import DefinitionError, UsageError
from minuet.spec import project

SHOP = """
    [tool.minuet.workflows.shop]
    saga = "{package}.saga:shop"
    steps = ["{package}.steps"]
"""
EVENTS = """
    from minuet import Event

    class Placed(Event):
        order_id: str

    class Cleared(Event):
        score: int

    class Confirmed(Event):
        number: int
"""
SAGA = """
    from minuet import Saga
    from {package}.events import Confirmed, Placed

    shop = Saga("shop", key="order_id", begins=Placed, completes=Confirmed)
"""
CLEAR = """
    from minuet import step
    from {package}.events import Cleared, Placed

    @step
    def clear(order: Placed) -> Cleared:
        return Cleared(score=1)
"""
CONFIRM = """
    from minuet import step
    from {package}.events import Cleared, Confirmed
    from {package}.steps.clear import clear  # seen twice, a step once

    @step
    def confirm(cleared: Cleared) -> Confirmed:
        return Confirmed(number=cleared.score)
"""

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a small project, whose modules are forgotten after the test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = set(sys.modules)
    package = f"shop_{tmp_path.name}"

    def write(**changed: str) -> Path:
        files = {
            "pyproject.toml": SHOP,
            f"{package}/__init__.py": "",
            f"{package}/events.py": EVENTS,
            f"{package}/saga.py": SAGA,
            f"{package}/steps/__init__.py": "",
            f"{package}/steps/clear.py": CLEAR,
            f"{package}/steps/below/confirm.py": CONFIRM,
            f"{package}/steps/below/__init__.py": "",
        }
        names = {"pyproject": "pyproject.toml", "saga": f"{package}/saga.py",
                 "clear": f"{package}/steps/clear.py"}  # fmt: skip
        files |= {names[name]: text for name, text in changed.items()}
        for name, text in files.items():
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text).replace("{package}", package))
        return tmp_path

    yield write
    for name in set(sys.modules) - known:
        if name.startswith("shop_"):
            del sys.modules[name]


def test_a_workflow_is_loaded_with_the_steps_of_its_packages(make: Make) -> None:
    folder = make()
    workflow = project.load("shop", folder)
    assert list(workflow.steps) == ["confirm", "clear"]
    assert str(folder) in sys.path
    assert project.names(folder) == ["shop"]


def test_the_project_is_found_from_a_folder_below(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()
    below = folder / "some" / "where"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert project.find().folder == folder
    assert project.names() == ["shop"]


def test_a_folder_without_a_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no pyproject\.toml in .*name it with --project"):
        project.find(tmp_path)


def test_a_file_that_cannot_be_read_is_refused(make: Make) -> None:
    with pytest.raises(UsageError, match=r"pyproject\.toml cannot be read"):
        project.find(make(pyproject="[tool"))


def test_an_unknown_workflow_is_refused_with_the_known_ones(make: Make) -> None:
    with pytest.raises(UsageError, match="names no workflow 'orders'; it names: shop"):
        project.load("orders", make())


def refused(folder: Path, message: str, mend: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        project.load("shop", folder)
    assert message in caught.value.message
    assert mend in caught.value.mend
    return caught.value


def test_a_workflow_without_a_saga_is_refused(make: Make) -> None:
    folder = make(pyproject="[tool.minuet.workflows.shop]\nsteps = ['a']\n")
    error = refused(folder, "[tool.minuet.workflows.shop] has no saga", "coordinators.shop:shop")
    assert error.file == str(folder / "pyproject.toml")


def test_a_workflow_without_steps_is_refused(make: Make) -> None:
    folder = make(pyproject="[tool.minuet.workflows.shop]\nsaga = 'a:b'\nsteps = 'c'\n")
    refused(folder, "has no steps", 'write steps = ["streams.shop"]')


def test_a_module_that_is_not_there_is_refused(make: Make) -> None:
    folder = make(pyproject=SHOP.replace("{package}.steps", "{package}.streams"))
    refused(folder, "there is no module", f"can be imported from {folder}")


def test_an_attribute_that_is_no_saga_is_refused(make: Make) -> None:
    folder = make(pyproject=SHOP.replace(".saga:shop", ".saga:Placed"))
    refused(folder, ".saga:Placed' is not a saga", 'write saga = "module:attribute"')


def test_a_saga_of_another_name_is_refused(make: Make) -> None:
    folder = make(saga=SAGA.replace('"shop"', '"store"'))
    refused(folder, "workflow 'shop' names the saga 'store'", "[tool.minuet.workflows.store]")


def test_modules_without_a_step_are_refused(make: Make) -> None:
    folder = make(pyproject=SHOP.replace("{package}.steps", "{package}.events"))
    refused(folder, "hold no step", "mark functions with @step")


def test_a_module_that_fails_is_named_with_its_line(make: Make) -> None:
    folder = make(clear="number = 1\nnumber / 0\n")
    error = refused(folder, "ZeroDivisionError: division by zero", "")
    assert error.file.endswith("clear.py")
    assert error.line == 2


def test_a_wrong_step_is_refused_at_its_own_place(make: Make) -> None:
    folder = make(clear=CLEAR.replace("-> Cleared", "-> None"))
    error = refused(folder, "step clear: it may return None", "is an event too")
    assert error.file.endswith("clear.py")


def test_a_module_that_a_step_misses_is_named_as_such(make: Make) -> None:
    folder = make(clear="import no_such_module_anywhere\n")
    error = refused(folder, "ModuleNotFoundError: No module named 'no_such_module_anywhere'", "")
    assert error.file.endswith("clear.py")
