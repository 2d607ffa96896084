"""`minuet replay` onto a log: a lost one made whole again, another cluster, and no effect twice."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from minuet.dev import Broker
from minuet.event.record import CAUSES, ID, REJECTS, TYPE
from minuet.kafka.connection import Connection
from minuet.kafka.kept import Kept, kept_snapshot
from minuet.kafka.offsets import watermarks
from tests.integration import refusals
from tests.integration.orders_run import until
from tests.integration.parcels import PATIENCE_S
from tests.integration.refusals import Refusals

pytestmark = pytest.mark.kafka

SOLD = """\
        with Path("FOLDER/sold").open("a") as sold:
            sold.write(key + "\\n")
        return 2 * kilos
"""
LIGHT, HEAVY, LATE = 20, 4, 3


class Sold(Refusals):
    """Parcels whose stamps are noted, each sale a line with its idempotency key."""

    def write(self, *, partitions: int) -> None:
        """Write the workflow."""
        text = refusals.WORKFLOW.replace("        return 2 * kilos\n", SOLD)
        text = text.replace("FOLDER", str(self.folder)).replace("NAME", self.name)
        self._module.write_text(text.replace("PARTITIONS", str(partitions)))

    def sold(self) -> Counter[str]:
        """Idempotency key -> how often it was sold."""
        return Counter((self.folder / "sold").read_text().split())

    def run_some(self) -> None:
        """Have some parcels delivered, some refused, and some begun while nobody works."""
        self.apply()
        with self.worker("--simulated") as worker:
            worker.says("ready")
            self.publish(**{f"light-{n}": 3 for n in range(LIGHT)})
            self.publish(**{f"heavy-{n}": 30 for n in range(HEAVY)})
            self.ended(LIGHT + HEAVY)
        self.publish(**{f"late-{n}": 3 for n in range(LATE)})

    def lose(self, kind: str = "") -> None:
        """Delete the workflow's topics, or that of a kind, and make them anew."""
        place = Connection(self.bootstrap)
        mine = [
            name for name in place.reach().topics if name.startswith(f"{self.name}.{kind}")
        ]  # fmt: skip
        admin = place.admin()
        for done in admin.delete_topics(mine).values():
            done.result(30)
        until("they are gone", lambda: not {*mine} & {*place.reach().topics})
        until("they are there again", lambda: self.typed("topics", "apply", self.name)[0] == 0)

    def replay(self, *words: str) -> Any:
        """Replay, and return what is printed."""
        return self.found("replay", self.name, "--yes", "--why", "a test", *words)


def on_log(bootstrap: str, topic: str) -> list[Kept]:
    place = Connection(bootstrap)
    marks = watermarks(place, topic)
    first = {number: low for number, (low, _) in marks.items()}
    return list(
        kept_snapshot(place, topic, first, {number: high for number, (_, high) in marks.items()})
    )


def by_saga(records: list[Kept]) -> dict[bytes, list[tuple[Any, ...]]]:
    """Each saga's records in their order, without where and when they stand."""
    found: dict[bytes, list[tuple[Any, ...]]] = {}
    for each in sorted(records):
        what = (each.partition, each.value, each.headers)
        found.setdefault(each.key or b"", []).append(what)
    return found


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Sold:
    return Sold(tmp_path, kafka)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another cluster."""
    broker = Broker(tmp_path_factory.mktemp("elsewhere"))
    try:
        yield broker.up()
    finally:
        broker.reset()


def test_a_lost_log_is_there_again_and_what_was_missing_runs_once(parcels: Sold) -> None:
    parcels.run_some()
    before = by_saga(on_log(parcels.bootstrap, parcels.topic))
    sold = parcels.sold()
    assert parcels.replay("--into", "all.avro")["code"] == 0
    parcels.lose()
    assert on_log(parcels.bootstrap, parcels.topic) == []

    found = parcels.replay("--source", "all.avro", "--into", "here")
    records = sum(len(each) for each in before.values())
    assert (found["code"], found["appended"], found["known"]) == (0, records, 0)
    plan = found["plan"]
    assert (plan["records"], plan["sagas"]) == (records, LIGHT + HEAVY + LATE)
    assert (plan["effects"], plan["effects_by_step"]) == (LATE, {"buy_stamp": LATE})
    assert by_saga(on_log(parcels.bootstrap, parcels.topic)) == before
    (written,) = parcels.found("operations", "list", parcels.name)["operations"]
    assert (written["id"], written["kind"]) == (found["operation"], "replay")
    assert (written["why"], written["result"]) == ("a test", "done")
    assert written["counts"]["appended"] == records

    again = parcels.replay("--source", "all.avro", "--into", "here")
    assert (again["code"], again["appended"], again["known"]) == (0, 0, records)
    assert again["plan"]["effects"] == 0  # of these, nothing comes of this replay
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.ended(LIGHT + HEAVY + LATE)
    report = parcels.found("verify", parcels.name)
    assert (report["ok"], report["sagas"]) == (True, LIGHT + HEAVY + LATE)
    assert (report["completed"], report["compensated"]) == (LIGHT + LATE, HEAVY)
    assert (report["duplicates"], report["strays"], report["nondeterministic"]) == (0, 0, 0)
    assert sold <= parcels.sold()
    assert set(parcels.sold().values()) == {1}
    assert len(parcels.sold()) == LIGHT + HEAVY + LATE


@pytest.mark.parametrize("mend", ["the table anew", "rebuild"])
def test_beside_the_table_of_a_lost_log_it_is_refused_until_that_is_mended(
    parcels: Sold, mend: str
) -> None:
    parcels.run_some()
    parcels.replay("--into", "all.avro")
    parcels.lose("events")
    words = ("--source", "all.avro", "--into", "here")
    for said in ((), ("--dry-run",)):
        refused = parcels.found("replay", parcels.name, "--yes", "--why", "x", *words, *said)
        assert refused["code"] == 2
        assert f"from beyond the end of {parcels.topic}" in refused["error"]
        assert f"minuet rebuild {parcels.name}" in refused["error"]
    assert on_log(parcels.bootstrap, parcels.topic) == []
    if mend == "rebuild":
        code, _, errors = parcels.typed("rebuild", parcels.name, "--why", "x", "--yes")
        assert code == 0, errors
    else:
        parcels.lose("sagas")
    assert parcels.replay(*words)["code"] == 0
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.ended(LIGHT + HEAVY + LATE)
        parcels.folded()
    report = parcels.found("verify", parcels.name)
    assert (report["ok"], report["completed"]) == (True, LIGHT + LATE), report
    assert set(parcels.sold().values()) == {1}


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_broken_off_half_way_nothing_is_lost_and_nothing_doubled(
    parcels: Sold, kill: signal.Signals
) -> None:
    parcels.run_some()
    before = by_saga(on_log(parcels.bootstrap, parcels.topic))
    records = sum(len(each) for each in before.values())
    parcels.replay("--into", "all.jsonl")
    parcels.lose()
    words = ("--source", "all.jsonl", "--into", "here", "--yes", "--why", "x", "--json")
    process = parcels.start("replay", parcels.name, *words, "--rate", "40")
    place, patience = Connection(parcels.bootstrap), time.monotonic() + PATIENCE_S
    while sum(high for _, high in watermarks(place, parcels.topic).values()) < records // 3:
        assert process.poll() is None
        assert time.monotonic() < patience
    process.send_signal(kill)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == (130 if kill == signal.SIGINT else -9)
    stood = sum(high for _, high in watermarks(place, parcels.topic).values())
    assert stood < records
    found = parcels.replay("--source", "all.jsonl", "--into", "here")
    assert (found["code"], found["known"], found["appended"]) == (0, stood, records - stood)
    assert by_saga(on_log(parcels.bootstrap, parcels.topic)) == before


def test_while_workers_run_it_must_be_said_and_no_effect_is_done_twice(parcels: Sold) -> None:
    parcels.run_some()
    parcels.replay("--into", "all.avro")
    sold = parcels.sold()
    parcels.lose()
    words = ("--source", "all.avro", "--into", "here")
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        refused = parcels.found("replay", parcels.name, "--yes", "--why", "x", *words)
        assert refused["code"] == 2
        assert "workers run" in refused["error"]
        assert "--beside-workers" in refused["error"]
        assert on_log(parcels.bootstrap, parcels.topic) == []
        assert parcels.replay(*words, "--beside-workers")["code"] == 0
        parcels.ended(LIGHT + HEAVY + LATE)
        parcels.folded()
        report = parcels.found("verify", parcels.name)
        nothing = parcels.replay(*words)  # all of it stands there: nobody is in the way
        assert (nothing["code"], nothing["appended"]) == (0, 0)
    assert (report["ok"], report["completed"]) == (True, LIGHT + LATE)
    assert report["compensated"] == HEAVY
    assert report["strays"] == report["conflicts"] == report["nondeterministic"] == 0
    # A service that is asked again has the key, and does nothing again.
    assert set(sold) < set(parcels.sold())
    assert len(parcels.sold()) == LIGHT + HEAVY + LATE


def test_another_cluster_gets_the_sagas_whole_and_once(parcels: Sold, elsewhere: str) -> None:
    parcels.run_some()
    refused = parcels.found("replay", parcels.name, "--yes", "--why", "x", "--into", elsewhere)
    assert (refused["code"], "minuet topics apply" in refused["error"]) == (2, True)

    dry = parcels.found("replay", parcels.name, "--into", elsewhere, "--apply", "--dry-run")
    assert (dry["code"], dry["plan"]["effects_by_step"]) == (0, {"buy_stamp": LATE})
    assert parcels.topic not in Connection(elsewhere).reach().topics

    where = ("--where", "reason == '30 kg'")
    found = parcels.replay("--into", elsewhere, "--apply", *where)
    mine = by_saga(on_log(parcels.bootstrap, parcels.topic))
    heavy = {key: records for key, records in mine.items() if key.startswith(b"heavy")}
    assert (found["code"], found["plan"]["sagas"], found["plan"]["effects"]) == (0, HEAVY, 0)
    assert by_saga(on_log(elsewhere, parcels.topic)) == heavy

    whole = parcels.replay("--into", elsewhere)
    assert whole["known"] == found["appended"]
    assert by_saga(on_log(elsewhere, parcels.topic)) == mine
    here, parcels.bootstrap = parcels.bootstrap, elsewhere
    report = parcels.found("verify", parcels.name)
    assert (report["ok"], report["sagas"]) == (True, LIGHT + HEAVY + LATE)

    parcels.bootstrap = here
    back = parcels.replay("--source", elsewhere, "--into", "here")
    assert (back["appended"], back["known"]) == (0, sum(len(each) for each in mine.values()))


def test_what_says_that_a_record_cannot_be_read_says_where_it_stands_there(
    parcels: Sold, elsewhere: str
) -> None:
    parcels.apply()
    parcels.publish(light=3, other=3)
    place = Connection(parcels.bootstrap)
    (other,) = [each for each in on_log(parcels.bootstrap, parcels.topic) if each.key == b"other"]
    producer = place.producer()
    headers = [(name, value) for name, value in other.headers if name != ID]
    for _ in range(3):  # so that offsets differ
        producer.produce(
            parcels.topic, other.value, b"other", other.partition, headers=[*other.headers]
        )
    producer.produce(
        parcels.topic, b"\x00", b"bad", other.partition, headers=[(ID, b"bad-id"), *headers]
    )
    producer.flush()
    with parcels.worker("--simulated") as worker:
        worker.says("ready")

        def is_rejected() -> bool:
            records = on_log(parcels.bootstrap, parcels.topic)
            return any(each.header(TYPE) == b"RecordRejected" for each in records)

        until("it is found that it cannot be read", is_rejected)
        parcels.ended(2)
    parcels.replay("--into", elsewhere, "--apply", "--saga", "bad")
    bad, rejected = on_log(elsewhere, parcels.topic)
    assert (bad.key, rejected.header(TYPE), bad.offset) == (b"bad", b"RecordRejected", 0)
    assert rejected.header(CAUSES) == b"bad-id"
    assert int(rejected.header(REJECTS)) == bad.offset


def test_a_wrong_command_line_is_told(parcels: Sold) -> None:
    parcels.apply()
    for words, says in (
        (("--into", "here"), "--why is empty"),
        (("--into", "here", "--source", "none.avro"), "--why is empty"),
        (("--into", "here", "--source", "none.avro", "--why", "x"), "No such file"),
        (("--into", "127.0.0.1:1", "--login", "none", "--why", "x"), "--login none: No such file"),
    ):
        code, _, errors = parcels.typed("replay", parcels.name, "--yes", *words)
        assert (code, says in errors) == (2, True), errors
    (parcels.folder / "login").write_text("# theirs\nacks=0\n")
    nowhere = ("replay", parcels.name, "--yes", "--why", "x", "--into", "127.0.0.1:1")
    code, _, errors = parcels.typed(*nowhere, "--login", "login")
    assert (code, "--login login, line 2: Kafka's acks is Minuet's own" in errors) == (2, True)
    code, _, errors = parcels.typed(*nowhere)
    assert (code, "Kafka at 127.0.0.1:1" in errors) == (1, True)
    parcels.publish(light=1)
    parcels.replay("--into", "all.avro")
    found = parcels.replay("--source", "all.avro", "--into", "here", "--saga", "none")
    assert (found["code"], "there is no saga 'none'" in found["error"]) == (2, True)
