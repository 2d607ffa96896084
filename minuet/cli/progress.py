"""Progress of a publish on the terminal: lines done, and how far the file is read."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from minuet.publish.batch import Tally

Show = Callable[[Tally], None]


@contextmanager
def progress(stream: BinaryIO | None, *, quiet: bool = False) -> Iterator[Show | None]:
    """Yield what to call with the counts now and then; None when nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    size = _size(stream)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("publishing", total=size)

        def show(tally: Tally) -> None:
            text = f"{tally.lines} lines, {tally.published} published, {tally.rejected} rejected"
            bar.update(task, description=text, completed=stream.tell() if stream and size else 0)

        yield show


def _size(stream: BinaryIO | None) -> int | None:
    """The size of a file; None for a pipe or a topic."""
    if stream is None:
        return None
    try:
        found = os.fstat(stream.fileno())
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
