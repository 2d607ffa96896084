"""The runbook: each of its commands, typed where its symptom is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from minuet.dev import Broker
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import commit, watermarks
from tests.installed import ROOT
from tests.integration.orders_run import until
from tests.integration.test_replay_log import Sold
from tests.integration.test_verify import packed, rewrite
from tests.integration.test_whatif import git
from tests.integration.troubles import Troubles
from tests.pages import blocks

pytestmark = pytest.mark.kafka

PAGE = ROOT / "docs" / "guide" / "recovery.md"
SAID_HERE = {
    "order-0001": "p-1", "charge_payment": "buy_stamp", "PaymentCharged": "StampBought",
    "cents > 100000": "price > 100", "v1.4": "HEAD",
}  # fmt: skip


def chapters() -> dict[str, list[str]]:
    """The commands of each chapter."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begins = [(n, line.removeprefix("## ")) for n, line in enumerate(lines, 1) if line[:3] == "## "]
    found: dict[str, list[str]] = {title: [] for _, title in begins}
    for block in blocks(PAGE):
        title = [each for n, each in begins if n < block.line][-1]
        found[title] += [command for command, _ in block.commands()]
    return found


CHAPTERS = chapters()


class Runbook:
    """Types a chapter's commands in turn; workers run until the end.

    Attributes:
        said: what each command printed, by its first words.
        places: the clusters that the page names -> where they are here.
    """

    def __init__(self, project: Troubles | Sold, title: str) -> None:
        self.project = project
        self.left = list(CHAPTERS[title])
        self.said: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self._workers = ExitStack()

    def __enter__(self) -> Runbook:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    def types(self, until: str = "", *, exits: int = 0) -> None:
        """Type up to the command that contains `until`, or to the end; the last one exits so."""
        while self.left:
            command = self.left.pop(0)
            last = bool(until) and until in command
            self._type(command, exits if last else 0)
            if last:
                return
        assert not until, until

    def _type(self, command: str, exits: int) -> None:
        known = {**SAID_HERE, **self.places}
        words = [known.get(word, word) for word in shlex.split(command)[1:]]
        words = [self.project.name if word == "orders" else word for word in words]
        if words[0] == "worker":
            more = [word for word in words[2:] if word not in ("--processes", "2")]
            worker = self._workers.enter_context(self.project.worker("--simulated", *more))
            worker.says("ready")
            return
        code, out, errors = self.project.typed(*words)
        assert code == exits, (command, out, errors)
        self.said[command.removeprefix("minuet ")] = out


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Troubles:
    project = Troubles(tmp_path, kafka)
    project.apply()
    return project


@pytest.fixture
def sold(tmp_path: Path, kafka: str) -> Sold:
    return Sold(tmp_path, kafka)


def verified(project: Troubles | Sold) -> None:
    report = project.found("verify", project.name)
    assert report["ok"], report


def test_every_chapter_is_run() -> None:
    run = {title for title in CHAPTERS if f'"{title}"' in Path(__file__).read_text("utf-8")}
    assert run == set(CHAPTERS)
    assert all(CHAPTERS.values())


def test_the_lag_grows(parcels: Troubles) -> None:
    parcels.publish(**{"p-1": 1, "p-2": 2})
    with Runbook(parcels, "The lag grows") as runbook:
        runbook.types("worker")
        parcels.ended(2)
        parcels.folded()
        runbook.types()
    verified(parcels)


def test_dead_letters_pile_up(parcels: Troubles) -> None:
    parcels.down("buy")
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(**{"p-1": 1, "p-2": 2, "p-3": 3})
        parcels.parked("p-1", "p-2", "p-3")
        parcels.down()
        with Runbook(parcels, "Dead letters pile up") as runbook:
            runbook.types()
        for parcel in ("p-1", "p-2", "p-3"):
            parcels.comes(parcel, "SagaCompleted")
        parcels.folded()
    verified(parcels)


@pytest.fixture
def module(parcels: Troubles) -> Path:
    """The workflow's module, committed."""
    git(parcels.folder, "init", "-q", "-b", "main")
    git(parcels.folder, "add", ".")
    git(parcels.folder, "commit", "-qm", "first")
    (found,) = parcels.folder.glob("parcels_*.py")
    return found


def test_a_bad_release_said_wrong_events(parcels: Troubles, module: Path) -> None:
    right = module.read_text()
    module.write_text(right.replace("2 * sent.kilos", "200 * sent.kilos"))
    parcels.down("deliver")
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(**{"p-1": 1, "p-2": 0})
        parcels.parked("p-1", "p-2")
        parcels.folded()
    with Runbook(parcels, "A bad release said wrong events") as runbook:
        runbook.types("replay")
        kept = (parcels.folder / "wrong.jsonl").read_text()
        assert re.findall(r'"key": ?"(p-\d)"', kept) == ["p-1"]
        runbook.types("skip")
        module.write_text(right)
        parcels.down()
        runbook.types("worker")
        parcels.comes("p-1", "SagaCompensated")
        runbook.types("redo")
        assert parcels.comes("p-1", "SagaCompleted")
        parcels.folded()
        runbook.types()
    verified(parcels)


def test_a_consumer_skipped_a_range(sold: Sold) -> None:
    sold.run_some()
    place = Connection(sold.bootstrap)
    ends = {number: high for number, (_, high) in watermarks(place, sold.topic).items()}
    commit(place, sold.name, sold.topic, ends)
    with Runbook(sold, "A consumer skipped a range") as runbook:
        runbook.types("verify", exits=1)
        runbook.types("worker")
        sold.ended(27)
        sold.folded()
        runbook.types()
    verified(sold)
    assert set(sold.sold().values()) == {1}


def test_a_row_is_wrong(sold: Sold) -> None:
    sold.apply()
    with sold.worker("--simulated") as worker:
        worker.says("ready")
        sold.publish(**{"p-1": 30})
        sold.ended(1)
        sold.folded()
    rewrite(sold, b"p-1", lambda row: packed({**row, "status": "completed"}))
    with Runbook(sold, "A row is wrong") as runbook:
        runbook.types()
        assert "compensated" in runbook.said["saga show orders order-0001"]
    verified(sold)
    assert set(sold.sold().values()) == {1}


@pytest.mark.parametrize("lost", ["events", ""], ids=["the log", "all topics"])
def test_the_log_was_deleted(sold: Sold, lost: str) -> None:
    sold.run_some()
    with Runbook(sold, "The log was deleted") as runbook:
        runbook.types("--into orders.avro")
        sold.lose(lost)
        runbook.types("worker")
        all_ended_once(sold, runbook)


def all_ended_once(sold: Sold, runbook: Runbook, parcels: int = 27) -> None:
    sold.ended(parcels)
    sold.folded()
    runbook.types()
    verified(sold)
    assert set(sold.sold().values()) == {1}
    assert len(sold.sold()) == parcels


def test_the_table_was_deleted(sold: Sold) -> None:
    sold.run_some()
    sold.lose("sagas")
    with Runbook(sold, "The table was deleted") as runbook:
        runbook.types("worker")
        all_ended_once(sold, runbook)


def test_dead_letters_were_deleted(parcels: Troubles) -> None:
    parcels.down("buy")
    place, topic = Connection(parcels.bootstrap), f"{parcels.name}.dead-letters"
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(**{"p-2": 2, "p-3": 3})
        parcels.parked("p-2", "p-3")
        with Runbook(parcels, "Dead letters were deleted") as runbook:
            runbook.types("export")
            parcels.publish(**{"p-1": 1})
            parcels.parked("p-1", "p-2", "p-3")
            parcels.folded()
            admin = place.admin()
            for done in admin.delete_topics([topic]).values():
                done.result(30)
            until("it is gone", lambda: topic not in place.reach().topics)
            parcels.down()
            runbook.types("redrive")
            for parcel in ("p-2", "p-3"):
                parcels.comes(parcel, "SagaCompleted")
            parcels.folded()
            runbook.types("incidents")
            assert "p-1" in runbook.said["incidents list orders"]
            runbook.types()
        parcels.comes("p-1", "SagaCompleted")
        parcels.folded()
    verified(parcels)


@pytest.fixture
def standby(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    broker = Broker(tmp_path_factory.mktemp("standby"))
    try:
        yield broker.up()
    finally:
        broker.reset()


def test_a_cluster_was_lost(sold: Sold, standby: str) -> None:
    sold.run_some()
    code, _, errors = sold.typed("replay", sold.name, "--into", "orders.avro", "--yes")
    assert code == 0, errors
    sold.publish(**{"p-1": 3})  # after the copy
    old = sold.bootstrap
    with Runbook(sold, "A cluster was lost") as runbook:
        runbook.places = {"old:9092": old, "standby:9092": standby}
        sold.bootstrap = standby
        runbook.types("worker")
        all_ended_once(sold, runbook, 28)


def test_an_order_behaves_oddly(parcels: Troubles) -> None:
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.publish(**{"p-1": 1})
        parcels.ended(1)
    with Runbook(parcels, "An order behaves oddly") as runbook:
        runbook.types("saga show orders order-0001")
        runbook.types("--at", exits=1)  # it had not begun an hour ago
        runbook.types()
        assert "completed" in runbook.said["saga show orders order-0001"]
