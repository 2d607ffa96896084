"""What is counted side by side, what a table says of it, and that the programs play one saga."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from pydantic import ValidationError

from bench.sidebyside import picture, report, series
from bench.sidebyside.contestants import CONTESTANTS, NAMES, Contestant
from bench.sidebyside.programs import events, saga, wire
from bench.sidebyside.tally import events_of, steps, steps_of, tally
from minuet.bench.reference import events as reference
from tests.installed import ROOT

SAGAS = 20  # the last of them is refused


def quiet(_step: str, _order: str) -> None:
    pass


def effects(sagas: int = SAGAS) -> list[str]:
    return [f"{step} order-{n}\n" for n in range(1, sagas + 1) for step in steps_of(n)]


def said(sagas: int = SAGAS) -> list[tuple[str, str]]:
    return [(f"order-{n}", kind) for n in range(1, sagas + 1) for kind in events_of(n)]


def story(number: int) -> Iterator[tuple[events.Event, saga.Saga]]:
    """Each event of a saga with the state after it, as any of the programs plays it."""
    event: events.Event | None = events.OrderPlaced(
        order_id=f"order-{number}", number=number, total_cents=100
    )
    state: saga.Saga = {}
    while event is not None:
        state, answer = saga.react(state, event, quiet, f"order-{number}")
        yield event, state
        event = answer


def test_a_run_in_which_all_went_well_has_no_count_but_its_sizes() -> None:
    found = tally(effects(), said(), SAGAS)
    assert found.steps == found.ran == steps(SAGAS) == 19 * 4 + 5
    assert found.records == 19 * 6 + 9
    assert not found.wrong
    assert found.repeated == found.sagas_repeated == found.records_again == 0


def test_what_ran_or_stands_twice_is_counted_and_is_not_wrong() -> None:
    again = ["charge_payment order-1\n", "charge_payment order-1\n", "book_shipping order-1\n"]
    found = tally([*effects(), *again], [*said(), ("order-2", "StockReserved")], SAGAS)
    assert (found.repeated, found.sagas_repeated, found.records_again) == (3, 1, 1)
    assert not found.wrong


@pytest.mark.parametrize(
    ("lost_effect", "lost_record", "more_record", "count"),
    [
        ("release_stock order-20\n", None, None, "sagas_missing"),
        (None, ("order-3", "PaymentCharged"), None, "records_missing"),
        (None, ("order-20", "SagaCompensated"), None, "unfinished"),
        (None, None, ("order-4", "SagaCompensated"), "wrong_end"),
    ],
)
def test_what_is_lost_or_ends_otherwise_is_wrong(
    lost_effect: str | None,
    lost_record: tuple[str, str] | None,
    more_record: tuple[str, str] | None,
    count: str,
) -> None:
    ran = [line for line in effects() if line != lost_effect]
    records = [record for record in said() if record != lost_record]
    found = tally(ran, records + ([more_record] if more_record else []), SAGAS)
    assert found.wrong
    assert getattr(found, count) == 1


def test_a_run_that_no_saga_asks_for_is_wrong() -> None:
    assert tally([*effects(), "refund_payment order-1\n"], said(), SAGAS).foreign == 1


@pytest.mark.parametrize("number", [1, SAGAS])
def test_the_programs_say_just_the_events_that_are_counted(number: int) -> None:
    assert [type(event).__name__ for event, _ in story(number)] == list(events_of(number))


@pytest.mark.parametrize("number", [1, SAGAS])
def test_the_programs_run_just_the_handlers_that_are_counted(number: int) -> None:
    ran: list[str] = []
    for event, _ in story(number):
        saga.react({}, event, lambda step, _order: ran.append(step), f"order-{number}")
    assert ran == list(steps_of(number))


def test_an_event_that_comes_again_gets_the_same_answer_and_no_handler_runs() -> None:
    ran: list[str] = []
    for event, state in story(SAGAS):
        after, answer = saga.react(state, event, lambda step, _: ran.append(step), "order-20")
        assert after is state
        kept = state.get(type(event).__name__)
        assert (answer is None) == (kept is None)
        assert answer is None or [type(answer).__name__, vars(answer)] == kept
    assert ran == []


def test_of_an_ended_saga_the_end_alone_is_kept() -> None:
    *_, (_, state) = story(1)
    assert state == {"ended": "SagaCompleted"}


def test_every_event_is_the_same_after_avro_and_knows_its_type() -> None:
    for number in (1, SAGAS):
        for event, _ in story(number):
            value = wire.encode(event)
            assert wire.decode(value) == event
            assert wire.type_of(value) == type(event).__name__


def test_bytes_of_no_known_event_are_refused() -> None:
    with pytest.raises(ValueError, match="no event"):
        wire.decode(b"\x00\x00\x00\x00\x63")
    assert wire.type_of(b"{}") == ""


def test_an_event_is_checked_strictly() -> None:
    with pytest.raises(ValidationError):
        events.OrderPlaced.model_validate({"order_id": "a", "number": "1", "total_cents": 1})


def test_the_events_have_the_fields_of_the_reference_saga() -> None:
    own = {
        "OrderPlaced", "StockReserved", "PaymentCharged", "ShippingBooked", "ShippingRefused",
        "OrderConfirmed", "PaymentRefunded", "StockReleased",
    }  # fmt: skip
    for name in own:
        mine: Any = getattr(events, name)
        theirs: Any = getattr(reference, name)
        assert list(mine.model_fields) == list(theirs.model_fields)


def run(measure: str, contestant: str, number: int = 1, **found: object) -> series.Run:
    circumstances = {
        "sagas": 10, "version": "1.0", "load_before": 0.1, "load_after": 0.4, "cpus": 2,
        "at": 1_795_000_000.0 + number,
    }  # fmt: skip
    kept = {"measure": measure, "contestant": contestant, "round": number}
    return {**kept, **circumstances, **found}


def rate(contestant: str, per_s: float, number: int) -> series.Run:
    return run(
        "throughput", contestant, number,
        sagas_per_s=per_s, cpu_us_per_event=per_s / 10, peak_rss_mb=50.0,
    )  # fmt: skip


def kill(contestant: str, number: int, repeated: float, unfinished: int) -> series.Run:
    counts = ("sagas_repeated", "records_again", "sagas_missing", "records_missing", "wrong_end")
    return run(
        "killed", contestant, number,
        repeated_percent=repeated, unfinished=unfinished, pause_s=None, **dict.fromkeys(counts, 0),
    )  # fmt: skip


RUNS = [
    *(rate("minuet", per_s, n) for n, per_s in enumerate((900.0, 1_200.0, 1_000.0), 1)),
    rate("quix", 1_500.0, 1),
    *(kill("quix", n, repeated, 2) for n, repeated in enumerate((4.0, 1.0, 9.0), 1)),
    run("latency", "quix", failed="it ended with 1:\nTraceback\nOSError: no"),
]


def test_of_rounds_the_median_counts_and_what_may_never_be_is_added_up() -> None:
    found = report.figures(RUNS)
    assert found["minuet"]["throughput.sagas_per_s"] == 1_000
    assert found["quix"]["killed.repeated_percent"] == 4
    assert found["quix"]["killed.unfinished"] == 6
    assert found["quix"]["failed"] == 1


def test_a_table_has_a_row_for_each_contestant_and_says_what_failed() -> None:
    text = report.section(RUNS, "python -m bench.sidebyside", "2 CPUs")
    assert "| Minuet (minuet 1.0) | 1,000 | 100 | 50 |" in text
    assert "Quix Streams, by hand, latency, round 1, failed: OSError: no" in text
    assert "Load average while it ran: 0.1 to 0.4." in text
    assert "busy" not in text


def test_minuet_on_faust_is_held_against_the_app_by_hand() -> None:
    runs = [rate("minuet-faust", 90.0, 1), rate("faust", 100.0, 1)]
    assert "0.90 times the sagas a second" in report.section(runs, "python", "2 CPUs")
    assert "times the sagas" not in report.section(runs[:1], "python", "2 CPUs")


def test_a_busy_machine_is_said_to_be_one() -> None:
    busy = [{**each, "load_after": 30.0} for each in RUNS]
    assert "**This machine was busy" in report.section(busy, "python", "2 CPUs")


def test_the_page_keeps_what_is_around_the_figures() -> None:
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    new = report.written_into(page, "new")
    assert new.startswith("before\n")
    assert new.endswith("\nafter\n")
    assert "old" not in new
    assert report.written_into(new, "new") == new
    with pytest.raises(ValueError, match="figures"):
        report.written_into("no marks", "new")


def test_the_picture_is_xml_with_a_bar_for_each_figure_and_no_script() -> None:
    drawn = picture.svg(report.figures(RUNS), "load <1 & quiet")
    tags = Counter(
        element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawn).iter()
    )
    assert tags["rect"] == 1 + 2 + 2 + 1
    assert tags["script"] == 0
    assert "1,500" in drawn


@pytest.mark.parametrize("contestant", [each for each in CONTESTANTS if each.requirements])
def test_an_environment_is_made_of_pinned_and_hashed_requirements(contestant: Contestant) -> None:
    text = (ROOT / "bench" / "sidebyside" / contestant.requirements).read_text(encoding="utf-8")
    asked = re.split(r"\n(?=\w)", text.partition("\n\n")[2] or text)
    named = [each for each in asked if not each.startswith("#")]
    assert f"{contestant.library}==" in text
    assert [each for each in named if "==" not in each or "--hash=sha256:" not in each] == []


def test_contestants_take_turns_the_other_way_round_in_every_second_round() -> None:
    size = series.Size(sagas=5, flushed=1, latency=1, killed=1, rounds=2)
    turns = list(series.turns(size, CONTESTANTS))
    rates = [turn.contestant.name for turn in turns if turn.measure == "throughput"]
    assert rates == [*NAMES, *reversed(NAMES)]
    assert len({turn.key for turn in turns}) == len(turns)
