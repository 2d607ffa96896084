"""`minuet replay --into shadow`: what would end otherwise, found without an effect."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from minuet.kafka.connection import Connection
from minuet.kafka.offsets import watermarks
from tests.integration.orders_run import until
from tests.integration.parcels import PATIENCE_S
from tests.integration.test_replay_log import HEAVY, LATE, LIGHT, Sold

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Sold:
    project = Sold(tmp_path_factory.mktemp("parcels"), kafka)
    project.run_some()
    return project


def shadow(parcels: Sold, *words: str) -> Any:
    """Run one in a process of its own, which reads the workflow as it is written now."""
    command = ("replay", parcels.name, "--into", "shadow", "--yes", "--json")
    code, out, errors = parcels.run(*command, *words)
    assert out, errors
    return {"code": code, **json.loads(out)}


def mine(parcels: Sold) -> set[str]:
    names = Connection(parcels.bootstrap).reach().topics
    return {name for name in names if name.startswith("shadow-")}


def test_unchanged_all_ends_as_it_did_and_what_was_not_recorded_is_unknown(parcels: Sold) -> None:
    sold, ends = parcels.sold(), watermarks(Connection(parcels.bootstrap), parcels.topic)
    found = shadow(parcels)
    assert (found["code"], found["stopped"]) == (0, ""), found
    assert (found["same"], found["different"], found["unknown"]) == (LIGHT + HEAVY, 0, LATE)
    assert {each["saga"] for each in found["differ"]} == {f"late-{n}" for n in range(LATE)}
    assert all("the log has no answer of buy_stamp" in each["why"] for each in found["differ"])
    assert found["plan"]["recorded"] == ["buy_stamp"]
    assert parcels.sold() == sold
    assert watermarks(Connection(parcels.bootstrap), parcels.topic) == ends
    assert mine(parcels) == set()


def test_ctrl_c_while_it_appends_tells_no_result_and_leaves_no_topics(parcels: Sold) -> None:
    before = mine(parcels)
    process = parcels.start(
        "replay", parcels.name, "--into", "shadow", "--yes", "--json", "--rate", "1"
    )
    place = Connection(parcels.bootstrap)

    def has_begun() -> bool:
        assert process.poll() is None, process.communicate()
        logs = [name for name in mine(parcels) - before if name.endswith(".events")]
        return any(high for log in logs for _, high in watermarks(place, log).values())

    until("a record is appended", has_begun)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, errors
    found = json.loads(out)
    assert (found["stopped"], "same" in found) == ("interrupted", False)
    until("its topics are gone", lambda: mine(parcels) == before)


def test_a_changed_rule_is_found_for_exactly_the_sagas_that_it_touches(parcels: Sold) -> None:
    sold = parcels.sold()
    written = parcels._module.read_text()
    parcels._module.write_text(written.replace("sent.kilos > 10", "sent.kilos > 2"))
    try:
        found = shadow(parcels, "--keep", "--event", "SagaCompleted", "--event", "SagaCompensated")
    finally:
        parcels._module.write_text(written)
    assert (found["same"], found["different"], found["unknown"]) == (HEAVY, LIGHT, 0)
    assert {each["saga"] for each in found["differ"]} == {f"light-{n}" for n in range(LIGHT)}
    one = found["differ"][0]
    assert (one["here"], one["shadow"]) == ("completed", "compensated")
    assert (one["more"], one["less"]) == (
        ["ParcelRefused", "RefundStamp", "StampRefunded"], ["ParcelArrived"]
    )  # fmt: skip
    assert parcels.sold() == sold
    assert f"{found['shadow']}.events" in mine(parcels)


def test_workers_serve_a_shadow_of_a_name_without_an_effect(parcels: Sold) -> None:
    place = Connection(parcels.bootstrap)
    sold, ends = parcels.sold(), watermarks(place, parcels.topic)
    words = ("replay", parcels.name, "--into", "shadow", "--shadow", "friday", "--yes")
    code, _, errors = parcels.typed(*words)
    assert (code, "no worker serves it; start one" in errors) == (2, True), errors
    typed = ("--shadow", "friday", "--processes", "2")
    with parcels.worker(*typed) as worker:
        ready = worker.says("ready")
        assert (ready["form"], ready["group"]) == ("recorded", f"shadow-friday.{parcels.name}")
        found = parcels.found(*words, "--saga", "light-0", "--saga", "late-0")
        assert (found["same"], found["different"], found["unknown"]) == (1, 0, 1)
        found = parcels.found(*words)
        assert (found["code"], found["kept"]) == (0, True), found
        assert (found["same"], found["different"], found["unknown"]) == (LIGHT + HEAVY, 0, LATE)
        assert all("the log has no answer of buy_stamp" in each["why"] for each in found["differ"])
    assert (parcels.sold(), watermarks(place, parcels.topic)) == (sold, ends)
    there = ("--prefix", "shadow-friday.")
    assert parcels.found("saga", "show", parcels.name, "heavy-0", *there)["status"] == "compensated"
    assert parcels.found("verify", parcels.name, *there)["code"] == 0
    incidents = parcels.found("incidents", "list", parcels.name, *there)["incidents"]
    assert {each["saga"] for each in incidents} == {f"late-{n}" for n in range(LATE)}


def test_what_is_asked_otherwise_is_unknown_but_not_with_simulated_resources(
    parcels: Sold, tmp_path: Path
) -> None:
    found = shadow(parcels, "--simulated", "--saga", "late-0")
    assert found["code"] == 0
    assert [each["shadow"] for each in found["differ"]] == ["completed"]
    code, out, errors = parcels.typed(
        "replay", parcels.name, "--into", "shadow", "--saga", "light-1", "--dry-run"
    )
    assert code == 0, errors
    assert "1 events from outside, of 1 sagas" in out
    assert "no effect can run" in out
    code, _, errors = parcels.typed(
        "replay", parcels.name, "--into", "shadow", "--saga", "none", "--yes"
    )
    assert (code, "there is no saga 'none'" in errors) == (2, True)
