"""The demo, from topics to checks. The broker is the caller's affair."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from minuet.children import Children
from minuet.demo.following import Tail, follow_until
from minuet.demo.publishing import Publishing, orders_of
from minuet.demo.result import Ended, Recovery, Result
from minuet.demo.troubles import Kill, Outage, Rotten, Troubles, moments
from minuet.demo.watching import Watch
from minuet.engines.units import Units
from minuet.errors import UsageError
from minuet.inspection.letters import Wanted, letters
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.spec.assemble import Workflow
from minuet.verify import verify
from minuet.verify.effects import verify_effects

ORDERS, REFUNDS = "orders", "refunds"
WORKFLOWS = (ORDERS, REFUNDS)
_WORKERS = 2  # of orders
_FAULTS = ("--failure", "0.02", "--drop", "0.01", "--late", "0.002")  # of the shop, all the time
_SHOP, _ORDERS, _REFUNDS = "shop", "workers of orders", "worker of refunds"


@dataclass(frozen=True)
class Options:
    """How the demo runs.

    Args:
        project: the folder that holds pyproject.toml.
        file: of orders.
        rate: orders in a second; 0 for as fast as it goes.
        calm: nothing goes wrong but what is wrong with the orders.
        seed: of the moments at which something goes wrong; None for another each time.
    """

    project: Path
    file: Path
    rate: int
    calm: bool = False
    seed: int | None = None


class Stages(Protocol):
    """Who is told how far the demo is."""

    def stage(self, text: str) -> None:
        """Something begins."""

    def trouble(self, text: str) -> None:
        """Something went wrong, or is mended."""

    def look(self, orders: Watch, refunds: Watch, total: int) -> None:
        """How far the sagas are; called many times a second."""

    def verified(self, workflow: str, done: int, total: int) -> None:
        """How much of a log is verified."""


@dataclass(frozen=True)
class _Scene:
    """Where the demo plays, and who plays in it."""

    run: str
    seed: int
    connection: Connection
    children: Children
    stages: Stages
    watches: Mapping[str, Watch]


def demo(
    workflows: Mapping[str, Workflow], connection: Connection, options: Options, stages: Stages
) -> Result:
    """Run the demo on a broker that is up, and leave no process behind.

    Args:
        workflows: `orders` and `refunds`.
        connection: to the broker.
        options: how.
        stages: who is told.

    Raises:
        UsageError: there are no orders, or workers of the workflows run already.
        MinuetError: a process ended, or nothing happens any more.
    """
    orders, run = workflows[ORDERS], secrets.token_hex(2)
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    lines = orders_of(options.file, orders.spec.key, run)
    stages.stage("making topics")
    for name in WORKFLOWS:
        topics.apply(connection, topics.plan(workflows[name].spec))
        _refuse_company(connection, workflows[name].spec.group)
    watches = {name: Watch(workflows[name].spec, run) for name in WORKFLOWS}
    folder = _folder(options.project)
    with Children(folder, options.project) as children:
        scene = _Scene(run, seed, connection, children, stages, watches)
        shop = _start(scene, folder, () if options.calm else _FAULTS)
        publishing = Publishing(connection, orders, lines, options.rate)
        play = _Play(scene, shop, publishing, calm=options.calm)
        play.watch()
        stages.stage("stopping the workers")
        children.stop(_ORDERS, _REFUNDS)
        return play.result({name: _checked(scene, name, shop) for name in WORKFLOWS})


def _start(scene: _Scene, folder: Path, faults: tuple[str, ...]) -> str:
    """Start the shop and the workers; returns the shop's address when all are ready."""
    children = scene.children
    scene.stages.stage(
        "opening the shop, whose services fail now and then" if faults else "opening the shop"
    )
    ledger = ("--ledger", str(folder / "ledger.sqlite"))
    children.start(_SHOP, "demo", "shop", "--port", "0", *ledger, *faults)
    children.wait(_SHOP, lambda: children.said(_SHOP, "listening"))
    shop: str = children.said(_SHOP, "listening")[0]["url"]
    scene.stages.stage(f"starting {_WORKERS} workers of {ORDERS} and one of {REFUNDS}")
    where, environment = ("--bootstrap", scene.connection.bootstrap), {"SHOP_URL": shop}
    many = ("--processes", str(_WORKERS))
    children.start(_ORDERS, "worker", ORDERS, *many, *where, environment=environment)
    children.start(_REFUNDS, "worker", REFUNDS, *where, environment=environment)
    children.wait(_ORDERS, lambda: len(children.said(_ORDERS, "ready")) >= _WORKERS)
    children.wait(_REFUNDS, lambda: children.said(_REFUNDS, "ready"))
    return shop


class _Play:
    """The orders are published, things go wrong, and all of it is watched to its end."""

    def __init__(self, scene: _Scene, shop: str, publishing: Publishing, *, calm: bool) -> None:
        self._scene = scene
        self._publishing = publishing
        self._orders, self._refunds = (scene.watches[name] for name in WORKFLOWS)
        self._kill = Kill(scene.children, _ORDERS)
        self._outage = Outage(shop)
        self._rotten = Rotten(scene.connection, self._orders.spec, scene.run)
        makers = {"kill": self._kill.do, "outage": self._outage.begin, "rotten": self._rotten.put}
        due = [] if calm else moments(scene.seed)
        self._troubles = Troubles(due, makers, scene.stages.trouble)
        self._calm = calm
        self._began_ms = 0

    def watch(self) -> None:
        """Publish, and look on until every saga has ended and nothing rotten is left."""
        scene = self._scene
        scene.stages.stage(f"publishing {self._publishing.total:,} orders")
        self._began_ms = time.time_ns() // 1_000_000
        tails = [Tail(scene.connection, watch) for watch in scene.watches.values()]
        try:
            self._publishing.start()
            follow_until(tails, self._look)
        finally:
            self._publishing.stop()

    def _look(self) -> bool:
        """Let happen what is due; returns whether all is over."""
        total = self._publishing.total
        self._scene.stages.look(self._orders, self._refunds, total)
        self._troubles.look(self._orders.begun / total if total else 1.0)
        for text in (self._outage.look(), self._kill.look()):
            if text:
                self._troubles.note(text)
        self._publishing.check()
        self._scene.children.check()
        mended = self._kill.mended and self._outage.mended and self._troubles.done
        return mended and self._all_ended() and self._letters() == self._expected

    def _all_ended(self) -> bool:
        orders, refunds = self._orders, self._refunds
        begun = orders.counts["RefundRequested"]
        asked = begun + orders.counts["DeliveryInTime"]
        return (
            orders.ended == self._publishing.total
            and asked == orders.counts["ShipmentBooked"]
            and refunds.ended == refunds.begun == begun
        )

    @property
    def _expected(self) -> int:
        return 0 if self._calm else len(self._rotten.keys)

    def _letters(self) -> int:
        """How many of the rotten records are kept as dead letters."""
        if self._calm:
            return 0
        wanted = Wanted(after_ms=self._began_ms, limit=100)
        spec = self._orders.spec
        found = letters(self._scene.connection, spec, wanted, lambda _done, _all: None)
        return len({letter.saga for letter in found.letters} & self._rotten.keys)

    def result(self, ended: dict[str, Ended]) -> Result:
        """All that was found."""
        seconds = self._orders.seconds
        return Result(
            self._scene.run, self._scene.connection.bootstrap, self._scene.seed,
            self._publishing.total, round(seconds, 3),
            round(self._orders.ended / seconds, 1) if seconds else 0.0,
            tuple(self._troubles.happened), self._recovery(), self._expected, self._letters(),
            ended,
        )  # fmt: skip

    def _recovery(self) -> Recovery | None:
        if not self._kill.at:
            return None
        at_ms = int(self._kill.at * 1000)
        silence_ms = self._orders.silence_ms(self._kill.partitions, at_ms)
        return Recovery(round(silence_ms / 1000, 2), self._orders.in_flight(at_ms))


def _checked(scene: _Scene, name: str, shop: str) -> Ended:
    """Hold table and ledger against the log of a workflow."""
    scene.stages.stage(f"verifying {name}: each row, and each effect of the shop, against the log")
    watch = scene.watches[name]

    def show(done: int, total: int) -> None:
        scene.stages.verified(name, done, total)

    report = verify(scene.connection, watch.spec, show)
    ledger = verify_effects(scene.connection, watch.spec, shop, sagas=f"{scene.run}-")
    return Ended(watch.begun, watch.outcomes(), watch.steps(), watch.examples, ledger, report)


def _refuse_company(connection: Connection, group: str) -> None:
    """Refuse to run beside other workers: they would take orders, and reach another shop."""
    if live := Units(connection, group).live():
        message = (
            f"{live[0].members} workers of group {live[0].group} are live at "
            f"{connection.bootstrap}: stop them first, the demo brings its own"
        )
        raise UsageError(message)


def _folder(project: Path) -> Path:
    """A new folder for the files of this run; those of the last are forgotten."""
    folder = project / ".minuet" / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
