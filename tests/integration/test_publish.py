"""`minuet publish` and the publishers on a real broker."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, cast

import pytest
from pydantic import Field

from minuet import AsyncPublisher, Event, Publisher
from minuet.contracts.codec import Codec
from minuet.errors import BrokerError, ContractError, UsageError
from minuet.event import record
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.kafka.registry import TopicRegistry
from minuet.settings.names import SCHEMAS
from tests.integration.parcels import Parcels, parcel

pytestmark = pytest.mark.kafka

LOG_APPEND_TIME = 2
A_BEAT_S = 0.1


class ParcelSent(Event):
    parcel_id: str
    value: Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
    sent_at: datetime
    note: str = ""


def sent(number: int, value: str = "12.50") -> ParcelSent:
    return ParcelSent(parcel_id=f"p-{number}", value=Decimal(value), sent_at=datetime.now(UTC))


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Parcels:
    project = Parcels(tmp_path, kafka)
    code, _, errors = project.typed("topics", "apply", project.name)
    assert code == 0, errors
    return project


def keys(parcels: Parcels) -> Counter[str]:
    log = snapshot(Connection(parcels.bootstrap), parcels.topic)
    return Counter((message.key() or b"").decode() for message in log)


def publish(parcels: Parcels, *options: str, text: bytes = b"") -> tuple[int, dict[str, object]]:
    arguments = ("publish", parcels.name, "ParcelSent", "--json", *options)
    code, out, errors = parcels.typed(*arguments, text=text)
    assert out, errors
    result: dict[str, object] = json.loads(out)
    return code, result


def counts(result: dict[str, object]) -> dict[str, object]:
    names = ("lines", "published", "duplicate", "conflict", "rejected", "failed")
    return {name: result[name] for name in names if result[name]}


def test_good_lines_go_through_and_bad_ones_are_kept_with_number_and_reason(
    parcels: Parcels,
) -> None:
    file = parcels.folder / "in.jsonl"
    file.write_bytes(parcel(1) + b'{"parcel_id": 7}\n' + parcel(2) + parcel(1) + parcel(1, "9.00"))
    code, result = publish(parcels, "--file", str(file), "--rejects", "bad.jsonl")
    assert code == 1
    assert counts(result) == {
        "lines": 5, "published": 2, "duplicate": 1, "conflict": 1, "rejected": 1,
    }  # fmt: skip
    bad = [json.loads(line) for line in (parcels.folder / "bad.jsonl").read_text().splitlines()]
    assert [(one["line"], one["text"]) for one in bad] == [
        (2, '{"parcel_id": 7}'),
        (5, parcel(1, "9.00").decode().rstrip()),
    ]
    assert keys(parcels) == {"p-1": 1, "p-2": 1}


def test_a_published_record_can_be_read_by_whoever_has_the_registry(parcels: Parcels) -> None:
    code, _ = publish(parcels, text=parcel(1))
    assert code == 0
    place = Connection(parcels.bootstrap)
    (message,) = snapshot(place, parcels.topic)
    found = record.parse(
        message.key(),
        message.value(),
        cast("record.Headers", message.headers()),
        message.offset() or 0,
        message.timestamp()[1],
    )
    codec = Codec([ParcelSent], TopicRegistry(place, SCHEMAS))
    event = codec.decode(found.type, found.headers[record.SCHEMA], found.value)
    assert event == ParcelSent(
        parcel_id="p-1",
        value=Decimal("12.50"),
        sent_at=datetime(2026, 11, 22, 10, 0, 0, 500_000, UTC),
    )
    assert message.timestamp()[0] == LOG_APPEND_TIME


def test_check_tells_what_is_on_the_log_already(parcels: Parcels) -> None:
    publish(parcels, text=parcel(1) + parcel(2))
    again = parcel(1) + parcel(2, "99.00") + parcel(3)
    code, result = publish(parcels, "--check", text=again)
    assert code == 1
    assert counts(result) == {"lines": 3, "published": 1, "duplicate": 1, "conflict": 1}
    assert keys(parcels) == {"p-1": 1, "p-2": 1, "p-3": 1}


def test_a_dry_run_publishes_nothing(parcels: Parcels) -> None:
    code, result = publish(parcels, "--dry-run", text=parcel(1) + parcel(2))
    assert (code, result["accepted"], result["published"]) == (0, 2, 0)
    assert keys(parcels) == {}


def test_csv_by_the_name_of_the_file(parcels: Parcels) -> None:
    file = parcels.folder / "in.csv"
    rows = "p-1,12.50,2026-11-22T10:00:00Z,\np-2,x,2026-11-22T10:00:00Z,\n"
    file.write_text("parcel_id,value,sent_at,note\n" + rows)
    code, result = publish(parcels, "--file", str(file))
    assert code == 1
    assert counts(result) == {"lines": 2, "published": 1, "rejected": 1}


def test_an_event_that_the_workflow_says_itself_is_not_to_be_published(parcels: Parcels) -> None:
    code, _, errors = parcels.typed("publish", parcels.name, "ParcelArrived")
    assert code == 2
    assert "is said by the workflow itself; publish one of: ParcelSent" in errors


def test_the_input_is_never_overwritten_by_its_rejects(parcels: Parcels) -> None:
    file = parcels.folder / "in.jsonl"
    file.write_bytes(b"bad\n")
    arguments = ("publish", parcels.name, "ParcelSent", "--file", "in.jsonl")
    code, _, errors = parcels.typed(*arguments, "--rejects", "in.jsonl")
    assert code == 2
    assert "is the input itself" in errors
    assert file.read_bytes() == b"bad\n"


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_publish_flushes_and_says_what_was_done(
    parcels: Parcels, number: signal.Signals, expected: int
) -> None:
    process = parcels.start("publish", parcels.name, "ParcelSent", "--json")
    assert process.stdin is not None
    process.stdin.write(b"".join(parcel(i) for i in range(300)))
    process.stdin.flush()
    while keys(parcels).total() < 300:  # it has read all, and waits for more
        assert process.poll() is None
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    result = json.loads(out)
    assert process.returncode == expected
    assert (result["stopped"], result["published"], result["lines"]) == ("interrupted", 300, 300)


def test_an_interrupt_in_the_middle_of_a_file_leaves_no_line_unaccounted(parcels: Parcels) -> None:
    file = parcels.folder / "in.jsonl"
    file.write_bytes(b"".join(parcel(i) for i in range(300_000)))
    command = ("publish", parcels.name, "ParcelSent", "--json", "--rate", "20000")  # 15 s at least
    process = parcels.start(*command, "--file", str(file))
    while not keys(parcels):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    result = json.loads(out)
    assert process.returncode == 130
    assert 0 < result["published"] == result["lines"] < 300_000
    assert keys(parcels).total() == result["published"]


def test_a_broker_that_is_not_there_is_named(parcels: Parcels) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        parcels.bootstrap = f"127.0.0.1:{nobody.getsockname()[1]}"
        code, _, errors = parcels.run("publish", parcels.name, "ParcelSent", text=parcel(1))
    assert code == 1
    assert f"Kafka at {parcels.bootstrap}" in errors


def test_a_publisher_returns_when_the_event_stands_on_the_log(parcels: Parcels) -> None:
    with Publisher(parcels.name, "parcel_id", ParcelSent, bootstrap=parcels.bootstrap) as publisher:
        first = publisher.publish(sent(1), id="up-1", traceparent="00-ab-cd-01")
        futures = [publisher.send(sent(number)) for number in range(2, 102)]
        publisher.flush()
        assert all(future.done() for future in futures)
    messages = {
        (m.partition(), m.offset()): dict(m.headers() or ())
        for m in snapshot(Connection(parcels.bootstrap), parcels.topic)
    }
    assert messages[first.partition, first.offset][record.ID] == b"up-1"
    assert messages[first.partition, first.offset][record.TRACEPARENT] == b"00-ab-cd-01"
    assert {(f.result().partition, f.result().offset) for f in futures} < messages.keys()


def test_a_flush_waits_for_acknowledgements_and_for_nothing_else(parcels: Parcels) -> None:
    took = []
    with Publisher(parcels.name, "parcel_id", ParcelSent, bootstrap=parcels.bootstrap) as publisher:
        for number in range(20):
            began = time.monotonic()
            future = publisher.send(sent(number))
            publisher.flush()
            took.append(time.monotonic() - began)
            assert future.done()
    assert min(took) < A_BEAT_S / 2, took  # the thread that serves looks up once in so long


def test_the_same_id_with_other_content_is_refused(parcels: Parcels) -> None:
    with Publisher(parcels.name, "parcel_id", ParcelSent, bootstrap=parcels.bootstrap) as publisher:
        event = sent(1)
        first, again = publisher.publish(event), publisher.publish(event)
        assert first.id == again.id
        with pytest.raises(ContractError, match="published with other content"):
            publisher.publish(sent(1, "99.00"))


def test_an_event_that_is_too_large_is_a_broker_error_and_not_silence(parcels: Parcels) -> None:
    large = sent(1).model_copy(update={"note": "x" * 2_000_000})
    with Publisher(parcels.name, "parcel_id", ParcelSent, bootstrap=parcels.bootstrap) as publisher:
        with pytest.raises(BrokerError, match="larger than"):
            publisher.publish(large)
        assert publisher.publish(sent(2)).id


def test_a_publisher_for_a_workflow_without_topics_says_how_to_make_them(kafka: str) -> None:
    with (
        pytest.raises(UsageError, match="minuet topics apply nothing-here"),
        Publisher("nothing-here", "parcel_id", ParcelSent, bootstrap=kafka),
    ):
        pass


def test_the_async_publisher_publishes_many_at_once(parcels: Parcels) -> None:
    async def all_of_them() -> set[str]:
        async with AsyncPublisher(
            parcels.name, "parcel_id", ParcelSent, bootstrap=parcels.bootstrap
        ) as publisher:
            done = await asyncio.gather(*(publisher.publish(sent(n)) for n in range(200)))
            await publisher.flush()
            return {one.id for one in done}

    assert len(asyncio.run(all_of_them())) == 200
    assert keys(parcels).total() == 200
