"""The saga state as a Faust table: what the unit on this machine has folded, by saga id.

Its changelog is the workflow's own topic of rows, with the same bytes under the same keys, so that
a native worker, `minuet verify`, or a table of another Faust app reads it. It is only to be read:
the unit writes the rows itself, after the fold, and commits no position before they are acked.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from typing import Any, NoReturn

import faust
from faust.stores.base import Store
from faust.tables.table import Table

from minuet.core.row import pack
from minuet.engines.loop import Loop
from minuet.errors import UsageError
from minuet.kafka.partitioner import partition_of
from minuet.spec.model import Spec


class SagaStore(Store[str, bytes]):
    """Reads the rows of the partitions that a loop has."""

    def __init__(self, *args: Any, loop_of: Callable[[], Loop | None], **more: Any) -> None:
        super().__init__(*args, **more)
        self._loop_of = loop_of

    def __getitem__(self, key: str) -> bytes:
        row = self._row(key)
        if row is None:
            raise KeyError(key)
        return row

    def _row(self, key: object) -> bytes | None:
        engine = self._loop_of()
        if engine is None or not isinstance(key, str):
            return None
        number = partition_of(key.encode(), engine.plan.spec.partitions)
        part = engine.parts.get(number)
        state = part.table.get(key) if part is not None and part.restored else None
        return pack(engine.plan, state) if state is not None else None

    def __contains__(self, key: object) -> bool:
        return self._row(key) is not None

    def __iter__(self) -> Iterator[str]:
        engine = self._loop_of()
        for part in list(engine.parts.values()) if engine is not None else ():
            if part.restored:
                yield from list(part.table.keys())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def keys(self) -> KeysView[str]:
        """The ids of the sagas."""
        return KeysView(self)

    def values(self) -> ValuesView[bytes]:
        """Their rows."""
        return ValuesView(self)

    def items(self) -> ItemsView[str, bytes]:
        """Both."""
        return ItemsView(self)

    def apply_changelog_batch(self, *_: Any, **__: Any) -> None:
        """Take no row: the loop reads them."""

    async def backup_partition(self, *_: Any, **__: Any) -> None:
        """Keep no copy: the topic is one."""

    def restore_backup(self, *_: Any, **__: Any) -> None:
        """Need no copy: the topic is one."""

    def reset_state(self) -> None:
        """Forget nothing: the loop does when it gives partitions back."""

    def __setitem__(self, key: str, value: bytes) -> NoReturn:
        message = "rows of sagas are written by their unit alone: publish an event instead"
        raise UsageError(message)

    def __delitem__(self, key: str) -> NoReturn:
        self[key] = b""

    def clear(self) -> NoReturn:
        """Refuse."""
        self[""] = b""


class SagaTable(Table[str, bytes]):
    """The table of a workflow's sagas, as an app sees it.

    It is not among the tables that the app recovers, shares out and shows on its web pages.

    Args:
        app: that runs the unit.
        spec: of the workflow.
        loop_of: returns the loop, None before it runs.
    """

    def __init__(self, app: faust.App, spec: Spec, loop_of: Callable[[], Loop | None]) -> None:
        changelog = app.topic(
            spec.table_topic, key_type=str, value_type=bytes, key_serializer="raw",
            value_serializer="raw", partitions=spec.partitions, compacting=True, acks=False,
        )  # fmt: skip
        super().__init__(
            app, name=spec.table_topic, key_type=str, value_type=bytes,
            partitions=spec.partitions, changelog_topic=changelog,
        )  # fmt: skip
        self._loop_of = loop_of

    def _new_store(self) -> SagaStore:
        return SagaStore("minuet://", self.app, self, loop_of=self._loop_of)

    def __setitem__(self, key: str, value: bytes) -> None:
        self.data[key] = value

    def __delitem__(self, key: str) -> None:
        del self.data[key]
