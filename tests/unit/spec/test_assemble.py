"""A workflow as plain data, with a version that says what it means."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

import pytest

from minuet import Backoff, Context, Deadline, Event, Request, Saga, Undo, step
from minuet.contracts.schema import avro_schema
from minuet.errors import UsageError
from minuet.spec.assemble import Workflow, assemble
from minuet.spec.model import DeadlineSpec, UndoSpec
from minuet.step import StepDefinition, definition_of


class Placed(Event):
    order_id: str


class Reserved(Event):
    shelf: str


class Confirmed(Event):
    shelf: str


class Release(Request):
    shelf: str


class Released(Event):
    shelf: str


class Expired(Request):
    pass


class Warehouse(Protocol):
    def reserve(self, *, key: str) -> str: ...


class SimulatedWarehouse:
    def reserve(self, *, key: str) -> str:
        return key


@step(retry=Backoff(attempts=2), timeout="5s")
def reserve(order: Placed, warehouse: Warehouse, ctx: Context) -> Reserved:
    return Reserved(shelf=warehouse.reserve(key=ctx.idempotency_key))


@step
def confirm(reserved: Reserved) -> Confirmed:
    return Confirmed(shelf=reserved.shelf)


@step
def release(request: Release, warehouse: Warehouse) -> Released:
    return Released(shelf=request.shelf)


def definition(function: Callable[..., object]) -> StepDefinition:
    found = definition_of(function)
    assert found is not None
    return found


def workflow(*steps: Callable[..., object], **other: Any) -> Workflow:
    rows: dict[str, Any] = {
        "key": "order_id",
        "begins": Placed,
        "completes": Confirmed,
        "fails": (Expired,),
        "undo": (Undo(Reserved, Release, Released),),
        "deadlines": (Deadline(Expired, after=Placed, unless=Confirmed, within="2m"),),
        "duplicate_horizon": "1d",
    }
    saga = Saga("shop", **(rows | other))
    saga.provide(Warehouse, simulated=SimulatedWarehouse)
    return assemble(saga, [definition(s) for s in steps or (reserve, confirm, release)])


def test_the_spec_holds_the_whole_workflow_as_plain_data() -> None:
    spec = workflow().spec
    assert (spec.name, spec.key, spec.begins, spec.completes) == (
        "shop", "order_id", "Placed", "Confirmed",
    )  # fmt: skip
    assert spec.pivot == ""
    assert spec.fails == ("Expired",)
    assert spec.undo == (UndoSpec("Reserved", "Release", "Released"),)
    assert spec.deadlines == (DeadlineSpec("Expired", "Placed", "Confirmed", 120_000),)
    assert [s.name for s in spec.steps] == ["reserve", "confirm", "release"]
    assert spec.steps[0].timeout_ms == 5000
    assert spec.duplicate_horizon_ms == 86_400_000
    assert json.loads(json.dumps(asdict(spec)))["name"] == "shop"


def test_the_spec_names_each_event_with_the_fingerprint_of_its_schema() -> None:
    made = workflow()
    names = ["Confirmed", "Expired", "Placed", "Release", "Released", "Reserved"]
    assert [name for name, _ in made.spec.events] == names
    assert dict(made.spec.events)["Placed"] == avro_schema(Placed).fingerprint
    assert made.models["Placed"] is Placed


def test_the_version_is_the_same_each_time() -> None:
    assert workflow().spec.version == workflow().spec.version
    assert len(workflow().spec.version) == 16


def test_the_version_changes_with_what_the_workflow_means() -> None:
    @step(timeout="1m")
    def confirm(reserved: Reserved) -> Confirmed:
        raise NotImplementedError

    versions = {
        workflow().spec.version,
        workflow(reserve, confirm, release).spec.version,
        workflow(partitions=12).spec.version,
        workflow(parallel_undo=True).spec.version,
        workflow(deadlines=(), fails=()).spec.version,
    }
    assert len(versions) == 5


def test_the_version_does_not_change_with_the_line_of_a_step() -> None:
    @step
    def confirm(reserved: Reserved) -> Confirmed:
        raise NotImplementedError

    moved = workflow(reserve, confirm, release).spec
    assert moved.steps[1].line != workflow().spec.steps[1].line
    assert moved.version == workflow().spec.version


def test_resources_are_made_once() -> None:
    made = workflow()
    resources = made.resources("simulated")
    assert isinstance(resources[Warehouse], SimulatedWarehouse)
    assert made.resources("simulated")[Warehouse] is resources[Warehouse]


def test_a_form_that_is_not_there_is_refused_with_the_mend() -> None:
    mend = r"Warehouse, which step \w+ takes, has no real form\n.*add real=\.\.\. to shop\.provide"
    with pytest.raises(UsageError, match=mend):
        workflow().resources("real")
