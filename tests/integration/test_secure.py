"""A broker that wants TLS and a login: what is wrong is said, on every command, within 15 s."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from psutil import process_iter

from minuet import Publisher
from minuet.errors import BrokerError
from minuet.kafka import rights, topics
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.rights.comparing import compare
from minuet.rights.wish import principals
from minuet.settings.environment import variable_of
from minuet.spec import project as projects
from tests.integration.in_time import Ended, in_time, timed, waited_s
from tests.integration.orders_run import until
from tests.integration.parcels import ROOT, Parcels, parcel
from tests.integration.secure_broker import SecureBroker
from tests.integration.test_publish import ParcelSent, sent

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def parcels(tmp_path: Path, secure: SecureBroker) -> Parcels:
    """A project whose topics are there."""
    made = Parcels(tmp_path, secure.bootstrap)
    spec = projects.load(made.name, made.folder).spec
    topics.apply(secure.connection(), topics.plan(spec))
    return made


COMMANDS = (
    ("topics", "plan", "{name}"),
    ("topics", "apply", "{name}"),
    ("publish", "{name}", "ParcelSent"),
    ("publish", "{name}", "ParcelSent", "--dry-run", "--check"),
    ("worker", "{name}"),
    ("worker", "{name}", "--processes", "2"),
    ("saga", "list", "{name}"),
    ("saga", "show", "{name}", "p-1"),
    ("saga", "history", "{name}", "p-1"),
    ("verify", "{name}"),
)


def environment(parcels: Parcels, options: dict[str, str], bootstrap: str = "") -> dict[str, str]:
    """Kafka's options as variables; the password in a file."""
    environ = {variable_of(("kafka", name)): text for name, text in options.items()}
    if password := environ.pop("MINUET_KAFKA__SASL_PASSWORD", ""):
        secret = parcels.folder / f"password-{uuid4().hex}"
        secret.write_text(password)
        environ["MINUET_KAFKA__SASL_PASSWORD_FILE"] = str(secret)
    environ["MINUET_BOOTSTRAP_SERVERS"] = bootstrap or parcels.bootstrap
    environ["PYTHONPATH"] = str(ROOT)
    return environ


def run(
    parcels: Parcels, options: dict[str, str], *arguments: str, bootstrap: str = "", text: str = ""
) -> Ended:
    """Run a command with Kafka's options in the environment."""
    environ = environment(parcels, options, bootstrap)
    words = (word.format(name=parcels.name) for word in arguments)
    command = [sys.executable, "-m", "minuet", *words]
    return timed(command, parcels.folder, environ, text or parcel(1).decode())


def said(errors: str) -> str:
    """The one message; log lines of a worker that was on its way are none."""
    (message,) = [line for line in errors.splitlines() if line.startswith("minuet: ")]
    return message.removeprefix("minuet: ")


def test_with_the_right_login_everything_works(parcels: Parcels, secure: SecureBroker) -> None:
    options = secure.options()
    for command, says in (
        (("topics", "plan", parcels.name), ""),
        (("publish", parcels.name, "ParcelSent"), "1 published"),
        (("saga", "history", parcels.name, "p-1"), "ParcelSent"),
        (("verify", parcels.name), "1 events"),
    ):
        done = run(parcels, options, *command)
        assert (done.code, says in done.out) == (0, True), done
        assert secure.passwords["admin"] not in done.out + done.errors


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_wrong_password_is_said_by_every_command(
    parcels: Parcels, secure: SecureBroker, command: tuple[str, ...]
) -> None:
    options = secure.options("reader", "wrong")
    done = run(parcels, options, *command)
    assert said(done.errors) == (
        f"Kafka at {secure.bootstrap} (user reader): the login was refused: check sasl.username "
        "and sasl.password [_AUTHENTICATION]"
    )
    assert done.code == 1
    assert done.in_time, done


def test_a_missing_right_names_the_topic_the_group_and_the_user(
    parcels: Parcels, secure: SecureBroker
) -> None:
    """Each right that is given leads to the next one that is missing."""
    options, name = secure.options("reader"), parcels.name
    worker = ("worker", name)

    def refusal(*about: str) -> None:
        """One of these is named: which topic is read first, nobody promises."""
        done = run(parcels, options, *worker)
        at = f"Kafka at {secure.bootstrap} (user reader): "
        assert said(done.errors).startswith(tuple(f"{at}{one}: " for one in about)), done
        assert "which an administrator of Kafka can allow" in said(done.errors)
        assert done.code == 1
        assert done.in_time, done

    log, table = f"topic {name}.events", f"topic {name}.sagas"
    refusal(log)
    see = (AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS)
    secure.allow("reader", ResourceType.TOPIC, name, *see)
    secure.allow("reader", ResourceType.TOPIC, "minuet.", AclOperation.ALL)
    refusal(f"group {name}")
    secure.allow("reader", ResourceType.GROUP, name, AclOperation.ALL)
    done = run(parcels, options, *worker, "--guarantee", "transactional")
    assert f"(user reader): transactional id {name}." in said(done.errors), done
    assert "(Write and Describe), which an administrator of Kafka can allow" in said(done.errors)
    assert done.code == 1
    assert done.in_time, done
    refusal(log, table)
    secure.allow("reader", ResourceType.TOPIC, name, AclOperation.READ)
    done = run(parcels, secure.options(), "publish", name, "ParcelSent")
    assert done.code == 0, done
    refusal(log, table)  # it may read what to do, and not say what it did


def test_a_service_that_publishes_is_told_the_same(parcels: Parcels, secure: SecureBroker) -> None:
    options = secure.options("nobody", "wrong")
    publisher = Publisher(
        parcels.name, "parcel_id", ParcelSent, bootstrap=secure.bootstrap, options=options
    )
    began, waited = time.monotonic(), waited_s()
    with pytest.raises(BrokerError, match="the login was refused"), publisher:
        pass
    assert in_time(time.monotonic() - began, waited_s=waited_s() - waited)


def test_a_service_that_publishes_is_set_by_its_environment(
    parcels: Parcels, secure: SecureBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in secure.options().items():
        monkeypatch.setenv(variable_of(("kafka", name)), text)
    monkeypatch.setenv("MINUET_BOOTSTRAP_SERVERS", secure.bootstrap)
    with Publisher(parcels.name, "parcel_id", ParcelSent) as publisher:
        assert publisher.publish(sent(1)).offset == 0


def test_a_password_is_on_no_command_line(parcels: Parcels, secure: SecureBroker) -> None:
    """A worker starts its processes by commands: they have its environment, not its secrets."""
    for name, text in secure.options().items():
        os.environ[variable_of(("kafka", name))] = text
    try:
        process = parcels.start("worker", parcels.name, "--processes", "2", "--json")
        try:
            assert process.stdout is not None
            assert b'"state": "ready"' in process.stdout.readline()
            lines = [" ".join(p.info["cmdline"] or ()) for p in process_iter(["cmdline"])]
            ours = [line for line in lines if parcels.name in line]
            assert len(ours) >= 2
            assert not any(secure.passwords["admin"] in line for line in ours)
        finally:
            process.terminate()
            process.communicate(timeout=60)
    finally:
        for name in secure.options():
            del os.environ[variable_of(("kafka", name))]


def test_the_bench_logs_in_as_every_command_does(parcels: Parcels, secure: SecureBroker) -> None:
    small = ("--sagas", "20", "--runs", "1", "--one-by-one", "1", "--open-loop", "1", "--rate", "5")
    where = ("--bootstrap", secure.bootstrap)
    done = run(parcels, secure.options(), "bench", *small, *where, "--json")
    assert (done.code, '"ok": true' in done.out) == (0, True), done


def test_a_connection_that_was_wrong_can_be_right_later(secure: SecureBroker) -> None:
    with pytest.raises(BrokerError, match="the login was refused"):
        Connection(secure.bootstrap, secure.options("reader", "wrong")).reach()
    assert secure.connection("reader").reach().brokers


def test_a_right_that_is_taken_in_mid_run_is_said_and_given_back_it_goes_on(
    parcels: Parcels, secure: SecureBroker
) -> None:
    """The supervisor starts its worker again until it may go on; nothing is lost."""
    name, user = parcels.name, f"worker-{parcels.name}"
    secure.admit(user)
    spec = projects.load(name, parcels.folder).spec
    who = principals(spec, [f"{unit}=User:{user}" for unit in ("worker", "publisher")])
    rights.give(secure.connection(), [row.rule for row in compare(spec, who, ())])
    append = rights.Rule(f"User:{user}", "Topic", spec.log_topic, "Write")
    environ = environment(parcels, secure.options(user))
    command = [sys.executable, "-m", "minuet", "worker", name, "--processes", "1", "--json"]
    errors = parcels.folder / "errors"
    with errors.open("wb") as stream:
        process = subprocess.Popen(
            command, cwd=parcels.folder, env={**os.environ, **environ}, stdout=subprocess.DEVNULL,
            stderr=stream,
        )  # fmt: skip
    try:
        admin = secure.options()
        assert run(parcels, admin, "publish", name, "ParcelSent").code == 0
        until("the first is done", lambda: completed(secure, spec.log_topic) == 1)
        rights.take(secure.connection(), [append])
        sent = run(parcels, admin, "publish", name, "ParcelSent", text=parcel(2).decode())
        assert sent.code == 0
        missing = f"(user {user}): topic {spec.log_topic}: this user may not use the topic (Write)"
        until("it is said", lambda: missing in errors.read_text())
        assert process.poll() is None
        rights.give(secure.connection(), [append])
        until("the second is done", lambda: completed(secure, spec.log_topic) == 2)
    finally:
        process.terminate()
        code = process.wait(120)
    assert code == 0
    assert run(parcels, secure.options(), "verify", name).code == 0


def completed(secure: SecureBroker, topic: str) -> int:
    kinds = [dict(m.headers() or ())["ce_type"] for m in snapshot(secure.connection(), topic)]
    return kinds.count(b"SagaCompleted")
