"""`minuet replay` by users who may not: which right is missing is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from minuet.kafka import topics
from minuet.replay.container import read_container
from minuet.spec import project as projects
from tests.integration.parcels import Parcels, parcel
from tests.integration.secure_broker import SecureBroker
from tests.integration.test_secure import run, said

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def test_reading_needs_one_right_and_appending_more(
    tmp_path: Path, secure: SecureBroker, kafka: str
) -> None:
    parcels = Parcels(tmp_path, kafka)
    assert parcels.typed("topics", "apply", parcels.name)[0] == 0
    assert parcels.typed("publish", parcels.name, "ParcelSent", text=parcel(1))[0] == 0
    assert parcels.typed("replay", parcels.name, "--into", "all.avro", "--yes")[0] == 0
    spec = projects.load(parcels.name, parcels.folder).spec
    topics.apply(secure.connection(), topics.plan(spec))
    words = ("replay", parcels.name, "--yes", "--why", "x")
    here = (*words, "--source", "all.avro", "--into", "here")

    nobody = run(parcels, secure.options("nobody"), *here, bootstrap=secure.bootstrap)
    assert nobody.code in (1, 2)
    assert "(user nobody)" in said(nobody.errors)
    assert "may not" in said(nobody.errors) or "not allowed" in said(nobody.errors)

    read = (AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    secure.allow("reader", ResourceType.TOPIC, parcels.name, *read)
    secure.allow("reader", ResourceType.TOPIC, "minuet.schemas", *read)
    reader = secure.options("reader")
    out = run(parcels, reader, *words, "--into", "none.avro", bootstrap=secure.bootstrap)
    assert out.code == 0, out
    with (parcels.folder / "none.avro").open("rb") as stream:
        assert list(read_container(stream, "none.avro")[1]) == []
    refused = run(parcels, reader, *here, bootstrap=secure.bootstrap)
    assert refused.code == 1, refused
    assert f"Kafka at {secure.bootstrap} (user reader)" in refused.out + refused.errors
    assert "this user may not use the topic" in refused.out + refused.errors

    login = tmp_path / "login"
    options = secure.options("admin")
    login.write_text("".join(f"{name}={value}\n" for name, value in options.items()))
    to = (*words, "--into", secure.bootstrap, "--login", "login", "--json")
    done = run(parcels, {}, *to, bootstrap=kafka)
    assert done.code == 0, done
    assert '"appended": 1' in done.out
