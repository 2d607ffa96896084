"""Writes letters of a file to their topic; those that stand there are not written twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from minuet.errors import BrokerError
from minuet.inspection.letters import OURS, Letter, Wanted, each
from minuet.kafka.connection import Connection
from minuet.kafka.reading import partitions
from minuet.kafka.writer import BY_KEY, Place, WriteError, Writer
from minuet.spec.model import Spec

_ACK_MS = 20_000


@dataclass
class Imported:
    """How many letters were written, stood there, or are of another workflow or of nobody."""

    written: int = 0
    known: int = 0
    foreign: int = 0


def bring_in(
    connection: Connection, spec: Spec, letters: Iterable[Letter],
    progress: Callable[[int, int], None],
) -> Imported:  # fmt: skip
    """Write letters that are not there yet, each in the partition where it stood.

    Raises:
        BrokerError: Kafka did not take all; the same again goes on.
        UsageError: there is no topic of letters.
    """
    there = {one.id for one in each(connection, spec, Wanted(), progress)}
    numbers = set(partitions(connection, spec.dead_letter_topic))
    writer = Writer(
        connection, spec.dead_letter_topic,
        **{"linger.ms": 20, "message.timeout.ms": _ACK_MS},
    )  # fmt: skip
    found, wrong = Imported(), list[WriteError]()

    def done(result: Place | WriteError) -> None:
        if isinstance(result, WriteError):
            wrong.append(result)
        else:
            found.written += 1

    source = f"{spec.log_topic}/".encode()
    for letter in letters:
        if not letter.id or not dict(letter.headers).get(OURS + "source", b"").startswith(source):
            found.foreign += 1
        elif letter.id in there:
            found.known += 1
        else:
            there.add(letter.id)
            number = letter.partition if letter.partition in numbers else BY_KEY
            writer.hand_over(letter.key, letter.value, [*letter.headers], done, partition=number)
        if wrong:
            break
    left = writer.flush(_ACK_MS / 1000)
    if wrong or left:
        why = wrong[0] if wrong else f"Kafka at {connection.bootstrap} does not acknowledge"
        message = f"{why}; type the same again: what is there is not written twice"
        raise BrokerError(message)
    return found
