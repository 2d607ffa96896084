"""An ingest whose broker the test holds in its hand, and requests to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import httpx

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.event.model import Event
from minuet.ingest import Keys, Limits, Reading, Sink, application
from minuet.kafka.writer import Done, Headers, Place, WriteError, Writer
from minuet.publish.envelope import Envelope
from tests.unit.publish.order import OrderPlaced

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


class OrderCancelled(Event):
    order_id: str
    why: str = ""


MODELS: dict[str, type[Event]] = {"OrderPlaced": OrderPlaced, "OrderCancelled": OrderCancelled}
READING = Reading(
    Envelope("orders", "order_id", MODELS.values(), Codec(MODELS.values(), LocalRegistry())), MODELS
)


class HeldWriter:
    """Acknowledges what it has at the next look, unless it is held."""

    def __init__(self) -> None:
        self.held = False
        self.failure: WriteError | None = None
        self.records: list[dict[str, Any]] = []
        self._waiting: list[tuple[dict[str, Any], Done]] = []

    def append(self, key: bytes, value: bytes, headers: Headers, done: Done) -> None:
        self._waiting.append(({"key": key, "value": value, **dict(headers)}, done))

    def serve(self, _wait_s: float) -> None:
        if self.held:
            return
        waiting, self._waiting = self._waiting, []
        for record, done in waiting:
            if self.failure is None:
                self.records.append(record)
            done(self.failure or Place(0, len(self.records)))

    @property
    def waiting(self) -> int:
        return len(self._waiting)


class Post:
    """Sends requests to an ingest within the event loop."""

    def __init__(self, client: httpx.AsyncClient, writer: HeldWriter) -> None:
        self.client, self.writer = client, writer

    async def __call__(
        self, body: object, kind: str = STRUCTURED, path: str = "/events", **headers: str
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, content=content, headers={"content-type": kind} | named)

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await asyncio.sleep(0)


def with_ingest(
    story: Callable[[Post], Awaitable[None]], limits: Limits | None = None, keys: Keys | None = None
) -> None:
    """Run a story against an ingest of its own."""

    async def run() -> None:
        writer, bounds = HeldWriter(), limits or Limits()
        sink = Sink(cast("Writer", writer), bounds)
        app = application(READING, sink, keys or Keys(), bounds, lambda: "")
        sink.start()
        transport = httpx.ASGITransport(app=cast("Any", app))
        async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
            await story(Post(client, writer))
        writer.held = False
        await sink.close()

    asyncio.run(run())


def order(id: str, total: object = "12.50", **more: object) -> dict[str, Any]:
    """A CloudEvent with an order."""
    data = {"order_id": f"o-{id}", "total": total, "placed_at": "2026-11-22T10:00:00Z"}
    attributes = {"specversion": "1.0", "type": "OrderPlaced", "source": "/shop", "id": id}
    return {**attributes, "data": data, **more}


def problems(response: httpx.Response) -> list[tuple[int, str]]:
    """Index and field of each problem."""
    return [(each["index"], each["field"]) for each in response.json()["problems"]]
