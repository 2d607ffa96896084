"""Many demos, each with other moments for the kill and the outage: `python -m bench.demo_runs`.

Run from the project's folder. Each is `minuet demo --json` with a seed of its own, on the project's
broker. Prints a line of JSON for each, and a summary; exit 1 when a run was not clean. A run that
was not is repeated with `minuet demo --seed N`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from typing import Any

from minuet.bench.measures import load
from minuet.demo.result import percentile


def run(seed: int) -> dict[str, Any]:
    """Run one demo; what it found, in short."""
    command = [sys.executable, "-m", "minuet", "demo", "--seed", str(seed), "--json"]
    before = load()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        return {"seed": seed, "ok": False, "error": done.stderr[-500:], "load": before}
    found = json.loads(done.stdout)
    if "workflows" not in found:
        return {"seed": seed, "ok": False, "error": found, "load": before}
    ledgers = {name: one["ledger"] for name, one in found["workflows"].items()}
    return {
        "seed": seed,
        "ok": found["ok"] and done.returncode == 0,
        "seconds": found["seconds"],
        "silence_s": found["recovery"]["silence_s"],
        "in_flight": found["recovery"]["in_flight"],
        "effects": sum(one["effects"] for one in ledgers.values()),
        "called_again": sum(one["called_again"] for one in ledgers.values()),
        "differences": sum(len(one["differences"]) for one in ledgers.values()),
        "load": before,
    }


def main() -> None:
    """Run them and print what they found."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m bench.demo_runs")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    told = parser.parse_args()
    found = []
    for number in range(told.runs):
        found.append(run(told.seed + number))
        sys.stdout.write(json.dumps(found[-1]) + "\n")
        sys.stdout.flush()
    clean = [one for one in found if one["ok"]]
    silent = [one["silence_s"] for one in clean]
    summary = {
        "runs": len(found),
        "clean": len(clean),
        "silence_p50_s": percentile(silent, 50) if silent else None,
        "silence_most_s": max(silent, default=None),
        "in_flight_least": min((one["in_flight"] for one in clean), default=None),
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    sys.exit(0 if len(clean) == len(found) else 1)


if __name__ == "__main__":
    main()
