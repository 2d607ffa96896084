"""`minuet demo shop`: a shop whose services can be made to fail."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from minuet.cli.common import JsonOption, ProjectOption, project_folder

HELP = """Serve a shop on this machine, until Ctrl-C or SIGTERM: stock, fraud, payments, shipping.

`orders` and `refunds` reach it by the real form of their resources. What goes wrong is set here, \
or while it runs, by PATCH /switches. GET /ledger?workflow=orders is what it did; \
`minuet verify orders --ledger URL` holds that against the log. There is no login: whoever reaches \
--host may set and read all of it.

Exit 0 after SIGTERM, 130 after Ctrl-C.

Example: minuet demo shop --failure 0.05 --drop 0.02

curl -X PATCH localhost:8099/switches -d '{"outage": true}'
"""
_EXIT_INTERRUPTED = 130


def shop(  # noqa: PLR0913  (Typer wants a parameter for each option)
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any.")] = 8099,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    latency_ms: Annotated[int, typer.Option("--latency-ms", min=0, help="Of each call.")] = 0,
    failure: Annotated[
        float, typer.Option("--failure", min=0, max=1, help="Share of calls that fail.")
    ] = 0,
    outage: Annotated[bool, typer.Option("--outage", help="Nothing works.")] = False,
    drop: Annotated[
        float, typer.Option("--drop", min=0, max=1, help="Share done and not answered.")
    ] = 0,
    late: Annotated[
        float, typer.Option("--late", min=0, max=1, help="Share done and answered late.")
    ] = 0,
    late_ms: Annotated[int, typer.Option("--late-ms", min=0, help="How late.")] = 6_000,
    seed: Annotated[int, typer.Option("--seed", help="Of which calls fail.")] = 0,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="Else .minuet/shop.sqlite.", metavar="FILE")
    ] = None,
    parent: Annotated[int, typer.Option("--parent", hidden=True)] = 0,
    json: JsonOption = False,
    project: ProjectOption = None,
) -> None:
    """Serve until told to stop."""
    import signal
    from json import dumps

    from minuet.cli.processes import leave_with
    from minuet.ingest.serving import listen, serve
    from minuet.shop.application import Services, Switches, application
    from minuet.shop.ledger import Ledger

    switches = Switches(
        latency_ms=latency_ms, failure=failure, outage=outage, drop=drop, late=late, late_ms=late_ms
    )
    file = ledger or project_folder(project) / ".minuet" / "shop.sqlite"
    file.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # dropped answers are no errors here
    listener = listen(host, port)
    url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"

    if parent:
        leave_with(parent)

    def listening() -> None:
        if json:
            typer.echo(dumps({"state": "listening", "url": url, "ledger": str(file)}))
        else:
            typer.echo(f"the shop is open at {url}; for workers: SHOP_URL={url}")

    number = serve(application(Services(Ledger(file), switches, seed)), listener, listening)
    raise typer.Exit(_EXIT_INTERRUPTED if number == signal.SIGINT else 0)
