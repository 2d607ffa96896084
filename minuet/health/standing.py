"""Where a worker stands: read when somebody asks, never on the path of work."""

from __future__ import annotations

from dataclasses import dataclass

from minuet.engines.loop import Loop


@dataclass(slots=True)
class Standing:
    """A worker as others may ask about it.

    Args:
        loop: that runs.
        coordinated: a live unit has the coordinator; without one nothing is undone or ended.
        address: where it is served, empty for nowhere.
        was_ready: it has been said to be ready.
    """

    loop: Loop
    coordinated: bool
    address: str = ""
    was_ready: bool = False

    @property
    def lives(self) -> bool:
        """Whether it works, or could; that it answers at all says that its loop moves."""
        return self.loop.error is None and not self.loop.stopped.is_set()

    @property
    def lacks(self) -> str:
        """What it lacks to be ready; empty when it is.

        A worker more than there are partitions is ready: it stands by.
        """
        if not self.lives:
            return "it has stopped"
        if self.loop.stopping:
            return "it is stopping"
        if not self.loop.joined:
            return "it has not joined its group"
        waiting = sum(not part.restored for part in self.loop.parts.values())
        if waiting:
            return f"{waiting} of {len(self.loop.parts)} partitions are being restored"
        return "" if self.coordinated else "no live unit has the coordinator"
