"""The world on a real broker, each worker of it inside of a Faust app."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from minuet.engines.faust.log import FaustLog
from minuet.engines.faust.settings import new_app
from minuet.engines.log import Log
from minuet.kafka.connection import Connection
from minuet.settings.worker import Options
from tests.engines.native_world import NativeWorld
from tests.engines.world import OPTIONS, World


class FaustWorld(NativeWorld):
    def log(self, group: str, client_id: str) -> Log:
        app = new_app(self.connection, group, client_id, Path(tempfile.mkdtemp()))
        return FaustLog(
            app, self.connection, self.spec.log_topic, self.spec.table_topic,
            reads_from=self.spec.name, runs=True,
        )  # fmt: skip


def play(
    connection: Connection, story: Callable[[World], Awaitable[None]], *, within: str = "1h",
    options: Options = OPTIONS,
) -> None:  # fmt: skip
    async def main() -> None:
        world = FaustWorld(connection, within, options)
        await world.open()
        try:
            await story(world)
        finally:
            await world.close()

    asyncio.run(main())
