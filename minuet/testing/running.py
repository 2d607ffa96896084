"""A workflow that runs on a real Kafka while a test looks on."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import asdict
from threading import Thread
from types import TracebackType
from typing import Any, NoReturn, Self

from minuet.contracts.codec import Codec
from minuet.core.decide import decide
from minuet.core.due import pending
from minuet.core.state import State
from minuet.duration import parse_ms
from minuet.engines.loop import Loop
from minuet.engines.worker import Assignment, now_ms, run
from minuet.errors import BrokerError, UnreadableValue
from minuet.event.model import Event
from minuet.event.record import SCHEMA
from minuet.inspection import history
from minuet.kafka.connection import Connection
from minuet.kafka.partitioner import partition_of
from minuet.kafka.registries import registry_of
from minuet.publish.publisher import Publisher
from minuet.settings.environment import BOOTSTRAP, variable_of
from minuet.spec.assemble import Workflow
from minuet.testing.stories import Story, incidents_of

_START_S = 60.0  # until a worker is ready; a second on a quiet machine
_STOP_S = 60.0
_LOOK_S = 0.01
_LOOK_AT_S = 10.0


class Running:
    """A workflow with a worker on Kafka: what `Kafka.run` gives.

    Args:
        workflow: its topics are there.
        connection: where Kafka is.
    """

    def __init__(self, workflow: Workflow, connection: Connection) -> None:
        self.workflow = workflow
        self._connection = connection
        self._began: Future[tuple[Loop, asyncio.AbstractEventLoop]] = Future()
        self._ended: Future[None] = Future()
        self._thread = Thread(target=self._work, name=f"worker {self.name}", daemon=True)
        registry = registry_of(connection, workflow.spec.schema_topic)
        self._codec = Codec(workflow.models.values(), registry)
        self._publisher: Publisher | None = None
        self._home: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._loop: Loop | None = None

    @property
    def name(self) -> str:
        """The workflow's."""
        return self.workflow.spec.name

    @property
    def prefix(self) -> str:
        """What stands before the names of its topics and its group."""
        return self.workflow.spec.prefix

    @property
    def environ(self) -> dict[str, str]:
        """The variables by which a process finds this very run, its prefix among them."""
        return {**environ_of(self._connection), variable_of(("prefix",)): self.prefix}

    def publish(self, *events: Event) -> None:
        """Publish events that begin sagas, or come from outside; returns once Kafka has them.

        Raises:
            BrokerError: not acknowledged.
            ContractError: one breaks its contract, or has no field that is the saga's id.
        """
        if self._publisher is None:
            key = self.workflow.spec.key
            models = [m for m in self.workflow.models.values() if key in m.model_fields]
            place = self._connection
            self._publisher = Publisher(
                self.name, key, *models, bootstrap=place.bootstrap, options=place.options,
                prefix=self.prefix, registry=asdict(place.registry),
            ).open()  # fmt: skip
        for event in events:
            self._publisher.send(event)
        self._publisher.flush()

    def story(self, saga: str, *, until: type[Event] | None = None, within: str = "1m") -> Story:
        """Wait until a saga is at rest, or waits for a person, and return what became of it.

        Args:
            saga: its id.
            until: return as soon as this has happened, too: for a saga that goes on only when
                something comes from outside, or when a deadline of days has passed.
            within: how long to wait.

        Raises:
            TimeoutError: it goes on, or never began; says how it stands.
            BrokerError: the worker ended.
        """
        loop, home = self._began.result()
        wanted = until.__name__ if until is not None else ""
        settled = _settled(loop, saga, wanted)
        try:
            waiting = asyncio.run_coroutine_threadsafe(settled, home)
        except RuntimeError:  # its event loop is closed
            settled.close()
            self._say_why_it_ended()
        try:
            waiting.result(parse_ms(within) / 1_000)
        except TimeoutError:
            waiting.cancel()
            standing = asyncio.run_coroutine_threadsafe(_standing(loop, saga), home)
            message = f"{self.name}, after {within}: {standing.result(_LOOK_AT_S)}"
            raise TimeoutError(message) from None
        except CancelledError:
            self._say_why_it_ended()
        return self._story(loop, saga)

    def _say_why_it_ended(self) -> NoReturn:
        self._ended.result(_STOP_S)
        message = f"the worker of {self.name} ended"
        raise BrokerError(message) from None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._began.result(_START_S)
        except BaseException:  # it must not go on: its topics are deleted
            self._abandon()
            raise
        return self

    def _abandon(self) -> None:
        """End a worker that is not ready."""
        if self._home is not None and self._task is not None and self._thread.is_alive():
            with suppress(RuntimeError, CancelledError, TimeoutError):  # it ends by itself
                if self._loop is not None:
                    asyncio.run_coroutine_threadsafe(self._loop.stop(), self._home).result(_STOP_S)
                else:
                    self._home.call_soon_threadsafe(self._task.cancel)
        self._thread.join(_STOP_S)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._publisher is not None:
            self._publisher.close()
        loop, home = self._began.result()
        if self._thread.is_alive():  # else it has ended by itself: `_ended` says why
            with suppress(RuntimeError, CancelledError):
                asyncio.run_coroutine_threadsafe(loop.stop(), home).result(_STOP_S)
        self._thread.join(_STOP_S)
        if error is None:  # else the first error is the one to see
            self._ended.result(_STOP_S)

    def _work(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            for future in (self._began, self._ended):
                if not future.done():
                    future.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _run(self) -> None:
        self._home, self._task = asyncio.get_running_loop(), asyncio.current_task()
        watching: list[asyncio.Task[None]] = []

        def ready(loop: Loop) -> None:
            self._loop = loop
            watching.append(asyncio.create_task(self._announce(loop)))

        assignment = Assignment(form="simulated")
        await run(self.workflow, self._connection, assignment, ready=ready, alone=False)

    async def _announce(self, loop: Loop) -> None:
        while not loop.parts or not all(part.restored for part in loop.parts.values()):
            await asyncio.sleep(_LOOK_S)
        self._began.set_result((loop, asyncio.get_running_loop()))

    def _story(self, loop: Loop, saga: str) -> Story:
        found = history.read(self._connection, loop.plan, saga)
        events = []
        for record in found.records:
            with suppress(UnreadableValue):  # `incidents` names what nobody can read
                schema = record.headers.get(SCHEMA, b"")
                events.append(self._codec.decode(record.type, schema, record.value))
        state = found.state
        return Story(saga, state.status.value, tuple(events), incidents_of(state))


def environ_of(connection: Connection) -> dict[str, str]:
    """Return the variables by which a process finds this Kafka, with its login."""
    login = {variable_of(("kafka", name)): text for name, text in connection.options.items()}
    registry = {
        variable_of(("registry", name)): str(value)
        for name, value in asdict(connection.registry).items()
        if value
    }
    return {BOOTSTRAP: connection.bootstrap, **login, **registry}


async def _settled(loop: Loop, saga: str, wanted: str) -> None:
    """Wait until nothing is left to do for a saga, or the event has happened."""
    while True:
        state = _state(loop, saga)
        if state is not None:
            happened = any(entry.type == wanted for entry in state.ids.values())
            if happened or _rests(loop, state):
                return
        await asyncio.sleep(_LOOK_S)


async def _standing(loop: Loop, saga: str) -> str:
    """How a saga stands that did not come to rest, for whoever reads why a test failed."""
    state = _state(loop, saga)
    if state is None:
        return f"there is no saga {saga}"
    due = ", ".join(slot.step.name for slot in pending(loop.plan, state)) or "no step"
    happened = f"{', '.join(state.events) or 'nothing'} happened, {due} is due"
    return f"{saga} is {state.status.value}: {happened}; until= names an event to wait for"


def _state(loop: Loop, saga: str) -> State | None:
    number = partition_of(saga.encode(), loop.plan.spec.partitions)
    part = loop.parts.get(number)
    return part.table.get(saga) if part is not None else None


def _rests(loop: Loop, state: State) -> bool:
    """Whether it has ended, or only a person can have it go on."""
    if state.status.ended:
        return not state.seen
    if not state.incidents or decide(loop.plan, state, now_ms()):
        return False
    tries = (state.tries.get(slot.id) for slot in pending(loop.plan, state))
    return all(each is not None and each.parked for each in tries)
