from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from minuet.dev import Broker, broker, kafka_config, network, running
from minuet.errors import UsageError


def test_a_project_that_never_had_one_has_none(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    assert not Broker(tmp_path).down()
    assert not Broker(tmp_path).reset()
    assert Broker(tmp_path).status().state == "stopped"
    assert not list(tmp_path.iterdir())


def test_a_record_of_a_broker_that_died_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / ".minuet" / "broker"
    folder.mkdir(parents=True)
    stale = {
        "cluster_id": "c",
        "port": 9092,
        "controller_port": 9093,
        "pid": 1,
        "started": "before the last boot",
        "ready": True,
    }
    (folder / "broker.json").write_text(json.dumps(stale), encoding="utf-8")
    assert running(tmp_path) is None
    assert not Broker(tmp_path).down()


def test_a_folder_that_kafka_cannot_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="comma"):
        Broker(tmp_path / "a,b").up()


def test_the_last_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    last = broker._Record("c", network.free_port(), 1)
    assert Broker(tmp_path)._ports(last, 0).port == last.port


def test_a_taken_port_is_replaced_unless_it_was_asked_for(tmp_path: Path) -> None:
    with socket.create_server((network.HOST, 0)) as taken:
        port: int = taken.getsockname()[1]
        assert Broker(tmp_path)._ports(broker._Record("c", port, 1), 0).port != port
        with pytest.raises(UsageError, match=f"port {port} is taken"):
            Broker(tmp_path)._ports(None, port)


def test_what_listens_there_but_is_no_kafka_does_not_count_as_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "ANSWER_S", 0.2)
    with socket.create_server((network.HOST, 0)) as other:
        assert not network.answers(f"{network.HOST}:{other.getsockname()[1]}", "cluster")


def test_the_end_of_the_log_leaves_out_the_stack(tmp_path: Path) -> None:
    log = tmp_path / "broker.log"
    log.write_text("ERROR why\n\tat a.b.C(C.java:1)\nCaused by: that\n", encoding="utf-8")
    assert broker._tail(log) == ["ERROR why", "Caused by: that"]


def test_only_this_machine_can_reach_it(tmp_path: Path) -> None:
    text = kafka_config.write(tmp_path, 9092, 9093).read_text(encoding="utf-8")
    listeners = next(line for line in text.splitlines() if line.startswith("listeners="))
    assert listeners == "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
