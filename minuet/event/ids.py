"""Identifiers that are functions of what they name, so that a second run says the same ids.

An id is a BLAKE2b digest of 16 bytes over its parts, written as a Python tuple in ASCII, in the
shape of a UUID of version 8 (RFC 9562, "custom"). `uuid.uuid5` would do the same and costs ten
times as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

_DIGEST_SIZE = 8


def derive(*parts: str) -> str:
    """Return the UUID-shaped id of `parts`; the order and the borders of the parts count."""
    h = blake2b(ascii(parts).encode(), digest_size=16).hexdigest()
    return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-a{h[17:20]}-{h[20:]}"


def slot_id(round_id: str, causes: Iterable[str], step: str) -> str:
    """Return the id of one step on one set of causes; also the handler's idempotency key."""
    return derive("slot", round_id, step, *sorted(causes))


def answer_id(slot: str, event_type: str) -> str:
    """Return the id of the outcome `event_type` of a slot."""
    return derive("answer", slot, event_type)


def attempt_id(slot: str, event_type: str, attempt: int) -> str:
    """Return the id of `StepRetrying` or `StepGaveUp`; attempts count on over resumes."""
    return derive("attempt", slot, event_type, str(attempt))


def action_id(event_type: str, acts_on: str) -> str:
    """Return the id of a person's action, so that two operators make one."""
    return derive("action", event_type, acts_on)


def coordinator_id(event_type: str, round_id: str, of: str) -> str:
    """Return the id of a request, a deadline event or a saga's end.

    Args:
        event_type: what is said.
        round_id: empty, or the id of the last redo.
        of: the id of the undone event, of the deadline's `after` event, or of the begin event.
    """
    return derive("coordinator", event_type, round_id, of)


def begin_id(workflow: str, event_type: str, saga_id: str) -> str:
    """Return the id of a begin event that came without one: a key begins once."""
    return derive("begin", workflow, event_type, saga_id)


def dead_letter_id(topic: str, partition: int, offset: int, slot: str, attempt: int) -> str:
    """Return the id of a dead letter: the same failure makes the same letter."""
    return derive("dead-letter", topic, str(partition), str(offset), slot, str(attempt))


def body_digest(body: bytes) -> str:
    """Return the digest of an Avro body without its schema-id prefix, 16 hex digits.

    Two records have the same content exactly when their digests are equal.
    """
    return blake2b(body, digest_size=_DIGEST_SIZE).hexdigest()
