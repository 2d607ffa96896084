"""Dead letters taken up again, on what a real worker left behind while a service was down."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import pytest

from minuet.contracts.schema import schema_of
from minuet.event.ids import body_digest
from minuet.event.record import (
    BY,
    DIGEST,
    ID,
    LETTER,
    OPERATION,
    SCHEMA,
    SCHEMA_PREFIX,
    TYPE,
    Record,
)
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import watermarks
from minuet.kafka.reading import record_of, snapshot
from minuet.kafka.registry import TopicRegistry
from minuet.settings.names import SCHEMAS
from tests.integration.parcels import PATIENCE_S
from tests.integration.refusals import Worker
from tests.integration.troubles import WORKFLOW, Troubles

pytestmark = pytest.mark.kafka

MANY = 3_000
A_SECOND = 300  # letters, of the redrive that is killed


class Stamps(Troubles):
    """The project; each stamp that is bought is a line of a ledger, with its key."""

    def write(self, *, partitions: int) -> None:
        """Write the workflow."""
        self.down()
        text = WORKFLOW.replace("NAME", self.name).replace("PARTITIONS", str(partitions))
        bought = '    post.asked("buy")\n    with (DOWN.parent / "ledger").open("a") as ledger:\n'
        bought += '        ledger.write(ctx.idempotency_key + "\\n")\n'
        text = text.replace('    post.asked("buy")\n', bought)
        self._module.write_text(text.replace("FOLDER", str(self.folder)))

    @contextmanager
    def worker(self, *arguments: str) -> Iterator[Worker]:
        """Run a worker whose log somebody reads: a pipe does not hold three thousand lines."""
        with super().worker(*arguments) as worker:
            errors, worker.process.stderr = worker.process.stderr, None
            assert errors
            reader = Thread(target=errors.read, daemon=True)
            reader.start()
            yield worker
            worker.end()
            reader.join(PATIENCE_S)
            errors.close()

    def ledger(self) -> Counter[str]:
        """How often a stamp was bought under each key."""
        return Counter((self.folder / "ledger").read_text().split())

    def all(self) -> list[Record]:
        """Every record of the log."""
        every = snapshot(Connection(self.bootstrap), self.topic)
        return [record_of(message) for message in every if message.key()]

    def letters(self, count: int) -> None:
        """Wait until there are so many dead letters, and the worker has folded what led to them."""
        place, until = Connection(self.bootstrap), monotonic() + PATIENCE_S
        topic = f"{self.name}.dead-letters"
        while sum(high for _, high in watermarks(place, topic).values()) < count:
            assert monotonic() < until
            sleep(0.1)
        self.has("StepGaveUp", count)

    def has(self, event_type: str, count: int) -> None:
        """Wait until the log has so many of a type, and the worker has folded it."""
        until = monotonic() + PATIENCE_S
        while sum(record.type == event_type for record in self.all()) < count:
            assert monotonic() < until
            sleep(0.1)
        self.folded()

    def redrive(self, *more: str, why: str = "the post is back") -> Any:
        """Redrive, and return what is printed."""
        return self.found("dead-letters", "redrive", self.name, "--why", why, "--yes", *more)

    def listed(self, *more: str) -> Any:
        """List letters."""
        return self.found("dead-letters", "list", self.name, *more)


@pytest.fixture
def stamps(tmp_path: Path, kafka: str) -> Stamps:
    project = Stamps(tmp_path, kafka)
    project.apply()
    return project


def test_letters_are_redriven_when_the_service_is_back(stamps: Stamps) -> None:
    stamps.down("buy")
    with stamps.worker("--simulated") as worker:
        worker.says("ready")
        stamps.publish(a=1, b=2, c=3)
        stamps.letters(3)
        stamps.down()
        dry = stamps.found("dead-letters", "redrive", stamps.name, "--dry-run")
        assert (dry["found"], dry["to_redrive"], dry["sagas"]) == (3, 3, 3)
        assert [each["result"] for each in dry["would"]] == ["unknown"]
        dry = stamps.found("dead-letters", "redrive", stamps.name, "--dry-run", "--simulated")
        assert dry["would"] == [
            {"step": "buy_stamp", "result": "answers", "what": "StampBought", "letters": 3}
        ]
        (stamps.folder / "ledger").unlink()
        assert not [record for record in stamps.all() if record.type == "StepResumed"]

        one = stamps.redrive("--saga", "a", "--by", "ada")
        assert (one["result"], one["effective"], one["to_redrive"]) == ("done", 1, 1)
        stamps.comes("a", "SagaCompleted")
        rest = stamps.redrive("--where", "kilos > 1", "--by", "bob")
        assert (rest["effective"], rest["found"]) == (2, 2)
        stamps.has("SagaCompleted", 3)
    resumed = {r.key: r for r in stamps.all() if r.type == "StepResumed"}
    assert {key: r.text(BY) for key, r in resumed.items()} == {"a": "ada", "b": "bob", "c": "bob"}
    assert resumed["a"].text(OPERATION) == one["operation"]
    again = stamps.redrive()
    assert (again["to_redrive"], again["result"]) == (0, "nothing done")
    assert [each["settled"] for each in again["left"]] == [True]
    assert (stamps.listed()["found"], stamps.listed("--all")["found"]) == (0, 3)
    assert stamps.ledger().most_common(1)[0][1] == 1
    assert stamps.found("verify", stamps.name)["code"] == 0
    shown = stamps.found("operations", "show", stamps.name, one["operation"])
    assert (shown["kind"], shown["by"], shown["counts"]["effective"]) == ("redrive", "ada", 1)
    assert shown["asked"]["saga"] == "a"


def test_a_letter_that_fails_again_carries_its_history(stamps: Stamps) -> None:
    stamps.down("buy")
    with stamps.worker("--simulated") as worker:
        worker.says("ready")
        stamps.publish(a=1)
        for times in (1, 2, 3):
            stamps.letters(times)
            dry = stamps.found("dead-letters", "redrive", stamps.name, "--dry-run", "--simulated")
            assert dry["would"][0]["what"] == "reject: buy is down"
            if times < 3:
                assert stamps.redrive()["effective"] == 1
    found = stamps.listed("--all")["letters"]
    assert [each["attempt"] for each in found] == [3, 2, 1]
    assert [each["earlier"] for each in found] == [found[1]["id"], found[2]["id"], ""]
    (newest,) = stamps.listed()["letters"]
    assert newest["id"] == found[0]["id"]
    shown = stamps.found("dead-letters", "show", stamps.name, newest["id"])
    assert [each["id"] for each in shown["history"]] == [found[1]["id"], found[2]["id"]]
    _, out, _ = stamps.typed("dead-letters", "show", stamps.name, newest["id"])
    assert out.count("before that, letter ") == 2
    assert "  reject: buy is down\n" in out


def test_a_value_is_given_again_once_its_schema_is_known(stamps: Stamps) -> None:
    """Written by an older program, with a field that today's model has not."""
    place = Connection(stamps.bootstrap)
    old = schema_of(
        {
            "type": "record",
            "name": f"{stamps.name.replace('-', '_')}.ParcelSent",
            "fields": [
                {"name": "parcel_id", "type": "string"},
                {"name": "colour", "type": "string"},
                {"name": "kilos", "type": "long"},
            ],
        }
    )
    body = b"\x02a" + b"\x06red" + b"\x08"
    headers: list[tuple[str, str | bytes | None]] = [
        (ID, b"begin-a"), (TYPE, b"ParcelSent"), (DIGEST, body_digest(body).encode()),
        (SCHEMA, SCHEMA_PREFIX + old.fingerprint.encode()),
    ]  # fmt: skip
    producer = place.producer()
    producer.produce(stamps.topic, b"\0\0\0\0\1" + body, b"a", headers=headers)
    producer.flush()
    with stamps.worker("--simulated") as worker:
        worker.says("ready")
        stamps.comes("a", "RecordRejected")
        before = stamps.redrive()
        assert before["to_redrive"] == 0
        assert [each["why"].split(":")[0] for each in before["left"]] == ["it still cannot be read"]
        TopicRegistry(place, SCHEMAS).register(old)
        after = stamps.redrive("--category", "poison")
        assert (after["effective"], after["plan"][0]["act"]) == (1, "answer")
        stamps.comes("a", "SagaCompleted")
        stamps.folded()
    assert stamps.found("verify", stamps.name)["code"] == 0


def test_what_nobody_waits_for_is_discarded_and_an_open_incident_is_not(stamps: Stamps) -> None:
    producer = Connection(stamps.bootstrap).producer()
    producer.produce(stamps.topic, b"no key", None)
    producer.flush()
    stamps.down("buy")
    with stamps.worker("--simulated") as worker:
        worker.says("ready")
        stamps.publish(a=1)
        stamps.letters(1)
        until = monotonic() + PATIENCE_S
        while stamps.listed()["found"] < 2:
            assert monotonic() < until
    left = stamps.redrive("--category", "unreadable")["left"]
    assert [each["why"] for each in left] == ["it is still no event: the record has no key"]
    typed = ("dead-letters", "discard", stamps.name, "--why", "a test", "--yes")
    found = stamps.found(*typed)
    assert (found["code"], found["discarded"], found["refused"]) == (1, 1, 1)
    assert found["waiting"] == {"buy_stamp": 1}
    code, _, errors = stamps.typed(*typed)
    assert code == 1
    assert "an incident is open" in errors
    assert "minuet saga skip" in errors
    assert [each["saga"] for each in stamps.listed()["letters"]] == ["a"]
    fates = {each["fate"] for each in stamps.listed("--all")["letters"]}
    assert any(fate.endswith("has discarded it") for fate in fates)


@pytest.mark.parametrize("name", ["letters.jsonl", "letters.avro"])
def test_letters_go_into_a_file_and_come_back_once(
    stamps: Stamps, tmp_path: Path, name: str
) -> None:
    place, topic = Connection(stamps.bootstrap), f"{stamps.name}.dead-letters"
    stamps.down("buy")
    with stamps.worker("--simulated") as worker:
        worker.says("ready")
        stamps.publish(a=1, b=2)
        stamps.letters(2)
    file = str(tmp_path / name)
    assert stamps.found("dead-letters", "export", stamps.name, file)["exported"] == 2
    there = Path(file).read_bytes()
    code, _, errors = stamps.typed("dead-letters", "export", stamps.name, file)
    assert (code, "it is there already" in errors) == (2, True)
    assert Path(file).read_bytes() == there
    before = {(m.partition(), m.key(), m.value(), str(m.headers())) for m in snapshot(place, topic)}
    again = stamps.found("dead-letters", "import", stamps.name, file)
    assert (again["written"], again["known"], again["foreign"]) == (0, 2, 0)
    admin = place.admin()
    for future in admin.delete_topics([topic]).values():
        future.result()
    stamps.apply()
    assert stamps.found("dead-letters", "import", stamps.name, file)["written"] == 2
    after = {(m.partition(), m.key(), m.value(), str(m.headers())) for m in snapshot(place, topic)}
    assert after == before
    assert {each["saga"] for each in stamps.listed()["letters"]} == {"a", "b"}
    code, _, errors = stamps.typed("dead-letters", "export", stamps.name, "letters.txt")
    assert (code, "by its ending" in errors) == (2, True)
    (tmp_path / name).write_bytes(b"no letter\n")
    code, _, errors = stamps.typed("dead-letters", "import", stamps.name, file)
    assert (code, name in errors) == (1, True)


def test_what_was_done_before_a_kill_counts_for_the_limit(stamps: Stamps) -> None:
    stamps.down("buy")
    with stamps.worker("--simulated") as worker:
        worker.says("ready")
        stamps.publish(**dict.fromkeys("abcdefgh", 1))
        stamps.letters(8)
        stamps.down()
        command = ("--limit", "5", "--by", "eve")
        killed = stamps.start(
            "dead-letters", "redrive", stamps.name, "--why", "a few", "--yes", "--rate", "0.5",
            *command,
        )  # fmt: skip
        until = monotonic() + PATIENCE_S
        while not resumed(stamps):
            assert monotonic() < until
        killed.kill()
        killed.communicate()
        by_then = resumed(stamps)
        assert by_then < 5, "it was not killed half-way"
        (begun,) = stamps.found("operations", "list", stamps.name)["operations"]
        again = stamps.redrive(*command, why="a few")
        assert (again["before"], again["operation"]) == (by_then, begun["id"])
        assert (again["effective"], resumed(stamps)) == (5 - by_then, 5)
        other = stamps.redrive(*command, why="a few")
        assert (other["before"], other["effective"]) == (0, 3)
        assert other["operation"] != begun["id"]
    shown = stamps.found("operations", "show", stamps.name, begun["id"])
    assert (shown["result"], shown["counts"]["before"]) == ("done", by_then)


def test_a_saga_that_is_unknown_is_an_error_and_one_without_letters_is_told(
    stamps: Stamps,
) -> None:
    stamps.publish(a=1)
    for command in (("list",), ("redrive", "--dry-run"), ("discard", "--why", "-", "--yes"),
                    ("export", str(stamps.folder / "none.jsonl"))):  # fmt: skip
        verb, *more = command
        typed = ("dead-letters", verb, stamps.name, *more, "--saga")
        code, _, errors = stamps.typed(*typed, "nobody")
        assert (code, "has no saga 'nobody'" in errors) == (2, True), (verb, errors)
        assert not (stamps.folder / "none.jsonl").exists()
    code, out, errors = stamps.typed("dead-letters", "list", stamps.name, "--saga", "a")
    assert (code, out) == (0, "0 of 0\n")
    assert "no dead letter is of saga a" in errors


def many(stamps: Stamps) -> None:
    lines = [json.dumps({"parcel_id": f"p-{n}", "kilos": 1}) for n in range(MANY)]
    text = "\n".join(lines).encode()
    code, _, errors = stamps.typed("publish", stamps.name, "ParcelSent", text=text)
    assert code == 0, errors


def resumed(stamps: Stamps) -> int:
    return len({record.id for record in stamps.all() if record.type == "StepResumed"})


def test_killed_half_way_and_gone_on_with_by_two_at_once_each_letter_is_redriven_once(
    stamps: Stamps,
) -> None:
    stamps.down("buy")
    with stamps.worker("--simulated") as worker:
        worker.says("ready")
        many(stamps)
        stamps.letters(MANY)
        stamps.down()
        command = ("dead-letters", "redrive", stamps.name, "--why", "back", "--yes", "--json")
        killed = stamps.start(*command, "--rate", str(A_SECOND), "--by", "eve")
        until = monotonic() + PATIENCE_S
        while resumed(stamps) < A_SECOND:
            assert monotonic() < until
        killed.kill()
        killed.communicate()
        by_eve = resumed(stamps)
        assert A_SECOND <= by_eve < MANY, "it was not killed half-way"
        two = [stamps.start(*command, "--by", name) for name in ("ada", "bob")]
        said = [json.loads(each.communicate(timeout=PATIENCE_S)[0]) for each in two]
        stamps.has("SagaCompleted", MANY)
    assert [each["result"] for each in said] == ["done", "done"]
    first: dict[str, Record] = {}
    records = stamps.all()
    for record in records:
        if record.type == "StepResumed":
            first.setdefault(record.id, record)
    effective = Counter(record.text(OPERATION) for record in first.values())
    assert len({record.slot for record in first.values()}) == len(first) == MANY
    assert len({record.text(LETTER) for record in first.values()}) == MANY
    for each in said:
        assert each["effective"] == effective.pop(each["operation"], 0)
        assert each["effective"] + each["earlier"] == each["appended"]
    assert sum(effective.values()) == by_eve
    ends = Counter(record.type for record in records)
    assert (ends["SagaCompleted"], ends["StampBought"]) == (MANY, MANY)
    assert set(stamps.ledger().values()) == {1}
    assert len(stamps.ledger()) == MANY
    found = stamps.found("verify", stamps.name)
    assert (found["code"], stamps.listed()["found"]) == (0, 0)
