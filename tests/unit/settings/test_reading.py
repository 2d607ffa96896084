"""What each setting comes to, and who said so."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from minuet.errors import UsageError
from minuet.settings.environment import path_of, variable_of
from minuet.settings.kafka import OWNED, is_secret, is_security
from minuet.settings.reading import Found, read, settable
from minuet.settings.worker import Options

EVERYTHING = """\
[project]
name = "bootstrap"

[tool.minuet]
bootstrap = "file:1"

[tool.minuet.worker]
in_flight = 5
window = 50  # in_flight = 7

[tool.minuet.kafka]
"security.protocol" = "SASL_SSL"
sasl.mechanism = "PLAIN"
socket.keepalive.enable = true
socket.timeout.ms = 1000
"""


def found(folder: Path, text: str = "", *, bootstrap: str = "", **environ: str) -> Found:
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    return read(folder, environ=environ, bootstrap=bootstrap)


def refused(folder: Path, text: str = "", **environ: str) -> str:
    with pytest.raises(UsageError) as refusal:
        found(folder, text, **environ).known()
    return str(refusal.value)


def test_without_anything_there_are_defaults(tmp_path: Path) -> None:
    nothing = found(tmp_path)
    assert nothing.settings.bootstrap == ""
    assert nothing.settings.kafka == {}
    assert nothing.settings.worker == Options()
    assert (nothing.origins, nothing.strangers) == ({}, ())


def test_a_project_without_a_file_has_its_environment(tmp_path: Path) -> None:
    environ = {"MINUET_BOOTSTRAP_SERVERS": "environment:1"}
    assert read(tmp_path, environ=environ) == read(environ=environ)
    assert read(environ=environ).settings.bootstrap == "environment:1"


def test_the_file_is_read_and_each_value_has_its_line(tmp_path: Path) -> None:
    file = found(tmp_path, EVERYTHING)
    assert file.settings.bootstrap == "file:1"
    assert file.settings.worker == Options(in_flight=5, window=50)
    assert file.settings.kafka == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "socket.keepalive.enable": "true",
        "socket.timeout.ms": "1000",
    }
    lines = {path[-1]: origin for path, origin in file.origins.items()}
    assert lines == {
        "bootstrap": "pyproject.toml:5",
        "in_flight": "pyproject.toml:8",
        "window": "pyproject.toml:9",
        "security.protocol": "pyproject.toml:12",
        "sasl.mechanism": "pyproject.toml:13",
        "socket.keepalive.enable": "pyproject.toml:14",
        "socket.timeout.ms": "pyproject.toml:15",
    }


def test_the_environment_wins_over_the_file_key_by_key(tmp_path: Path) -> None:
    both = found(
        tmp_path, EVERYTHING,
        MINUET_WORKER__WINDOW="70", MINUET_KAFKA__SASL_MECHANISMS="SCRAM-SHA-512",
    )  # fmt: skip
    assert both.settings.worker == Options(in_flight=5, window=70)
    assert both.settings.kafka["sasl.mechanism"] == "SCRAM-SHA-512"
    assert "sasl.mechanisms" not in both.settings.kafka, "two names of one setting"
    assert both.settings.kafka["security.protocol"] == "SASL_SSL"
    assert both.origins["worker", "window"] == "MINUET_WORKER__WINDOW"
    assert both.origins["kafka", "sasl.mechanism"] == "MINUET_KAFKA__SASL_MECHANISMS"


def test_what_is_typed_wins_over_both(tmp_path: Path) -> None:
    all_three = found(
        tmp_path, EVERYTHING, bootstrap="typed:1", MINUET_BOOTSTRAP_SERVERS="environment:1"
    )
    assert all_three.settings.bootstrap == "typed:1"
    assert all_three.origins["bootstrap",] == "--bootstrap"


def test_dots_of_kafkas_names_may_be_one_underscore_or_two(tmp_path: Path) -> None:
    for variable in ("MINUET_KAFKA__SASL_USERNAME", "MINUET_KAFKA__SASL__USERNAME"):
        told = found(tmp_path, **{variable: "ann"})
        assert told.settings.kafka == {"sasl.username": "ann"}
        assert told.origins["kafka", "sasl.username"] == variable
        assert told.strangers == ()
    assert found(tmp_path, MINUET_KAFKA__LOG_LEVEL="7").settings.kafka == {"log_level": "7"}


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, EVERYTHING, MINUET_BOOTSTRAP_SERVERS="").settings.bootstrap == "file:1"


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("pass word\n")
    told = found(tmp_path, MINUET_KAFKA__SASL_PASSWORD_FILE=str(secret))
    assert told.settings.kafka == {"sasl.password": "pass word"}
    assert told.origins["kafka", "sasl.password"] == "MINUET_KAFKA__SASL_PASSWORD_FILE"


def test_a_file_of_a_secret_must_be_there_and_hold_something(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    name = "MINUET_KAFKA__SASL_PASSWORD_FILE"
    for path, why in (
        (tmp_path / "none", "the file cannot be read: No such file or directory"),
        (tmp_path, "the file cannot be read: Is a directory"),
        (binary, "the file cannot be read: it is not text"),
        (empty, "the file is empty"),
    ):
        assert refused(tmp_path, **{name: str(path)}) == f"{name}={path}: {why}"


def test_a_value_and_a_file_for_it_are_one_too_many(tmp_path: Path) -> None:
    both = {"MINUET_KAFKA__SASL_PASSWORD": "a", "MINUET_KAFKA__SASL_PASSWORD_FILE": "b"}
    assert "are both set: leave one of them out" in refused(tmp_path, **both)


@pytest.mark.parametrize(
    "key",
    ["sasl.password", "SASL.Password", "ssl.key.password", "sasl.oauthbearer.client.secret",
     "ssl.key.pem"],
)  # fmt: skip
def test_a_secret_in_the_committed_file_is_refused_without_being_said(
    tmp_path: Path, key: str
) -> None:
    told = refused(tmp_path, f'[tool.minuet.kafka]\n"{key}" = "hush"\n')
    assert told.startswith(f"pyproject.toml:2: {key} is a secret")
    assert f"{variable_of(('kafka', key))}_FILE" in told
    assert "hush" not in told


@pytest.mark.parametrize("name", sorted(OWNED))
def test_what_minuet_promises_is_not_to_be_set(tmp_path: Path, name: str) -> None:
    told = refused(tmp_path, **{variable_of(("kafka", name)): "1"})
    assert told.startswith(variable_of(("kafka", name)))
    assert told.endswith(f"Kafka's {name} is Minuet's own to set: {OWNED[name]}; leave it out")
    assert refused(tmp_path, f'[tool.minuet.kafka]\n"{name}" = "1"\n').startswith(
        "pyproject.toml:2"
    )


def test_a_value_of_the_wrong_kind_is_named_with_its_place(tmp_path: Path) -> None:
    told = refused(tmp_path, "[tool.minuet.worker]\n\ngrace_s = -1\n")
    assert told == "pyproject.toml:3: worker.grace_s: input should be greater than 0"
    told = refused(tmp_path, MINUET_WORKER__THREADS="many")
    assert told.startswith(
        "MINUET_WORKER__THREADS: worker.threads: input should be a valid integer"
    )
    assert "many" not in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[tool.minuet]\nbootstrp = "a:1"', "2: there is no setting bootstrp; did you mean boot"),
        (
            "[tool.minuet.worker]\nwindows = 1",
            "2: there is no setting worker.windows; did you mean",
        ),
        ("[tool.minuet]\n[tool.minuet.wrker]\nwindow = 1", "3: there is no setting wrker.window;"),
        ("[tool.minuet]\nworker = 4", "2: worker is a table: write [tool.minuet.worker]"),
        ("[tool.minuet]\nzzz = 4", "2: there is no setting zzz"),
    ],
)
def test_a_key_that_nobody_reads_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, text).startswith(f"pyproject.toml:{said}")


def test_a_variable_that_nobody_reads_is_known_and_refuses_nothing(tmp_path: Path) -> None:
    names = ("MINUET_BOOTSTRAP", "MINUET_WORKER__THREDS", "MINUET_SERVICE_HOST", "MINUET_PORT")
    told = found(tmp_path, **dict.fromkeys(names, "1")).known()
    assert {each.origin for each in told.strangers} == set(names)
    assert {each.origin: each.nearest for each in told.misspelt()} == {
        "MINUET_BOOTSTRAP": "MINUET_BOOTSTRAP_SERVERS",
        "MINUET_WORKER__THREDS": "MINUET_WORKER__THREADS",
    }


def test_a_table_is_not_given_as_one_variable(tmp_path: Path) -> None:
    told = refused(tmp_path, MINUET_KAFKA='{"acks": "0"}')
    assert told == "MINUET_KAFKA: give each key a variable of its own, as MINUET_KAFKA__KEY"


def test_where_minuet_keeps_the_broker_is_no_concern_of_the_settings(tmp_path: Path) -> None:
    assert found(tmp_path, MINUET_KAFKA_HOME="/opt/kafka").strangers == ()


def test_workflows_are_not_settings(tmp_path: Path) -> None:
    assert found(tmp_path, '[tool.minuet.workflows.a]\nsaga = "b:c"\n').strangers == ()


def test_every_option_of_a_worker_can_be_set_and_has_a_variable(tmp_path: Path) -> None:
    for each in fields(Options):
        path = ("worker", each.name)
        assert path in settable()
        assert path_of(variable_of(path)) == path
        typed, meant = ("transactional",) * 2 if each.name == "guarantee" else ("77", 77)
        told = found(tmp_path, **{variable_of(path): typed}).settings.worker
        assert getattr(told, each.name) == meant


def test_names_say_what_is_secret_and_what_is_security() -> None:
    assert is_secret("sasl.password")
    assert not is_secret("sasl.username")
    assert is_security("enable.ssl.certificate.verification")
    assert not is_security("socket.timeout.ms")


def test_a_comment_with_a_setting_in_it_is_none(tmp_path: Path) -> None:
    text = '[tool.minuet.kafka]\n# MINUET_KAFKA__SASL_PASSWORD_FILE=/x\nsasl.username = "ann"\n'
    file = found(tmp_path, text)
    assert file.settings.kafka == {"sasl.username": "ann"}
    assert file.origins["kafka", "sasl.username"] == "pyproject.toml:3"
