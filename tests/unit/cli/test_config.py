from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from minuet.cli import main


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    text = '[tool.minuet]\nbootstrap = "file:1"\n[tool.minuet.worker]\nwindow = 7\n'
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("MINUET_KAFKA__SASL_USERNAME", "ann")
    monkeypatch.setenv("MINUET_KAFKA__SASL_PASSWORD", "hush")
    monkeypatch.setattr("minuet.dev.running", lambda _: None)
    return tmp_path


def show(project: Path, *arguments: str) -> tuple[int, str, str]:
    command = ["config", "show", "--project", str(project), *arguments]
    shown = CliRunner().invoke(main.build("config"), command)
    return shown.exit_code, shown.stdout, shown.stderr


def test_each_setting_has_its_value_and_its_origin(project: Path) -> None:
    code, out, _ = show(project, "--json")
    lines = {
        line["setting"]: (line["value"], line["origin"]) for line in json.loads(out)["settings"]
    }
    assert code == 0
    assert lines["bootstrap"] == ("file:1", "pyproject.toml:2")
    assert lines["worker.window"] == (7, "pyproject.toml:4")
    assert lines["worker.threads"] == (32, "default")
    assert lines["kafka.sasl.username"] == ("ann", "MINUET_KAFKA__SASL_USERNAME")


def test_a_secret_is_never_shown(project: Path) -> None:
    for arguments in ((), ("--json",)):
        _, out, errors = show(project, *arguments)
        assert "kafka.sasl.password" in out
        assert "hush" not in out + errors


def test_what_is_typed_is_shown_as_such(project: Path) -> None:
    _, out, _ = show(project, "--bootstrap", "typed:1")
    assert any(line.split() == ["bootstrap", "typed:1", "--bootstrap"] for line in out.splitlines())


def test_without_a_name_it_is_the_projects_own_broker(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "pyproject.toml").write_text("")
    _, out, _ = show(project)
    assert "not set" in out
    monkeypatch.setattr("minuet.dev.running", lambda _: "running:1")
    _, out, _ = show(project)
    assert "running:1" in out
    assert "the project's `minuet dev` broker" in out


def test_what_nobody_reads_is_pointed_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINUET_WORKER__WINDOWS", "1")
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("treads = 4\n")
    code, _, errors = show(project)
    assert code == 1
    assert "pyproject.toml:5: there is no setting worker.treads; did you mean worker.threads?" in (
        errors
    )
    assert "no setting MINUET_WORKER__WINDOWS; did you mean MINUET_WORKER__WINDOW?" in errors
    code, out, _ = show(project, "--json")
    assert [text.rpartition("did you mean ")[2] for text in json.loads(out)["wrong"]] == [
        "worker.threads?", "MINUET_WORKER__WINDOW?",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("SECURTY_PROTOCOL", "SSL", "Kafka has no setting securty.protocol"),
        ("SOCKET_TIMEOUT_MS", "soon", "invalid value for configuration property"),
        ("SSL_CA_LOCATION", "none.pem", "Kafka's ssl.ca.location: there is no file none.pem"),
    ],
)
def test_what_kafkas_client_does_not_take_is_pointed_out_with_its_place(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    monkeypatch.setenv("MINUET_KAFKA__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv(f"MINUET_KAFKA__{name}", value)
    code, _, errors = show(project)
    assert code == 1
    assert errors.startswith(f"minuet: MINUET_KAFKA__{name}: ")
    assert why in errors
