"""`minuet worker`, by the command line that everybody types."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.integration.orders_run import until
from tests.integration.refusals import Refusals

pytestmark = pytest.mark.kafka


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Refusals:
    project = Refusals(tmp_path, kafka)
    project.apply()
    return project


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Refusals:
    """A project in which no worker gets as far as to run."""
    project = Refusals(tmp_path_factory.mktemp("parcels"), kafka)
    project.apply()
    return project


def test_sigterm_is_a_clean_stop_and_what_was_published_is_done(parcels: Refusals) -> None:
    with parcels.worker("--simulated") as worker:
        assert worker.says("ready")["partitions"] == [0, 1, 2]
        parcels.publish(light=3, heavy=30)
        parcels.ended(2)
        assert worker.stop(signal.SIGTERM) == 0
        worker.says("stopped")
    report = parcels.found("verify", parcels.name)
    assert (report["code"], report["completed"], report["compensated"]) == (0, 1, 1)
    assert (report["ok"], report["uncommitted"]) == (True, 0)


def test_ctrl_c_is_exit_130(parcels: Refusals) -> None:
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        assert worker.stop(signal.SIGINT) == 130


def test_a_call_that_never_returns_does_not_keep_a_worker_that_was_stopped(
    parcels: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINUET_WORKER__GRACE_S", "1")
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(stuck=-1)
        until("the call hangs", (parcels.folder / "stuck").exists)
        assert worker.stop(signal.SIGTERM) == 0


def test_processes_share_the_partitions_and_stop_together(parcels: Refusals) -> None:
    with parcels.worker("--simulated", "--processes", "2", "--in-flight", "5") as worker:
        pids = {worker.says("ready")["pid"], worker.says("ready")["pid"]}
        assert len(pids) == 2
        parcels.publish(**{f"p{number}": number % 20 + 1 for number in range(50)})
        parcels.ended(50)
        assert worker.stop(signal.SIGTERM) == 0
    report = parcels.found("verify", parcels.name)
    assert (report["ok"], report["sagas"], report["live"]) == (True, 50, 0)


def test_a_child_that_dies_is_told_and_another_takes_its_place(parcels: Refusals) -> None:
    with parcels.worker("--simulated", "--processes", "2") as worker:
        first, _ = worker.says("ready"), worker.says("ready")
        os.kill(first["pid"], signal.SIGKILL)
        lost = worker.says("lost")
        assert (lost["died"], lost["code"], lost["again_s"]) == (first["pid"], 137, 0.5)
        parcels.publish(**{f"p{number}": 1 for number in range(9)})
        parcels.ended(9)
        assert worker.says("ready")["pid"] != first["pid"]
        assert worker.stop(signal.SIGTERM) == 0


def test_a_worker_that_cannot_live_is_given_up(parcels: Refusals) -> None:
    module = next(parcels.folder.glob("parcels_*.py"))
    module.write_text(
        module.read_text() + "\nimport os, sys\nif '--parent' in sys.argv: os._exit(9)\n"
    )
    code, out, errors = parcels.run(
        "worker", parcels.name, "--simulated", "--json", "--processes", "2"
    )
    assert code == 1, errors
    assert "is not started again (exit code 9): it died 5 times within" in errors
    assert out.count('"state": "lost"') >= 5


def test_children_leave_with_a_parent_that_was_killed(parcels: Refusals) -> None:
    with parcels.worker("--simulated", "--processes", "2") as worker:
        worker.says("ready")
        worker.says("ready")
        worker.stop(signal.SIGKILL)
        worker.says("stopped")
        worker.says("stopped")


def test_without_a_coordinator_a_worker_is_not_ready_until_there_is_one(parcels: Refusals) -> None:
    with parcels.worker("--only", "deliver_parcel", "--group", f"{parcels.name}-post") as some:
        some.says("no-coordinator")
        rest = ("--only", "coordinator", "buy_stamp,refund_stamp", "--simulated")
        with parcels.worker(*rest) as other:
            assert other.says("ready")["does"] == ["buy_stamp", "coordinator", "refund_stamp"]
            assert some.says("ready")["group"] == f"{parcels.name}-post"
            parcels.publish(light=1, heavy=11)
            parcels.ended(2)


def test_a_step_that_another_live_unit_has_is_refused(parcels: Refusals) -> None:
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        code, _, errors = parcels.run("worker", parcels.name, "--only", "deliver_parcel")
        assert code == 2
        assert f"unit with group {parcels.name} already does deliver_parcel" in errors


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Post, which step buy_stamp takes, has no real form"),
        ((), "to try it out: minuet worker"),
        (("--simulated", "--only", "sell_stamp"), "has no step sell_stamp: it has buy_stamp"),
        (("--simulated", "--group", "mine"), "leave --group out"),
        (("--simulated", "--only", ","), "--only names no step"),
        (("--simulated", "other"), "other is too much"),
        (("--simulated", "--processes", "0"), "--processes"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_message(
    idle: Refusals, arguments: tuple[str, ...], says: str
) -> None:
    code, _, errors = idle.run("worker", idle.name, *arguments)
    assert (code, says in errors, "Traceback" in errors) == (2, True, False), errors


def test_many_processes_that_cannot_start_are_told_once(idle: Refusals) -> None:
    code, _, errors = idle.run("worker", idle.name, "--processes", "3")
    assert (code, errors.count("has no real form")) == (2, 1)


def test_missing_topics_are_named_or_made(tmp_path: Path, kafka: str) -> None:
    parcels = Refusals(tmp_path, kafka)
    code, _, errors = parcels.run("worker", parcels.name, "--simulated")
    assert (code, f"minuet topics apply {parcels.name}" in errors) == (2, True)
    with parcels.worker("--simulated", "--ensure-topics") as worker:
        worker.says("ready")


def test_a_broker_that_is_not_there_is_named(tmp_path: Path) -> None:
    parcels = Refusals(tmp_path, "127.0.0.1:1")
    code, _, errors = parcels.run("worker", parcels.name, "--simulated")
    assert (code, "Kafka at 127.0.0.1:1" in errors, "Traceback" in errors) == (1, True, False)
