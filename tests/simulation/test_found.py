"""Runs that once did not hold, made as small as they could be."""

from __future__ import annotations

from pathlib import Path

from minuet.simulation import Scenario, begin_events, run
from minuet.spec import project

ROOT = Path(__file__).parents[2]
SCENARIO = Scenario.read(
    """{
     "seed": 788,
     "begins": [
      576,
      308
     ],
     "spread_ms": 200,
     "workers": 2,
     "faults": {
      "latency_ms": [
       0.2,
       4.0
      ],
      "duplicated": 0.0,
      "ack_lost": 0.0,
      "append_lost": 0.0,
      "torn": 0.0,
      "session_ms": 2000
     },
     "trouble": {
      "refused": 0.0,
      "dropped": 0.0,
      "slow": 0.07678290825191769,
      "late": 0.19358152180708055,
      "changed": 0.0
     },
     "script": [
      {
       "at_ms": 95.13281826520857,
       "what": "freeze",
       "worker": 1,
       "after": 0
      },
      {
       "at_ms": 3445.5982761685614,
       "what": "thaw",
       "worker": 1,
       "after": 0
      }
     ],
     "letters": [],
     "bounds": {
      "in_flight": 1,
      "window": 2,
      "late": 1,
      "timers": 1,
      "checkpoint_records": 1
     },
     "rows": {
      "memory": null,
      "slice": 200,
      "pause_ms": 0.0
     },
     "within_ms": 0,
     "restarts": false
    }"""
)


def test_a_run_that_was_held_and_lost_gives_its_room_at_the_breaker_back() -> None:
    workflow = project.load("orders", ROOT)
    events = begin_events(workflow, ROOT / "examples" / "orders.jsonl")
    assert run(workflow, SCENARIO, events).violations == ()
