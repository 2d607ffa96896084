"""What may be imported, how a spec tells it, and what says so elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema_rs
import pytest

from minuet import Event, Request
from minuet.description.asyncapi import asyncapi
from minuet.description.difference import differences
from minuet.description.picture import picture
from minuet.description.svg import svg
from minuet.errors import DefinitionError
from minuet.simulation.series import scenario
from minuet.spec.model import Spec, misplaced_import
from minuet.spec.plain import as_plain, from_plain
from tests.unit.description.test_asyncapi import OFFICIAL
from tests.unit.imports.goods import (
    DelayHeard,
    GoodsClosed,
    GoodsOrdered,
    PaymentSettled,
    goods,
    table,
    whole,
)


class Numbered(Event):
    order_id: int


class Asked(Request):
    order_id: str


@pytest.mark.parametrize(
    ("event", "said", "why"),
    [
        (DelayHeard, {}, "needs one source"),
        (DelayHeard, {"from_log": "a", "from_topic": "b"}, "needs one source"),
        (DelayHeard, {"from_log": "goods"}, "would come from the saga's own log"),
        (DelayHeard, {"from_log": "a", "format": "json"}, "a log has no format"),
        (DelayHeard, {"from_log": "a", "prefix": "b"}, "prefix='b'"),
        (DelayHeard, {"from_topic": "a", "format": "xml"}, "format='xml'"),
        (DelayHeard, {"from_topic": "a", "named": "X"}, "a topic has its whole name"),
        (DelayHeard, {"from_topic": "a", "key": "nowhere"}, r"no field 'nowhere' \(key\)"),
        (DelayHeard, {"from_topic": "a", "key": ""}, r"no field '' \(key\)"),
        (DelayHeard, {"from_topic": "a", "id": "nowhere"}, r"no field 'nowhere' \(id\)"),
        (DelayHeard, {"from_topic": "a", "fields": {"x": "y"}}, r"no field 'x' \(fields\)"),
        (Numbered, {"from_topic": "a"}, "cannot be the saga's id: it is another type"),
        (GoodsOrdered, {"from_topic": "a"}, "begins the saga"),
        (Asked, {"from_topic": "a"}, "cannot be imported"),
        (7, {"from_topic": "a"}, "cannot be imported"),
    ],
)
def test_what_cannot_be_imported_is_refused_where_it_stands(
    event: Any, said: dict[str, Any], why: str
) -> None:
    with pytest.raises(DefinitionError, match=why) as refused:
        table().imports(event, **{"key": "order_id", **said})
    assert refused.value.file == __file__
    assert refused.value.rule == "import"


def test_two_imports_do_not_share_records_or_a_type() -> None:
    saga = table()
    saga.imports(DelayHeard, from_log="shipping", key="order_id")
    with pytest.raises(DefinitionError, match="DelayHeard is imported twice"):
        saga.imports(DelayHeard, from_log="other", key="order_id")
    saga.imports(PaymentSettled, from_topic="bank", key="reference")
    with pytest.raises(DefinitionError, match="same records as another import"):
        saga.imports(GoodsClosed, from_topic="bank", key="order_id")
    saga.imports(GoodsClosed, from_log="shipping", key="order_id")


def twice(prefix: str | None, log: str) -> Spec:
    saga = table()
    saga.imports(DelayHeard, from_log="shipping", named="Sent", key="order_id", prefix="team-a.")
    saga.imports(PaymentSettled, from_log=log, named="Sent", key="reference", prefix=prefix)
    return whole(saga).spec


@pytest.mark.parametrize(
    ("prefix", "log", "why"),
    [
        (None, "shipping", "are made of the same records of team-a.shipping.events"),
        ("team-a.", "goods", "would come from team-a.goods.events, the workflow's own log"),
    ],
)
def test_sources_are_compared_as_they_are_behind_the_prefix(
    prefix: str | None, log: str, why: str
) -> None:
    spec = twice(prefix, log)
    assert misplaced_import(replace(spec, prefix="team-b.")) == ""
    assert why in misplaced_import(replace(spec, prefix="team-a."))


def test_the_spec_tells_what_a_user_of_it_must_know() -> None:
    spec = replace(goods().spec, prefix="team-a.")
    assert list(spec.import_topics) == ["team-a.shipping.events", "bank.settlements"]
    assert spec.import_schema_topics == ("team-a.minuet.schemas",)
    assert spec.import_group == "team-a.goods.imports"
    assert [spec.key_of(name) for name in ("PaymentSettled", "GoodsOrdered")] == [
        "reference", "order_id",
    ]  # fmt: skip
    other = replace(goods(prefix="").spec, prefix="team-a.")
    assert next(iter(other.import_topics)) == "shipping.events"
    assert other.import_schema_topics == ("minuet.schemas",)


def test_it_is_part_of_what_the_workflow_means() -> None:
    spec, other = goods().spec, goods(id="settlement").spec
    assert spec.version != other.version
    plain = as_plain(spec)
    assert from_plain(json.dumps(plain), "here").imports == spec.imports


def test_each_change_of_an_import_has_words() -> None:
    spec = goods().spec
    none = replace(spec, imports=spec.imports[:1])
    moved = replace(spec, imports=(replace(spec.imports[0], log="carrier"), spec.imports[1]))

    def said(old: Any, new: Any) -> list[tuple[str, str]]:
        return [(each.what, each.safety) for each in differences(old, new)]

    assert said(none, spec) == [
        ("PaymentSettled is imported, from bank.settlements (json)", "safe")
    ]
    assert said(spec, none) == [("PaymentSettled is no longer imported", "careful")]
    what = "DelayHeard is imported from ParcelDelayed on the log of carrier, no longer "
    assert said(spec, moved) == [(what + "ParcelDelayed on the log of shipping", "careful")]
    what = "PaymentSettled is read otherwise from bank.settlements (json): key, id or fields"
    assert said(spec, goods(id="settlement").spec) == [(what, "careful")]


def test_asyncapi_has_the_sources_as_channels() -> None:
    found = asyncapi(goods())
    assert list(jsonschema_rs.validator_for(OFFICIAL).iter_errors(found)) == []
    assert found["channels"]["from.bank.settlements"]["address"] == "bank.settlements"
    operation = found["operations"]["from.shipping.events.receive"]
    assert (operation["action"], operation["summary"]) == ("receive", "imported as DelayHeard")


def test_a_simulation_sends_what_is_imported() -> None:
    workflow = goods()
    sent = {one.type for seed in range(20) for one in scenario(workflow, seed, 5, 5).letters}
    assert {"DelayHeard", "PaymentSettled"} <= sent


def test_a_drawing_shows_where_it_comes_from() -> None:
    drawn = svg(picture(goods().spec, "all", ()))
    assert "shipping.events" in drawn
    assert "bank.settlements" in drawn
    assert "publish it" not in drawn
