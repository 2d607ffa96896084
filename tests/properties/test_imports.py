"""An event of elsewhere, imported however often and in whatever order, is one event of its saga."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from minuet.core.row import pack
from minuet.core.state import State
from tests.unit.core.story import Story, orders, step

# What an importer may append: an event by its id and content. `a` is what the source said first;
# `b` another event of the same type about the same saga; "other" a source that changed its mind.
ARRIVALS = st.lists(
    st.sampled_from([("a", "one"), ("a", "one"), ("a", "other"), ("b", "two"), ("begin", "")]),
    min_size=1, max_size=8,
)  # fmt: skip
PAID = "PaymentSettled"
SPEC = orders(step("note_payment", f"OrderPlaced, {PAID}", "PaymentNoted"))


def told(arrivals: Sequence[tuple[str, str]], *, packed: bool = False) -> Story:
    order = Story(SPEC, packed=packed)
    for event_id, content in arrivals:
        if event_id == "begin":
            order.begins()
        else:
            order.append(PAID, event_id, body=content, imported="bank/0/7")
    return order


def effective(state: State) -> str:
    return state.events[PAID].id if PAID in state.events else ""


@settings(max_examples=300, derandomize=True, deadline=None)
@given(ARRIVALS)
def test_the_first_is_effective_and_its_first_content_stands(
    arrivals: list[tuple[str, str]],
) -> None:
    order = told(arrivals)
    paid = [one for one in arrivals if one[0] != "begin"]
    state = order.state
    if ("begin", "") not in arrivals:
        assert state.status.value == "early"
        return
    assert effective(state) == (paid[0][0] if paid else "")
    if paid:
        assert state.events[PAID].value == paid[0][1].encode()
        assert order.due.count("note_payment") == 1
    first = dict(reversed(paid))
    distinct, same = len(first), sum(first[event_id] == content for event_id, content in paid)
    again = arrivals.count(("begin", "")) - 1
    assert order.count("strays") == max(0, distinct - 1)
    assert order.count("duplicates") == same - distinct + again
    assert order.count("conflicts") == len(paid) - same, "its source said it in two ways"
    assert order.count("nondeterministic") == 0
    assert order.incidents == []


@settings(max_examples=200, derandomize=True, deadline=None)
@given(ARRIVALS)
def test_a_new_owner_at_each_record_and_a_rebuild_find_the_same(
    arrivals: list[tuple[str, str]],
) -> None:
    order, handed_on = told(arrivals), told(arrivals, packed=True)
    row = pack(order.plan, order.state)
    assert pack(order.plan, handed_on.state) == row
    assert pack(order.plan, order.rebuilt()) == row


@settings(max_examples=200, derandomize=True, deadline=None)
@given(ARRIVALS, st.data())
def test_what_an_importer_reads_again_after_a_kill_changes_nothing_that_is_due(
    arrivals: list[tuple[str, str]], data: st.DataObject
) -> None:
    order = told(arrivals)
    before = (effective(order.state), order.due, order.count("strays"), order.status)
    start = data.draw(st.integers(0, len(order.log) - 1))
    for record in list(order.log[start:]):
        order.again(record)
    assert (effective(order.state), order.due, order.count("strays"), order.status) == before


def test_an_event_that_was_imported_is_not_carried_over_into_another_round() -> None:
    order = Story(SPEC)
    order.begins()
    order.happens(PAID, "a")
    order.goes_well(reserve_stock="StockRejected")
    order.redoes()
    order.happens(PAID, "a")
    assert (effective(order.state), order.count("duplicates")) == ("", 1)
    order.happens(PAID, "published by hand")
    assert effective(order.state) == "published by hand"
