"""The services of docker-compose.yml under a project name of their own, as a script sees them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

ROOT = Path(__file__).parents[1]
BASE = "python:3.12-slim"
IMAGE = "minuet-orders"
PATIENCE_S = 600
_PUBLISH = ("publish", "orders", "OrderPlaced", "--file", "-", "--json")
_TRIES = 5


class Failed(Exception):
    """A check that did not hold, or a command that did not do well."""


def compose_command() -> list[str]:
    """Return how to call Compose here: the plugin, else the older command; empty for neither."""
    if shutil.which("docker") and not _call(["docker", "compose", "version"]).returncode:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


class Composed:
    """All services of one project.

    Args:
        project: its name, which is in that of each container, network and volume.
        compose: how to call Compose; empty for what is there.
        more: files beside docker-compose.yml.

    Raises:
        Failed: there is no Compose.
    """

    def __init__(self, project: str, compose: str = "", more: Sequence[str] = ()) -> None:
        command = shlex.split(compose) or compose_command()
        if not command:
            message = "there is no Docker Compose: install its plugin, or docker-compose"
            raise Failed(message)
        self._project = project
        self._command = [*command, "--project-name", project, "--project-directory", str(ROOT)]
        for file in ("docker-compose.yml", *more):
            self._command += ["--file", str(ROOT / file)]
        names = ("KAFKA_PORT", "SHOP_PORT", "REGISTRY_PORT", "PROMETHEUS_PORT")
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))
        self._environment = {**os.environ, "MINUET_IMAGE": IMAGE, "COMPOSE_PROFILES": ""}
        self._environment |= {name: str(port) for name, port in self._ports.items()}
        self._desk = f"{project}-desk"
        self._scale: dict[str, int] = {}

    def build(self) -> None:
        """Build the image, by the older builder where the newer is not there."""
        has_newer = not _call(["docker", "buildx", "version"]).returncode
        environment = self._environment | ({} if has_newer else {"DOCKER_BUILDKIT": "0"})
        command = ["docker", "build", "--quiet", "--tag", IMAGE, str(ROOT)]
        _well(_call(command, env=environment), command)

    def sizes(self) -> dict[str, int]:
        """What the image weighs beyond its base, in MB as Docker counts them."""
        both = [int(self._docker("image", "inspect", "-f", "{{.Size}}", i)) for i in (BASE, IMAGE)]
        return {"base_mb": round(both[0] / 1e6), "adds_mb": round((both[1] - both[0]) / 1e6)}

    def up(self, *services: str, profiles: Sequence[str] = ()) -> None:
        """Bring up all services, or some with what they need."""
        if profiles:
            self._environment["COMPOSE_PROFILES"] = ",".join(profiles)
        counts = [
            word
            for name, n in self._scale.items()
            if not services or name in services  # Compose refuses the others
            for word in ("--scale", f"{name}={n}")
        ]
        self._compose("up", "--detach", "--no-build", *counts, *services)

    def scale(self, counts: Mapping[str, int]) -> None:
        """Have more of some services, from now on."""
        self._scale = dict(counts)
        self.up(*counts)

    def kill(self, service: str) -> None:
        """Kill every container of a service by SIGKILL."""
        self._compose("kill", service)

    def down(self) -> None:
        """Remove all: containers, network, volumes."""
        _call(["docker", "rm", "--force", self._desk])
        self._compose("down", "--volumes", "--remove-orphans")

    def publish(self, lines: Sequence[str]) -> None:
        """Publish orders as a person does: by the service `publish`, again if Kafka is too slow."""
        command = [*self._command, "run", "--rm", "-T", "publish", "--file", "-"]
        for left in reversed(range(_TRIES)):
            done = self._call(command, _text(lines))
            if done.returncode == 0 or not left:
                break
        _well(done, command)

    @contextmanager
    def publishing(self, lines: Iterator[str], rate: float) -> Iterator[Upstream]:
        """Publish orders at a rate, while something is done to the services."""
        upstream = Upstream(["docker", "exec", "-i", self._desk, "minuet", *_PUBLISH], lines, rate)
        try:
            yield upstream
        finally:
            upstream.close()

    def slow_down(self, latency_ms: int) -> None:
        """Have each service of the shop wait before it answers, so that orders are under way."""
        url = f"http://127.0.0.1:{self._ports['SHOP_PORT']}/switches"
        body = json.dumps({"latency_ms": latency_ms}).encode()
        try:
            urllib.request.urlopen(urllib.request.Request(url, body, method="PATCH"), timeout=30)
        except OSError as error:
            message = f"{url}: {error}"
            raise Failed(message) from error

    def open_desk(self) -> None:
        """Start a container in which commands are typed: quicker than one for each of them."""
        self._compose(
            "run", "--detach", "--no-deps", "--name", self._desk, "--entrypoint", "sleep",
            "minuet", "infinity",
        )  # fmt: skip

    def count(self, workflow: str, status: str) -> int:
        """How many sagas stand so; -1 while Kafka does not say."""
        command = ["saga", "list", workflow, "--status", status, "--limit", "1", "--json"]
        done = self._call(["docker", "exec", self._desk, "minuet", *command])
        return int(json.loads(done.stdout)["found"]) if done.returncode == 0 else -1

    def verify(self, workflow: str) -> dict[str, Any]:
        """What `minuet verify` says of rows and ledger.

        Raises:
            Failed: that something is not as it should be.
        """
        command = ["docker", "exec", self._desk, "minuet", "verify", workflow, "--json"]
        command += ["--ledger", "http://shop:8099"]
        found: dict[str, Any] = json.loads(_well(self._call(command), command))
        return found

    def healthy(self) -> Counter[str]:
        """How many containers of each service are healthy."""
        label = '{{.Label "com.docker.compose.service"}}'
        said = self._docker(
            "ps", "--filter", f"label=com.docker.compose.project={self._project}",
            "--filter", "health=healthy", "--format", label,
        )  # fmt: skip
        return Counter(said.split())

    def scraped(self) -> int:
        """How many workers are ready, as Prometheus sees it."""
        port = self._ports["PROMETHEUS_PORT"]
        url = f"http://127.0.0.1:{port}/api/v1/query?query=minuet_ready==1"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return len(json.load(answer)["data"]["result"])
        except OSError:
            return -1

    def last_words(self) -> str:
        """The state of each service, and the end of what it said."""
        commands = (["ps"], ["logs", "--no-color", "--tail", "15"])
        return "\n".join(self._call([*self._command, *words]).stdout for words in commands)

    def _compose(self, *words: str) -> str:
        command = [*self._command, *words]
        return _well(self._call(command), command)

    def _docker(self, *words: str) -> str:
        return _well(_call(["docker", *words]), ["docker", *words])

    def _call(self, command: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
        return _call(command, env=self._environment, text=text)


class Upstream:
    """Publishes orders until it is told that it is enough, in a thread of its own."""

    def __init__(self, command: Sequence[str], lines: Iterator[str], rate: float) -> None:
        self._command, self._lines, self._pause_s = command, lines, 1 / rate
        self._sent: list[str] = []
        self._enough = Event()
        self._process = subprocess.Popen(
            command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._thread = Thread(target=self._feed)
        self._thread.start()

    def finish(self) -> tuple[int, int]:
        """End, and wait until all is acknowledged; returns how many, and how often again.

        Raises:
            Failed: it never was.
        """
        self._enough.set()
        self._thread.join()
        assert self._process.stdout is not None
        said, code = self._process.stdout.read(), self._process.wait(PATIENCE_S)
        for again in range(_TRIES):
            if code == 0:
                return len(self._sent), again
            done = _call(self._command, text=_text(self._sent))  # the same again changes nothing
            said, code = done.stdout + done.stderr, done.returncode
        message = f"orders are not acknowledged: {said}"
        raise Failed(message)

    def close(self) -> None:
        """End what still runs."""
        self._enough.set()
        self._thread.join()
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _feed(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            for line in self._lines:
                self._sent.append(line)
                stdin.write(f"{line}\n")
                stdin.flush()
                if self._enough.wait(self._pause_s):
                    break


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in held]
    for each in held:
        each.close()
    return ports


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _call(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env=env,
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def _well(done: subprocess.CompletedProcess[str], command: Sequence[str]) -> str:
    """What a command printed, if it did well."""
    if done.returncode:
        message = f"{shlex.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        raise Failed(message)
    return done.stdout
