"""How often each run and each value was what a process died of: kept in a folder, by all workers.

Each process has a journal there and holds its lock; a journal without a holder is that of a process
that died, and is read once by whoever finds it. A clean end leaves no journal.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from minuet.engines.crash_journal import Journal, suspects
from minuet.errors import UsageError

DEATHS_MOST = 3
ALONE_MOST = 3  # deaths of a run alone, where it only waited and the process was killed perhaps
FORGET_S = 3600.0  # what did not kill for so long is suspected no more
LOCK_S = 2.0  # a worker that is stopped with the lock must not stop the others
_JOURNAL = ".running"


@dataclass(frozen=True, slots=True)
class Suspect:
    """What was there when processes died.

    Args:
        deaths: how often.
        at: the last time, s since 1970.
        alone: how often no other that often suspected was there, once it was often enough.
        certain: the last of these was no SIGKILL, or it was at work then: a SIGKILL comes from
            outside, and hits whatever waits for a service just then.
    """

    deaths: int
    at: float
    alone: int = 0
    certain: bool = True

    @property
    def quarantined(self) -> bool:
        """Whether it killed often enough, and it is known to be what killed."""
        return self.deaths >= DEATHS_MOST and self.alone >= (1 if self.certain else ALONE_MOST)


class CrashMemory:
    """The memory of one workflow in a folder; every method may raise OSError.

    Args:
        folder: shared by the processes of a machine, and kept when one ends.
        now: s since 1970.

    Raises:
        UsageError: the folder cannot be written.
    """

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._now = now
        self._known = folder / "deaths.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._locked():
                pass
        except OSError as error:
            message = (
                f"the state folder {folder} cannot be written ({error.strerror}): "
                "name another one with --state, or --state none to go without a memory of crashes"
            )
            raise UsageError(message) from error

    def open_journal(self) -> Journal:
        """Begin the journal of this process."""
        with self._locked():  # nobody may take it for a dead one's before it has its lock
            file = NamedTemporaryFile(  # noqa: SIM115  (for its owner alone: it holds a value)
                "w+b", prefix=f"{os.getpid()}-", suffix=_JOURNAL, dir=self.folder, delete=False
            )
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return Journal(file)

    def learn(self, by_itself: Container[int] = ()) -> tuple[dict[str, Suspect], list[str]]:
        """Read the journals of the dead; return all suspects, and the names that were added to.

        Args:
            by_itself: processes that are known to have died of something else than a SIGKILL.
        """
        with self._locked():
            known, added = self._load(), list[str]()
            for file in sorted(self.folder.glob(f"*{_JOURNAL}")):
                if _is_dead(file):
                    names, at_work = suspects(file)
                    certain = at_work or int(file.name.partition("-")[0]) in by_itself
                    known = _blame(known, names, self._now(), certain=certain)
                    added += names
                    file.unlink()
            if added:
                self._store(known)
        return known, added

    def clear(self, names: Iterator[str] | list[str]) -> None:
        """Suspect these no more: they ended without harm."""
        with self._locked():
            known = self._load()
            for name in names:
                known.pop(name, None)
            self._store(known)

    def _load(self) -> dict[str, Suspect]:
        try:
            found = json.loads(self._known.read_text(encoding="utf-8"))
            known = {name: Suspect(**each) for name, each in found.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # the first time; or cut short by a full disk: better forgotten than stuck
        return {name: s for name, s in known.items() if self._now() - s.at < FORGET_S}

    def _store(self, known: Mapping[str, Suspect]) -> None:
        fresh = self._known.with_suffix(".new")
        text = json.dumps({name: asdict(each) for name, each in known.items()})
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._known)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        until = time.monotonic() + LOCK_S
        with (self.folder / "lock").open("a") as handle:
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:  # held for milliseconds, unless the holder was stopped
                    if time.monotonic() > until:
                        raise
                    time.sleep(0.01)
            yield


def _blame(
    known: Mapping[str, Suspect], names: list[str], now: float, *, certain: bool = True
) -> dict[str, Suspect]:
    """Count a death for each that was there."""
    blamed = dict(known)
    before = {name: known.get(name, Suspect(0, now)) for name in names}
    often = sum(one.deaths + 1 >= DEATHS_MOST for one in before.values())
    for name, one in before.items():
        if often == 1 and one.deaths + 1 >= DEATHS_MOST:
            blamed[name] = Suspect(one.deaths + 1, now, one.alone + 1, certain)
        else:
            blamed[name] = Suspect(one.deaths + 1, now, one.alone, one.certain)
    return blamed


def _is_dead(file: Path) -> bool:
    with suppress(OSError), file.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
