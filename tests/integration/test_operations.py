"""What was done to many sagas at once: written to a real Kafka, and told by the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from minuet.errors import UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.operations.journal import Journal
from minuet.operations.reading import discarded
from minuet.spec import project
from minuet.spec.model import Spec
from tests.integration.parcels import Parcels

pytestmark = pytest.mark.kafka


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Parcels:
    made = Parcels(tmp_path, kafka)
    assert made.typed("topics", "apply", made.name)[0] == 0
    return made


def spec_of(parcels: Parcels) -> Spec:
    return project.load(parcels.name, parcels.folder).spec


def test_an_operation_is_told_while_it_goes_on_and_when_it_has_ended(parcels: Parcels) -> None:
    place = Connection(parcels.bootstrap)
    journal = Journal(place, spec_of(parcels))
    first = journal.begin("redrive", "ada", "the bank is back", {"step": "charge", "limit": 5})
    second = journal.begin("replay", "bob", "a range was skipped", {})
    journal.end(first, "done", {"redriven": 5, "stale": 2})

    found = parcels.found("operations", "list", parcels.name)
    told = {each["id"]: (each["kind"], each["result"], each["by"]) for each in found["operations"]}
    assert told == {
        first.id: ("redrive", "done", "ada"), second.id: ("replay", "open", "bob"),
    }  # fmt: skip
    shown = parcels.found("operations", "show", parcels.name, first.id[:13])
    assert shown["asked"] == {"step": "charge", "limit": 5}
    assert shown["counts"] == {"redriven": 5, "stale": 2}
    assert shown["ended"] >= shown["began"]
    _, out, _ = parcels.typed("operations", "show", parcels.name, first.id)
    assert f"redrive {first.id}: done\n  by     ada\n  why    the bank is back\n" in out
    code, _, errors = parcels.typed("operations", "show", parcels.name, "nothing")
    assert (code, "no operation with an id" in errors) == (1, True)


def test_of_two_who_discard_a_letter_the_first_is_told(parcels: Parcels) -> None:
    place, spec = Connection(parcels.bootstrap), spec_of(parcels)
    journal = Journal(place, spec)
    ada = journal.begin("discard", "ada", "test orders", {})
    journal.discard(ada, ["one", "two"])
    bob = journal.begin("discard", "bob", "old", {})
    journal.discard(bob, ["two", "three"])
    found = {letter: each.by for letter, each in discarded(place, spec).items()}
    assert found == {"one": "ada", "two": "ada", "three": "bob"}
    assert parcels.found("operations", "show", parcels.name, bob.id)["discarded"] == 2


def test_without_its_topic_a_worker_may_work_and_an_operation_says_what_makes_it(
    parcels: Parcels,
) -> None:
    place, spec = Connection(parcels.bootstrap), spec_of(parcels)
    admin = AdminClient({"bootstrap.servers": parcels.bootstrap})
    for future in admin.delete_topics([spec.operations_topic]).values():
        future.result()
    topics.check(place, spec)
    with pytest.raises(UsageError, match=f"minuet topics apply {parcels.name}"):
        Journal(place, spec)
