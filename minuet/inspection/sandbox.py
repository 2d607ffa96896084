"""Decodes bytes that may crash or fill a process, in a process of its own that may.

This file is also that process: it reads a schema and a value, and prints the value as JSON. It
imports nothing of Minuet, so that it starts quickly and has nothing to lose.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

_SECONDS = 5  # of CPU; the clock on the wall gets more, since the machine may be busy
_WALL_S = 20.0
_MEMORY = 512 << 20  # for what is decoded, beyond what the process has when it begins
_PREFIX_BYTES = 5  # the magic byte and the schema's id
_PRINTED_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Decoded:
    """The value as JSON text, or why there is none."""

    text: str = ""
    why: str = ""


def decode(schema: str, value: bytes) -> Decoded:
    """Decode a value in the Confluent wire format with its writer's schema.

    Whatever the bytes do, this process lives: the decoding gets five seconds and 512 MB.

    Args:
        schema: JSON; no logical type is applied twice, so money is shown as a decimal.
        value: the record's value, its prefix with it.
    """
    asked = json.dumps({"schema": schema, "value": value.hex()}).encode()
    command = [sys.executable, "-I", str(Path(__file__))]
    try:
        run = subprocess.run(
            command, input=asked, capture_output=True, check=False, timeout=_WALL_S
        )
    except subprocess.TimeoutExpired:
        return Decoded(why=f"decoding it did not end within {_WALL_S:.0f} s")
    if run.returncode < 0:
        return Decoded(why=f"decoding it kills the process (signal {-run.returncode})")
    try:
        found = json.loads(run.stdout)
    except ValueError:
        return Decoded(why=f"decoding it ended the process with exit code {run.returncode}")
    return Decoded(str(found.get("text", "")), str(found.get("why", "")))


def _limit() -> None:
    """Take away from this process what bad bytes could make it use."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except OSError:
        pages = 0  # no Linux: the other limits hold
    most = pages * resource.getpagesize() + _MEMORY
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _main() -> None:
    """Be the process."""
    import fastavro

    asked = json.load(sys.stdin)
    _limit()
    try:
        schema = fastavro.parse_schema(json.loads(asked["schema"]))
        body = BytesIO(bytes.fromhex(asked["value"])[_PREFIX_BYTES:])
        found = fastavro.schemaless_reader(body, schema, None)
        text = json.dumps(found, default=str, ensure_ascii=False)
        rest = len(body.read())
        why = f"{rest} bytes are left after the event" if rest else ""
        answer = {"text": text[:_PRINTED_MOST], "why": why}
    except BaseException as error:  # whatever bytes can make fastavro raise, MemoryError too
        answer = {"why": f"no such Avro ({type(error).__name__}: {error})"[:500]}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    _main()
