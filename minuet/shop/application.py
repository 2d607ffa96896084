"""The shop over HTTP: POST /stock/reserve and so on, GET /ledger, and switches for its failures."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from minuet.errors import ContractError
from minuet.shop import rules
from minuet.shop.ledger import Entry, Ledger


class Switches(BaseModel):
    """What goes wrong; shares are from 0 to 1, of all calls.

    Attributes:
        latency_ms: before anything is done.
        failure: share refused with 500 before anything is done.
        outage: all is refused with 503.
        drop: share whose effect is done and whose answer is dropped.
        late: share whose effect is done and answered after `late_ms`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: int = Field(0, ge=0, le=600_000)
    failure: float = Field(0, ge=0, le=1)
    outage: bool = False
    drop: float = Field(0, ge=0, le=1)
    late: float = Field(0, ge=0, le=1)
    late_ms: int = Field(6_000, ge=0, le=600_000)


class _Dropped(Response):
    """Begins an answer and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"1000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


class Services:
    """The services, with their ledger and their switches.

    Args:
        ledger: of what they did.
        switches: at the start.
        seed: of which calls fail.
    """

    def __init__(self, ledger: Ledger, switches: Switches, seed: int = 0) -> None:
        self.switches = switches
        self._ledger = ledger
        self._dice = random.Random(seed)

    def do(self, what: str, key: str, asked: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked, or say what was answered under the key before.

        Raises:
            ContractError: something is missing, or the key was used for something else.
        """
        entry = self._ledger.known(key)
        if entry is None:
            refused = rules.refusal(what, asked)
            entry = Entry(
                key, str(asked.get("workflow", "")), what, str(asked.get("saga", "")),
                "" if refused else f"{rules.EFFECTS[what]}-{key[:8]}", refused,
                str(asked.get("undoes", "")), rules.late_days(what, asked),
            )  # fmt: skip
            self._ledger.write(entry)
        elif entry.effect != what:
            message = f"{key} was used for {entry.effect}, and not for {what}"
            raise ContractError(message)
        said: dict[str, Any] = {"reference": entry.reference, "refused": entry.refused}
        return {**said, "late_days": entry.late_days}

    async def call(self, request: Request) -> Response:
        """Answer a call of a service, or what the switches make of it."""
        what, now = request.url.path.strip("/"), self.switches
        key = request.headers.get("idempotency-key", "")
        await asyncio.sleep(now.latency_ms / 1000)
        if self.switches.outage:
            return JSONResponse({"reason": "outage"}, 503)
        if self._dice.random() < now.failure:
            return JSONResponse({"reason": "failure"}, 500)
        try:
            asked = await request.json()
            if what == "fraud/score":
                return JSONResponse({"score": rules.score(asked)})
            if not key:
                return JSONResponse({"reason": "an Idempotency-Key is missing"}, 400)
            said = self.do(what, key, asked)
        except (ContractError, ValueError, AttributeError) as error:
            return JSONResponse({"reason": str(error)}, 422)
        if self._dice.random() < now.drop:
            return _Dropped()
        if self._dice.random() < now.late:
            await asyncio.sleep(now.late_ms / 1000)
        return JSONResponse(said)

    async def ledger(self, request: Request) -> Response:
        """The effects in the name of `?workflow=`."""
        return JSONResponse({"effects": self._ledger.effects(request.query_params["workflow"])})

    async def switch(self, request: Request) -> Response:
        """What the switches are; with PATCH some of them are set."""
        if request.method == "PATCH":
            try:
                changed = self.switches.model_dump() | dict(await request.json())
                self.switches = Switches.model_validate(changed)
            except (ValidationError, ValueError, TypeError) as error:
                return JSONResponse({"reason": str(error)}, 422)
        return JSONResponse(self.switches.model_dump())


def application(services: Services) -> Starlette:
    """Return the shop as an ASGI application."""
    routes = [
        Route(f"/{what}", services.call, methods=["POST"])
        for what in (*rules.EFFECTS, "fraud/score")
    ]
    routes.append(Route("/ledger", services.ledger))
    routes.append(Route("/switches", services.switch, methods=["GET", "PATCH"]))
    return Starlette(routes=routes)
