"""Events per second over HTTP, and how long each waits for its answer: an honest open loop.

Run from the project's folder: `python -m bench.ingest`. It starts a broker of its own, `minuet
ingest` in one process and the client in this one, all on this machine. A request has a time at
which it is to be sent, whatever the answers before it do; its latency counts from then, so a server
that falls behind cannot hide it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from minuet.dev import Broker

ROOT = Path(__file__).parents[1]
CONNECTIONS = 256  # at 50 ms each no fewer than 100 carry 2,000 events/s
WARM_UP_S = 2.0  # not measured: imports, first connections, the producer's beginning
PATIENCE_S = 40.0


def cpu_s(pid: int) -> float:
    """The processor time that a process has used, of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def busy_s() -> float:
    """The processor time that all processes of the machine have used."""
    user, nice, system, _idle, _wait, *more = Path("/proc/stat").read_text().split()[1:9]
    return sum(map(int, (user, nice, system, *more))) / os.sysconf("SC_CLK_TCK")


@dataclass
class Result:
    """What came back."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def at(self, share: float) -> float:
        """The latency in ms below which this share of the requests is."""
        ranked = sorted(self.latencies)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))] * 1000


class Channel(asyncio.Protocol):
    """One connection that is kept: one request, one answer."""

    def __init__(self, done: Callable[[Channel, int], None]) -> None:
        self._done = done
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes) -> None:
        """Send a request."""
        assert self._transport
        self._transport.write(request)

    def close(self) -> None:
        """End it."""
        assert self._transport
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take an answer when it is whole."""
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            self._read = b""
            self._done(self, int(head[9:12]))


class Client:
    """Sends at a rate; a request for which no connection is free waits, and its clock runs."""

    def __init__(self, port: int, batch: int) -> None:
        self.result = Result()
        self._port, self._batch = port, batch
        self._idle: deque[Channel] = deque()
        self._busy: dict[Channel, float] = {}
        self._queue: deque[tuple[float, bytes]] = deque()
        self._next = 0
        self._run = os.urandom(4).hex()

    async def run(self, per_s: float, seconds: float) -> Result:
        """Send `per_s` events a second for so long, then wait for the answers."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            _, channel = await loop.create_connection(
                lambda: Channel(self._done), "127.0.0.1", self._port
            )
            self._idle.append(channel)
        began, step, sent = perf_counter(), self._batch / per_s, 0
        while (now := perf_counter() - began) < seconds:
            while sent * step <= now:
                self._queue.append((began + sent * step, self._request()))
                sent += 1
                self._send()
            await asyncio.sleep(max(0.0, sent * step - (perf_counter() - began)))
        until = perf_counter() + PATIENCE_S
        while (self._busy or self._queue) and perf_counter() < until:
            await asyncio.sleep(0.01)
        for channel in (*self._idle, *self._busy):
            channel.close()
        self.result.statuses[0] += len(self._busy) + len(self._queue)  # no answer
        return self.result

    def _send(self) -> None:
        while self._queue and self._idle:
            due, request = self._queue.popleft()
            channel = self._idle.popleft()
            self._busy[channel] = due
            channel.send(request)

    def _done(self, channel: Channel, status: int) -> None:
        self.result.latencies.append(perf_counter() - self._busy.pop(channel))
        self.result.statuses[status] += 1
        self._idle.append(channel)
        self._send()

    def _request(self) -> bytes:
        events = [self._event() for _ in range(self._batch)]
        kind, body = ("cloudevents-batch", f"[{','.join(events)}]")
        if self._batch == 1:
            kind, body = ("cloudevents", events[0])
        head = (
            f"POST /events HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/{kind}+json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()

    def _event(self) -> str:
        self._next += 1
        id = f"{self._run}-{self._next:07}"
        return (
            f'{{"specversion": "1.0", "type": "OrderPlaced", "source": "/bench", "id": "{id}", '
            f'"data": {{"order_id": "order-{id}", "customer": "barbara", "sku": "lamp", '
            '"quantity": 4, "total": "99.60", "card": "card-2542", "country": "AT"}}'
        )


def minuet(bootstrap: str, *arguments: str) -> list[str]:
    """The command line of `minuet` for this broker."""
    where = ["--bootstrap", bootstrap, "--project", str(ROOT)]
    return [sys.executable, "-m", "minuet", *arguments, *where]


def measure(port: int, batch: int, per_s: float, seconds: float, pids: Mapping[str, int]) -> None:
    """Measure one shape of requests and print it, with the processor time of all parts."""
    asyncio.run(Client(port, batch).run(per_s, WARM_UP_S))
    before, all_before = {name: cpu_s(pid) for name, pid in pids.items()}, busy_s()
    began = perf_counter()
    found = asyncio.run(Client(port, batch).run(per_s, seconds))
    took, used = perf_counter() - began, {name: cpu_s(p) - before[name] for name, p in pids.items()}
    others = (busy_s() - all_before - sum(used.values())) / took
    each = {name: round(one / (per_s * seconds) * 1e6) for name, one in used.items()}
    shape = "single events" if batch == 1 else f"batches of {batch}"
    taken = found.statuses[202] * batch / seconds
    print(  # noqa: T201
        f"{shape}: {per_s:.0f} events/s asked for {seconds:.0f} s, {taken:.0f}/s acknowledged; "
        f"p50 {found.at(0.5):.1f} ms, p99 {found.at(0.99):.1f} ms, most {found.at(1):.1f} ms; "
        f"answers {dict(found.statuses + Counter())}; us of processor an event: {each}; "
        f"others used {others:.1f} of {os.cpu_count()} cores; load {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Start the parts, measure, stop them."""
    wanted = argparse.ArgumentParser(prog="python -m bench.ingest")
    wanted.add_argument("--rate", type=float, default=2000, help="events per second")
    wanted.add_argument("--seconds", type=float, default=20)
    wanted.add_argument("--batch", type=int, default=20)
    said = wanted.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder))
        bootstrap = broker.up()
        try:
            subprocess.run(minuet(bootstrap, "topics", "apply", "orders"), check=True)
            command = minuet(bootstrap, "ingest", "orders", "--port", "0", "--json")
            with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
                assert server.stdout
                port = json.loads(server.stdout.readline())["port"]
                pids = {"ingest": server.pid, "client": os.getpid(), "broker": broker.status().pid}
                for batch in (1, said.batch):
                    measure(port, batch, said.rate, said.seconds, pids)
                server.terminate()
        finally:
            broker.reset()


if __name__ == "__main__":
    main()
