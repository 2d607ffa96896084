"""What people write and read: events as frozen pydantic models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Event(BaseModel):
    """Something that happened, past tense: `StockReserved`. Strict, frozen, no extra fields."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Request(Event):
    """What the coordinator says: an undo request (`ReleaseStock`) or a deadline (`OrderExpired`).

    Further fields are copied by name from the outcome to be undone, or from the event that the
    deadline counts from.
    """

    saga_id: str
    undoes: str
    reason: str
