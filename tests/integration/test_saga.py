"""`minuet saga list|show|history`, by the command line that everybody types."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.kafka.connection import Connection
from minuet.kafka.partitioner import partition_of
from minuet.kafka.reading import snapshot
from tests.integration.refusals import Refusals

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Refusals:
    """Three parcels, done: one arrived, one was refused, one waits for a person."""
    project = Refusals(tmp_path_factory.mktemp("parcels"), kafka)
    project.apply()
    with project.worker("--simulated") as worker:
        worker.says("ready")
        project.publish(light=3, heavy=30, empty=0)
        project.ended(3)
    return project


def listed(parcels: Refusals, *options: str) -> list[str]:
    found = parcels.found("saga", "list", parcels.name, *options)
    return [each["saga"] for each in found["sagas"]]


def test_list_shows_the_youngest_first_and_only_what_is_wanted(parcels: Refusals) -> None:
    assert set(listed(parcels)) == {"light", "heavy", "empty"}
    assert listed(parcels, "--status", "compensated") == ["heavy"]
    assert listed(parcels, "--status", "ended", "--limit", "1")[0] in ("heavy", "light")
    assert listed(parcels, "--status", "live") == listed(parcels, "--status", "incident")
    assert listed(parcels, "--status", "early") == []


def test_list_says_how_many_there_are(parcels: Refusals) -> None:
    code, out, _ = parcels.run("saga", "list", parcels.name, "--limit", "2")
    lines = out.splitlines()
    assert (code, lines[0].split()[:2], lines[-1]) == (0, ["SAGA", "STATUS"], "2 of 3")


def test_show_says_what_happened_and_what_only_a_person_can_settle(parcels: Refusals) -> None:
    found = parcels.found("saga", "show", parcels.name, "empty")
    assert (found["code"], found["status"]) == (0, "running")
    assert [(task["step"], task["state"]) for task in found["tasks"]] == [("buy_stamp", "parked")]
    assert [each["kind"] for each in found["incidents"]] == ["gave-up"]
    assert [(each["step"], each["lacks"]) for each in found["lacking"]] == [
        ("deliver_parcel", ["StampBought"])
    ]
    _, out, _ = parcels.typed("saga", "show", parcels.name, "heavy")
    assert "heavy: compensated" in out
    assert "StampRefunded" in out


def test_history_is_the_saga_s_log_with_its_values(parcels: Refusals) -> None:
    found = parcels.found("saga", "history", parcels.name, "heavy")
    records = found["records"]
    assert [(each["type"], each["step"]) for each in records] == [
        ("ParcelSent", ""),
        ("StampBought", "buy_stamp"),
        ("ParcelRefused", "deliver_parcel"),
        ("RefundStamp", ""),
        ("StampRefunded", "refund_stamp"),
        ("SagaCompensated", ""),
    ]
    assert records[0]["value"] == {"parcel_id": "heavy", "kilos": 30}
    assert records[1]["value"] == {"price": 60}
    assert records[1]["causes"] == [records[0]["id"]]
    assert records[2]["cause_offsets"] == [records[1]["offset"], records[0]["offset"]]
    assert found["partition"] == partition_of(b"heavy", 3)
    _, out, _ = parcels.typed("saga", "history", parcels.name, "heavy")
    assert '{"price": 60}' in out


def test_show_at_a_moment_a_place_or_an_event_is_how_it_stood_then(parcels: Refusals) -> None:
    records = parcels.found("saga", "history", parcels.name, "heavy")["records"]
    bought, number = records[1], partition_of(b"heavy", 3)
    for then in (bought["id"], f"{number}/{bought['offset']}"):
        found = parcels.found("saga", "show", parcels.name, "heavy", "--at", then)
        assert (found["code"], found["status"]) == (0, "running")
        assert [event["type"] for event in found["events"]] == ["ParcelSent", "StampBought"]
        assert [task["step"] for task in found["tasks"]] == ["deliver_parcel"]
    _, out, _ = parcels.typed("saga", "show", parcels.name, "heavy", "--at", records[-1]["time"])
    assert "heavy: compensated" in out
    empty = parcels.found("saga", "history", parcels.name, "empty")["records"][-1]["id"]
    found = parcels.found("saga", "show", parcels.name, "empty", "--at", empty)
    assert [each["commands"] for each in found["incidents"]] == [[]]


def test_history_explains_what_each_event_did_and_why_a_step_did_not_run(
    parcels: Refusals,
) -> None:
    code, out, _ = parcels.typed("saga", "history", parcels.name, "heavy", "--explain")
    assert code == 0
    for line in (
        "    early -> running: the saga is running; ParcelSent is effective",
        "    due now: buy_stamp",
        "    deliver_parcel: lacks StampBought",
        "    the coordinator says next: RefundStamp",
        "    failing -> compensated: the saga is compensated; nothing is left to do: the saga "
        "rests, and keeps the ids of its events alone",
    ):
        assert line in out.splitlines()
    found = parcels.found("saga", "history", parcels.name, "empty", "--explain")
    last = found["records"][-1]["explained"]
    assert last["changes"][0] == "buy_stamp gave up at attempt 1: it waits for a person"
    assert {each["step"]: each["kind"] for each in last["steps"]} == {
        "buy_stamp": "parked",
        "deliver_parcel": "lacks",
        "refund_stamp": "not-asked",
    }


def test_a_value_that_cannot_be_read_is_told(tmp_path: Path, kafka: str) -> None:
    parcels = Refusals(tmp_path, kafka)
    parcels.apply()
    headers: list[tuple[str, str | bytes | None]] = [("ce_id", b"1"), ("ce_type", b"ParcelSent")]
    producer = Connection(kafka).producer()
    producer.produce(parcels.topic, b"?", b"broken", headers=headers)
    producer.flush()
    found = parcels.found("saga", "history", parcels.name, "broken")
    assert found["records"][0]["value"] is None
    assert "nobody registered the schema" in found["records"][0]["unreadable"]


def test_a_saga_that_a_producer_put_elsewhere_is_found_and_told(tmp_path: Path, kafka: str) -> None:
    parcels = Refusals(tmp_path, kafka)
    parcels.apply()
    wrong = (partition_of(b"lost", 3) + 1) % 3
    headers: list[tuple[str, str | bytes | None]] = [("ce_id", b"1"), ("ce_type", b"ParcelSent")]
    producer = Connection(kafka).producer()
    producer.produce(parcels.topic, b"?", b"lost", wrong, headers=headers)
    producer.flush()
    assert parcels.found("saga", "show", parcels.name, "lost")["partition"] == wrong
    assert parcels.found("verify", parcels.name)["misplaced"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("show", "NAME", "nobody"), 1, "has no saga 'nobody'"),
        (("history", "NAME", "nobody"), 1, "has no saga 'nobody'"),
        (("show", "NAME", "heavy", "--at", "then"), 2, "or the id of one of heavy's events"),
        (("show", "NAME", "heavy", "--at", "2020-01-01"), 1, "heavy had not begun at 2020-01-01"),
        (("show", "NAME", "heavy", "--at", "9/1"), 2, "and only there"),
        (("list", "NAME", "--status", "lost"), 2, "lost"),
        (("list", "NAME", "--limit", "0"), 2, "--limit"),
        (("list", "other"), 2, "names no workflow 'other'"),
        (("show", "NAME"), 2, "saga"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_message(
    parcels: Refusals, arguments: tuple[str, ...], code: int, says: str
) -> None:
    typed = [parcels.name if each == "NAME" else each for each in arguments]
    got, _, errors = parcels.typed("saga", *typed)
    assert (got, says in errors, "Traceback" in errors) == (code, True, False), errors


def test_our_partitioner_is_the_producer_s(parcels: Refusals) -> None:
    keys = [f"ключ-{number}"[: number % 9 + 1] + str(number) for number in range(500)]
    topic = f"{parcels.name}.dead-letters"
    place = Connection(parcels.bootstrap)
    producer = place.producer()
    for key in keys:
        producer.produce(topic, b"x", key.encode())
    producer.flush()
    placed = {message.key(): message.partition() for message in snapshot(place, topic)}
    wrong = {key for key in keys if placed[key.encode()] != partition_of(key.encode(), 3)}
    assert wrong == set()
