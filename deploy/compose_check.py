"""Bring docker-compose.yml up for real, kill services in mid-run, and verify all of it.

    python deploy/compose_check.py                          each service is killed once
    python deploy/compose_check.py --kill coordinator       that one alone

Everything has a project name and ports of its own, and is gone afterwards, volumes too. It uses
`docker compose`, or `docker-compose` where the plugin is missing. Exit 1 when a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from deploy.composed import ROOT, Composed, Failed

UNITS = ("coordinator", "stock", "screen", "charge", "ship", "tell", "refunds")
SERVICES = ("kafka", "shop", *UNITS)
REGISTRY = "registry"
FIRST_S = 120  # from `up` to the first completed order
FIRST = 20  # orders that are published by the service `publish`
RATE = 10  # a second, around each kill
LATENCY_MS = 300  # of each service of the shop: so orders are under way when something is killed
SCALED = {"charge": 3}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, and print what was found."""
    asked = _asked(arguments)
    began = time.monotonic()
    found: dict[str, Any] = {"load": [round(os.getloadavg()[0], 1)], "kills": []}
    more = ["docker-compose.registry.yml"] if asked.registry else []
    composed = Composed(asked.project, asked.compose, more)
    if asked.only_build:
        composed.build()
        return 0
    try:
        if not asked.no_build:
            found["build_s"] = _timed(composed.build)
        found["image"] = composed.sizes()
        _check(composed, asked, found)
        found["ok"] = True
    except Failed as failed:
        found |= {"ok": False, "why": str(failed)}
        _say(composed.last_words())
    finally:
        if not asked.keep:
            composed.down()
    found["load"].append(round(os.getloadavg()[0], 1))
    found["seconds"] = round(time.monotonic() - began, 1)
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if asked.json else _as_text(found))
    return 0 if found["ok"] else 1


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kill", nargs="*", choices=[*SERVICES, REGISTRY], metavar="SERVICE")
    parser.add_argument("--project", default=f"minuet-check-{os.getpid()}", metavar="NAME")
    parser.add_argument(
        "--compose", default="", metavar="COMMAND", help="else the one that is there"
    )
    parser.add_argument("--registry", action="store_true", help="schemas in one; needs its image")
    parser.add_argument(
        "--prometheus", action="store_true", help="the profile too; needs its image"
    )
    parser.add_argument("--no-build", action="store_true", help="the image is there")
    parser.add_argument("--only-build", action="store_true", help="the image, and nothing else")
    parser.add_argument("--keep", action="store_true", help="leave it running, to look around")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    asked.services = [*SERVICES, *([REGISTRY] if asked.registry else [])]
    if asked.kill is None:
        asked.kill = asked.services
    return asked


def _check(composed: Composed, asked: argparse.Namespace, found: dict[str, Any]) -> None:
    orders = _orders()
    began = time.monotonic()
    composed.up(profiles=("prometheus",) if asked.prometheus else ())
    composed.publish(list(islice(orders, FIRST)))
    composed.open_desk()
    _until("an order is completed", lambda: composed.count("orders", "completed") > 0)
    found["first_completed_s"] = round(time.monotonic() - began, 1)
    _say(f"first completed order after {found['first_completed_s']} s")
    if found["first_completed_s"] > FIRST_S:
        message = f"the first completed order took more than {FIRST_S} s"
        raise Failed(message)
    composed.scale(SCALED)
    _ready(composed, asked.services)
    _say("all are ready, three of them charge")
    for service in asked.kill:
        found["kills"].append(_killed(composed, service, orders))
    found |= _verified(composed, FIRST + sum(each["published"] for each in found["kills"]))
    if asked.prometheus:
        found["prometheus_ready"] = _scraped(composed)


def _orders() -> Iterator[str]:
    """Orders without end: those of the example, and the same again under other ids."""
    text = (ROOT / "examples" / "orders.jsonl").read_text(encoding="utf-8")
    for turn in count():
        for line in text.splitlines():
            order = json.loads(line)
            yield json.dumps({**order, "order_id": f"{order['order_id']}-{turn}"})


def _killed(composed: Composed, service: str, orders: Iterator[str]) -> dict[str, Any]:
    """Kill a service while orders are under way, and start it again."""
    composed.slow_down(LATENCY_MS)
    with composed.publishing(orders, RATE) as upstream:
        live = _until("orders are under way", lambda: max(composed.count("orders", "live"), 0))
        composed.kill(service)
        began = time.monotonic()
        composed.up(service)
        _ready(composed, (service,))
        back_s = round(time.monotonic() - began, 1)
        published, again = upstream.finish()
    _say(f"killed {service}, {live} orders under way: ready again after {back_s} s")
    return {
        "service": service, "live": live, "ready_again_s": back_s,
        "published": published, "again": again,
    }  # fmt: skip


def _verified(composed: Composed, published: int) -> dict[str, Any]:
    """Wait until every saga has ended, and hold rows and ledger against the logs."""
    for workflow in ("orders", "refunds"):
        ended = partial(_has_ended, composed, workflow)
        _until(f"{workflow} have ended", ended)
    found = {name: composed.verify(name) for name in ("orders", "refunds")}
    if found["orders"]["sagas"] != published:
        message = f"{published} orders were published, and the log has {found['orders']['sagas']}"
        raise Failed(message)
    return found


def _has_ended(composed: Composed, workflow: str) -> bool:
    return composed.count(workflow, "live") == 0


def _ready(composed: Composed, services: Sequence[str]) -> None:
    wanted = {name: SCALED.get(name, 1) for name in services}
    _until(f"{', '.join(services)} ready", lambda: composed.healthy().items() >= wanted.items())


def _scraped(composed: Composed) -> int:
    """How many workers Prometheus sees ready; each container has to be among them."""
    wanted = len(UNITS) + sum(SCALED.values()) - len(SCALED)
    _until(f"{wanted} workers are ready for Prometheus", lambda: composed.scraped() == wanted)
    return wanted


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return round(time.monotonic() - began, 1)


def _until(what: str, holds: Callable[[], int], patience_s: float = 240) -> int:
    """Wait until something holds; returns what it came to."""
    late = time.monotonic() + patience_s
    while not (value := holds()):
        if time.monotonic() > late:
            message = f"after {patience_s:.0f} s it is still not so that {what}"
            raise Failed(message)
        time.sleep(0.3)
    return value


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _as_text(found: dict[str, Any]) -> str:
    lines = [f"image adds {found['image']['adds_mb']} MB to {found['image']['base_mb']} MB"]
    lines += [
        f"killed {each['service']}: {each['live']} orders under way, "
        f"ready again after {each['ready_again_s']} s"
        for each in found["kills"]
    ]
    for name in ("orders", "refunds"):
        if name in found:
            one = found[name]
            lines.append(
                f"verified {name}: {one['sagas']} sagas, {one['completed']} completed, "
                f"{one['compensated']} compensated; {one['ledger']['effects']} effects"
            )
    end = "all is well" if found["ok"] else f"FAILED: {found['why']}"
    lines.append(f"{end}, {found['seconds']} s, load {' to '.join(map(str, found['load']))}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(str(failed))
    except subprocess.TimeoutExpired as late:
        sys.exit(f"{late.cmd} did not end within {late.timeout:.0f} s")
