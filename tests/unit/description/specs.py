"""Workflows to be described: the shipped ones, one with all there is, and some of any shape."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from pathlib import Path

from minuet.spec import project
from minuet.spec.model import DeadlineSpec, Spec, StepSpec, UndoSpec
from tests.unit.core.story import HOUR_MS, step
from tests.unit.core.workflows import Tape, workflow

ROOT = Path(__file__).parents[3]

CLAIMS = Spec(
    name="claims",
    key="claim_id",
    begins="ClaimReported",
    completes="ClaimClosed",
    pivot="PayoutMade",
    fails=("PolicyLapsed", "PayoutRefused", "TooLate"),
    undo=(
        UndoSpec("SurveyBooked", "CancelSurvey", "SurveyCancelled"),
        UndoSpec("MoneyReserved", "FreeMoney", "MoneyFreed"),
    ),
    deadlines=(
        DeadlineSpec("TooLate", "ClaimReported", "PayoutMade", 72 * HOUR_MS),
        DeadlineSpec("Reminded", "DecisionTaken", "PayoutMade", HOUR_MS),
    ),
    steps=(
        step("book_survey", "ClaimReported", "SurveyBooked"),
        step("check_policy", "ClaimReported", "PolicyValid | PolicyLapsed | PolicySpecial"),
        step("reserve_money", "PolicyValid | PolicySpecial", "MoneyReserved"),
        step(
            "decide",
            "SurveyBooked, MoneyReserved, WeatherReported, PolicyValid | PolicySpecial",
            "DecisionTaken",
        ),
        step("pay_out", "DecisionTaken, ClaimReported", "PayoutMade | PayoutRefused"),
        step("close", "PayoutMade, Reminded | SurveyBooked", "ClaimClosed"),
        step(
            "apologise", "PolicyLapsed | PayoutRefused | SagaCancelled, ClaimReported", "Apologised"
        ),
        step("cancel_survey", "CancelSurvey", "SurveyCancelled"),
        step("free_money", "FreeMoney, MoneyReserved", "MoneyFreed"),
        step("audit_refund", "MoneyFreed, ClaimReported", "Audited"),
        step("archive", "SagaCompleted | SagaCompensated", "Archived"),
        step("file_failure", "SagaCompensated, ClaimReported", "FailureFiled"),
    ),
)


@cache
def shipped() -> dict[str, Spec]:
    """The workflows of this project."""
    return {name: project.load(name, ROOT).spec for name in ("orders", "refunds")}


@cache
def many() -> list[Spec]:
    """Workflows enough to meet what a drawing may stumble over."""
    drawn = [workflow(Tape(random.Random(seed).randbytes(60))) for seed in range(40)]
    return [*shipped().values(), CLAIMS, replace(CLAIMS, parallel_undo=True), long_names(), *drawn]


def long_names() -> Spec:
    """The claims, where every event and step is called something long."""
    tail = "AfterEverythingThatHadToHappenBeforeItReallyHasHappened"

    def longer(name: str) -> str:
        return name if name.startswith("Saga") else f"{name}{tail}"

    def renamed(one: StepSpec) -> StepSpec:
        needs = ", ".join(" | ".join(map(longer, types)) for types in one.needs)
        return step(longer(one.name), needs, " | ".join(map(longer, one.says)))

    return replace(
        CLAIMS,
        begins=longer(CLAIMS.begins), completes=longer(CLAIMS.completes),
        pivot=longer(CLAIMS.pivot), fails=tuple(map(longer, CLAIMS.fails)),
        undo=tuple(UndoSpec(longer(u.outcome), longer(u.request), longer(u.undone))
                   for u in CLAIMS.undo),
        deadlines=tuple(replace(d, type=longer(d.type), after=longer(d.after),
                                unless=longer(d.unless)) for d in CLAIMS.deadlines),
        steps=tuple(map(renamed, CLAIMS.steps)),
    )  # fmt: skip


def events(spec: Spec) -> set[str]:
    """Every event that a workflow has."""
    found = {spec.begins, spec.completes, *spec.fails}
    found |= {t for s in spec.steps for t in s.says} | {d.type for d in spec.deadlines}
    found |= {t for s in spec.steps for types in s.needs for t in types}
    return found | {t for u in spec.undo for t in (u.outcome, u.request, u.undone)}
