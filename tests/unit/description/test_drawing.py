"""A drawing is whole: everything is named, nothing lies on anything else or runs off the paper."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest

from minuet.description.layout import Box, Layout, arrange
from minuet.description.matrix import matrix
from minuet.description.measures import name_width
from minuet.description.mermaid import mermaid
from minuet.description.parts import View
from minuet.description.picture import picture
from minuet.description.svg import svg
from minuet.scaffold import create
from minuet.spec.model import Spec
from tests.unit.core.story import step
from tests.unit.description.specs import CLAIMS, ROOT, events, long_names, many, shipped

SVG = "{http://www.w3.org/2000/svg}"
GRAPHS: tuple[View, ...] = ("all", "happy", "undo")


def texts(document: str) -> Iterator[tuple[str, float, float, float]]:
    """Each text that is not turned: what it says, where it begins, its width, its height."""
    root = ElementTree.fromstring(document)
    for parent in root.iter():
        moved = re.match(r"translate\(([\d.]+) ([\d.]+)\)( rotate)?", parent.get("transform", ""))
        if moved is None or not moved[3]:
            for each in parent.findall(f"{SVG}text"):
                x, y = (float(each.get(name, "0")) for name in "xy")
                if moved:
                    x, y = x + float(moved[1]), y + float(moved[2])
                yield each.text or "", x, y, float(each.get("textLength", "0"))


def laid_out(spec: Spec, view: View = "all") -> Layout:
    return arrange(picture(spec, view, shipped().values()), 80)


@pytest.mark.parametrize("spec", many(), ids=lambda spec: spec.name)
def test_every_step_and_event_is_named_and_within_the_paper(spec: Spec) -> None:
    for document in (svg(picture(spec)), matrix(picture(spec))):
        root = ElementTree.fromstring(document)
        named = {each.text for each in root.iter(f"{SVG}text")}
        assert {s.name for s in spec.steps} | events(spec) <= named
        _, _, width, height = map(float, root.get("viewBox", "").split())
        for words, x, y, length in texts(document):
            assert x >= 0, words
            assert x + length < width, words
            assert 0 < y < height, words


@pytest.mark.parametrize("view", GRAPHS)
def test_no_two_cards_overlap_and_no_arrow_runs_through_one(view: View) -> None:
    for spec in many():
        layout = laid_out(spec, view)
        for a, b in combinations(layout.boxes.values(), 2):
            assert apart(a, b), (spec, a.card, b.card)
        for arrow, points in layout.lines.items():
            for start, end in pairwise(points):
                assert start[0] == end[0] or start[1] == end[1], arrow
                for box in layout.boxes.values():
                    assert apart(box, between(start, end)), (spec, arrow, box.card)
            assert max(x for x, _ in points) < layout.width, arrow


def apart(a: Box, b: Box) -> bool:
    beside = a.x + a.width <= b.x or b.x + b.width <= a.x
    return beside or a.y + a.height <= b.y or b.y + b.height <= a.y


def between(start: tuple[float, float], end: tuple[float, float]) -> Box:
    (left, right), (top, bottom) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    return Box(0, x=left, y=top, width=right - left, height=bottom - top)


def test_a_name_is_never_wider_than_its_card() -> None:
    for box in laid_out(long_names()).boxes.values():
        assert box.card is not None
        for row in box.card.rows:
            assert name_width(row.event) + 24 < box.width


def test_who_begins_a_saga_is_shown_and_whom_it_begins() -> None:
    orders, refunds = shipped()["orders"], shipped()["refunds"]
    assert picture(orders).cards["outside"].rows[0].event == "OrderPlaced"
    begun = picture(orders, "happy", [refunds]).cards["begins refunds"]
    assert begun.needs == (("RefundRequested",),)
    begins = picture(refunds, "all", [orders]).cards["by orders request_refund"]
    assert "step request_refund" in begins.notes
    assert "outside" not in picture(refunds, "all", [orders]).cards


def test_an_arrow_stands_only_for_what_decides_when_a_step_runs() -> None:
    cards = picture(shipped()["orders"]).cards
    assert cards["charge_payment"].needs == (("StockReserved",), ("FraudCleared",))
    assert "also needs OrderPlaced" in cards["charge_payment"].notes
    assert "also needs PaymentCharged" in cards["refund_payment"].notes
    claims = picture(CLAIMS).cards
    assert claims["decide"].needs[-1] == ("PolicyValid", "PolicySpecial")  # one of them is certain
    assert claims["close"].needs == (("PayoutMade",),)
    assert "also needs Reminded or SurveyBooked" in claims["close"].notes


def test_the_happy_path_has_no_failure_and_the_undo_path_runs_backwards() -> None:
    orders = shipped()["orders"]
    happy = svg(picture(orders, "happy"))
    assert not [event for event in (*orders.fails, "RefundPayment") if event in happy]
    undo = picture(orders, "undo")
    backwards = [(a.source, a.target) for a in undo.arrows if a.way == "undo"]
    assert backwards == [
        ("failing", "refund_payment"),
        ("refund_payment", "release_stock"),
        ("release_stock", "compensated"),
    ]
    assert "confirm_order" not in undo.cards


@pytest.mark.parametrize("view", GRAPHS)
def test_an_arrow_leaves_from_the_event_that_is_needed(view: View) -> None:
    for spec in many():
        drawn = picture(spec, view)
        for arrow in drawn.arrows:
            needs = drawn.cards[arrow.target].needs
            if needs and needs != ((),):
                event = drawn.cards[arrow.source].rows[arrow.row].event
                assert event in needs[arrow.port], (spec, arrow)


def test_undo_at_once_leads_to_each_of_them() -> None:
    at_once = picture(replace(shipped()["orders"], parallel_undo=True))
    first = {a.target for a in at_once.arrows if a.source == "failing"}
    assert first == {"refund_payment", "release_stock"}


def test_what_follows_from_an_undo_stands_behind_it() -> None:
    cards = picture(CLAIMS).cards
    assert cards["audit_refund"].column < cards["free_money"].column
    assert cards["file_failure"].column < cards["compensated"].column
    assert "or after SagaCompensated" in cards["archive"].notes
    assert cards["person"].rows[0].event == "SagaCancelled"


LINE = re.compile(
    r"""\ {4}(?:
        [ces]\d+(?:r\d+|and|or\d+)?                       # a node of ours, and its words in quotes
        (?:\(\[|\[\[|\[\(|\{\{|\(|\[)"(?:[^\W_]|[ _\-,.]|\#\d+;)+"(?:\]\)|\]\]|\)\]|\}\}|\)|\])
        (?::::[a-z]+|\ (?:-->|-\.->)\ c\d+(?:and)?)
      | [ces]\d+(?:r\d+)?\ (?:-->|-\.->|---)\ [ces]\d+(?:r\d+|and|or\d+)?
      | classDef\ [a-z]+\ [\w#:,\- ]+
    )""",
    re.VERBOSE,
)


@pytest.mark.parametrize("view", get_args(View))
def test_mermaid_has_only_lines_of_known_form_and_every_name_in_quotes(view: View) -> None:
    for spec in many():
        first, *lines = mermaid(picture(spec, view)).splitlines()
        assert first == "flowchart LR"
        assert [line for line in lines if not LINE.fullmatch(line)] == []
        declared = set(re.findall(r"^    (\w+)(?=[(\[{])", "\n".join(lines), re.MULTILINE))
        used = {end for a, b in re.findall(r"(\w+) (?:-->|-\.->|---) (\w+)", "\n".join(lines))
                for end in (a, b)}  # fmt: skip
        assert used <= declared
        if view in ("all", "needs"):
            named = set(re.findall(r'"(\w+)"', "\n".join(lines)))
            assert {s.name for s in spec.steps} | events(spec) <= named


def test_words_of_mermaid_and_xml_are_harmless_as_names() -> None:
    spec = replace(
        CLAIMS, name='a"<b>&', key='<script>"', steps=(step("end", "subgraph", "style"),)
    )
    assert "class=" in svg(picture(spec))
    assert "<script>" not in svg(picture(spec))
    drawn = mermaid(replace(picture(spec), cards={
        key: replace(card, title='x"]; click <b> `é') for key, card in picture(spec).cards.items()
    }))  # fmt: skip
    assert 'c1["x#34;#93;#59; click #60;b#62; #96;é"]' in drawn
    assert [line for line in drawn.splitlines()[1:] if not LINE.fullmatch(line)] == []


@pytest.mark.parametrize("name", ["orders", "refunds"])
def test_the_pictures_of_the_docs_are_those_of_the_workflows(name: str) -> None:
    others = [spec for other, spec in shipped().items() if other != name]
    drawn = {f"{name}.svg": svg(picture(shipped()[name], "all", others))}
    if name == "orders":
        drawn["orders-needs.svg"] = matrix(picture(shipped()[name], "needs", others))
    for file, document in drawn.items():
        committed = (ROOT / "docs" / "guide" / file).read_text(encoding="utf-8")
        assert committed == document, "write it again: the command stands in docs/guide/diagrams.md"


def test_a_new_project_is_drawn(tmp_path: Path) -> None:
    create("bookings", tmp_path)
    command = [sys.executable, "-P", "-m", "minuet", "diagram", "bookings", "--format", "svg"]
    folder = tmp_path / "bookings"
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    named = {each.text for each in ElementTree.fromstring(done.stdout).iter(f"{SVG}text")}
    assert {"bookings", "SagaCompleted", "SagaCompensated"} <= named
