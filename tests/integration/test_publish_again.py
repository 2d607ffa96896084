"""A publish that ended in the middle, or is done twice: each saga begins once, on a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from minuet.event import record
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from tests.integration.orders_run import until
from tests.integration.parcels import Parcels, parcel

pytestmark = pytest.mark.kafka

LINES = 3_000


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Parcels:
    project = Parcels(tmp_path, kafka)
    code, _, errors = project.typed("topics", "apply", project.name)
    assert code == 0, errors
    (tmp_path / "in.jsonl").write_bytes(b"".join(parcel(i) for i in range(LINES)))
    return project


@pytest.fixture
def worker(parcels: Parcels) -> Iterator[subprocess.Popen[bytes]]:
    process = parcels.start("worker", parcels.name, "--simulated", "--json")
    yield process
    process.kill()
    process.communicate()


def command(parcels: Parcels, *options: str) -> tuple[str, ...]:
    return ("publish", parcels.name, "ParcelSent", "--json", "--file", "in.jsonl", *options)


def publish(parcels: Parcels, *options: str) -> tuple[int, dict[str, Any], str]:
    code, out, errors = parcels.run(*command(parcels, *options))
    assert out, errors
    return code, json.loads(out), errors


def begun(parcels: Parcels) -> list[str]:
    """The ids of the begin events, in the order of each partition."""
    headers = (
        dict(m.headers() or ()) for m in snapshot(Connection(parcels.bootstrap), parcels.topic)
    )
    return [
        cast("bytes", h[record.ID]).decode() for h in headers if h[record.TYPE] == b"ParcelSent"
    ]


def verified(parcels: Parcels, sagas: int) -> dict[str, Any]:
    """What `verify` says once all of the sagas are completed and their rows are there."""
    report: dict[str, Any] = {}

    def done() -> bool:
        _, out, errors = parcels.typed("verify", parcels.name, "--json")
        assert out, errors
        report.update(json.loads(out))
        return report["completed"] == sagas and not report["uncommitted"]

    until("all sagas are completed", done)
    assert report["ok"]
    return report


def test_killed_half_way_and_resumed_each_is_started_once(
    parcels: Parcels, worker: subprocess.Popen[bytes]
) -> None:
    process = parcels.start(*command(parcels, "--rate", "400"))  # 7 s
    parcels.begins(LINES // 2)
    process.kill()
    process.communicate()
    code, result, errors = publish(parcels)
    assert code == 0
    assert f"resumed at line {result['resumed_at']}" in errors
    assert 0 < result["before"] == result["resumed_at"] - 1 < LINES
    assert result["before"] + result["published"] == result["accepted"] == LINES
    ids = begun(parcels)
    assert len(set(ids)) == LINES
    report = verified(parcels, LINES)
    assert (report["sagas"], report["conflicts"], report["strays"]) == (LINES, 0, 0)
    assert report["duplicates"] == len(ids) - LINES  # what was sent and not yet marked
    assert worker.poll() is None


def test_after_ctrl_c_nothing_is_sent_twice(parcels: Parcels) -> None:
    process = parcels.start(*command(parcels, "--rate", "500"))
    parcels.begins(300)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    first = json.loads(out)
    assert process.returncode == 130
    code, second, _ = publish(parcels)
    assert code == 0
    assert second["before"] == first["published"] < LINES
    assert sorted(begun(parcels)) == sorted(set(begun(parcels)))
    assert len(begun(parcels)) == LINES
    _, third, errors = publish(parcels, "--dry-run")
    assert (third["resumed_at"], errors) == (0, "")  # all is done, and forgotten


def test_a_log_made_anew_gets_the_whole_file(parcels: Parcels) -> None:
    process = parcels.start(*command(parcels, "--rate", "500"))
    parcels.begins(300)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    place = Connection(parcels.bootstrap)
    admin = place.admin()
    admin.delete_topics([parcels.topic])[parcels.topic].result(30)
    until("the topic is gone", lambda: parcels.topic not in place.reach().topics)
    until("it is there again", lambda: parcels.run("topics", "apply", parcels.name)[0] == 0)
    code, result, _ = publish(parcels)
    assert (code, result["before"], result["published"]) == (0, 0, LINES)
    assert len(begun(parcels)) == LINES


def test_ten_changed_lines_are_ten_conflicts_and_no_second_start(
    parcels: Parcels, worker: subprocess.Popen[bytes]
) -> None:
    publish(parcels)
    values = ["99.00" if i % (LINES / 10) == 7 else "12.50" for i in range(LINES)]
    changed = b"".join(parcel(i, value) for i, value in enumerate(values))
    (parcels.folder / "in.jsonl").write_bytes(changed)
    code, result, _ = publish(parcels, "--check", "--rejects", "bad.jsonl")
    assert code == 1
    assert (result["conflict"], result["duplicate"]) == (10, LINES - 10)
    assert result["published"] == 0
    bad = [json.loads(text) for text in (parcels.folder / "bad.jsonl").read_text().splitlines()]
    assert [one["line"] for one in bad] == [i + 1 for i, v in enumerate(values) if v == "99.00"]
    assert len(begun(parcels)) == LINES

    code, result, _ = publish(parcels)  # unchecked: the log takes them, and the fold counts
    assert (code, result["published"]) == (0, LINES)
    report = verified(parcels, LINES)
    assert (report["sagas"], report["completed"]) == (LINES, LINES)
    assert (report["conflicts"], report["duplicates"]) == (10, LINES - 10)
    assert report["strays"] == 0
    assert worker.poll() is None
    _, out, _ = parcels.typed("saga", "show", parcels.name, "p-7", "--json")
    assert json.loads(out)["counts"]["conflicts"] == 1
    _, out, _ = parcels.typed("saga", "history", parcels.name, "p-7", "--json")
    records = json.loads(out)["records"]
    assert next(r["value"]["value"] for r in records if r["type"] == "ParcelSent") == "12.50"


def test_an_upstream_id_begins_its_event_once(parcels: Parcels) -> None:
    rows = (
        b'{"parcel_id": "p-%d", "value": "1.00", "sent_at": "2026-11-22T10:00:00Z", "note": "%s"}\n'
    )
    text = b"".join(
        rows % (n, note) for n, note in ((1, b"u-1"), (2, b"u-2"), (3, b"u-1"), (4, b""))
    )
    (parcels.folder / "in.jsonl").write_bytes(text)
    code, result, _ = publish(parcels, "--id-field", "note")
    assert code == 1
    assert (result["published"], result["conflict"], result["rejected"]) == (2, 1, 1)
    assert sorted(begun(parcels)) == ["u-1", "u-2"]


def test_only_wanted_events_are_published_and_a_wrong_condition_sends_nothing(
    parcels: Parcels,
) -> None:
    code, _, errors = parcels.typed(*command(parcels, "--where", "parcel_id == 'p-1' && vlue > 2"))
    assert code == 2
    assert "column 23: ParcelSent has no field vlue" in errors
    assert begun(parcels) == []
    code, result, _ = publish(parcels, "--where", "parcel_id in ['p-1', 'p-2'] && value > 2")
    assert code == 0
    assert (result["published"], result["left_out"]) == (2, LINES - 2)
