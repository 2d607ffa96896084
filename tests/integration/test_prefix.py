"""Two teams run the same workflow on one cluster, each behind a prefix of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from minuet import Publisher
from minuet.errors import UsageError
from minuet.kafka.connection import Connection
from minuet.kafka.groups import described
from minuet.kafka.reading import record_of, snapshot
from minuet.spec import project as projects
from minuet.spec.plain import as_plain
from tests.integration.test_every_command import TYPED
from tests.integration.troubles import Troubles

pytestmark = pytest.mark.kafka


class Team(Troubles):
    """A project whose file names a prefix; with `typed` it is in the command instead."""

    def __init__(self, folder: Path, bootstrap: str, name: str, *, typed: bool) -> None:
        folder.mkdir()
        super().__init__(folder, bootstrap)
        self.prefix = f"{name}-{uuid4().hex[:6]}."
        self.topic = f"{self.prefix}{self.name}.events"
        self._more = ("--prefix", self.prefix) if typed else ()
        if not typed:
            file = folder / "pyproject.toml"
            file.write_text(f'[tool.minuet]\nprefix = "{self.prefix}"\n{file.read_text()}')

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return super().start(*arguments, *self._more)

    def typed(self, *arguments: str, text: bytes = b"") -> tuple[int, str, str]:
        return super().typed(*arguments, *self._more, text=text)


@pytest.fixture
def teams(kafka: str, tmp_path: Path) -> tuple[Team, Team]:
    """Two teams with one name of a workflow; each finds its prefix in another way."""
    one = Team(tmp_path / "one", kafka, "one", typed=False)
    two = Team(tmp_path / "two", kafka, "two", typed=True)
    (two.folder / "pyproject.toml").write_text(
        (one.folder / "pyproject.toml").read_text().replace(one.prefix, "nobodys.")
    )
    module = one.folder / f"{one.name.replace('-', '_')}.py"
    (two.folder / module.name).write_text(
        module.read_text().replace(str(one.folder), str(two.folder))
    )
    two.name, two.topic = one.name, f"{two.prefix}{one.name}.events"
    two.down()
    return one, two


def names_like(bootstrap: str, workflow: str) -> set[str]:
    return {topic for topic in Connection(bootstrap).reach().topics if workflow in topic}


def test_the_same_sagas_run_side_by_side(kafka: str, teams: tuple[Team, Team]) -> None:
    one, two = teams
    for team in teams:
        team.apply()
    one.publish(**{f"p{n}": 1 for n in range(12)})
    two.publish(**{f"p{n}": 20 for n in range(7)})
    # Started as processes of a supervisor, so that the prefix has to reach a child's child.
    with (
        one.worker("--simulated") as first,
        two.worker("--simulated", "--processes", "1") as second,
    ):
        ready = [first.says("ready"), second.says("ready")]
        assert [each["group"] for each in ready] == [f"{t.prefix}{one.name}" for t in teams]
        assert [each["log"] for each in ready] == [t.topic for t in teams]
        one.ended(12)
        two.ended(7)
        groups = described(Connection(kafka), lambda name: one.name in name)
        assert {group.group_id for group in groups} == {f"{t.prefix}{one.name}" for t in teams}
    for team, sagas, ends in ((one, 12, "completed"), (two, 7, "compensated")):
        found = team.found("verify", team.name)
        assert (found["code"], found["sagas"]) == (0, sagas)
        rows = team.found("saga", "list", team.name)["sagas"]
        assert {row["status"] for row in rows} == {ends}
    behind = tuple(f"{team.prefix}{one.name}." for team in teams)
    assert all(name.startswith(behind) for name in names_like(kafka, one.name))
    first_ids, second_ids = (
        {record.key: record.id for record in map(record_of, snapshot(Connection(kafka), team.topic))
         if record.type == "ParcelSent"}
        for team in teams
    )  # fmt: skip
    assert second_ids.items() < first_ids.items(), "what a saga is does not depend on the prefix"


def test_each_command_works_behind_the_prefix(kafka: str, teams: tuple[Team, Team]) -> None:
    two = teams[1]
    two.apply()
    spec = projects.load(two.name, two.folder).spec
    (two.folder / "spec.json").write_text(json.dumps(as_plain(spec)))
    (two.folder / "in.jsonl").write_text('{"parcel_id": "p-1", "kilos": 1}\n')
    for name, words in TYPED.items():
        arguments = [two.name if word == "NAME" else word for word in words]
        code, out, errors = two.typed(*name.split(), *arguments, "--json")
        assert "no topic" not in out + errors, name
        assert code in (0, 1, 2), name
    assert all(name.startswith(two.prefix) for name in names_like(kafka, two.name))


def test_a_publisher_is_told_the_prefix(
    kafka: str, teams: tuple[Team, Team], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = teams[0]
    one.apply()
    sent = projects.load(one.name, one.folder).models["ParcelSent"]
    event = sent.model_validate({"parcel_id": "p-1", "kilos": 1})
    with Publisher(one.name, "parcel_id", sent, bootstrap=kafka, prefix=one.prefix) as publisher:
        first = publisher.publish(event)
    monkeypatch.setenv("MINUET_PREFIX", one.prefix)
    with Publisher(one.name, "parcel_id", sent, bootstrap=kafka) as publisher:
        second = publisher.publish(event)
    assert (second.id, second.offset) == (first.id, first.offset + 1)
    with (
        pytest.raises(UsageError, match=f"there is no topic {one.name}.events"),
        Publisher(one.name, "parcel_id", sent, bootstrap=kafka, prefix=""),
    ):
        pass
