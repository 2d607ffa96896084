"""What a person does about a saga, by the command line, beside a real worker."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from select import select
from typing import Any

import pytest

from minuet.event.ids import answer_id, begin_id, slot_id
from minuet.event.record import BY, REASON
from minuet.kafka.connection import Connection
from minuet.kafka.partitioner import partition_of
from tests.integration.parcels import PATIENCE_S
from tests.integration.troubles import Troubles

pytestmark = pytest.mark.kafka

ARRIVED = "SagaCompleted"
UNDONE = "SagaCompensated"


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Troubles:
    project = Troubles(tmp_path, kafka)
    project.apply()
    return project


def parked(parcels: Troubles, *down: str, **kilos: int) -> None:
    """Let these parcels wait for a person, and the worker be gone."""
    parcels.down(*down)
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(**kilos)
        parcels.parked(*kilos)


def at_once(parcels: Troubles, *commands: tuple[str, ...]) -> list[tuple[int, Any]]:
    """Run commands side by side; return exit code and JSON of each."""
    processes = [parcels.start(*command, "--why", "now", "--json") for command in commands]
    ended = [process.communicate(timeout=PATIENCE_S) for process in processes]
    return [(p.returncode, json.loads(out)) for p, (out, _) in zip(processes, ended, strict=True)]


def verified(parcels: Troubles) -> Any:
    report = parcels.found("verify", parcels.name)
    assert report["ok"], report
    return report


def test_a_step_that_gave_up_is_resumed_until_it_works(parcels: Troubles) -> None:
    parcels.down("buy")
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(p=3)
        parcels.comes("p", "StepGaveUp")
        assert parcels.act("resume", "p")["result"] == "effective"
        parcels.comes("p", "StepGaveUp", times=2)
        parcels.down()
        found = parcels.act("resume", "p", "--by", "ada", why="the post is back")
        assert (found["code"], found["result"], found["event"]) == (0, "effective", "StepResumed")
        records = parcels.comes("p", ARRIVED)
    actions = [(r.text(BY), r.text(REASON)) for r in records if r.type == "StepResumed"]
    assert actions[1] == ("ada", "the post is back")
    slots = {r.slot for r in records if r.text("ce_step") == "buy_stamp"}
    assert len(slots) == 1  # the same key each time
    assert parcels.act("resume", "p")["result"] == "earlier"
    assert verified(parcels)["illegal"] == 0


def test_a_person_answers_in_a_step_s_place(parcels: Troubles) -> None:
    parked(parcels, "buy", p=3, q=4)
    bought = parcels.act("answer", "p", "buy_stamp", "StampBought", "--data", '{"price": 7}')
    assert bought["result"] == "effective"
    (parcels.folder / "no.json").write_text('{\n  "reason": "not sold any more"\n}\n')
    file = str(parcels.folder / "no.json")
    assert parcels.act("answer", "q", "buy_stamp", "NoStamp", "--json-file", file)["code"] == 0
    with parcels.worker("--simulated"):
        parcels.comes("p", ARRIVED)
        parcels.comes("q", UNDONE)
    history = parcels.found("saga", "history", parcels.name, "p")["records"]
    assert [each["value"] for each in history if each["type"] == "StampBought"] == [{"price": 7}]
    again = parcels.act("answer", "p", "buy_stamp", "StampBought", "--data", '{"price": 7}')
    other = parcels.act("answer", "p", "buy_stamp", "StampBought", "--data", '{"price": 8}')
    assert (again["code"], again["result"]) == (0, "earlier")
    assert (other["code"], other["result"]) == (1, "refused")
    assert "was first, and has settled it with other content" in other["why"]
    assert verified(parcels)["strays"] == 0


def test_an_undo_is_skipped_and_the_saga_begun_anew(parcels: Troubles) -> None:
    parked(parcels, "refund", heavy=30)
    skipped = parcels.act("skip", "heavy", why="refunded by hand")
    assert (skipped["result"], skipped["about"]) == ("effective", "the undo of StampBought")
    parcels.down("deliver")
    with parcels.worker("--simulated"):
        parcels.comes("heavy", UNDONE)
        assert parcels.act("redo", "heavy")["result"] == "effective"
        records = parcels.comes("heavy", "StepGaveUp", times=2)
        keys = {r.slot for r in records if r.type == "StampBought"}
        assert len(keys) == 2  # another key in each round
        answer = ("answer", "heavy", "deliver_parcel", "ParcelArrived")
        parcels.act(*answer, "--data", '{"parcel_id": "heavy"}')
        parcels.comes("heavy", ARRIVED)
    assert verified(parcels)["completed"] == 1


def test_a_cancelled_saga_ends_once_its_parked_step_is_settled(parcels: Troubles) -> None:
    parked(parcels, "buy", p=3, q=3)
    for saga in ("p", "q"):
        found = parcels.act("cancel", saga)
        assert (found["result"], found["status"]) == ("effective", "failing")
        assert len(found["incidents"]) == 1
    parcels.down()
    assert parcels.act("skip", "p", why="nobody sold one")["result"] == "effective"
    assert parcels.act("resume", "q", why="let us see")["result"] == "effective"
    with parcels.worker("--simulated"):
        parcels.comes("p", UNDONE)
        types = [record.type for record in parcels.comes("q", UNDONE)]
    assert types[-4:] == ["StampBought", "RefundStamp", "StampRefunded", UNDONE]
    assert parcels.act("cancel", "q")["result"] == "earlier"
    assert verified(parcels)["compensated"] == 2


def test_two_operators_at_once_make_one_action(parcels: Troubles) -> None:
    parked(parcels, "buy", p=3, q=3)
    resume = ("saga", "resume", parcels.name, "p", "--by")
    answer = ("saga", "answer", parcels.name, "q", "buy_stamp", "StampBought", "--data")
    found = at_once(
        parcels,
        (*resume, "ada"),
        (*resume, "bob"),
        (*answer, '{"price": 6}', "--by", "ada"),
        (*answer, '{"price": 7}', "--by", "bob"),
    )
    resumed, answered = found[:2], found[2:]
    assert sorted(each["result"] for _, each in resumed) == ["earlier", "effective"]
    assert [code for code, _ in resumed] == [0, 0]
    second = next(each for _, each in resumed if each["result"] == "earlier")
    assert second["first"]["by"] in ("ada", "bob")
    assert sorted(code for code, _ in answered) == [0, 1]
    won = next(each for code, each in answered if code == 0)
    assert won["result"] == "effective"
    lost = next(each for code, each in answered if code == 1)
    assert lost["result"] in ("nothing", "refused")
    assert "was first" in lost["why"]
    parcels.down()
    with parcels.worker("--simulated"):
        types = [record.type for record in parcels.comes("p", ARRIVED)]
        parcels.comes("q", ARRIVED)
    assert types.count("StampBought") == 1
    report = verified(parcels)
    assert (report["strays"], report["completed"]) == (0, 2)


def test_a_value_that_cannot_be_read_is_given_again(parcels: Troubles) -> None:
    parked(parcels, "buy", good=1)
    parcels.down()
    parcels.publish(p=3)
    rotten(parcels, "p")
    with parcels.worker("--simulated"):
        parcels.comes("p", "RecordRejected")
        shown = parcels.found("incidents", "show", parcels.name, "p")["incidents"]
        assert [(each["kind"], each["about"]) for each in shown] == [("rejected", "StampBought")]
        assert parcels.act("resume", "p")["result"] == "refused"
        given = ("answer", "p", "buy_stamp", "StampBought", "--data", '{"price": 6}')
        assert parcels.act(*given)["result"] == "effective"
        records = parcels.comes("p", ARRIVED)
    assert [r.type for r in records].count("StampBought") == 2
    assert verified(parcels)["strays"] == 0


def rotten(parcels: Troubles, saga: str) -> None:
    """Append an answer of buy_stamp whose bytes are no such Avro."""
    begin = begin_id(parcels.name, "ParcelSent", saga)
    slot = slot_id("", [begin], "buy_stamp")
    schema = parcels.comes(saga, "ParcelSent")[0].headers["ce_dataschema"]
    headers: list[tuple[str, str | bytes | None]] = [
        ("ce_id", answer_id(slot, "StampBought").encode()),
        ("ce_type", b"StampBought"),
        ("ce_slot", slot.encode()),
        ("ce_step", b"buy_stamp"),
        ("ce_causes", begin.encode()),
        ("ce_dataschema", schema),
    ]
    producer = Connection(parcels.bootstrap).producer()
    producer.produce(parcels.topic, b"\0rotten", saga.encode(), headers=headers)
    producer.flush()


@pytest.fixture(scope="module")
def waits(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Troubles:
    """A parcel that waits for a person."""
    project = Troubles(tmp_path_factory.mktemp("parcels"), kafka)
    project.apply()
    parked(project, "buy", p=3)
    return project


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("resume", "nobody", "--why", "x"), 1, "has no saga 'nobody'"),
        (("resume", "p"), 2, "--why"),
        (("resume", "p", "--why", " "), 2, "--why is empty"),
        (("resume", "p", "--why", "x", "--step", "sell"), 1, "has no step sell"),
        (("skip", "p", "--why", "x"), 1, "others would wait for its answer"),
        (("redo", "p", "--why", "x"), 1, "only a compensated saga"),
        (("answer", "p", "buy_stamp", "StampBought", "--why", "x"), 2, "either --data"),
        (
            ("answer", "p", "buy_stamp", "StampBought", "--why", "x", "--data", '{"price": "1"}'),
            2,
            "this is no StampBought: price: Input should be a valid integer; its fields: price",
        ),
        (("answer", "p", "buy_stamp", "Stamp", "--why", "x", "--data", "{}"), 2, "no event Stamp"),
        (
            ("answer", "p", "buy_stamp", "ParcelArrived", "--why", "x", "--data",
             '{"parcel_id": "p"}'),
            1,
            "says StampBought | NoStamp, never ParcelArrived",
        ),
        (
            ("answer", "p", "buy_stamp", "StampBought", "--why", "x", "--json-file", "no"),
            2,
            "--json-file no: No such file",
        ),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_told_in_one_message_and_changes_nothing(
    waits: Troubles, arguments: tuple[str, ...], code: int, says: str
) -> None:
    action, *rest = arguments
    before = waits.length()
    got, _, errors = waits.typed("saga", action, waits.name, *rest)
    assert (got, says in errors) == (code, True), errors
    assert waits.length() == before


def test_a_refusal_says_what_is_possible_instead(waits: Troubles) -> None:
    _, _, errors = waits.typed("saga", "skip", waits.name, "p", "--why", "x")
    assert f"minuet saga resume {waits.name} p --step buy_stamp --why 'WHY'" in errors


def test_where_more_than_one_may_be_meant_it_asks_which(parcels: Troubles) -> None:
    parcels.down("note", "weigh")
    parcels.publish(p=3)
    with parcels.worker("--simulated"):
        parcels.comes("p", "StepGaveUp", times=2)
    code, _, errors = parcels.typed("saga", "resume", parcels.name, "p", "--why", "x")
    assert code == 2
    assert "say which" in errors
    assert "--step note_parcel  (note_parcel: note is down)" in errors
    assert parcels.act("resume", "p", "--step", "note_parcel")["result"] == "effective"
    assert parcels.act("resume", "p")["result"] == "effective"


def test_an_action_goes_where_the_saga_stands(parcels: Troubles) -> None:
    wrong = (partition_of(b"lost", 3) + 1) % 3
    headers: list[tuple[str, str | bytes | None]] = [("ce_id", b"1"), ("ce_type", b"ParcelSent")]
    producer = Connection(parcels.bootstrap).producer()
    producer.produce(parcels.topic, b"?", b"lost", wrong, headers=headers)
    producer.flush()
    found = parcels.act("cancel", "lost")
    assert (found["result"], found["partition"]) == ("effective", wrong)


def test_on_a_terminal_it_asks_before_there_is_no_way_back(waits: Troubles) -> None:
    before = waits.length()
    command = [sys.executable, "-c", "from minuet.cli.main import main; main()", "saga", "cancel"]
    command += [waits.name, "p", "--why", "x", "--bootstrap", waits.bootstrap]
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(command, cwd=waits.folder, stdin=theirs, stderr=theirs)
        os.write(ours, b"n\n")
        assert process.wait(PATIENCE_S) == 1
        said = b""
        while b"[y/N]" not in said and select([ours], [], [], PATIENCE_S)[0]:
            said += os.read(ours, 4096)
        assert b"cancel p: the saga? [y/N]" in said
    finally:
        os.close(ours)
        os.close(theirs)
    assert waits.length() == before
