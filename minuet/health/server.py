"""`/live`, `/ready` and `/metrics` over HTTP, on the worker's own loop: it answers if that moves.

Whoever probes gets a status code and one line of JSON; 200 is yes, 503 is no and says why.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.process_collector import ProcessCollector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from minuet.engines.metering import MeteredLog
from minuet.errors import UsageError
from minuet.health.census import Census
from minuet.health.figures import Figures
from minuet.health.standing import Standing

_HIGH_S = 1.0  # how long a scrape waits for what only the reading thread knows


def listen(host: str, port: int) -> socket.socket:
    """Take the port, 0 for any.

    Raises:
        UsageError: it cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        taken = socket.create_server((host, port), family=family)
    except OSError as error:
        message = f"--http {port}: {host}:{port} cannot be listened on ({error.strerror or error})"
        raise UsageError(message) from error
    taken.setblocking(False)
    return taken


async def serve(standing: Standing, listening: socket.socket) -> None:
    """Serve until cancelled."""
    log = standing.loop.log
    assert isinstance(log, MeteredLog)
    census = Census(standing.loop)
    application = _application(standing, log, Figures(standing, log, census))
    config = uvicorn.Config(
        application, http="httptools", ws="none", lifespan="off", log_config=None,
        access_log=False, server_header=False, timeout_graceful_shutdown=1,
    )  # fmt: skip
    counting = asyncio.ensure_future(census.forever())
    try:
        await _Server(config).serve([listening])
    finally:
        counting.cancel()
        with suppress(asyncio.CancelledError):
            await counting


class _Server(uvicorn.Server):
    """A server that leaves the signals to the worker."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _application(standing: Standing, log: MeteredLog, figures: Figures) -> Starlette:
    registry = CollectorRegistry()
    registry.register(figures)
    ProcessCollector(registry=registry)

    async def live(_: Request) -> Response:
        return JSONResponse({"live": standing.lives}, 200 if standing.lives else 503)

    async def ready(_: Request) -> Response:
        lacks = standing.lacks
        return JSONResponse({"ready": not lacks, "lacks": lacks}, 503 if lacks else 200)

    async def metrics(_: Request) -> Response:
        with suppress(TimeoutError):
            async with asyncio.timeout(_HIGH_S):
                figures.high = await log.known_highs(list(standing.loop.parts))
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    routes = (("/live", live), ("/ready", ready), ("/metrics", metrics))
    return Starlette(routes=[Route(path, endpoint) for path, endpoint in routes])
