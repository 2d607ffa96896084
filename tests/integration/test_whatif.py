"""`minuet whatif` on a log of real workers: against the same version, and against others."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.dom.minidom import parseString

import pytest

from minuet.kafka.partitioner import partition_of
from tests.integration.refusals import Refusals

pytestmark = pytest.mark.kafka

KILOS = {f"p-{number}": number for number in range(1, 21)}


def git(folder: Path, *words: str) -> None:
    """Type a command of git as somebody."""
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def change(project: Refusals, old: str, new: str, name: str) -> None:
    """Commit another version of the workflow as a branch, and go back."""
    (module,) = project.folder.glob("parcels_*.py")
    text = module.read_text()
    assert old in text
    git(project.folder, "checkout", "-q", "-b", name)
    module.write_text(text.replace(old, new))
    git(project.folder, "commit", "-qam", name)
    git(project.folder, "checkout", "-q", "main")


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory, kafka: str) -> Refusals:
    """Twenty parcels, ten of them refused, and three that needed a person."""
    project = Refusals(tmp_path_factory.mktemp("parcels"), kafka)
    git(project.folder, "init", "-q", "-b", "main")
    git(project.folder, "add", ".")
    git(project.folder, "commit", "-qm", "first")
    project.apply()
    with project.worker("--simulated") as worker:
        worker.says("ready")
        project.publish(**KILOS, none=0, nil=0, zero=0)
        project.ended(len(KILOS) + 3)
        data = ("--why", "by hand", "--data", '{"price": 4}')
        acted = [
            project.found(
                "saga", "answer", project.name, "none", "buy_stamp", "StampBought", *data
            ),
            project.found("saga", "cancel", project.name, "nil", "--why", "gone"),
        ]
        assert [each["code"] for each in acted] == [0, 0], acted
        project.ended(len(KILOS) + 3)
    change(project, "sent.kilos > 10", "sent.kilos > 7", "stricter")
    change(project, "2 * kilos", "3 * kilos", "dearer")
    change(project, "price=request.price", "price=request.price - 1", "fee")
    change(
        project, "parcels.provide(", 'raise RuntimeError("half done")\nparcels.provide(', "broken"
    )
    return project


def test_the_same_version_differs_in_nothing(parcels: Refusals) -> None:
    bar = ("--fail-on", "different>0", "--fail-on", "unknown>0")
    found = parcels.found("whatif", parcels.name, "--against", "main", *bar)
    assert (found["code"], found["ok"], found["sagas"]) == (0, True, 23)
    assert (found["different"], found["unknown"], found["told"]) == (0, 0, [])
    befores = {end["before"] for end in found["ends"]}
    assert befores == {"completed", "compensated", "incident"}


def test_a_stricter_rule_is_found_for_exactly_the_parcels_it_touches(parcels: Refusals) -> None:
    limit = ("--fail-on", "outcome>10%")
    found = parcels.found("whatif", parcels.name, "--against", "stricter", *limit, "--jobs", "2")
    assert sorted(found["different_sagas"]) == ["p-10", "p-8", "p-9"]
    assert found["kinds"] == {"outcome": 3, "events": 0, "fields": 0, "time": 0}
    assert found["unknown"] == 0  # the refund is a pure step: it is known what it says
    assert {"before": "completed", "after": "compensated", "sagas": 3} in found["ends"]
    assert found["new"] == {"ParcelRefused": 3, "RefundStamp": 3, "StampRefunded": 3}
    assert (found["code"], found["over"]) == (1, ["outcome>10%"])


def test_a_changed_undo_is_a_changed_field(parcels: Refusals) -> None:
    found = parcels.found("whatif", parcels.name, "--against", "fee")
    assert found["code"] == 0
    assert sorted(found["different_sagas"]) == sorted(f"p-{n}" for n in range(11, 21))
    assert found["changes"] == [{"event": "StampRefunded", "field": "price", "sagas": 10}]
    one = next(saga for saga in found["told"] if saga["saga"] == "p-11")
    wanted = {"event": "StampRefunded", "field": "price", "before": 22, "after": 21}
    assert one["changes"] == [wanted]


def test_one_saga_some_sagas_and_a_stretch(parcels: Refusals) -> None:
    typed = ("whatif", parcels.name, "--against", "stricter")
    assert parcels.found(*typed, "--saga", "p-9")["different_sagas"] == ["p-9"]
    some = parcels.found(*typed, "--where", "kilos > 8 && kilos < 15")
    assert (some["sagas"], sorted(some["different_sagas"])) == (6, ["p-10", "p-9"])
    nothing = parcels.found(*typed, "--to", "1h")
    assert (nothing["sagas"], nothing["records"]) == (0, 0)
    nothing = parcels.found(*typed, "--to", "1h", "--fail-on", "unknown>3")
    assert (nothing["code"], nothing["ok"]) == (1, False)
    assert "no saga was compared" in nothing["over"][0]


def test_of_some_partitions_each_saga_is_found_in_its_own(parcels: Refusals) -> None:
    names = {saga: partition_of(saga.encode(), 3) for saga in KILOS}
    typed = ("whatif", parcels.name, "--against", "stricter", "--from", "0/0,1/0")
    for number in (0, 1):
        saga = next(saga for saga, at in names.items() if at == number)
        assert parcels.found(*typed, "--saga", saga)["sagas"] == 1
    saga = next(saga for saga, at in names.items() if at == 2)
    assert "has no saga" in parcels.found(*typed, "--saga", saga)["error"]


def test_what_began_before_and_what_cannot_be_told_is_counted(parcels: Refusals) -> None:
    typed = ("whatif", parcels.name, "--against", "main", "--where")
    found = parcels.found(*typed, "10 / kilos > 0")
    assert (found["code"], found["untold"]) == (0, {next(iter(found["untold"])): 3})
    assert 0 < found["sagas"] <= len(KILOS)
    late = parcels.found(*typed, "kilos >= 0", "--from", "0/1,1/1,2/1")
    assert (late["began_before"], late["sagas"]) == (3, len(KILOS))


def test_a_folder_a_table_and_a_page(parcels: Refusals, tmp_path: Path) -> None:
    git(parcels.folder, "worktree", "add", "-q", str(tmp_path / "there"), "stricter")
    file = tmp_path / "whatif.html"
    typed = ("--against", str(tmp_path / "there"), "--html", str(file))
    code, out, errors = parcels.run("whatif", parcels.name, *typed)
    assert code == 0, errors
    assert re.search(r"^completed +compensated +3$", out, re.MULTILINE), out
    assert "3 of 23 sagas would have been different (3 in outcome); of 0" in out
    page = file.read_text()
    assert page.count("<details>") == 3
    assert f"minuet saga history {parcels.name} p-8" in page
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        parseString(drawing)
    assert "completed to compensated: 3" in drawings[0]
    assert not re.search(r'(src|href)="', page)


def test_what_is_wrong_is_said_in_words(parcels: Refusals) -> None:
    typed = ("whatif", parcels.name, "--against")
    code, _, errors = parcels.run(*typed, "broken")
    assert code == 2
    assert f"{parcels.name} at broken cannot be loaded" in errors
    assert "RuntimeError: half done" in errors
    assert "Traceback" not in errors
    wrong = parcels.found(*typed, "nowhere")
    assert wrong["code"] == 2
    assert "nowhere is no file, and no revision of" in wrong["error"]
    wrong = parcels.found(*typed, "main", "--saga", "p-99")
    assert f"{parcels.name} has no saga 'p-99' in that stretch" in wrong["error"]
    wrong = parcels.found(*typed, "main", "--fail-on", "worse>1")
    assert "--fail-on worse>1: say one of different, unknown, outcome" in wrong["error"]


def test_a_step_with_resources_is_not_run_and_that_is_said(parcels: Refusals) -> None:
    found = parcels.found("whatif", parcels.name, "--against", "dearer")
    assert (found["different"], found["unknown"]) == (0, 0)
    real = parcels.found("whatif", parcels.name, "--against", "dearer", "--simulated")
    assert real["different"] >= 20
    assert {"event": "StampBought", "field": "price", "sagas": 20} in real["changes"]
    assert json.dumps(real["unknown_steps"]) == "{}"
