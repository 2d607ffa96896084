"""`minuet ingest`: takes events over HTTP and puts them onto a workflow's log."""

from __future__ import annotations

import ipaddress
import logging
import os
import signal
import sys
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from time import monotonic
from typing import Annotated, Any

import typer

from minuet.cli.arguments import WorkflowArgument
from minuet.cli.common import (
    BootstrapOption,
    JsonOption,
    ProjectOption,
    connection,
    project_folder,
)
from minuet.cli.outside import from_outside
from minuet.contracts.codec import Codec
from minuet.errors import BrokerError, UsageError
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.registries import registry_of
from minuet.settings.environment import variable_of
from minuet.settings.reading import read
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow

_HELP = """Take events as CloudEvents over HTTP, until Ctrl-C or SIGTERM.

POST /events takes one event or a batch in the JSON format, and binary mode; /openapi.json tells \
all of it. An event is answered when every replica in sync has it: 202, 200 for a duplicate, 409 \
for an id used with other content, 422 with field and reason for a wrong one, 429 or 503 with \
Retry-After when it should come again.

Keys are lines NAME:KEY in --keys FILE, or in MINUET_INGEST_KEYS joined by commas; requests then \
say Authorization: Bearer KEY. Without keys it listens on this machine only. /metrics has figures \
for Prometheus, which needs a key as well.

Exit 0 after SIGTERM, 130 after Ctrl-C; what was accepted is finished first.

Example: minuet ingest orders --port 8080

curl -i localhost:8080/events -H 'Content-Type: application/cloudevents+json' -d '{
"specversion": "1.0", "type": "OrderPlaced", "source": "/shop", "id": "1", "data": {...}}'
"""
_EXIT_INTERRUPTED = 130
_REACHED_S = 2.0  # so long an answer of the broker is believed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("ingest", help=_HELP)(ingest)


@dataclass(frozen=True)
class _Wish:
    """What was typed."""

    host: str
    port: int
    keys: Path | None
    set_keys: str
    certificate: tuple[Path | None, Path | None]
    body_limit: int
    under_way: int
    json: bool


def ingest(  # noqa: PLR0913  (Typer wants a parameter for each option)
    workflow: WorkflowArgument,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="To listen on; 0: any.")],
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    keys: Annotated[
        Path | None, typer.Option("--keys", help="API keys, NAME:KEY a line.", metavar="FILE")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="Speak TLS; in PEM.", metavar="FILE")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="The certificate's key.", metavar="FILE")
    ] = None,
    body_limit: Annotated[
        int, typer.Option("--body-limit", min=1, help="The most bytes of a request.")
    ] = 1 << 20,
    under_way: Annotated[
        int, typer.Option("--under-way", min=1, help="The most events waiting for the broker.")
    ] = 10_000,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log each refusal.")] = False,
    bootstrap: BootstrapOption = "",
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Serve until told to stop."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(
        stream=sys.stderr, level=level, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    loaded = projects.load(workflow, project)
    found = read(project_folder(project)).known().settings.ingest_keys
    files = (tls_cert, tls_key)
    wish = _Wish(host, port, keys, found, files, body_limit, under_way, json)
    number = _serve(wish, loaded, connection(bootstrap, project))
    _say(wish, workflow, "stopped", "stopped")
    raise typer.Exit(_EXIT_INTERRUPTED if number == signal.SIGINT else 0)


def _serve(wish: _Wish, workflow: Workflow, kafka: Connection) -> int:
    # Here, for the web server takes long to import, and other commands do not need it.
    from minuet.ingest import Limits, Reading, Sink, application
    from minuet.ingest.serving import Certificate, listen, serve
    from minuet.kafka.writer import Writer
    from minuet.publish.envelope import Envelope
    from minuet.publish.publisher import DELIVERY_MS

    spec = workflow.spec
    keys = _keys(wish)
    file, key = wish.certificate
    if (file is None) != (key is None):
        message = "TLS needs both: --tls-cert FILE and --tls-key FILE"
        raise UsageError(message)
    certificate = Certificate(file, key) if file is not None and key is not None else None
    topics.check(kafka, spec)
    models = {n: m for n, m in from_outside(workflow).items() if spec.key in m.model_fields}
    codec = Codec(models.values(), registry_of(kafka, spec.schema_topic))
    envelope = Envelope(spec.name, spec.key, models.values(), codec)
    limits = Limits(body_bytes=wish.body_limit, under_way=wish.under_way)
    # Ten milliseconds gather single events to batches: the broker has a third of the work.
    writer = Writer(kafka, spec.log_topic, **{"linger.ms": 10, "message.timeout.ms": DELIVERY_MS})
    codec.register()
    app = application(
        Reading(envelope, models), Sink(writer, limits), keys, limits, _Reach(kafka, spec.log_topic)
    )
    listener = listen(wish.host, wish.port)
    port: int = listener.getsockname()[1]

    def listening() -> None:
        names = ", ".join(keys.names) or "none: this machine only"
        scheme = "https" if certificate is not None else "http"
        text = f"listening on {scheme}://{wish.host}:{port} for {', '.join(models)}; keys: {names}"
        more = {"host": wish.host, "port": port, "events": list(models), "keys": keys.names}
        _say(wish, spec.name, "listening", text, **more)

    return serve(app, listener, listening, certificate)


def _say(wish: _Wish, workflow: str, state: str, text: str, **more: Any) -> None:
    """One line on standard output: for people, or as JSON."""
    line = {"ingest": workflow, "state": state, "pid": os.getpid(), **more}
    sys.stdout.write((dumps(line) if wish.json else text) + "\n")
    sys.stdout.flush()


def _keys(wish: _Wish) -> Any:
    from minuet.ingest.keys import read_keys

    if wish.keys is not None:
        try:
            keys = read_keys(
                wish.keys.read_text(encoding="utf-8").splitlines(), f"--keys {wish.keys}"
            )
        except (OSError, UnicodeDecodeError) as error:
            message = f"--keys {wish.keys}: {getattr(error, 'strerror', '') or 'not UTF-8'}"
            raise UsageError(message) from error
        if not keys:
            message = f"--keys {wish.keys}: there is no key in it"
            raise UsageError(message)
    else:
        variable = variable_of(("ingest_keys",))
        keys = read_keys(wish.set_keys.replace(",", "\n").splitlines(), variable)
    if not keys and not _is_loopback(wish.host):
        message = f"--host {wish.host} is open to others: name who may come with --keys FILE"
        raise UsageError(message)
    return keys


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Reach:
    """Whether the broker has the log, asked at most every two seconds."""

    def __init__(self, kafka: Connection, topic: str) -> None:
        self._kafka, self._topic = kafka, topic
        self._asked, self._why = float("-inf"), ""

    def __call__(self) -> str:
        """Why it cannot be reached; empty when it can."""
        if monotonic() - self._asked > _REACHED_S:
            try:
                self._kafka.reach(self._topic)
                self._why = ""
            except BrokerError as error:
                self._why = str(error)
            self._asked = monotonic()
        return self._why
