"""A workflow changes from release to release, with its sagas in flight, by the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.integration.troubles import Troubles

pytestmark = pytest.mark.kafka

FIRST = """\
from minuet import Event, Saga, step


class ClaimFiled(Event):
    claim_id: str


class ClaimRegistered(Event):
    cents: int


class PolicyChecked(Event):
    claim_id: str


class PolicyLapsed(Event):
    claim_id: str


class ClaimSettled(Event):
    paid: str


@step
def register(filed: ClaimFiled) -> ClaimRegistered:
    return ClaimRegistered(cents=1250)


@step
def settle(registered: ClaimRegistered, checked: PolicyChecked) -> ClaimSettled:
    return ClaimSettled(paid=str(registered.cents))


parcels = Saga(
    "NAME", key="claim_id", begins=ClaimFiled, completes=ClaimSettled, partitions=1,
    external=(PolicyChecked, PolicyLapsed),
)
"""
SECOND = """\
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field

from minuet import Event, Migrate, Saga, contract, step, upcast


class ClaimFiled(Event):
    claim_id: str


@contract(compatibility="BACKWARD")
class ClaimRegistered(Event):
    amount: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]


class PolicyChecked(Event):
    claim_id: str


class PolicyLapsed(Event):
    claim_id: str


class ClaimSettled(Event):
    paid: str


@upcast(ClaimRegistered, from_version=1)
def in_one_amount(old: dict[str, Any]) -> dict[str, Any]:
    return {"amount": Decimal(old["cents"]) / 100}


@step
def register(filed: ClaimFiled) -> ClaimRegistered:
    return ClaimRegistered(amount=Decimal("99.00"))


@step
def settle(registered: ClaimRegistered, checked: PolicyChecked) -> ClaimSettled:
    return ClaimSettled(paid=str(registered.amount))


parcels = Saga(
    "NAME", key="claim_id", begins=ClaimFiled, completes=ClaimSettled, partitions=1,
    external=(PolicyChecked, PolicyLapsed), FAILS MIGRATES
)
"""
LAPSED = "fails=(PolicyLapsed,),"


class Claims(Troubles):
    """The project, in one of its versions."""

    def write(self, *, partitions: int) -> None:
        """Write the first one."""
        self.release(FIRST)

    def release(self, text: str, fails: str = "", migrates: str = "") -> None:
        """Write another one."""
        text = text.replace("NAME", self.name).replace("FAILS", fails)
        self._module.write_text(text.replace("MIGRATES", migrates))
        self._written_s += 1
        os.utime(self._module, (self._written_s, self._written_s))

    def happens(self, event: str, claim: str) -> None:
        """Publish an event of a claim."""
        line = json.dumps({"claim_id": claim}).encode()
        code, _, errors = self.run("publish", self.name, event, text=line)
        assert code == 0, errors

    def compat(self, *more: str) -> tuple[int, str]:
        """Hold the version of now against the first."""
        first = str(self.folder / "first.json")
        code, said, errors = self.run("compat", self.name, "--against", first, *more)
        return code, said or errors


@pytest.fixture
def claims(tmp_path: Path, kafka: str) -> Claims:
    project = Claims(tmp_path, kafka)
    for words in (("schemas", "export"), ("topics", "apply")):
        run(project, *words, project.name)
    code, shown, errors = project.offline("spec", "show", project.name, "--json")
    assert code == 0, errors
    (tmp_path / "first.json").write_text(shown)
    return project


def run(project: Claims, *words: str) -> str:
    offline = words[0] in ("schemas", "spec")
    code, said, errors = (project.offline if offline else project.run)(*words)
    assert code == 0, errors
    return said


def test_sagas_in_flight_finish_under_the_version_that_they_began_with(claims: Claims) -> None:
    run(claims, "spec", "export", claims.name)
    with claims.worker() as worker:
        worker.says("ready")
        claims.happens("ClaimFiled", "old")
        claims.comes("old", "ClaimRegistered")
    claims.release(SECOND, LAPSED)
    code, said = claims.compat()
    assert code == 1
    assert "ClaimRegistered: the model is not its newest committed version" in said
    run(claims, "schemas", "export", claims.name)
    code, said = claims.compat("--live")
    assert code == 0, said
    assert "sagas that began under the old version finish under it" in said
    assert "1 sagas in flight of" in said
    with claims.worker() as worker:
        worker.says("ready")
        claims.happens("ClaimFiled", "new")
        claims.comes("new", "ClaimRegistered")
        for claim in ("old", "new"):
            claims.happens("PolicyLapsed", claim)
        claims.happens("PolicyChecked", "old")
        assert claims.comes("old", "SagaCompleted")
        assert claims.comes("new", "SagaCompensated")
        told = json.loads(run(claims, "saga", "history", claims.name, "old", "--json"))
        values = {each["type"]: each["value"] for each in told["records"]}
        assert values["ClaimSettled"] == {"paid": "12.5"}
        assert values["ClaimRegistered"] == {"amount": "12.5"}
    assert json.loads(run(claims, "verify", claims.name, "--json"))["ok"]


def test_a_rule_takes_sagas_in_flight_to_the_version_of_now(claims: Claims) -> None:
    run(claims, "spec", "export", claims.name)
    with claims.worker() as worker:
        worker.says("ready")
        claims.happens("ClaimFiled", "old")
        claims.comes("old", "ClaimRegistered")
    claims.release(SECOND, LAPSED, "migrates=(Migrate(1),),")
    run(claims, "schemas", "export", claims.name)
    code, said = claims.compat("--json")
    assert code == 0, said
    found = json.loads(said)
    assert {each["safety"] for each in found["findings"]} <= {"safe", "careful"}
    with claims.worker() as worker:
        worker.says("ready")
        claims.comes("old", "SagaMigrated")
        claims.happens("PolicyLapsed", "old")
        claims.comes("old", "SagaCompensated")
    assert json.loads(run(claims, "verify", claims.name, "--json"))["ok"]


def test_what_was_not_committed_is_judged_by_the_rules_of_now(claims: Claims) -> None:
    claims.release(SECOND, LAPSED)
    run(claims, "schemas", "export", claims.name)
    code, said = claims.compat()
    assert code == 1
    assert "PolicyLapsed now fails the saga" in said
    assert f"to mend: run `minuet spec export {claims.name}` on the code that is deployed" in said
    claims.release(SECOND, LAPSED, "migrates=(Migrate(1),),")
    code, said = claims.compat()
    assert code == 1
    assert "Migrate(1): there is no such version: none is committed" in said
