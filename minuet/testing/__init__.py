"""What a workflow is tested with: without a broker, and on a real Kafka.

Each name is imported when it is first asked for: pytest looks for plug-ins at every start, and one
that nobody uses must cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minuet.settings.registry import Registry
    from minuet.testing.broker import Kafka
    from minuet.testing.running import Running
    from minuet.testing.stories import Story, run, under_faults

__all__ = ["Kafka", "Registry", "Running", "Story", "run", "under_faults"]

_HOMES = {
    "Kafka": "minuet.testing.broker",
    "Registry": "minuet.settings.registry",
    "Running": "minuet.testing.running",
    "Story": "minuet.testing.stories",
    "run": "minuet.testing.stories",
    "under_faults": "minuet.testing.stories",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        found = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return found
