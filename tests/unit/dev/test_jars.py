from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from minuet.dev import jars
from minuet.errors import BrokerError, UsageError

CONTENT = b"a jar"
JAR = jars.Jar(
    "org.example", "kafka_2.13", "9.9.9", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
)


def silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Maven's own folder, which holds the one jar that is wanted; nothing can be downloaded."""
    monkeypatch.delenv("MINUET_KAFKA_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(jars, "pinned", lambda: (JAR,))
    monkeypatch.setattr(
        "minuet.dev.maven.repository_url", lambda _: "http://ann:secret@127.0.0.1:1"
    )
    folder = tmp_path / "m2" / "org" / "example" / "kafka_2.13" / "9.9.9"
    folder.mkdir(parents=True)
    (folder / JAR.name).write_bytes(CONTENT)
    return folder


def test_every_jar_is_pinned_once_and_all_of_kafka_has_one_version() -> None:
    pinned = jars.pinned()
    assert len({(jar.group, jar.artifact) for jar in pinned}) == len(pinned)
    of_kafka = {jar.version for jar in pinned if jar.group == "org.apache.kafka"}
    assert of_kafka == {jars.version(pinned)}
    assert all(jar.size and len(jar.sha256) == 64 for jar in pinned)


def test_a_kafka_installation_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "libs").mkdir()
    (tmp_path / "libs" / "kafka_2.13-4.1.0.jar").touch()
    monkeypatch.setenv("MINUET_KAFKA_HOME", str(tmp_path))
    assert jars.class_path(silent) == f"{tmp_path}/libs/*"


def test_a_kafka_home_without_kafka_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINUET_KAFKA_HOME", str(tmp_path))
    with pytest.raises(UsageError, match="MINUET_KAFKA_HOME"):
        jars.class_path(silent)


def test_what_maven_has_fetched_is_not_fetched_again(repository: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = jars.class_path(lambda _, done, total: told.append((done, total)))
    assert found == f"{tmp_path}/cache/minuet/kafka-9.9.9/*"
    assert (Path(found).parent / JAR.name).read_bytes() == CONTENT
    assert told == [(len(CONTENT), len(CONTENT))]


def test_what_is_in_the_cache_needs_no_network_and_no_jgo(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jars.class_path(silent)
    (repository / JAR.name).unlink()
    monkeypatch.setitem(sys.modules, "jgo", None)
    jars.class_path(silent)


def test_a_damaged_jar_of_maven_is_not_used(repository: Path, tmp_path: Path) -> None:
    (repository / JAR.name).write_bytes(b"a_jar")
    with pytest.raises(BrokerError, match=f"{JAR.name} could not be fetched") as failure:
        jars.class_path(silent)
    assert "secret" not in str(failure.value)
    assert not list((tmp_path / "cache").rglob("*.jar"))


def test_a_jar_cut_short_in_the_cache_is_fetched_again(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "minuet" / "kafka-9.9.9"
    folder.mkdir(parents=True)
    (folder / JAR.name).write_bytes(CONTENT[:2])
    jars.class_path(silent)
    assert (folder / JAR.name).read_bytes() == CONTENT


def test_without_jgo_the_message_says_what_to_install(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jgo", None)
    with pytest.raises(UsageError, match=r"pip install 'minuet\[dev\]'.*MINUET_KAFKA_HOME"):
        jars.class_path(silent)
