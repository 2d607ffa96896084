"""`minuet incidents` and `minuet dead-letters`, on what a real worker left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minuet.contracts.schema import read_schema
from minuet.inspection.sandbox import decode
from minuet.kafka.connection import Connection
from minuet.kafka.registry import TopicRegistry
from minuet.settings.names import SCHEMAS
from tests.integration.troubles import Troubles

pytestmark = pytest.mark.kafka

RECURSIVE = {
    "type": "record", "name": "N", "fields": [{"name": "next", "type": ["null", "N"]}],
}  # fmt: skip


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Troubles:
    """Two parcels wait for a stamp, one of them beside its weight; one was refused and waits."""
    project = Troubles(tmp_path_factory.mktemp("parcels"), kafka)
    project.apply()
    project.down("buy", "weigh")
    with project.worker("--simulated") as worker:
        worker.says("ready")
        project.publish(p=3)
        project.comes("p", "StepGaveUp", times=2)
        project.down("buy")
        project.publish(q=4)
        project.comes("q", "StepGaveUp")
        project.down("refund")
        project.publish(heavy=30)
        project.comes("heavy", "StepGaveUp")
    return project


def listed(parcels: Troubles, *options: str) -> list[tuple[str, str]]:
    found = parcels.found("incidents", "list", parcels.name, *options)
    return sorted((each["saga"], each["about"]) for each in found["incidents"])


def letters(parcels: Troubles, *options: str) -> Any:
    return parcels.found("dead-letters", "list", parcels.name, *options)


def test_list_has_every_incident_and_only_those_wanted(parcels: Troubles) -> None:
    every = [
        ("heavy", "refund_stamp"), ("p", "buy_stamp"), ("p", "weigh_parcel"), ("q", "buy_stamp"),
    ]  # fmt: skip
    assert listed(parcels) == every
    assert listed(parcels, "--step", "buy_stamp") == [("p", "buy_stamp"), ("q", "buy_stamp")]
    assert listed(parcels, "--kind", "rejected") == []
    found = parcels.found("incidents", "list", parcels.name, "--limit", "1")
    assert (len(found["incidents"]), found["found"]) == (1, 4)
    assert {"kind": "gave-up", "about": "buy_stamp", "count": 2} in found["counts"]
    (first,) = found["incidents"]
    assert (first["saga"], first["attempts"]) == ("p", 1)
    assert first["since"].startswith("20")
    assert first["reason"].endswith(" is down")


def test_what_no_row_has_yet_is_listed_too(tmp_path: Path, kafka: str) -> None:
    parcels = Troubles(tmp_path, kafka)
    parcels.apply()
    parcels.down("buy")
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(p=3, q=3)
        parcels.parked("p", "q")
        parcels.folded()
    assert parcels.act("cancel", "p")["code"] == 0
    assert parcels.act("skip", "p")["code"] == 0
    assert listed(parcels) == [("q", "buy_stamp")]  # no worker has read what was done
    assert parcels.found("verify", parcels.name)["uncommitted"] == 2


def test_show_has_the_commands_that_could_settle_it_and_they_work(parcels: Troubles) -> None:
    found = parcels.found("incidents", "show", parcels.name, "heavy")
    (incident,) = found["incidents"]
    assert (found["status"], incident["kind"]) == ("failing", "gave-up")
    verbs = [command.split()[2] for command in incident["commands"]]
    assert verbs == ["resume", "answer", "skip"]
    code, out, _ = parcels.typed("incidents", "show", parcels.name, "p")
    assert code == 0
    assert "gave-up: weigh_parcel since 20" in out
    assert f"minuet saga resume {parcels.name} p --step weigh_parcel --why 'WHY'" in out
    assert f"the saga as a whole\n    minuet saga cancel {parcels.name} p --why 'WHY'\n" in out


def test_saga_show_and_history_tell_what_a_person_did(parcels: Troubles) -> None:
    parcels.act("cancel", "q", "--by", "ada", why="never mind")
    _, out, _ = parcels.typed("saga", "show", parcels.name, "q")
    assert "SagaCancelled by ada: never mind" in out
    assert "gave-up: buy_stamp since 20" in out
    found = parcels.found("saga", "show", parcels.name, "q")
    assert [(each["by"], each["why"]) for each in found["actions"]] == [("ada", "never mind")]
    assert found["incidents"][0]["commands"]
    _, out, _ = parcels.typed("saga", "history", parcels.name, "q")
    assert "SagaCancelled  by ada\n    why: never mind\n" in out


def test_letters_are_listed_by_what_is_wanted(parcels: Troubles) -> None:
    assert letters(parcels)["found"] == 4
    assert {each["saga"] for each in letters(parcels, "--step", "buy_stamp")["letters"]} == {
        "p", "q",
    }  # fmt: skip
    assert letters(parcels, "--saga", "heavy")["letters"][0]["error"] == "refund is down"
    assert letters(parcels, "--category", "reject")["found"] == 4
    assert letters(parcels, "--category", "bug")["found"] == 0
    assert letters(parcels, "--from", "1h")["found"] == 4
    assert letters(parcels, "--from", "2099-01-01T00:00:00Z")["found"] == 0
    assert len(letters(parcels, "--limit", "2")["letters"]) == 2
    _, out, _ = parcels.typed("dead-letters", "list", parcels.name, "--limit", "1")
    assert f"minuet dead-letters show {parcels.name} " in out
    assert "1 of 4" in out


def test_a_letter_is_shown_with_its_bytes_and_its_value(parcels: Troubles, tmp_path: Path) -> None:
    (letter,) = letters(parcels, "--saga", "q")["letters"]
    raw = tmp_path / "raw"
    place = f"{letter['partition']}/{letter['offset']}"
    shown = parcels.found("dead-letters", "show", parcels.name, place, "--raw", str(raw))
    assert json.loads(shown["text"]) == {"parcel_id": "q", "kilos": 4}
    assert raw.read_bytes().hex() == shown["value_hex"]
    assert shown["headers"]["minuet_step"] == "buy_stamp"
    assert (shown["type"], shown["attempt"]) == ("ParcelSent", 1)
    source = shown["source"].split("/")
    assert (source[0], source[1]) == (parcels.topic, str(letter["partition"]))
    by_id = parcels.found("dead-letters", "show", parcels.name, letter["id"][:20])
    assert by_id["offset"] == letter["offset"]
    _, out, _ = parcels.typed("dead-letters", "show", parcels.name, place)
    assert '{"parcel_id": "q", "kilos": 4}' in out
    assert "000000  00 " in out


def test_a_letter_that_kills_a_decoder_is_shown_all_the_same(parcels: Troubles) -> None:
    place = Connection(parcels.bootstrap)
    schema = read_schema(json.dumps(RECURSIVE))
    TopicRegistry(place, SCHEMAS).register(schema)
    value = b"\0\0\0\0\1" + b"\x02" * 900_000
    headers: list[tuple[str, str | bytes | None]] = [
        ("ce_dataschema", f"urn:minuet:avro:{schema.fingerprint}".encode()),
        ("minuet_letter", b"poison"),
        ("minuet_error", b"\x1b[2Jgone"),
        ("minuet_attempt", b"many"),
    ]
    producer = place.producer()
    for _ in range(2):  # as after a crash: the same letter twice
        producer.produce(f"{parcels.name}.dead-letters", value, b"\xff", headers=headers)
    producer.flush()
    code, out, _ = parcels.typed("dead-letters", "show", parcels.name, "poison")
    assert code == 0
    assert "decoding it kills the process" in out
    assert "\\x1b[2Jgone" in out
    assert "\x1b" not in out
    assert letters(parcels, "--from", "1h")["found"] == 5


def test_bytes_without_number_do_not_fill_the_memory() -> None:
    schema = {
        "type": "record", "name": "Z",
        "fields": [{"name": "all", "type": {"type": "array", "items": "null"}}],
    }  # fmt: skip
    found = decode(json.dumps(schema), b"\0" * 5 + b"\xfe" + b"\xff" * 8 + b"\x01")
    assert found.text == ""
    assert found.why


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("dead-letters", "show", "NAME", "0/99"), 1, "has no record at 0/99"),
        (("dead-letters", "show", "NAME", "9/0"), 1, "has no record at 9/0"),
        (("dead-letters", "show", "NAME", "nothing"), 1, "no dead letter with an id that begins"),
        (("dead-letters", "show", "NAME", ""), 1, "more than one dead letter with an id"),
        (("dead-letters", "list", "NAME", "--from", "soon"), 2, "--from soon: say a length"),
        (("dead-letters", "list", "other"), 2, "names no workflow 'other'"),
        (("incidents", "list", "NAME", "--kind", "bad"), 2, "--kind bad: say one of gave-up"),
        (("incidents", "show", "NAME", "nobody"), 1, "has no saga 'nobody'"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_message(
    parcels: Troubles, arguments: tuple[str, ...], code: int, says: str
) -> None:
    typed = [parcels.name if each == "NAME" else each for each in arguments]
    got, _, errors = parcels.typed(*typed)
    assert (got, says in errors) == (code, True), errors
