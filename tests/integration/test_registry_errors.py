"""What the page of errors says of the schema registry is what is said, and soon."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from minuet.dev import network
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.spec import project as projects
from tests.errors_page import ROOT, Row, rows
from tests.integration.certificates import self_signed
from tests.integration.in_time import in_time, waited_s
from tests.integration.parcels import in_this_process
from tests.integration.registry_gate import PASSWORD, TOKEN, USER, Gate

pytestmark = pytest.mark.kafka

URL = "MINUET_REGISTRY__URL"


@pytest.fixture(scope="module")
def gate(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    certificate = self_signed(tmp_path_factory.mktemp("gate") / "gate")
    with Gate(registry, asks=True, certificate=certificate) as gate:
        yield gate


@pytest.fixture(scope="module")
def orders(kafka: str) -> Iterator[str]:
    """A broker with the topics of `orders`, which nobody finds there afterwards."""
    place, spec = Connection(kafka), projects.load("orders", ROOT).spec
    topics.apply(place, topics.plan(spec))
    yield kafka
    topics.delete(place, spec)


def environ(row: Row, gate: Gate, registry: str) -> dict[str, str]:
    """The settings of a row, its addresses those of here, and all else right."""
    said = dict(row.environ)
    if "gate" in said.get(URL, ""):
        assert gate.certificate
        ca = gate.certificate
        if row.given == "the certificate of another authority":
            ca = self_signed(ca.with_name("stranger"))
        said = {"MINUET_REGISTRY__CA": str(ca), **said}
    places = {
        "http://registry": registry,
        "https://registry": registry.replace("http:", "https:"),
        "http://registry/elsewhere": registry.partition("/apis")[0] + "/elsewhere",
        "https://gate": gate.url,
        "http://gate": gate.url.replace("https:", "http:"),
    }
    if URL in said:
        said[URL] = places.get(said[URL], said[URL])
    return said


def typed(folder: Path, *words: str) -> tuple[int, str, bool]:
    """Type `minuet` in this process: exit code, errors, and whether it was as fast as promised."""
    began, stood = time.monotonic(), waited_s()
    code, _, errors = in_this_process(folder, *words)
    return code, errors, in_time(time.monotonic() - began, waited_s=waited_s() - stood)


@pytest.mark.parametrize("row", rows("The schema registry"), ids=lambda row: row.given)
def test_what_a_registry_has_against_it_is_said_as_on_the_page(
    row: Row, gate: Gate, registry: str, orders: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    row.write(tmp_path)
    settings = environ(row, gate, registry)
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    words = [orders if word == "kafka:9092" else word for word in row.arguments]
    code, told, soon = typed(tmp_path, *words)
    if URL in settings:
        told = told.replace(settings[URL], row.environ[URL])
    assert row.differs(told, code) == ""
    assert soon


@pytest.mark.parametrize("login", ["name", "token"])
def test_a_login_from_a_file_comes_through_the_gate(
    login: str, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{PASSWORD if login == 'name' else TOKEN}\n")
    monkeypatch.setenv(URL, gate.url)
    monkeypatch.setenv("MINUET_REGISTRY__CA", str(gate.certificate))
    if login == "name":
        monkeypatch.setenv("MINUET_REGISTRY__USERNAME", USER)
        monkeypatch.setenv("MINUET_REGISTRY__PASSWORD_FILE", str(secret))
    else:
        monkeypatch.setenv("MINUET_REGISTRY__TOKEN_FILE", str(secret))
    asked = gate.asked
    code, errors, _ = typed(ROOT, "schemas", "pull", "--subject", "nobody")
    assert "has no subject nobody" in errors
    assert (code, gate.asked > asked) == (1, True)


def test_a_registry_that_never_answers_is_known_as_such_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((network.HOST, 0)) as silent:
        url = f"http://{network.HOST}:{silent.getsockname()[1]}"
        monkeypatch.setenv(URL, url)
        code, errors, soon = typed(ROOT, "schemas", "diff", "orders")
    assert f"{url} cannot be reached: it does not answer in time" in errors
    assert (code, soon) == (1, True)
