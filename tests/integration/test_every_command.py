"""What holds for every command that speaks to Kafka: JSON and nothing else, and Ctrl-C at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from minuet.spec import project as projects
from minuet.spec.plain import as_plain
from tests.integration.parcels import ROOT
from tests.integration.troubles import Troubles
from tests.unit.cli.test_every_command import COMMANDS, names

PATIENCE_S = 120.0
AT_ONCE = 3  # a command costs a second of one core
SPEAK_TO_KAFKA = {name for name, command in COMMANDS.items() if "--bootstrap" in names(command)}
SPEAK_TO_KAFKA -= {"config show", "asyncapi"}  # they only say where it is
SPEAK_TO_KAFKA |= {"demo"}  # a group that is a command as well

REASON = '{"reason": "x"}'

# What is typed behind each command, where it does something, and the exit code.
TYPED = {
    "topics plan": ("NAME",),
    "topics apply": ("NAME",),
    "acl plan": ("NAME", "--principal-per-step"),
    "acl apply": ("NAME", "--principal-per-step"),
    "publish": ("NAME", "ParcelSent", "--file", "in.jsonl"),
    "saga list": ("NAME",),
    "saga show": ("NAME", "p-1"),
    "saga history": ("NAME", "p-1"),
    "saga resume": ("NAME", "p-1", "--why", "x"),
    "saga answer": ("NAME", "p-1", "buy_stamp", "NoStamp", "--why", "x", "--data", REASON),
    "saga skip": ("NAME", "p-1", "--why", "x"),
    "saga cancel": ("NAME", "p-1", "--why", "x"),
    "saga redo": ("NAME", "p-1", "--why", "x"),
    "incidents list": ("NAME",),
    "incidents show": ("NAME", "p-1"),
    "dead-letters list": ("NAME",),
    "dead-letters show": ("NAME", "0/0"),
    "dead-letters redrive": ("NAME", "--why", "x", "--yes"),
    "dead-letters discard": ("NAME", "--why", "x", "--yes"),
    "dead-letters export": ("NAME", "out.jsonl"),
    "dead-letters import": ("NAME", "in.jsonl"),
    "operations list": ("NAME",),
    "operations show": ("NAME", "0"),
    "verify": ("NAME",),
    "whatif": ("NAME", "--against", "."),
    "compat": ("NAME", "--against", "spec.json", "--live"),
    "rebuild": ("NAME", "--why", "x", "--yes"),
    "replay": ("NAME", "--into", "out.avro", "--yes"),
}  # fmt: skip
# Those go on until they are told; of these, other tests read the output as one document.
NOT_HERE = {
    "worker": ("NAME", "--simulated"),
    "ingest": ("NAME", "--port", "0"),
    "import": ("NAME",),
    "demo": (),
    "bench": (),
}
IN_ORDERS = {
    "NAME": "orders",
    "ParcelSent": "OrderPlaced",
    "in.jsonl": "examples/orders.jsonl",
    "buy_stamp": "charge_payment",
    "NoStamp": "PaymentDeclined",
    "spec.json": "HEAD",
}


@pytest.mark.kafka
def test_with_json_each_prints_one_document_and_nothing_else(
    kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert TYPED.keys() | NOT_HERE.keys() == SPEAK_TO_KAFKA, "a command has no line here"
    monkeypatch.chdir(tmp_path)
    project = Troubles(tmp_path, kafka)
    assert project.typed("topics", "apply", project.name)[0] == 0
    spec = projects.load(project.name, tmp_path).spec
    (tmp_path / "spec.json").write_text(json.dumps(as_plain(spec)))
    (tmp_path / "in.jsonl").write_text('{"parcel_id": "p-1", "kilos": 1}\n')
    for name, words in TYPED.items():
        arguments = [project.name if word == "NAME" else word for word in words]
        code, out, errors = project.typed(*name.split(), *arguments, "--json")
        found = json.loads(out)
        assert found, name
        assert code == (found["exit"] if "error" in found else code), name
        assert "Traceback" not in errors, name
        assert code in (0, 1, 2), name


def interrupted(name: str) -> str:
    """Type a command for a Kafka that says nothing, press Ctrl-C; what is not as it must be."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_S)
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        words = [IN_ORDERS.get(word, word) for word in (TYPED | NOT_HERE)[name]]
        process = subprocess.Popen(
            [sys.executable, "-m", "minuet", *name.split(), *words, "--bootstrap", where, "--json"],
            cwd=ROOT, env={**os.environ, "COLUMNS": "200"}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        silent.accept()[0].close()
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=PATIENCE_S)
    wanted = ('{"error": "interrupted", "exit": 130}\n', "minuet: interrupted\n", 130)
    said = (out, errors, process.returncode)
    return "" if said == wanted else f"{name} {' '.join(words)}: {said}"


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_exit_130() -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        speak = sorted(SPEAK_TO_KAFKA - {"import"})  # `orders` imports nothing: it ends before
        wrong = list(filter(None, pool.map(interrupted, speak)))
    assert wrong == []
