"""The HTTP side: who may come, how much, and which answer each verdict is."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from time import perf_counter, time
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from minuet.ingest.arrival import Malformed, Problem, Reading, Refused
from minuet.ingest.figures import Figures
from minuet.ingest.keys import Keys
from minuet.ingest.limits import Limits
from minuet.ingest.openapi import document
from minuet.ingest.sink import Busy, Sink, Verdict
from minuet.publish.envelope import Sealed

STRUCTURED, BATCH, JSON = (
    "application/cloudevents+json", "application/cloudevents-batch+json", "application/json"
)  # fmt: skip
_LOG = logging.getLogger("minuet.ingest")
_FIELDS_MOST = 200  # characters in the log; a sender chooses the names of fields that are not there

# When a batch is not of one verdict, the first of these that it has is the answer.
_STATUS = {
    Verdict.CONFLICT: 409,
    Verdict.TOO_LARGE: 413,
    Verdict.FAILED: 503,
    Verdict.ACCEPTED: 202,
    Verdict.DUPLICATE: 200,
}
_REASONS = {
    Verdict.CONFLICT: "this id was used with other content; nothing was taken",
    Verdict.TOO_LARGE: "the record is larger than the topic takes",
    Verdict.FAILED: "not acknowledged by the broker; send it again",
}


def application(
    reading: Reading, sink: Sink, keys: Keys, limits: Limits, reach: Callable[[], str]
) -> ASGIApp:
    """The ingest as an ASGI application.

    Args:
        reading: knows the events.
        sink: takes them.
        keys: who may come; empty for everybody.
        limits: how much.
        reach: asked for readiness, in a thread: why the broker cannot be reached, or nothing.
    """
    figures = Figures(reading.envelope.workflow, lambda: sink.under_way)
    desk = _Desk(reading, sink, keys, limits, figures)
    openapi = _json(200, document(reading, limits, secured=bool(keys))).body

    async def ready(_: Request) -> Response:
        from asyncio import to_thread

        why = sink.trouble or await to_thread(reach)
        return _json(503, {"status": "not ready", "reason": why}) if why else _json(200, _READY)

    async def live(_: Request) -> Response:
        return _json(200, {"status": "live"})

    async def describe(_: Request) -> Response:
        return Response(openapi, 200, media_type="application/json")

    async def metrics(request: Request) -> Response:
        if refused := desk.refuses(request.headers):
            return refused
        return Response(figures.text(), 200, media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        sink.start()
        yield
        await sink.close()

    # The router alone: an error of ours is uvicorn's to log, and its middlewares cost time.
    return Router(
        routes=[
            Route("/events", _Post(desk), methods=["POST"]),
            *(
                Route(f"/events/{name}", _Post(desk, name), methods=["POST"])
                for name in reading.models
            ),
            Route("/live", live),
            Route("/ready", ready),
            Route("/openapi.json", describe),
            Route("/metrics", metrics),
        ],
        lifespan=lifespan,
    )


_READY = {"status": "ready"}


class _Answer(Exception):
    def __init__(self, status: int, reason: str, **headers: str) -> None:
        self.status, self.reason = status, reason
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(reason)


class _Post:
    """A way in; `type` is the one event that may come here in binary mode, empty for any."""

    def __init__(self, desk: _Desk, type: str = "") -> None:
        self._desk, self._type = desk, type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        began = perf_counter()
        response = await self._desk.answer(headers, receive, self._type)
        self._desk.figures.answered(response.status_code, perf_counter() - began)
        await response(scope, receive, send)


class _Desk:
    """Takes requests with events."""

    def __init__(
        self, reading: Reading, sink: Sink, keys: Keys, limits: Limits, figures: Figures
    ) -> None:
        self.figures = figures
        self._reading, self._sink, self._keys, self._limits = reading, sink, keys, limits
        self._later = {"Retry-After": str(limits.retry_after_s)}

    async def answer(self, headers: Mapping[str, str], receive: Receive, type: str) -> Response:
        """The answer to a request; its body is read only if the rest is right."""
        name = ""
        try:
            name = self._who(headers)
            kind = _kind(headers, type)
            body = await self._body(headers, receive)
            events = self._read(kind, body, headers, type)
            if not self._sink.fits(len(events)):
                raise _Answer(413, f"a batch has at most {self._limits.under_way} events")
            verdicts = await self._sink.take(events)
            self.figures.took(verdicts)
        except _Answer as answer:
            _LOG.info("%s %s: %s", name or "-", answer.status, answer.reason)
            return _refusal(answer.status, [Problem(0, "", answer.reason)], answer.headers)
        except Malformed as error:
            return _refusal(400, [Problem(0, "", str(error))])
        except Refused as refused:
            fields = ascii("; ".join(p.field for p in refused.problems))[:_FIELDS_MOST]
            _LOG.info("%s 422: %s", name or "-", fields)
            return _refusal(422, refused.problems)
        except Busy:
            _LOG.warning("%s 429: %s events are under way", name or "-", self._sink.under_way)
            return _refusal(429, [Problem(0, "", "too much is under way")], self._later)
        return self._say(name, kind, events, verdicts)

    def refuses(self, headers: Mapping[str, str]) -> Response | None:
        """The answer to a request that comes without one of the keys; None when it may come."""
        try:
            self._who(headers)
        except _Answer as answer:
            return _refusal(answer.status, [Problem(0, "", answer.reason)], answer.headers)
        return None

    def _who(self, headers: Mapping[str, str]) -> str:
        """The name of the key that came along."""
        if not self._keys:
            return ""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        name = self._keys.name_of(key.encode("latin-1")) if scheme.lower() == "bearer" else ""
        if not name:
            raise _Answer(401, "say Authorization: Bearer KEY", WWW_Authenticate="Bearer")
        return name

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        most = self._limits.body_bytes
        declared = headers.get("content-length", "")
        too_large = _Answer(413, f"a body has at most {most} bytes", Connection="close")
        if declared.isdigit() and int(declared) > most:
            raise too_large
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Answer(400, "the request was not sent to its end")
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > most:
                raise too_large
        return body

    def _read(
        self, kind: str, body: bytes, headers: Mapping[str, str], type: str
    ) -> Sequence[Sealed]:
        now_ms = int(time() * 1000)
        if kind == BATCH:
            if "idempotency-key" in headers:
                raise _Answer(400, "an Idempotency-Key is for one event, and this is a batch")
            return self._reading.batch(body, now_ms)
        if kind == STRUCTURED:
            return [self._reading.structured(body, headers, now_ms)]
        return [self._reading.binary(body, headers, now_ms, type)]

    def _say(
        self, name: str, kind: str, events: Sequence[Sealed], verdicts: Sequence[Verdict]
    ) -> Response:
        worst = next((verdict for verdict in _STATUS if verdict in verdicts), Verdict.DUPLICATE)
        status = _STATUS[worst]
        if worst in _REASONS:
            wrong = [
                Problem(index, "id" if verdict is Verdict.CONFLICT else "", _REASONS[verdict])
                for index, verdict in enumerate(verdicts)
                if verdict in _REASONS
            ]
            ids = ", ".join(events[problem.index].id for problem in wrong[:3])
            _LOG.warning("%s %s: %s: %s", name or "-", status, worst.value, ids)
            return _refusal(status, wrong, self._later if status == 503 else None)
        said = [
            {"id": event.id, "status": verdict.value}
            for event, verdict in zip(events, verdicts, strict=True)
        ]
        return _json(status, {"events": said} if kind == BATCH else said[0])


def _kind(headers: Mapping[str, str], type: str) -> str:
    """The media type, of those that may come."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise _Answer(415, "send it uncompressed")
    said = headers.get("content-type", "").lower()
    if said in (STRUCTURED, BATCH) and not type:
        return said
    kind, *parameters = (part.strip() for part in said.split(";"))
    if any(part.startswith("charset=") and part[8:].strip('"') != "utf-8" for part in parameters):
        raise _Answer(415, "JSON is UTF-8")
    if kind not in ((JSON,) if type else (STRUCTURED, BATCH, JSON)):
        wanted = JSON if type else f"{STRUCTURED}, {BATCH}, or {JSON} with ce-* headers"
        raise _Answer(415, f"send {wanted}")
    return kind


def _refusal(
    status: int, problems: Sequence[Problem], headers: Mapping[str, str] | None = None
) -> Response:
    return _json(status, {"problems": [asdict(problem) for problem in problems]}, headers)


def _json(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Response(body, status, headers, media_type="application/json")
