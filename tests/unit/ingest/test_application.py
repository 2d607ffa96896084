"""What is answered to which request."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest

from minuet.event import ids, record
from minuet.ingest import Keys, Limits
from minuet.kafka.writer import WriteError
from tests.unit.ingest.posting import BATCH, STRUCTURED, Post, order, problems, with_ingest

JSON = "application/json"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
BINARY = {"ce_specversion": "1.0", "ce_type": "OrderPlaced", "ce_source": "/shop", "ce_id": "1"}


def test_an_event_is_accepted_once_then_a_duplicate_then_a_conflict() -> None:
    async def story(post: Post) -> None:
        first, again = await post(order("1")), await post(order("1"))
        other = await post(order("1", "13.00"))
        assert (first.status_code, first.json()["status"]) == (202, "accepted")
        assert (again.status_code, again.json()["status"]) == (200, "duplicate")
        assert first.json()["id"] == again.json()["id"] == ids.derive("cloudevent", "/shop", "1")
        assert (other.status_code, problems(other)) == (409, [(0, "id")])
        (sent,) = post.writer.records
        assert (sent["key"], sent[record.SOURCE]) == (b"o-1", b"/shop")

    with_ingest(story)


def test_the_same_id_from_another_source_is_another_event() -> None:
    async def story(post: Post) -> None:
        await post(order("1"))
        assert (await post(order("1", source="/till"))).status_code == 202

    with_ingest(story)


def test_all_three_modes_say_the_same_event() -> None:
    async def story(post: Post) -> None:
        structured = await post(order("1"))
        (batched,) = (await post([order("1")], BATCH)).json()["events"]
        binary = await post(order("1")["data"], JSON, **BINARY)
        at_type = await post(order("1")["data"], JSON, "/events/OrderPlaced", **BINARY)
        told = {binary.json()["id"], at_type.json()["id"], batched["id"], structured.json()["id"]}
        assert len(told) == len(post.writer.records) == 1

    with_ingest(story)


def test_binary_headers_are_percent_decoded() -> None:
    async def story(post: Post) -> None:
        answer = await post(order("1")["data"], JSON, **BINARY | {"ce_source": "/caf%C3%A9"})
        assert answer.json()["id"] == ids.derive("cloudevent", "/café", "1")

    with_ingest(story)


def test_an_idempotency_key_is_the_id_and_not_for_a_batch() -> None:
    async def story(post: Post) -> None:
        first = await post(order("1"), idempotency_key="k")
        again = order("1") | {"id": "2"}
        assert (await post(again, idempotency_key="k")).json()["status"] == "duplicate"
        assert first.json()["id"] == ids.derive("idempotency-key", "/shop", "k")
        assert (await post([order("3")], BATCH, idempotency_key="k")).status_code == 400

    with_ingest(story)


def test_a_compressed_body_and_an_idempotency_key_that_is_none_are_refused() -> None:
    async def story(post: Post) -> None:
        assert (await post(order("1"), content_encoding="gzip")).status_code == 415
        for key in ("", "a b", "x" * 513):
            assert problems(await post(order("1"), idempotency_key=key)) == [(0, "Idempotency-Key")]
        assert post.writer.records == []

    with_ingest(story)


def test_a_trace_context_is_carried_along_and_nonsense_is_not() -> None:
    async def story(post: Post) -> None:
        await post(order("1"), traceparent=TRACE)
        await post(order("2", traceparent=TRACE))
        await post(order("3"), traceparent="nonsense")
        one, two, three = post.writer.records
        assert one[record.TRACEPARENT] == two[record.TRACEPARENT] == TRACE.encode()
        assert record.TRACEPARENT not in three

    with_ingest(story)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"id": ""}, "id"),
        ({"source": ""}, "source"),
        ({"type": "OrderShipped"}, ""),
        ({"data": {"order_id": 7}}, "data.order_id"),
        ({"data": None}, "data"),
        ({"time": "yesterday"}, "time"),
        ({"Bad-Name": "x"}, ""),
        ({"extension": 1.5}, "extension.str"),
        ({"datacontenttype": "text/plain"}, "datacontenttype"),
    ],
)
def test_a_wrong_event_is_refused_with_its_field_and_without_its_values(
    change: dict[str, object], field: str
) -> None:
    async def story(post: Post) -> None:
        answer = await post(order("1", note="secret") | change)
        assert answer.status_code == 422
        assert problems(answer)[0] == (0, field)
        assert "secret" not in answer.text
        assert post.writer.records == []

    with_ingest(story)


def test_what_breaks_the_contract_behind_the_model_is_refused_too() -> None:
    async def story(post: Post) -> None:
        empty, lossy = order("1"), order("1")
        empty["data"]["order_id"] = ""
        lossy["data"]["total"] = 1234567.123456789012
        assert problems(await post(empty)) == [(0, "data")]
        assert (await post(lossy)).status_code == 422

    with_ingest(story)


def test_a_batch_goes_through_as_a_whole_or_not_at_all() -> None:
    async def story(post: Post) -> None:
        wrong = order("2")
        wrong["data"]["total"] = "much"
        refused = await post([order("1"), wrong], BATCH)
        assert (refused.status_code, problems(refused)) == (422, [(1, "data.total")])
        await post(order("3"))
        conflict = await post(
            [order("4"), order("3", "1.00"), order("5"), order("5", "2.00")], BATCH
        )
        assert (conflict.status_code, problems(conflict)) == (409, [(1, "id"), (3, "id")])
        taken = await post([order("4"), order("4"), order("3")], BATCH)
        said = [each["status"] for each in taken.json()["events"]]
        assert (taken.status_code, said) == (202, ["accepted", "duplicate", "duplicate"])
        assert [each["key"] for each in post.writer.records] == [b"o-3", b"o-4"]

    with_ingest(story)


@pytest.mark.parametrize(
    ("body", "kind", "path", "status"),
    [
        (b"{", STRUCTURED, "/events", 400),
        (b"\xff", STRUCTURED, "/events", 400),
        (b"[" * 10_000, BATCH, "/events", 400),
        (b"{}", "text/plain", "/events", 415),
        (b"{}", STRUCTURED + "; charset=latin-1", "/events", 415),
        (b"{}", STRUCTURED, "/events/OrderPlaced", 415),
        (b"{}", JSON, "/events", 422),
        (b"{}", JSON, "/events/OrderShipped", 404),
    ],
)
def test_what_is_no_request_for_us_is_said_so(
    body: bytes, kind: str, path: str, status: int
) -> None:
    async def story(post: Post) -> None:
        assert (await post(body, kind, path)).status_code == status

    with_ingest(story)


def test_nothing_is_answered_before_the_broker_has_it_and_its_double_waits_along() -> None:
    async def story(post: Post) -> None:
        post.writer.held = True
        first = asyncio.create_task(post(order("1")))
        await post.until(lambda: post.writer.waiting == 1)
        second = asyncio.create_task(post(order("1")))
        third = await post(order("1", "9.00"))
        assert third.status_code == 409
        assert not first.done()
        assert not second.done()
        post.writer.held = False
        assert ((await first).status_code, (await second).status_code) == (202, 200)
        assert len(post.writer.records) == 1

    with_ingest(story)


def test_what_the_broker_does_not_take_is_to_be_sent_again_and_is_no_duplicate_then() -> None:
    async def story(post: Post) -> None:
        post.writer.failure = WriteError("Kafka at a:1: gone", "gone")
        failed = await post(order("1"))
        assert (failed.status_code, failed.headers["retry-after"]) == (503, "1")
        assert (await post.client.get("/ready")).status_code == 503
        post.writer.failure = WriteError("too large", "too large", alone=True)
        assert (await post(order("1"))).status_code == 413
        post.writer.failure = None
        assert (await post(order("1"))).status_code == 202
        assert (await post.client.get("/ready")).status_code == 200

    with_ingest(story)


def test_more_than_may_be_under_way_is_told_to_come_again() -> None:
    async def story(post: Post) -> None:
        post.writer.held = True
        waiting = [asyncio.create_task(post(order(str(n)))) for n in range(2)]
        await post.until(lambda: post.writer.waiting == 2)
        busy = await post(order("3"))
        assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
        assert (await post([order("4"), order("5"), order("6")], BATCH)).status_code == 413
        post.writer.held = False
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [202, 202]
        assert (await post(order("3"))).status_code == 202

    with_ingest(story, Limits(under_way=2))


def test_a_body_has_a_limit_whether_its_length_is_said_or_not() -> None:
    async def story(post: Post) -> None:
        assert (await post(b"x" * 101)).status_code == 413

        async def parts() -> object:
            for _ in range(3):
                yield b"x" * 50

        kind = {"content-type": STRUCTURED}
        answer = await post.client.post("/events", content=parts(), headers=kind)  # type: ignore[arg-type]
        assert answer.status_code == 413

    with_ingest(story, Limits(body_bytes=100))


def test_with_keys_only_who_has_one_may_come() -> None:
    keys = Keys({"shop": sha256(b"k" * 16).digest()})

    async def story(post: Post) -> None:
        for wrong in (
            {},
            {"authorization": "Bearer nothing"},
            {"authorization": "Basic " + "k" * 16},
        ):
            refused = await post(order("1"), **wrong)
            assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert (await post(order("1"), authorization="Bearer " + "k" * 16)).status_code == 202
        for open_to_all in ("/live", "/ready", "/openapi.json"):
            assert (await post.client.get(open_to_all)).status_code == 200

    with_ingest(story, keys=keys)


def test_only_so_many_ids_are_remembered() -> None:
    async def story(post: Post) -> None:
        for n in range(3):
            await post(order(str(n)))
        assert (await post(order("2"))).status_code == 200
        assert (await post(order("0"))).status_code == 202  # forgotten: the log takes it for once

    with_ingest(story, Limits(remembered=2))


def test_the_document_names_each_model_and_its_limits() -> None:
    async def story(post: Post) -> None:
        found = (await post.client.get("/openapi.json")).json()
        assert found["openapi"] == "3.1.0"
        assert set(found["paths"]) >= {"/events", "/events/OrderPlaced", "/events/OrderCancelled"}
        schemas = found["components"]["schemas"]
        assert schemas["OrderPlaced"]["properties"]["order_id"]["minLength"] == 1
        assert len(schemas["CloudEvent"]["oneOf"]) == 2
        assert "security" not in found["paths"]["/events"]["post"]

    with_ingest(story)


def test_json_of_a_whole_number_with_a_point_is_a_whole_number() -> None:
    async def story(post: Post) -> None:
        assert (await post(order("1", extension=5.0))).status_code == 202

    with_ingest(story)


def test_what_became_of_events_and_requests_is_counted() -> None:
    async def story(post: Post) -> None:
        await post([order("1"), order("2")], BATCH)
        for answered in (order("1"), order("1", "13.00"), order("3", "much")):
            await post(answered)
        lines = (await post.client.get("/metrics")).text.splitlines()
        for line in (
            'minuet_ingest_events_total{verdict="accepted",workflow="orders"} 2.0',
            'minuet_ingest_events_total{verdict="duplicate",workflow="orders"} 1.0',
            'minuet_ingest_events_total{verdict="conflict",workflow="orders"} 1.0',
            'minuet_ingest_requests_total{status="202",workflow="orders"} 1.0',
            'minuet_ingest_requests_total{status="422",workflow="orders"} 1.0',
            'minuet_ingest_request_seconds_count{workflow="orders"} 4.0',
            'minuet_ingest_under_way{workflow="orders"} 0.0',
        ):
            assert line in lines

    with_ingest(story)


def test_where_there_are_keys_figures_need_one() -> None:
    async def story(post: Post) -> None:
        assert (await post.client.get("/metrics")).status_code == 401
        with_key = {"authorization": "Bearer 0123456789abcdef"}
        assert (await post.client.get("/metrics", headers=with_key)).status_code == 200
        assert (await post.client.get("/live")).status_code == 200

    digest = sha256(b"0123456789abcdef").digest()
    with_ingest(story, keys=Keys({"prometheus": digest}))
