from __future__ import annotations

from pathlib import Path

import pytest

from minuet.errors import UsageError
from minuet.testing import Kafka
from minuet.testing.docker import settings
from minuet.testing.places import place


@pytest.mark.parametrize("where", ["", "nowhere", "dock"])
def test_what_names_no_kafka_is_refused(where: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="write embedded, docker, docker:IMAGE or HOST:PORT"):
        place(where, tmp_path)


def test_a_host_that_is_called_docker_is_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Kafka] = []
    monkeypatch.setattr("minuet.testing.places._given", lambda kafka, _: found.append(kafka))
    place("docker:9092", tmp_path)(tmp_path)
    place("a:1,docker:2", tmp_path)(tmp_path)
    assert [each.bootstrap for each in found] == ["docker:9092", "a:1,docker:2"]


def test_the_login_is_that_of_the_settings_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Kafka] = []
    monkeypatch.setattr("minuet.testing.places._given", lambda kafka, _: found.append(kafka))
    monkeypatch.setenv("MINUET_BOOTSTRAP_SERVERS", "elsewhere:9092")
    monkeypatch.setenv("MINUET_KAFKA__SASL_PASSWORD", "secret")
    start = place("k:9092", tmp_path)
    monkeypatch.delenv("MINUET_KAFKA__SASL_PASSWORD")  # as a fixture of the suite may do
    start(tmp_path)
    assert found == [Kafka("k:9092", {"sasl.password": "secret"})]
    assert "secret" not in repr(found)
    assert found[0].environ["MINUET_KAFKA__SASL_PASSWORD"] == "secret"
    assert found[0].environ["MINUET_BOOTSTRAP_SERVERS"] == "k:9092"


def test_a_setting_that_is_wrong_is_named_before_a_test_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINUET_KAFKA__ACKS", "1")
    with pytest.raises(UsageError, match="MINUET_KAFKA__ACKS: Kafka's acks is Minuet's own"):
        place("k:9092", tmp_path)


def test_a_container_is_told_what_the_embedded_broker_is_told() -> None:
    told = settings("PLAINTEXT://0.0.0.0:9093", "PLAINTEXT:PLAINTEXT")
    assert told["KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS"] == "0"
    assert told["KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR"] == "1"
    assert told["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert told["KAFKA_LISTENERS"] == "PLAINTEXT://0.0.0.0:9093,CONTROLLER://0.0.0.0:9094"
    assert told["KAFKA_PROCESS_ROLES"] == "broker,controller"
