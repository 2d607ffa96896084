"""The other version, in processes of its own, as the command sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from minuet.contracts.schema import Schema
from minuet.errors import MinuetError, UsageError
from minuet.event.record import SCHEMA, SCHEMA_PREFIX
from minuet.rehearsal.wire import Saga, receive, send
from minuet.spec.model import Spec
from minuet.spec.plain import as_plain, from_plain

Find = Callable[[str], Schema | None]

_ENDS_S = 10.0
_LINES = 12


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be rehearsed under: a folder with a project, the version that was recorded.

    `name` is what people call the folder; for `simulated` see `comparison.Rehearsal`.
    """

    folder: Path
    name: str
    workflow: str
    recorded: Spec
    simulated: str = ""


class _Child:
    """One process with the candidate."""

    def __init__(self, wish: Wish, find: Find) -> None:
        self._wish, self._find = wish, find
        self._sent: set[bytes] = set()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed by `close`)
        command = [sys.executable, "-P", "-m", "minuet.rehearsal.child"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, cwd=wish.folder, stdin=pipe, stdout=pipe, stderr=self._errors, process_group=0
        )
        recorded = wish.recorded
        plain = [json.dumps(as_plain(each)) for each in (recorded, *recorded.before)]
        asked = {
            "project": str(wish.folder), "workflow": wish.workflow, "recorded": plain,
            "simulated": wish.simulated,
        }  # fmt: skip
        self.hello = self._ask(asked)
        if "error" in self.hello:
            error = str(self.hello["error"]).replace(str(wish.folder), wish.name)
            message = f"{wish.workflow} at {wish.name} cannot be loaded: {error}"
            self.close()
            raise UsageError(message)

    def compare(self, sagas: Sequence[Saga]) -> list[dict[str, Any] | None]:
        """Compare sagas; None for those that the recording has no beginning of."""
        found = self._ask({"sagas": list(sagas), "schemas": list(self._schemas(sagas))})
        return [None if text is None else json.loads(text) for text in found]

    def _schemas(self, sagas: Sequence[Saga]) -> Iterator[str]:
        """The schemas of these records that the process has not been told of."""
        for _, raws in sagas:
            for _, _, _, headers in raws:
                for name, value in headers:
                    if name == SCHEMA and value is not None and value not in self._sent:
                        self._sent.add(value)
                        text = value.removeprefix(SCHEMA_PREFIX).decode(errors="replace")
                        schema = self._find(text)
                        if schema is not None:
                            yield schema.text

    def _ask(self, frame: Any) -> Any:
        out, answers = self._process.stdin, self._process.stdout
        assert out is not None
        assert answers is not None
        try:
            send(out, frame)
            found = receive(answers)
        except BrokenPipeError:
            found = None
        if found is None:
            code = self._process.wait(_ENDS_S)
            self._errors.seek(0)
            lines = self._errors.read().decode(errors="replace").splitlines()[-_LINES:]
            said = "\n".join(f"  {line}" for line in lines)
            message = f"{self._wish.name}: its process ended with exit code {code}:\n{said}"
            raise MinuetError(message)
        return found

    def close(self) -> None:
        """End the process."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        try:
            self._process.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()


class Candidate:
    """A version in so many processes; a context manager.

    Args:
        wish: which one.
        find: finds a schema by its fingerprint.
        jobs: how many processes.

    Attributes:
        spec: of the candidate; `sources`: a digest of each step's source.

    Raises:
        UsageError: it cannot be loaded; says why.
    """

    def __init__(self, wish: Wish, find: Find, jobs: int = 1) -> None:
        self._children: list[_Child] = []
        try:
            for _ in range(jobs):
                self._children.append(_Child(wish, find))
        except BaseException:
            self.close()
            raise
        hello = self._children[0].hello
        self.spec = from_plain(hello["spec"], wish.name)
        self.sources: dict[str, str] = hello["sources"]

    def __enter__(self) -> Candidate:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        for child in self._children:
            child.close()

    def compare(
        self, batches: Iterable[Sequence[Saga]]
    ) -> Iterator[tuple[int, list[dict[str, Any] | None]]]:
        """Compare batches of sagas, in no order: how many records each had, and what was found."""
        free: SimpleQueue[_Child] = SimpleQueue()
        for child in self._children:
            free.put(child)

        def do(batch: Sequence[Saga]) -> tuple[int, list[dict[str, Any] | None]]:
            child = free.get()
            try:
                found = child.compare(batch)
            finally:
                free.put(child)
            return sum(len(raws) for _, raws in batch), found

        with ThreadPoolExecutor(len(self._children)) as pool:
            going: Collection[Future[Any]] = set()
            for batch in batches:
                going = {*going, pool.submit(do, batch)}
                if len(going) > len(self._children):
                    done, going = wait(going, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in done)
            yield from (one.result() for one in going)
