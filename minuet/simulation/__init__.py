"""Many runs of a workflow in virtual time, each with faults drawn from its seed, and a judge.

What runs is the loop, the core and the steps that are deployed; Kafka and the services outside are
models that fail. The judge shares nothing with the core: it reads the topics and what the services
did. The way of testing is that of deterministic simulation (FoundationDB, TigerBeetle).
"""

from minuet.simulation.judge import Violation
from minuet.simulation.scenario import Scenario, Trouble, draw
from minuet.simulation.series import Tally, Wish, begin_events, scenario, series
from minuet.simulation.shrink import shrink, smallest
from minuet.simulation.story import as_test, story
from minuet.simulation.trial import Trial, run

__all__ = [
    "Scenario",
    "Tally",
    "Trial",
    "Trouble",
    "Violation",
    "Wish",
    "as_test",
    "begin_events",
    "draw",
    "run",
    "scenario",
    "series",
    "shrink",
    "smallest",
    "story",
]
