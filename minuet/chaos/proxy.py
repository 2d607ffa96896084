"""Stands between clients and broker, and cuts connections after an append and before its answer.

It knows as much of Kafka's protocol as that takes: the length of each frame, which request is a
Produce, and which response answers it.
"""

from __future__ import annotations

import asyncio
import struct
import threading
from contextlib import suppress
from typing import Self

from minuet.dev.network import HOST

PRODUCE = 0
_LENGTH = struct.Struct(">i")
_REQUEST = struct.Struct(">hhi")  # the api's key and version, and a number for its answer
_RESPONSE = struct.Struct(">i")  # that number
_GONE = (OSError, asyncio.IncompleteReadError)


class Proxy:
    """Passes on what clients and broker say, on a thread of its own; a context manager.

    Args:
        port: where clients find it; `broker`: the port where the broker listens.

    Raises:
        OSError: the port is taken; told on entering.

    Attributes:
        cutting: whether now each answer to a Produce is swallowed, and its connection cut.
        cuts: how many have been.
    """

    watches = PRODUCE  # the api key of the requests whose answers are looked at

    def __init__(self, port: int, broker: int) -> None:
        self.port = port
        self.cutting = False
        self.cuts = 0
        self._broker = broker
        self._loop = asyncio.new_event_loop()
        self._ways: set[asyncio.Future[None]] = set()
        self._known = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="minuet-proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._known.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:  # the port is taken; told by who waits
            self._error = error
        finally:
            self._known.set()
            self._loop.close()

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._client, HOST, self.port)
        self._known.set()
        await self._ended.wait()
        server.close()
        for way in self._ways:
            way.cancel()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0)  # by then what they aborted is closed

    async def _client(self, said: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            answers, broker = await asyncio.open_connection(HOST, self._broker)
        except OSError:
            client.transport.abort()
            return
        asked: set[int] = set()
        ways = {
            asyncio.ensure_future(self._requests(said, broker, asked)),
            asyncio.ensure_future(self._responses(answers, client, asked)),
        }
        self._ways |= ways
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._ways -= ways
            client.transport.abort()
            broker.transport.abort()

    async def _requests(
        self, client: asyncio.StreamReader, broker: asyncio.StreamWriter, asked: set[int]
    ) -> None:
        """Pass on requests, and note whose answers are looked at."""
        with suppress(*_GONE):
            while True:
                frame = await _frame(client)
                api, _, number = _REQUEST.unpack_from(frame, _LENGTH.size)
                if api == self.watches:
                    asked.add(number)
                broker.write(frame)
                await broker.drain()

    async def _responses(
        self, broker: asyncio.StreamReader, client: asyncio.StreamWriter, asked: set[int]
    ) -> None:
        """Pass on responses, until one that the client is not to hear."""
        with suppress(*_GONE):
            while True:
                frame = await _frame(broker)
                [number] = _RESPONSE.unpack_from(frame, _LENGTH.size)
                heard = self._answered(frame) if number in asked else frame
                asked.discard(number)
                if heard is None:
                    return
                client.write(heard)
                await client.drain()

    def _answered(self, frame: bytes) -> bytes | None:
        """What a client hears for this answer, from its length on; None cuts its connection."""
        if not self.cutting:
            return frame
        self.cuts += 1
        return None


async def _frame(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(_LENGTH.size)
    return head + await reader.readexactly(*_LENGTH.unpack(head))
