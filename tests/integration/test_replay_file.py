"""`minuet replay` into files, from a real log: chosen, whole, and gone on with after a kill."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from minuet.kafka.connection import Connection
from minuet.kafka.kept import Kept, kept_snapshot
from minuet.kafka.offsets import watermarks
from minuet.replay.container import read_container
from minuet.replay.lines import read_lines
from tests.integration.parcels import PATIENCE_S, Parcels, parcel

pytestmark = pytest.mark.kafka

PARCELS = 2_000


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Parcels:
    """Two thousand parcels on the log, and no worker."""
    project = Parcels(tmp_path_factory.mktemp("parcels"), kafka)
    assert project.typed("topics", "apply", project.name)[0] == 0
    lines = b"".join(parcel(number) for number in range(PARCELS))
    code, _, errors = project.typed("publish", project.name, "ParcelSent", text=lines)
    assert code == 0, errors
    return project


def on_log(parcels: Parcels) -> list[Kept]:
    place = Connection(parcels.bootstrap)
    marks = watermarks(place, parcels.topic)
    first = {number: low for number, (low, _) in marks.items()}
    ends = {number: high for number, (_, high) in marks.items()}
    return sorted(kept_snapshot(place, parcels.topic, first, ends))


def in_file(path: Path) -> list[Kept]:
    with path.open("rb") as stream:
        read = read_container if path.suffix == ".avro" else read_lines
        return list(read(stream, str(path))[1])


def replayed(parcels: Parcels, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = parcels.found("replay", parcels.name, "--yes", *words)
    return found


def refused(parcels: Parcels, *words: str) -> str:
    """What is said of a wrong command line."""
    code, out, errors = parcels.typed("replay", parcels.name, "--yes", *words)
    assert (code, out) == (2, ""), errors
    return errors


@pytest.mark.parametrize("name", ["all.avro", "all.jsonl"])
def test_all_of_a_log_is_in_the_file_byte_for_byte(parcels: Parcels, name: str) -> None:
    found = replayed(parcels, "--into", name)
    path = parcels.folder / name
    records = in_file(path)
    assert sorted(records) == on_log(parcels)
    assert (found["code"], found["records"], found["stopped"]) == (0, PARCELS, "")
    assert found["plan"]["types"] == {"ParcelSent": PARCELS}
    assert (found["plan"]["sagas"], found["plan"]["effects"]) == (PARCELS, 0)
    assert [each.name for each in parcels.folder.glob(f"{name}*")] == [name]
    again = refused(parcels, "--into", name)
    assert f"--into {name}: it is there already" in again

    other = f"again-{'x.jsonl' if name.endswith('avro') else 'x.avro'}"
    replayed(parcels, "--source", name, "--into", other)
    assert in_file(parcels.folder / other) == records


def test_what_is_chosen_is_in_the_file(parcels: Parcels) -> None:
    words = ("--where", "value > 10 && parcel_id in ['p-3', 'p-7']", "--event", "ParcelSent")
    assert replayed(parcels, "--into", "two.jsonl", *words)["records"] == 2
    first, *lines = (parcels.folder / "two.jsonl").read_text().splitlines()
    assert {json.loads(line)["event"]["parcel_id"] for line in lines} == {"p-3", "p-7"}
    assert json.loads(first)["workflow"] == parcels.name

    found = replayed(parcels, "--into", "one.avro", "--saga", "p-11")
    assert [each.key for each in in_file(parcels.folder / "one.avro")] == [b"p-11"]
    assert found["plan"]["sagas"] == 1

    replayed(parcels, "--into", "part.avro", "--from", "1/10,2/0", "--to", "1/20,2/5")
    places = {(each.partition, each.offset) for each in in_file(parcels.folder / "part.avro")}
    assert places == {*((1, n) for n in range(10, 20)), *((2, n) for n in range(5))}

    assert replayed(parcels, "--into", "few.avro", "--limit", "7")["records"] == 7
    assert len(in_file(parcels.folder / "few.avro")) == 7
    some = ("--source", "part.avro", "--from", "1/15")
    replayed(parcels, *some, "--into", "some.jsonl")
    places = {(each.partition, each.offset) for each in in_file(parcels.folder / "some.jsonl")}
    assert places == {(1, n) for n in range(15, 20)}


def test_a_dry_run_says_its_plan_and_writes_nothing(parcels: Parcels) -> None:
    code, out, errors = parcels.typed("replay", parcels.name, "--into", "dry.avro", "--dry-run")
    assert code == 0, errors
    assert f"replay {parcels.topic} at {parcels.bootstrap} into dry.avro" in out
    assert f"{PARCELS:,} records of {PARCELS:,} sagas" in out
    assert f"{PARCELS:,} ParcelSent" in out
    assert list(parcels.folder.glob("dry*")) == []


def test_it_asks_and_without_a_terminal_says_so(parcels: Parcels) -> None:
    code, _, errors = parcels.typed("replay", parcels.name, "--into", "ask.avro")
    assert (code, "say --yes" in errors) == (2, True)
    assert list(parcels.folder.glob("ask*")) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--into", "away"), "--into away: say here, shadow, a file that ends in .avro or .jsonl"),
        (("--into", "x.avro", "--source", "y.avro"), "y.avro: No such file or directory"),
        (("--into", "x.avro", "--source", "here"), "--source here: say a file that ends in"),
        (("--into", "x.avro", "--from", "soon"), "--from soon: say a length of time such as 2h"),
        (("--into", "x.avro", "--from", "9/1"), "has no partition 9: it has 0 to 2"),
        (("--into", "x.avro", "--to", "1/99999"), "partition 1 has offsets 0 to"),
        (("--into", "x.avro", "--from", "1/9", "--to", "1/3"), "comes before its beginning in par"),
        (("--into", "x.avro", "--from", "2100-01-01"), "2100-01-01T00:00:00.000Z has not come yet"),
        (("--into", "x.avro", "--saga", "p-none"), "there is no saga 'p-none' in what was asked"),
        (("--into", "x.avro", "--event", "Nothing"), "has no such event; it has: ParcelArrived, P"),
        (("--into", "x.avro", "--where", "nope > 1"), "has no field nope"),
        (("--into", "no/x.avro"), "--into no/x.avro: No such file or directory"),
    ],
)
def test_a_wrong_command_line_is_told_and_writes_nothing(
    parcels: Parcels, words: tuple[str, ...], says: str
) -> None:
    assert says in refused(parcels, *words)
    assert list(parcels.folder.glob("x.avro*")) == []


def test_a_log_that_is_not_there_is_told(parcels: Parcels, tmp_path: Path) -> None:
    other = Parcels(tmp_path, parcels.bootstrap)
    errors = refused(other, "--into", "x.avro")
    assert f"there is no topic {other.topic}" in errors
    assert f"minuet topics apply {other.name}" in errors


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("name", ["k.avro", "k.jsonl"])
def test_broken_off_half_way_it_goes_on_and_the_file_is_whole(
    parcels: Parcels, kill: signal.Signals, name: str
) -> None:
    path = parcels.folder / f"{kill.name}-{name}"
    words = ("replay", parcels.name, "--into", path.name, "--yes", "--json")
    process = parcels.start(*words, "--rate", str(PARCELS // 4))
    marks = path.with_name(path.name + ".part.json")
    until = time.monotonic() + PATIENCE_S
    while not (marks.exists() and json.loads(marks.read_text())["records"] > PARCELS // 4):
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            pytest.fail(str(process.communicate()))
        time.sleep(0.02)
    process.send_signal(kill)
    out, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == (130 if kill == signal.SIGINT else -9), errors
    assert not path.exists()
    found = replayed(parcels, "--into", path.name)
    assert PARCELS // 4 < found["before"] < PARCELS
    assert found["plan"]["goes_on_after"] == found["before"]
    assert (found["code"], found["records"]) == (0, PARCELS)
    if kill == signal.SIGINT:
        first = json.loads(out)
        assert (first["written"], first["stopped"]) == (found["before"], "interrupted")
    assert sorted(in_file(path)) == on_log(parcels)
    assert not marks.exists()
