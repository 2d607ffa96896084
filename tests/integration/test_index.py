"""The index of a log: it finds what reading all of it finds, and is never trusted too long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from minuet.core.plan import compile_plan
from minuet.index import Index
from minuet.index import places as files
from minuet.inspection import history
from minuet.kafka.connection import Connection
from minuet.spec import project as projects
from tests.integration.parcels import ROOT
from tests.integration.refusals import Refusals

pytestmark = pytest.mark.kafka


@pytest.fixture
def parcels(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Refusals:
    """Some parcels that were sent; no worker runs."""
    project = Refusals(tmp_path_factory.mktemp("parcels"), kafka)
    project.apply()
    project.publish(**{f"p{number}": number for number in range(20)})
    return project


def read(parcels: Refusals, saga: str, index: Index | None) -> Any:
    plan = compile_plan(projects.load(parcels.name, parcels.folder).spec)
    found = history.read(Connection(parcels.bootstrap), plan, saga, index=index)
    places = [(record.offset, record.id, record.type) for record in found.records]
    return found.partition, places, found.after, found.state.status


class Wrong(Index):
    """An index that names a place where there is nothing, as when the log lost its end."""

    def find(self, *arguments: Any, **more: Any) -> list[tuple[int, int]] | None:
        found = super().find(*arguments, **more)
        return [*found[:-1], (found[-1][0], 1 << 40)] if found else found


def file(parcels: Refusals) -> Path:
    return parcels.folder / ".minuet" / "index" / f"{parcels.topic}.sqlite"


def test_it_finds_what_reading_finds_also_what_comes_later(parcels: Refusals) -> None:
    index = Index(file(parcels).parent)
    for saga in ("p3", "p4"):
        assert read(parcels, saga, index) == read(parcels, saga, None)
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.ended(20)
    for saga in ("p3", "p4", "p17"):
        found = read(parcels, saga, index)
        assert found == read(parcels, saga, None)
        assert len(found[1]) > 2


def test_a_place_where_nothing_is_makes_the_log_itself_be_read(parcels: Refusals) -> None:
    with parcels.worker("--simulated") as worker:
        worker.says("ready")
        parcels.ended(20)
    found = read(parcels, "p3", Wrong(file(parcels).parent))
    assert found == read(parcels, "p3", None)
    assert len(found[1]) > 2


def test_every_command_says_the_same_with_it_and_without(parcels: Refusals) -> None:
    for words in (("saga", "show"), ("saga", "history")):
        with_it = parcels.found(*words, parcels.name, "p5")
        assert file(parcels).exists()
        assert parcels.found(*words, parcels.name, "p5", "--no-index") == with_it
    code, _, errors = parcels.typed("saga", "show", parcels.name, "nobody")
    assert (code, "has no saga 'nobody'" in errors) == (1, True)


def test_a_saga_in_the_partition_of_another_key_is_found(parcels: Refusals) -> None:
    place = Connection(parcels.bootstrap)
    from minuet.kafka.partitioner import partition_of
    from minuet.kafka.picking import pick
    from minuet.kafka.reading import partitions

    wrong = (partition_of(b"lost", len(partitions(place, parcels.topic))) + 1) % 3
    [begin] = pick(place, parcels.topic, [(wrong, 0)]).values()
    producer = place.producer()
    headers = begin.headers() or []
    producer.produce(parcels.topic, begin.value(), b"lost", wrong, headers=headers)
    producer.flush()
    found = read(parcels, "lost", Index(file(parcels).parent))
    assert found == read(parcels, "lost", None)
    assert found[0] == wrong


def test_of_a_topic_made_anew_or_a_file_that_is_none_it_is_begun_anew(parcels: Refusals) -> None:
    index = Index(file(parcels).parent)
    read(parcels, "p3", index)
    admin = Connection(parcels.bootstrap).admin()
    for each in admin.delete_topics([parcels.topic]).values():
        each.result(30)
    parcels.apply()
    parcels.publish(other=1, p3=1)
    assert read(parcels, "p3", index) == read(parcels, "p3", None)
    file(parcels).write_bytes(b"x" * 5000)
    assert read(parcels, "p3", index) == read(parcels, "p3", None)
    assert file(parcels).stat().st_size > 5000


def test_where_nothing_can_be_written_the_log_is_read(parcels: Refusals, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert read(parcels, "p3", Index(tmp_path / "file")) == read(parcels, "p3", None)


def test_keys_with_the_same_part_are_told_apart(
    parcels: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_part", lambda _key: 7)
    index = Index(file(parcels).parent)
    for saga in ("p3", "p4"):
        assert read(parcels, saga, index) == read(parcels, saga, None)


def test_processes_that_use_it_at_once_find_the_same(parcels: Refusals) -> None:
    command = [sys.executable, "-m", "minuet", "saga", "history", parcels.name, "p5", "--json"]
    where = ["--bootstrap", parcels.bootstrap, "--project", str(parcels.folder)]
    running = [
        subprocess.Popen(
            [*command, *where], cwd=parcels.folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    said = {process.communicate(timeout=120)[0] for process in running}
    assert len(said) == 1
    assert b"ParcelSent" in said.pop()
