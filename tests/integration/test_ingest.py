"""`minuet ingest` as a process of its own, on a real broker."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from tests.integration.certificates import self_signed
from tests.integration.parcels import ROOT, Parcels, parcel

pytestmark = pytest.mark.kafka

STRUCTURED = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
KEY = "0123456789abcdef"


@pytest.fixture
def parcels(tmp_path: Path, kafka: str) -> Parcels:
    project = Parcels(tmp_path, kafka)
    code, _, errors = project.typed("topics", "apply", project.name)
    assert code == 0, errors
    return project


@contextmanager
def ingest(
    parcels: Parcels, *options: str, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        process = parcels.start("ingest", parcels.name, "--port", "0", "--json", *options)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, process.communicate()[1]
        told = json.loads(said)
        with httpx.Client(base_url=f"http://127.0.0.1:{told['port']}", timeout=60) as client:
            yield process, client
    finally:
        process.kill()
        process.communicate()


def sent(number: int, value: str = "12.50") -> dict[str, Any]:
    attributes = {
        "specversion": "1.0",
        "type": "ParcelSent",
        "source": "/depot",
        "id": f"e-{number}",
    }
    return {**attributes, "data": json.loads(parcel(number, value))}


def keys(parcels: Parcels) -> Counter[str]:
    log = snapshot(Connection(parcels.bootstrap), parcels.topic)
    return Counter((message.key() or b"").decode() for message in log)


def test_what_is_answered_stands_on_the_log_once(parcels: Parcels) -> None:
    with ingest(parcels) as (process, client):
        assert client.get("/ready").status_code == 200
        first = client.post("/events", json=sent(1), headers=STRUCTURED)
        assert first.status_code == 202
        assert keys(parcels) == {"p-1": 1}
        again = client.post("/events", json=[sent(1), sent(2)], headers=BATCH)
        assert [each["status"] for each in again.json()["events"]] == ["duplicate", "accepted"]
        assert client.post("/events", json=sent(1, "9.00"), headers=STRUCTURED).status_code == 409
        assert keys(parcels) == {"p-1": 1, "p-2": 1}
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_at_sigterm_what_was_accepted_is_finished_and_answered(parcels: Parcels) -> None:
    many = 400
    with ingest(parcels) as (process, client), ThreadPoolExecutor(8) as pool:

        def post(number: int) -> int:
            if number == many // 2:
                process.send_signal(signal.SIGTERM)
            try:
                return client.post("/events", json=sent(number), headers=STRUCTURED).status_code
            except httpx.TransportError:
                return 0  # not taken any more: the connection is refused or closed

        answers = list(pool.map(post, range(many)))
        assert process.wait(60) == 0
    taken = {f"p-{number}" for number, status in enumerate(answers) if status == 202}
    assert set(answers) <= {0, 202}
    assert many // 4 < len(taken) < many
    assert taken <= keys(parcels).keys()
    assert set(keys(parcels).values()) == {1}


def test_ctrl_c_ends_it_with_130(parcels: Parcels) -> None:
    with ingest(parcels) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_keys_come_from_a_file_and_only_their_names_are_logged(parcels: Parcels) -> None:
    (parcels.folder / "keys.txt").write_text(f"depot:{KEY}\n")
    with ingest(parcels, "--keys", "keys.txt", "--verbose") as (process, client):
        with_key = STRUCTURED | {"authorization": f"Bearer {KEY}"}
        assert client.post("/events", json=sent(1), headers=STRUCTURED).status_code == 401
        assert client.post("/events", json=sent(1), headers=with_key).status_code == 202
        assert client.post("/events", json=sent(1, "9.00"), headers=with_key).status_code == 409
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert b"depot 409: conflict" in errors
    assert KEY.encode() not in errors
    assert b"9.00" not in errors


def test_it_speaks_tls_when_it_has_a_certificate(parcels: Parcels) -> None:
    file = self_signed(parcels.folder / "ingest")
    options = ("--tls-cert", str(file), "--tls-key", str(file.with_suffix(".key")))
    with ingest(parcels, *options) as (_, plain):
        with pytest.raises(httpx.TransportError):
            plain.get("/live")
        trust = ssl.create_default_context(cafile=str(file))
        address = f"https://127.0.0.1:{plain.base_url.port}"
        with httpx.Client(base_url=address, verify=trust, timeout=60) as client:
            assert client.post("/events", json=sent(1), headers=STRUCTURED).status_code == 202


def test_without_keys_it_listens_on_this_machine_only(parcels: Parcels) -> None:
    code, _, errors = parcels.run("ingest", parcels.name, "--port", "0", "--host", "0.0.0.0")
    assert code == 2
    assert "--host 0.0.0.0 is open to others: name who may come with --keys FILE" in errors


def test_a_port_that_is_taken_is_named(parcels: Parcels) -> None:
    with ingest(parcels) as (_, client):
        port = str(client.base_url.port)
        code, _, errors = parcels.run("ingest", parcels.name, "--port", port)
    assert code == 2
    assert f"--port {port}: Address already in use" in errors


def test_the_example_of_the_help_is_a_request_that_is_understood() -> None:
    command = [sys.executable, "-m", "minuet", "ingest", "--help"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "curl -i localhost:8080/events" in said


@pytest.mark.slow
def test_schemathesis_finds_nothing_against_the_document(parcels: Parcels) -> None:
    """Every check, what the document allows and what it forbids, with a key; bounded in time."""
    with ingest(parcels, MINUET_INGEST_KEYS=f"ci:{KEY}") as (_, client):
        program = str(Path(sys.executable).with_name("schemathesis"))
        command = [
            program, "run", f"{client.base_url}/openapi.json",
            "-H", f"Authorization: Bearer {KEY}", "--checks", "all", "--phases", "coverage,fuzzing",
            "--max-examples", "20", "--seed", "1", "--no-shrink",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=parcels.folder, env={**os.environ, "NO_COLOR": "1"}, capture_output=True,
            text=True, timeout=240, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    assert "4 passed" in done.stdout
