"""The publisher for services that run on asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from minuet.event.model import Event
from minuet.publish.publisher import Published, Publisher

_FULL_S = 0.005  # the queue to the broker is full: acknowledgements come within milliseconds


class AsyncPublisher:
    """As `Publisher`, with `async with` and `await`; the event loop is never held up.

    ```python
    async with AsyncPublisher("orders", "order_id", OrderPlaced) as publisher:
        await publisher.publish(OrderPlaced(order_id="o-1", ...))
    ```
    """

    def __init__(  # noqa: PLR0913  (by their names)
        self,
        workflow: str,
        key: str,
        *models: type[Event],
        bootstrap: str = "",
        options: Mapping[str, str] | None = None,
        source: str = "",
        prefix: str | None = None,
        registry: Mapping[str, str] | None = None,
    ) -> None:
        self._publisher = Publisher(
            workflow, key, *models,
            bootstrap=bootstrap, options=options, source=source, prefix=prefix, registry=registry,
        )  # fmt: skip

    async def open(self) -> Self:
        """Connect; `async with` does it. See `Publisher.open`."""
        await asyncio.to_thread(self._publisher.open)
        return self

    async def close(self) -> None:
        """Flush and disconnect; `async with` does it. See `Publisher.close`."""
        await asyncio.to_thread(self._publisher.close)

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._publisher.__exit__, kind, error, _)

    async def publish(self, event: Event, *, id: str = "", traceparent: str = "") -> Published:
        """Publish and wait until every replica in sync has it; see `Publisher.publish`."""
        while True:
            try:
                future = self._publisher.try_send(event, id=id, traceparent=traceparent)
            except BufferError:
                await asyncio.sleep(_FULL_S)
            else:
                return await asyncio.wrap_future(future)

    async def flush(self) -> None:
        """Wait until all that was published is acknowledged."""
        await asyncio.to_thread(self._publisher.flush)
