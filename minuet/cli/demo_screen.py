"""The demo while it runs: stages on standard error, and a live view while somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from minuet.demo import Watch

_FRAME_S = 0.25


class Screen:
    """Shows what the demo does.

    Args:
        ask: called at each sign of life; raises when the demo is to end.
        quiet: show nothing.
    """

    def __init__(self, ask: Callable[[], None], *, quiet: bool) -> None:
        self._ask = ask
        self._quiet = quiet
        self._console = Console(stderr=True)
        self._stack = ExitStack()
        self._bars: dict[str, TaskID] = {}
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self._console)
        self._live = Live(self._progress, console=self._console, transient=True)
        self._drawn = 0.0

    def __enter__(self) -> Screen:
        if not self._quiet and self._console.is_terminal:
            self._stack.enter_context(self._live)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def stage(self, text: str) -> None:
        """Something begins."""
        self._say("[bold]>[/]", text)

    def trouble(self, text: str) -> None:
        """Something went wrong, or is mended."""
        self._say("  [bold red]![/]", text)

    def look(self, orders: Watch, refunds: Watch, total: int) -> None:
        """How far the sagas are; drawn a few times a second."""
        self._ask()
        if monotonic() - self._drawn < _FRAME_S:
            return
        self._drawn = monotonic()
        compensated = orders.ended - orders.completed
        text = (
            f"  {orders.begun:,} placed, {orders.completed:,} completed, "
            f"{compensated:,} compensated, {orders.begun - orders.ended:,} under way"
        )
        self._bar("orders", text, orders.ended, total)
        text = f"  {refunds.begun:,} refunds, {refunds.ended:,} ended"
        self._bar("refunds", text, refunds.ended, refunds.begun or None)
        if self._live.is_started:
            self._live.update(Group(self._progress, steps_table(orders, refunds)))

    def verified(self, workflow: str, done: int, total: int) -> None:
        """How much of a log is verified."""
        self._ask()
        if self._live.is_started:
            self._live.update(self._progress)
        self._bar(f"verify {workflow}", f"  {workflow}: {done:,} of {total:,} events", done, total)

    def _say(self, mark: str, text: str) -> None:
        self._ask()
        if not self._quiet:
            self._console.print(f"{mark} {text}", highlight=False, soft_wrap=True)

    def _bar(self, name: str, text: str, done: int, total: int | None) -> None:
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(text, total=total)
        self._progress.update(self._bars[name], description=text, completed=done, total=total)


def steps_table(*watches: Watch) -> Table:
    """Where time goes: each step, with its retries and how long it takes."""
    table = Table("workflow", "step", box=None, padding=(0, 2), header_style="dim")
    for name in ("answers", "tried again", "p50 ms", "p99 ms", "all s"):
        table.add_column(name, justify="right")
    for watch in watches:
        for step in watch.steps():
            table.add_row(
                watch.spec.name, step.name, f"{step.answers:,}", f"{step.retries:,}",
                f"{step.p50_ms:,.0f}", f"{step.p99_ms:,.0f}", f"{step.total_s:,.1f}",
            )  # fmt: skip
    return table
