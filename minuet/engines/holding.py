"""Who holds something for each partition of a member, as a transactional producer does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from confluent_kafka import Consumer


class Holding(Protocol):
    """It is told on the reading thread, and may wait."""

    def heed(self, consumer: Consumer) -> None:
        """The group may have a new generation."""

    def take_over(self, consumer: Consumer, numbers: Sequence[int]) -> None:
        """Partitions come; where they stand is read after this.

        Raises:
            BrokerError: they cannot be held.
        """

    def give_back(self, numbers: Sequence[int]) -> None:
        """Partitions go; somebody else has them after this."""

    def lose(self, numbers: Sequence[int]) -> None:
        """Partitions are gone."""
