"""One partition checked without a broker: rows and records of a story, some of them wrong."""

from __future__ import annotations

from io import BytesIO

import fastavro

from minuet.core.row import BLANK, ROW_SCHEMA
from minuet.event.record import Record
from minuet.kafka.partitioner import partition_of
from minuet.verify.partition import Bounds, Check
from minuet.verify.report import Report
from minuet.verify.rows import read_row
from tests.unit.core.story import DAY_MS, TO_CHARGE, TO_CONFIRM, Story, placed

KEY = b"order-1"


def checked(
    order: Story, rows: list[tuple[bytes, bytes | None]], *, committed: int = -1, begins: int = 0
) -> Report:
    committed = len(order.log) if committed < 0 else committed
    check = Check(order.plan, Bounds(0, 1, begins, committed))
    for key, row in rows:
        check.row(key, row)
    for record in order.log[begins:]:
        check.record(record)
    return check.finish()


def kinds(report: Report) -> list[str]:
    return [difference.kind for difference in report.differences]


def rows_on_the_way(order: Story) -> list[tuple[bytes, bytes | None]]:
    """The row that a checkpoint after each record would have written."""
    retold = Story(order.spec)
    found: list[tuple[bytes, bytes | None]] = []
    for record in order.log:
        retold.log.append(record)
        retold.table.fold(record)
        found.append((KEY, retold.row()))
    return found


def forged(row: bytes, **fields: object) -> bytes:
    out = BytesIO()
    schema = fastavro.parse_schema(ROW_SCHEMA)
    fastavro.schemaless_writer(out, schema, {**read_row(row), **fields})
    return out.getvalue()


def ended() -> Story:
    order = placed(*TO_CONFIRM)
    order.goes_well()
    return order


def undone() -> Story:
    order = placed(*TO_CHARGE)
    order.goes_well(charge_payment="PaymentDeclined")
    return order


def test_every_row_that_a_checkpoint_can_write_is_the_fold_at_its_offset() -> None:
    for order in (ended(), undone()):
        report = checked(order, rows_on_the_way(order))
        assert report.differences == []
        assert (report.rows, report.events, report.sagas) == (len(order.log), len(order.log), 1)


def test_only_sagas_that_are_meant_are_told_and_all_are_compared() -> None:
    order = ended()
    rows = [(key, forged(row or b"", status="failing")) for key, row in rows_on_the_way(order)]
    assert not checked(order, [*rows]).ok
    check = Check(order.plan, Bounds(0, 1, 0, 0), lambda saga: saga != KEY.decode())
    for key, row in rows:
        check.row(key, row)
    for record in order.log:
        check.record(record)
    report = check.finish()
    assert (report.ok, report.differing, report.rows) == (True, 0, len(order.log))


def test_rows_written_by_one_who_took_over_from_rows_are_the_same() -> None:
    order = Story(packed=True)
    order.begins()
    order.goes_well(book_shipment="ShipmentRefused")
    rows = rows_on_the_way(order)
    assert checked(order, [*rows, (KEY, order.row())]).ok


def test_the_counts_say_what_happened() -> None:
    order = undone()
    order.again(order.log[0])
    order.again(order.log[0], body="other content")
    report = checked(order, [(KEY, order.row())])
    assert (report.compensated, report.live, report.duplicates, report.conflicts) == (1, 0, 1, 1)
    running = placed()
    assert checked(running, [(KEY, running.row())]).live == 1


def test_an_incident_is_counted_while_it_is_open() -> None:
    order = placed("reserve_stock")
    gave_up = order.gives_up("screen_fraud")
    assert checked(order, [(KEY, order.row())]).incidents == 1
    order.resumes("screen_fraud", gave_up)
    assert checked(order, [(KEY, order.row())]).incidents == 0


def test_a_wrong_field_is_named_with_both_values() -> None:
    order = ended()
    report = checked(order, [(KEY, forged(order.row(), status="compensated", counts={"x": 1}))])
    assert kinds(report) == ["row"]
    fields = {each.field: (each.stored, each.folded) for each in report.differences[0].fields}
    assert fields == {"status": ("compensated", "completed"), "counts.x": ("1", "-")}


def test_an_older_row_that_is_wrong_is_found_too() -> None:
    order = ended()
    rows = rows_on_the_way(order)
    rows[1] = (KEY, forged(rows[1][1] or b"", at=7))
    assert kinds(checked(order, rows)) == ["row"]


def test_of_rows_before_a_blank_one_nothing_is_said() -> None:
    order = ended()
    wrong = forged(order.row(), status="compensated")
    stranger = [(b"nobody", b""), (b"nobody", BLANK), (b"nobody", None)]
    rows = [(KEY, wrong), (KEY, b""), (KEY, BLANK), (KEY, order.row()), *stranger]
    assert checked(order, rows).ok
    assert kinds(checked(order, rows[:3])) == ["missing"]
    assert kinds(checked(order, [*rows, (KEY, wrong)])) == ["row"]
    assert kinds(checked(order, [*rows, (KEY, b"")])) == ["unreadable"]
    assert kinds(checked(order, rows[:5])) == ["unreadable"]


def test_a_row_that_is_being_made_anew_is_not_missing() -> None:
    order = ended()
    for asked_at, kinds_then in ((len(order.log), []), (0, ["missing"])):
        check = Check(order.plan, Bounds(0, 1, 0, len(order.log)))
        for row in (order.row(), BLANK):
            check.row(KEY, row)
        for record in order.log:
            check.record(record)
        check.unreadable(asked_at, asks=True)
        report = check.finish()
        assert (kinds(report), report.unreadable) == (kinds_then, 0)


def test_a_saga_without_row_is_missing_once_its_position_is_committed() -> None:
    order = ended()
    assert kinds(checked(order, [])) == ["missing"]
    assert kinds(checked(order, [(KEY, order.row()), (KEY, None)])) == ["missing"]
    report = checked(order, [], committed=0)
    assert (report.ok, report.uncommitted) == (True, len(order.log))


def test_an_older_row_is_behind_once_a_later_position_is_committed() -> None:
    order = ended()
    rows = rows_on_the_way(order)
    assert kinds(checked(order, rows[:2])) == ["behind"]
    assert checked(order, rows[:2], committed=2).ok


def test_the_last_row_counts_since_compaction_keeps_that() -> None:
    order = ended()
    rows = rows_on_the_way(order)
    assert kinds(checked(order, [*rows, rows[0]])) == ["behind"]


def test_a_row_of_a_place_where_the_log_has_nothing_of_its_saga_is_no_record() -> None:
    order = ended()
    row = order.row()
    ahead = forged(row, log_offset=len(order.log) + 3)
    assert kinds(checked(order, [(KEY, row), (KEY, ahead), (KEY, row)])) == ["no-record"]
    assert kinds(checked(order, [(KEY, row), (b"order-2", row)])) == ["no-record"]


def test_bytes_that_are_no_row_are_unreadable() -> None:
    order = ended()
    row = order.row()
    report = checked(order, [(KEY, row[:3]), (KEY, row + b"!"), (KEY, row[:-1]), (KEY, row)])
    assert kinds(report) == ["unreadable"] * 3


def test_a_saga_kept_long_enough_needs_no_row() -> None:
    order = ended()
    order.now += 9 * DAY_MS
    other = Record("order-2", len(order.log), order.now, "x", "OrderPlaced", "", b"", {})
    order.log.append(other)
    report = checked(order, [(KEY, None)], committed=len(order.log) - 1)
    assert (report.ok, report.sagas) == (True, 2)


def test_rows_of_sagas_whose_beginning_the_log_has_lost_are_set_apart() -> None:
    order = ended()
    report = checked(order, rows_on_the_way(order), begins=2)
    assert (report.ok, report.rows, report.cut) == (True, 0, len(order.log))


def test_a_saga_in_another_partition_than_its_key_s_is_told() -> None:
    order = placed()
    own = partition_of(KEY, 6)
    for partition, misplaced in ((own, 0), ((own + 1) % 6, 1)):
        check = Check(order.plan, Bounds(partition, 6, 0, 0))
        check.record(order.log[0])
        check.record(order.again(order.log[0]))
        assert check.finish().misplaced == misplaced


def test_reports_of_partitions_add_up() -> None:
    order = ended()
    whole = Report("orders")
    whole.add(checked(order, []))
    whole.add(checked(order, rows_on_the_way(order)))
    assert (whole.partitions, whole.completed, whole.differing, whole.ok) == (2, 2, 1, False)
    assert whole.as_dict()["differences"][0]["kind"] == "missing"
