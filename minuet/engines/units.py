"""Live units of a workflow: which worker does which steps, read from their consumer groups.

A member's client id names what it does, so that nothing has to be stored: a unit is live exactly
while Kafka sees its heartbeat.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from minuet.engines.unit import Unit
from minuet.errors import UsageError
from minuet.kafka.connection import Connection
from minuet.kafka.groups import described

_PREFIX = "minuet"
# Groups of readers, which are no unit's; a workflow's own may begin with `minuet-` as well.
_READERS = re.compile(r"minuet-reader|minuet-bench-[0-9a-f]{8}")
_COORDINATOR = "coordinator"


def unit_name(unit: Unit) -> str:
    """Return the client id of a unit's members: `minuet:<its own group>:<what it does, sorted>`."""
    does = sorted([*unit.steps, *([_COORDINATOR] if unit.coordinates else [])])
    return f"{_PREFIX}:{unit.workflow.spec.group}:{','.join(does)}"


def may_be_a_units(group: str) -> bool:
    """Whether it is no group of readers."""
    return _READERS.fullmatch(group) is None


@dataclass(frozen=True, slots=True)
class LiveUnit:
    """A unit that some worker runs right now; `assignor`: how its members share partitions."""

    group: str
    does: frozenset[str]
    members: int
    assignor: str = ""


class Units:
    """Looks at the live units of a workflow.

    Args:
        connection: where Kafka is.
        workflow: its name, behind its prefix: the group of the coordinator.
    """

    def __init__(self, connection: Connection, workflow: str) -> None:
        self._connection = connection
        self._workflow = workflow

    def live(self) -> list[LiveUnit]:
        """Return every unit with a live member.

        Raises:
            BrokerError: Kafka cannot be reached.
        """
        found: dict[tuple[str, str, str], int] = {}
        for group in described(self._connection, may_be_a_units):
            for member in group.members:
                if member.client_id.startswith(f"{_PREFIX}:{self._workflow}:"):
                    key = (group.group_id, member.client_id, group.partition_assignor)
                    found[key] = found.get(key, 0) + 1
        return [
            LiveUnit(group, frozenset(client_id.split(":", 2)[2].split(",")), members, assignor)
            for (group, client_id, assignor), members in found.items()
        ]

    def refuse_overlap(
        self, unit: Unit, group: str, assignors: Container[str] = ("cooperative-sticky",)
    ) -> None:
        """Refuse a unit that would do what another live unit does already.

        Args:
            unit: that is to be started.
            group: of it.
            assignors: by which its members can share partitions: native ones and those on Faust
                share none.

        Raises:
            UsageError: names the other unit's group and the steps both have.
        """
        mine = frozenset(unit_name(unit).split(":", 2)[2].split(","))
        for other in self.live():
            if other.group == group and other.assignor and other.assignor not in assignors:
                message = (
                    f"group {group} is live on another engine: native workers and those on Faust "
                    "are never in one group; stop it first, or take other steps"
                )
                raise UsageError(message)
            if other.group == group and other.does == mine:
                continue
            both = sorted(other.does & mine)
            if other.group == group and (other.does <= mine or mine <= other.does):
                continue  # a release that adds or drops a step is being rolled out
            if other.group == group:
                message = (
                    f"group {group} is live with other steps ({', '.join(sorted(other.does))}): "
                    "workers of one group do the same; give this one another --group"
                )
                raise UsageError(message)
            if both:
                message = (
                    f"the live unit with group {other.group} already does {', '.join(both)}: "
                    "every answer would be worked for twice; stop it, or take other steps"
                )
                raise UsageError(message)

    def coordinator_is_live(self) -> bool:
        """Whether some live unit has the coordinator's part."""
        return any(_COORDINATOR in unit.does for unit in self.live())
