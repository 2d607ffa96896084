from __future__ import annotations

from pathlib import Path

import pytest

from minuet.dev import maven

CENTRAL = "https://central.example/maven2"
MIRROR = "https://mirror.example/maven"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MAVEN_HOME", raising=False)
    monkeypatch.delenv("M2_HOME", raising=False)
    return tmp_path


def settings(home: Path, body: str, namespace: str = "") -> None:
    file = home / ".m2" / "settings.xml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"<settings{namespace}>{body}</settings>", encoding="utf-8")


def mirror(of: str, extra: str = "") -> str:
    return (
        f"<mirrors><mirror><id>m</id><mirrorOf>{of}</mirrorOf><url>{MIRROR}/</url>{extra}"
        "</mirror></mirrors>"
    )


def test_without_settings_it_is_central_itself(home: Path) -> None:
    assert maven.repository_url(CENTRAL) == CENTRAL


@pytest.mark.parametrize("of", ["central", "*", "external:*", "*,!local", "other, central"])
def test_a_mirror_of_central_takes_its_place(home: Path, of: str) -> None:
    settings(home, mirror(of))
    assert maven.repository_url(CENTRAL) == MIRROR


@pytest.mark.parametrize("of", ["other", "*,!central", "external:http:*", "centralish"])
def test_a_mirror_of_something_else_does_not(home: Path, of: str) -> None:
    settings(home, mirror(of))
    assert maven.repository_url(CENTRAL) == CENTRAL


def test_a_blocked_mirror_is_none(home: Path) -> None:
    settings(home, mirror("*", "<blocked>true</blocked>"))
    assert maven.repository_url(CENTRAL) == CENTRAL


def test_settings_with_a_namespace_are_read_too(home: Path) -> None:
    settings(home, mirror("*"), ' xmlns="http://maven.apache.org/SETTINGS/1.2.0"')
    assert maven.repository_url(CENTRAL) == MIRROR


def test_the_servers_name_and_password_go_into_the_url(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIRROR_PASSWORD", "p@ss")
    server = (
        "<servers><server><id>m</id><username>ann</username>"
        "<password>${env.MIRROR_PASSWORD}</password></server></servers>"
    )
    settings(home, mirror("*") + server)
    assert maven.repository_url(CENTRAL) == "https://ann:p%40ss@mirror.example/maven"


def test_settings_that_cannot_be_read_name_no_mirror(home: Path) -> None:
    settings(home, "<mirrors>")
    assert maven.repository_url(CENTRAL) == CENTRAL


def test_the_settings_of_the_maven_installation_come_second(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = home / "maven"
    monkeypatch.setenv("MAVEN_HOME", str(installation))
    (installation / "conf").mkdir(parents=True)
    (installation / "conf" / "settings.xml").write_text(
        f"<settings>{mirror('*')}</settings>", encoding="utf-8"
    )
    assert maven.repository_url(CENTRAL) == MIRROR
