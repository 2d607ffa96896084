"""What hypothesis needs to draw events, and models of any shape."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from pydantic import create_model

from minuet.event.model import Event
from tests.unit.contracts.models import (
    Card,
    Colour,
    Everything,
    Line,
    Money,
    Sku,
    Speed,
    Transfer,
)

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
texts = st.text(st.characters(codec="utf-8"), max_size=20)
longs = st.integers(-(2**63), 2**63 - 1)
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=offsets)  # noqa: DTZ001
money = st.decimals(Decimal("-9999999999.99"), Decimal("9999999999.99"), places=2)

lines = st.builds(
    Line,
    sku=texts.map(Sku), pieces=longs, price=money, colour=st.none() | st.sampled_from(Colour),
)  # fmt: skip

cards = st.builds(Card, number=texts, limit=st.none() | money)
transfers = st.builds(Transfer, account=texts, at=moments)

events = st.builds(
    Everything,
    number=longs, ratio=st.floats(allow_nan=False), flag=st.booleans(), text=texts,
    raw=st.binary(max_size=20), money=money, moment=moments, day=st.dates(), clock=st.times(),
    uuid=st.uuids(), colour=st.sampled_from(Colour), speed=st.sampled_from(Speed),
    mode=st.sampled_from(["air", "sea"]), line=lines, lines=st.lists(lines, max_size=3),
    prices=st.lists(money, max_size=3).map(tuple), stock=st.dictionaries(texts, longs, max_size=3),
    by_sku=st.dictionaries(texts, lines, max_size=2), maybe_money=st.none() | money,
    maybe_line=st.none() | lines, either=st.none() | longs | texts | money,
    paid_by=st.none() | cards | transfers,
)  # fmt: skip

Typed = tuple[Any, st.SearchStrategy[Any]]

SCALARS: list[Typed] = [
    (int, longs), (bool, st.booleans()), (float, st.floats(allow_nan=False)), (str, texts),
    (bytes, st.binary(max_size=9)), (Money, money), (datetime, moments), (date, st.dates()),
    (time, st.times()), (UUID, st.uuids()), (Colour, st.sampled_from(Colour)), (Line, lines),
    (Card, cards), (Card | Transfer, cards | transfers),
    (int | str | Transfer, longs | texts | transfers),
]  # fmt: skip


def _wider(typed: st.SearchStrategy[Typed]) -> st.SearchStrategy[Typed]:
    lists = typed.map(lambda t: (list.__class_getitem__(t[0]), st.lists(t[1], max_size=3)))
    tuples = typed.map(
        lambda t: (tuple.__class_getitem__((t[0], ...)), st.lists(t[1], max_size=3).map(tuple))
    )
    maps = typed.map(
        lambda t: (dict.__class_getitem__((str, t[0])), st.dictionaries(texts, t[1], max_size=3))
    )
    return lists | tuples | maps


@st.composite
def events_of_any_shape(draw: st.DrawFn) -> Event:
    """Draw a model, then an event of it."""
    optional = st.recursive(st.sampled_from(SCALARS), _wider, max_leaves=4)
    fields = {}
    values = {}
    for number in range(draw(st.integers(0, 4))):
        hint, strategy = draw(optional)
        if draw(st.booleans()):
            hint, strategy = hint | None, st.none() | strategy
        fields[f"field_{number}"] = (hint, ...)
        values[f"field_{number}"] = draw(strategy)
    model = create_model("Drawn", __base__=Event, __module__="drawn", **fields)  # type: ignore[call-overload]
    event: Event = model(**values)
    return event
