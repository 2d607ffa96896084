"""Events of elsewhere on a workflow's log: each of them once, whatever happens to who imports."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic
from fastavro import parse_schema, schemaless_writer

from minuet.event.record import IMPORTED, Record
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import commit, committed, watermarks
from minuet.kafka.reading import record_of, snapshot
from tests.integration.parcels import PATIENCE_S
from tests.integration.refusals import Refusals, Worker

pytestmark = pytest.mark.kafka

PROJECT = """\
[tool.minuet]
prefix = "PREFIX"

[tool.minuet.workflows.NAME]
saga = "MODULE:orders"
steps = ["MODULE"]

[tool.minuet.workflows.NAME-shipping]
saga = "MODULE_shipping:shipping"
steps = ["MODULE_shipping"]
"""
SHIPPING = """\
from minuet import Event, Saga, step


class ParcelSent(Event):
    parcel: str
    order: str


class ParcelDelayed(Event):
    parcel: str
    order: str
    hours: int


@step
def follow_parcel(sent: ParcelSent) -> ParcelDelayed:
    return ParcelDelayed(parcel=sent.parcel, order=sent.order, hours=7)


shipping = Saga(
    "NAME-shipping", key="parcel", begins=ParcelSent, completes=ParcelDelayed, partitions=2
)
"""
ORDERS = """\
from minuet import Event, Saga, step


class OrderPlaced(Event):
    order_id: str


class DelayHeard(Event):
    order_id: str
    hours: int


class PaymentSettled(Event):
    reference: str
    cents: int


class OrderClosed(Event):
    cents: int
    hours: int


@step
def close_order(placed: OrderPlaced, late: DelayHeard, paid: PaymentSettled) -> OrderClosed:
    return OrderClosed(cents=paid.cents, hours=late.hours)


orders = Saga("NAME", key="order_id", begins=OrderPlaced, completes=OrderClosed, partitions=3)
orders.imports(
    DelayHeard, from_log="NAME-shipping", named="ParcelDelayed", key="order_id",
    fields={"order_id": "order"},
)
orders.imports(
    PaymentSettled, from_topic="TOPIC", format="json", key="reference",
    fields={"reference": "order.number", "cents": "amount"},
)
"""
SETTLEMENT = {
    "type": "record", "name": "Settlement",
    "fields": [
        {"name": "amount", "type": "int"},
        {"name": "order", "type": {
            "type": "record", "name": "Order", "fields": [{"name": "number", "type": "string"}],
        }},
    ],
}  # fmt: skip
BAD = {
    b"{": "the value is not JSON",
    b"[1]": "the value is no JSON object",
    b'{"amount": 5}': "reference: Field required",
    b'{"order": {"number": 5}, "amount": 5}': "reference: Input should be a valid string",
    b'{"order": {"number": ""}, "amount": 5}': "reference: it is the saga's id and cannot be empty",
}


class Trade(Refusals):
    """Two workflows and the topic of a bank; `orders` needs an event of each of the others."""

    def write(self, *, partitions: int) -> None:
        self.prefix = "trade."
        self.bank = f"bank.{self.name}"
        module = self.name.replace("-", "_")
        words = {"PREFIX": self.prefix, "NAME": self.name, "MODULE": module, "TOPIC": self.bank}
        files = {"pyproject.toml": PROJECT, f"{module}.py": ORDERS}
        for file, text in {**files, f"{module}_shipping.py": SHIPPING}.items():
            for word, meant in words.items():
                text = text.replace(word, meant)
            (self.folder / file).write_text(text)

    def prepare(self) -> None:
        """Make all topics."""
        self.topic = f"{self.prefix}{self.name}.events"
        self.place = Connection(self.bootstrap)
        admin = self.place.admin()
        for done in admin.create_topics([NewTopic(self.bank, 2, 1)]).values():
            done.result()
        for name in (self.name, f"{self.name}-shipping"):
            code, _, errors = self.typed("topics", "apply", name)
            assert code == 0, errors

    def publishes(self, event: str, rows: list[dict[str, Any]], workflow: str = "") -> None:
        text = "\n".join(map(json.dumps, rows)).encode()
        code, _, errors = self.typed("publish", workflow or self.name, event, text=text)
        assert code == 0, errors

    def settles(self, values: list[bytes | None]) -> None:
        """Write records as the bank does."""
        producer = self.place.producer()
        for number, value in enumerate(values):
            producer.produce(self.bank, value, str(number))
        assert producer.flush(PATIENCE_S) == 0

    @contextmanager
    def running(self, command: str, workflow: str, *more: str) -> Iterator[Worker]:
        """Run a command that goes on until it is told, and say so when it is ready."""
        process = self.start(command, workflow, *more, "--json")
        worker = Worker(process)
        try:
            worker.says("ready")
            yield worker
        finally:
            end(process, signal.SIGTERM)
            worker.end()

    def importer(self) -> AbstractContextManager[Worker]:
        return self.running("import", self.name)

    def records(self, *types: str) -> list[Record]:
        found = [record_of(message) for message in snapshot(self.place, self.topic)]
        return [record for record in found if record.type in types]

    @property
    def read(self) -> bool:
        """Whether the importers' group stands at the end of each source."""
        group = f"{self.prefix}{self.name}.imports"
        for topic in (self.bank, f"{self.prefix}{self.name}-shipping.events"):
            at = committed(self.place, group, topic)
            if any(high != at.get(n, 0) for n, (_, high) in watermarks(self.place, topic).items()):
                return False
        return True


def end(process: subprocess.Popen[bytes], number: int) -> None:
    if process.poll() is None:
        process.send_signal(number)
    process.stdout = None  # a thread reads it
    process.communicate(timeout=PATIENCE_S)


def until(what: str, holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def settled(numbers: range) -> list[bytes | None]:
    return [
        json.dumps({"order": {"number": f"o{n}"}, "amount": n, "x": 1}).encode() for n in numbers
    ]


@pytest.fixture
def trade(kafka: str, tmp_path: Path) -> Trade:
    found = Trade(tmp_path, kafka)
    found.prepare()
    return found


def test_each_is_effective_once_though_the_importer_is_killed(trade: Trade) -> None:
    count, half = 30, 15
    trade.publishes("OrderPlaced", [{"order_id": f"o{n}"} for n in range(count)])
    parcels = [{"parcel": f"p{n}", "order": f"o{n}"} for n in range(count)]
    trade.publishes("ParcelSent", parcels, f"{trade.name}-shipping")
    trade.settles([*settled(range(half)), *BAD, None])
    with trade.running("worker", trade.name), trade.running("worker", f"{trade.name}-shipping"):
        with trade.importer() as first:
            until("nothing is imported", lambda: trade.records("PaymentSettled"))
            end(first.process, signal.SIGKILL)
        trade.settles(settled(range(half, count)))
        with trade.importer():
            trade.ended(count)
            until("the sources are not read to their ends", lambda: trade.read)
        closed_once(trade, count)
        # Of all that was imported, everything once more: as after a lost position.
        commit(trade.place, f"{trade.prefix}{trade.name}.imports", trade.bank, {0: 0, 1: 0})
        with trade.importer() as again:
            until("the sources are not read to their ends", lambda: trade.read)
        assert again.says("stopped")["imported"] >= count
        trade.folded()
    closed_once(trade, count)
    assert len(trade.records("PaymentSettled")) >= 2 * count
    found = trade.found("verify", trade.name)
    assert (found["code"], found["sagas"]) == (0, count)


def closed_once(trade: Trade, count: int) -> None:
    """Each order has each event once by id, and one answer; what was no event is a letter."""
    for kind in ("DelayHeard", "PaymentSettled", "OrderClosed", "SagaCompleted"):
        ids = {record.id: record.key for record in trade.records(kind)}
        assert Counter(ids.values()) == {f"o{n}": 1 for n in range(count)}, kind
    shipping = trade.topic.replace(".events", "-shipping.events")
    said = [record_of(message) for message in snapshot(trade.place, shipping)]
    there = {record.id for record in said if record.type == "ParcelDelayed"}
    assert {record.id for record in trade.records("DelayHeard")} == there
    places = {record.headers[IMPORTED].decode() for record in trade.records("PaymentSettled")}
    assert {place.rsplit("/", 2)[0] for place in places} == {trade.bank}
    letters = trade.found("dead-letters", "list", trade.name, "--limit", "50")["letters"]
    assert {letter["category"] for letter in letters} == {"import"}
    assert sorted(letter["error"] for letter in letters) == sorted(
        f"PaymentSettled: {why}" for why in BAD.values()
    )
    assert all(letter["source"].startswith(f"{trade.bank}/") for letter in letters)


def test_what_is_missing_is_said_before_anything_is_read(trade: Trade, tmp_path: Path) -> None:
    code, _, errors = trade.typed("import", f"{trade.name}-shipping")
    assert (code, f"{trade.name}-shipping imports nothing" in errors) == (2, True)
    module = tmp_path / f"{trade.name.replace('-', '_')}.py"
    module.write_text(module.read_text().replace(trade.bank, "bank.nobody"))
    code, _, errors = trade.run("import", trade.name)
    assert code == 2
    assert "there is no topic bank.nobody" in errors
    assert "from which PaymentSettled is imported: it belongs to others, who make it" in errors


class Registry(BaseHTTPRequestHandler):
    """The part of a registry that knows one schema."""

    def do_GET(self) -> None:
        known = self.path == "/schemas/ids/1"
        unknown = {"error_code": 40403, "message": "Schema not found"}
        body = json.dumps({"schema": json.dumps(SETTLEMENT)} if known else unknown).encode()
        self.send_response(200 if known else 404)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def registry(port: int) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", port), Registry) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def avro(number: int, schema: int = 1) -> bytes:
    body = BytesIO()
    written = {"amount": number, "order": {"number": f"o{number}"}}
    schemaless_writer(body, parse_schema(SETTLEMENT), written)
    return b"\0" + schema.to_bytes(4, "big") + body.getvalue()


def test_an_avro_topic_waits_for_its_registry_and_loses_nothing(
    trade: Trade, tmp_path: Path
) -> None:
    module = tmp_path / f"{trade.name.replace('-', '_')}.py"
    module.write_text(module.read_text().replace('format="json", ', ""))
    trade.settles([avro(0), b"\0\0", avro(1), avro(2, schema=9), avro(3)])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = ("import", trade.name, "--registry", f"http://127.0.0.1:{port}")
    code, _, errors = trade.run(*command)
    assert (code, f"http://127.0.0.1:{port} cannot be reached: " in errors) == (1, True), errors
    assert trade.records("PaymentSettled") == []
    with registry(port), trade.running(*command) as importer:
        until("the source is not read to its end", lambda: trade.read)
        assert importer.stop(signal.SIGTERM) == 0
        assert importer.says("stopped")["imported"] == 3
    assert {record.key for record in trade.records("PaymentSettled")} == {"o0", "o1", "o3"}
    letters = trade.found("dead-letters", "list", trade.name)["letters"]
    assert sorted(letter["error"] for letter in letters) == [
        "PaymentSettled: the registry has no schema 9",
        "PaymentSettled: the value does not begin with a zero byte and a schema id",
    ]


@pytest.mark.slow
def test_one_that_was_asleep_imports_nothing_twice(trade: Trade) -> None:
    """It wakes up when its partitions are another's, and may still append what it held."""
    count = 200
    trade.publishes("OrderPlaced", [{"order_id": f"o{n}"} for n in range(count)])
    with trade.running("worker", f"{trade.name}") as _, trade.importer() as first:
        trade.settles(settled(range(0, count, 2)))
        until("nothing is imported", lambda: trade.records("PaymentSettled"))
        first.process.send_signal(signal.SIGSTOP)
        trade.settles(settled(range(1, count, 2)))
        with trade.importer():
            until("the other has not taken over", lambda: trade.read)
            first.process.send_signal(signal.SIGCONT)
            trade.settles([b"[]"])
            until("the sources are not read to their ends", lambda: trade.read)
            trade.folded()
    ids = {record.id: record.key for record in trade.records("PaymentSettled")}
    assert Counter(ids.values()) == {f"o{n}": 1 for n in range(count)}
    found = trade.found("verify", trade.name)
    assert (found["code"], found["sagas"]) == (0, count)
