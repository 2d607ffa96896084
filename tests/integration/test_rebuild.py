"""`minuet rebuild` and `minuet verify --repair`, with a worker that runs and without one."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition

from minuet.core.state import Status
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import watermarks
from minuet.kafka.picking import pick
from tests.integration.refusals import Refusals
from tests.integration.test_verify import packed, rewrite

pytestmark = pytest.mark.kafka


@pytest.fixture
def parcels(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Refusals:
    """Two parcels, done; no worker runs."""
    project = Refusals(tmp_path_factory.mktemp("parcels"), kafka)
    project.apply()
    with project.worker("--simulated") as worker:
        worker.says("ready")
        project.publish(light=3, heavy=30)
        project.ended(2)
    return project


def spoil(parcels: Refusals) -> None:
    """Rows of another state, of a place from beyond the log, of no form, and of nobody."""
    rewrite(parcels, b"heavy", lambda row: packed({**row, "status": "completed"}))
    far = rewrite(parcels, b"light", lambda r: packed({**r, "log_offset": r["log_offset"] + 90}))
    producer = Connection(parcels.bootstrap).producer()
    producer.produce(f"{parcels.name}.sagas", b"", b"nobody", far)
    producer.flush()


def test_with_a_worker_all_is_made_anew_and_verified(parcels: Refusals) -> None:
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        spoil(parcels)
        code, out, errors = parcels.typed(
            "rebuild", parcels.name, "--yes", "--why", "x", "--by", "ann"
        )
        assert code == 0, (out, errors)
        assert "made anew from the log, as asked at 0/" in out
        assert "verified: 2 rows" in out
        parcels.publish(more=4)
        parcels.ended(3)
        assert parcels.found("verify", parcels.name)["ok"]


def test_repair_makes_anew_just_what_differs(parcels: Refusals) -> None:
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        spoil(parcels)
        who = ("--why", "a disk was bad", "--by", "ann")
        found = parcels.found("verify", parcels.name, "--repair", *who)
        assert (found["code"], found["ok"]) == (0, True)
        assert found["repaired"] == {"differed": 3, "done": True}
        [operation] = parcels.found("operations", "list", parcels.name)["operations"]
        assert (operation["by"], operation["why"]) == ("ann", "a disk was bad")
        again = parcels.found("verify", parcels.name, "--repair")
        assert (again["code"], "repaired" in again, again["unreadable"]) == (0, False, 0)


def test_without_a_worker_the_next_one_does_it_before_all_else(parcels: Refusals) -> None:
    spoil(parcels)
    code, out, _ = parcels.typed("verify", parcels.name, "--repair")
    assert code == 1
    assert f"the next `minuet worker {parcels.name}` makes it anew" in out
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        found = parcels.found("verify", parcels.name)
        assert (found["ok"], found["completed"], found["compensated"]) == (True, 1, 1)
        assert parcels.found("saga", "list", parcels.name)["found"] == 2


def test_who_asked_and_why_stands_in_the_log(parcels: Refusals) -> None:
    found = parcels.found(
        "rebuild",
        parcels.name,
        "--yes",
        "--partition",
        "1",
        "--why",
        "a disk was bad",
        "--by",
        "ann",
    )
    assert (found["code"], list(found["requests"]), found["done"]) == (0, ["1"], False)
    place = Connection(parcels.bootstrap)
    [message] = pick(place, parcels.topic, [(1, found["requests"]["1"])]).values()
    headers = dict(message.headers() or ())
    assert (headers["ce_by"], headers["ce_reason"]) == (b"ann", b"a disk was bad")
    assert headers["ce_type"] == b"RebuildTable"
    [operation] = parcels.found("operations", "list", parcels.name)["operations"]
    told = [operation[name] for name in ("kind", "by", "why", "result")]
    assert told == ["rebuild", "ann", "a disk was bad", "done"]
    assert operation["counts"] == {"partitions": 1, "left_to_the_next_worker": 1}
    assert parcels.found("verify", parcels.name)["unreadable"] == 0


def test_a_wrong_command_line_is_told_in_one_message(parcels: Refusals) -> None:
    code, _, errors = parcels.typed(
        "rebuild", parcels.name, "--yes", "--why", "x", "--partition", "7"
    )
    assert (code, "there is no partition 7: the log has 0 to 2" in errors) == (2, True)
    code, _, errors = parcels.typed("rebuild", parcels.name, "--yes", "--why", " ")
    assert (code, "--why is empty" in errors) == (2, True)
    wrong = parcels.found("rebuild", parcels.name, "--why", "x", "--yes", "--saga", "heavi")
    assert (wrong["code"], "has no saga 'heavi'" in wrong["error"]) == (2, True)
    code, _, errors = parcels.typed("rebuild", parcels.name, "--why", "x")
    assert (code, "nobody can be asked here: say --yes" in errors) == (2, True)
    [begun] = parcels.found("operations", "list", parcels.name)["operations"]
    assert begun["result"] == "failed"  # that of partition 7


def test_a_log_without_its_beginning_is_refused_unless_forced(parcels: Refusals) -> None:
    place = Connection(parcels.bootstrap)
    numbers = [n for n, (_, high) in watermarks(place, parcels.topic).items() if high]
    cut = [TopicPartition(parcels.topic, number, 1) for number in numbers]
    admin = place.admin()
    for each in admin.delete_records(cut).values():
        each.result(30)
    code, _, errors = parcels.typed("rebuild", parcels.name, "--yes", "--why", "x")
    assert code == 1
    [operation] = parcels.found("operations", "list", parcels.name)["operations"]
    assert operation["result"] == "failed"
    assert "begins at offset 1: of sagas that began before, only their rows are left" in errors
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        code, out, _ = parcels.typed("rebuild", parcels.name, "--yes", "--why", "x", "--force")
        assert code == 0, out
        found = parcels.found("saga", "list", parcels.name)
        assert sorted(s["status"] for s in found["sagas"]) == [
            Status.COMPENSATED,
            Status.COMPLETED,
        ]
