from __future__ import annotations

from pathlib import Path

import pytest

from minuet.cli import common
from minuet.errors import UsageError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with every way to name a broker; the nearest first in these tests' order."""
    (tmp_path / "pyproject.toml").write_text(
        '[tool.minuet]\nbootstrap = "settings:1"\n', encoding="utf-8"
    )
    monkeypatch.setenv("MINUET_BOOTSTRAP_SERVERS", "environment:1")
    monkeypatch.setattr("minuet.dev.running", lambda _: "running:1")
    return tmp_path


def test_a_typed_address_comes_first(project: Path) -> None:
    assert common.bootstrap_servers("typed:1", project) == "typed:1"


def test_then_the_environment(project: Path) -> None:
    assert common.bootstrap_servers("", project) == "environment:1"


def test_then_the_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINUET_BOOTSTRAP_SERVERS")
    assert common.bootstrap_servers("", project) == "settings:1"


def test_then_the_projects_own_broker(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MINUET_BOOTSTRAP_SERVERS")
    (project / "pyproject.toml").write_text("", encoding="utf-8")
    assert common.bootstrap_servers("", project) == "running:1"


def test_with_none_of_them_the_message_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MINUET_BOOTSTRAP_SERVERS", raising=False)
    with pytest.raises(UsageError, match="no broker: start one with `minuet dev up`"):
        common.bootstrap_servers("", tmp_path)


def test_the_project_is_found_from_a_folder_inside_it(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = project / "streams" / "orders"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)
    assert common.project_folder() == project


def test_a_project_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        common.project_folder(tmp_path / "missing")


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool", encoding="utf-8")
    with pytest.raises(UsageError, match=r"pyproject\.toml cannot be read: "):
        common.connection("kafka:1", tmp_path)


def test_the_login_that_is_set_goes_to_the_broker_that_was_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINUET_KAFKA__SECURITY_PROTOCOL", "SSL")
    assert common.connection("", project).options == {"security.protocol": "SSL"}


def test_the_projects_own_broker_is_never_logged_in_to(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINUET_KAFKA__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("MINUET_KAFKA__SOCKET_KEEPALIVE_ENABLE", "true")
    for typed in ("running:1", ""):
        monkeypatch.setenv("MINUET_BOOTSTRAP_SERVERS", "running:1")
        assert common.connection(typed, project).options == {"socket.keepalive.enable": "true"}


def test_a_login_that_is_set_wrong_is_no_concern_of_the_projects_own_broker(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINUET_KAFKA__SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("MINUET_KAFKA__SSL_CA_LOCATION", "none.pem")
    assert common.connection("running:1", project).options == {}
    with pytest.raises(UsageError, match=r"^MINUET_KAFKA__SSL_CA_LOCATION: .*no file none\.pem"):
        common.connection("other:1", project)


def test_a_variable_that_looks_misspelt_is_pointed_out(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINUET_BOOTSTRAP_SERVER", "x")
    monkeypatch.setenv("MINUET_SERVICE_HOST", "10.0.0.1")  # as Kubernetes sets it for a service
    common.connection("", project)
    assert capsys.readouterr().err == (
        "minuet: warning: there is no setting MINUET_BOOTSTRAP_SERVER; "
        "did you mean MINUET_BOOTSTRAP_SERVERS?\n"
    )
