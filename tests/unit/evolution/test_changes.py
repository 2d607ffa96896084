"""What may change in a schema: by the specification, by Apache's checker, and by Minuet."""

from __future__ import annotations

import json
import warnings
from typing import Any

import avro.schema
import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from fastavro import parse_schema

from minuet.evolution.resolving import Broken, Rule, broken
from tests.unit.evolution.changes import CHANGES, LOGICAL, Change, field, inner, record

NAMES = [change.what for change in CHANGES]

# Where Apache's checker (1.12.2) and the specification differ, in which direction; and the
# reason. A row that it judges right in a later version fails here, and can go.
APACHE_IS_WRONG = {
    "another scale of a decimal": ("backward", "forward"),  # it does not see logical types
    "another precision of a decimal": ("backward", "forward"),
    "change a decimal two levels down": ("backward", "forward"),
    "rename a record with its short name as alias": ("backward",),  # it is in a namespace
    "rename an enum with an alias": ("backward",),
    "rename a fixed with an alias": ("backward",),
    "add a field whose default is of another type": ("backward",),  # it looks at no default
    "add a field whose default is too large": ("backward",),
    "add an enum field whose default is no symbol": ("backward",),
    "add a record whose default lacks a field": ("backward",),
}


def verdict(reader: Any, writer: Any) -> tuple[bool, frozenset[Rule], list[Broken]]:
    """Whether the specification allows it, and which further rules refuse it."""
    found = broken(parse_schema(reader), parse_schema(writer))
    rules = {each.rule for each in found}
    of_specification = {rule for rule in rules if rule.of_specification}
    return not of_specification, frozenset(rules - of_specification), found


def apache(reader: Any, writer: Any) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of logical types that it does not know
        schemas = [avro.schema.parse(json.dumps(each)) for each in (reader, writer)]
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(schemas[0], schemas[1])
    return result.compatibility is SchemaCompatibilityType.compatible


def test_there_are_as_many_changes_as_promised() -> None:
    assert len(CHANGES) >= 40
    assert len(set(NAMES)) == len(NAMES)
    assert {(c.backward, c.forward) for c in CHANGES} == {
        (b, f) for b in (True, False) for f in (True, False)
    }


@pytest.mark.parametrize("change", CHANGES, ids=NAMES)
def test_the_new_reads_the_old_as_the_specification_says(change: Change) -> None:
    allowed, beyond, found = verdict(change.new, change.old)
    assert (allowed, beyond) == (change.backward, change.beyond_backward), found


@pytest.mark.parametrize("change", CHANGES, ids=NAMES)
def test_the_old_reads_the_new_as_the_specification_says(change: Change) -> None:
    allowed, beyond, found = verdict(change.old, change.new)
    assert (allowed, beyond) == (change.forward, change.beyond_forward), found


@pytest.mark.parametrize("change", CHANGES, ids=NAMES)
def test_apaches_checker_says_the_same_but_where_it_is_known_to_be_wrong(change: Change) -> None:
    wrong = APACHE_IS_WRONG.get(change.what, ())
    assert apache(change.new, change.old) == (change.backward != ("backward" in wrong))
    assert apache(change.old, change.new) == (change.forward != ("forward" in wrong))


def test_apaches_checker_takes_any_branch_where_the_first_of_the_name_counts() -> None:
    one, other = inner(field("int"), name="a.Line"), inner(field("string"), name="b.Line")
    old, new = record(field(other)), record(field([one, other]))
    assert apache(new, old)
    (found,) = broken(parse_schema(new), parse_schema(old))
    assert str(found) == "a.a: the types do not resolve (written string, read int)"


def test_apaches_checker_has_no_place_for_what_is_wrong_in_a_union() -> None:
    old = record(field(["null", inner(field("int"), name="a.Line")]))
    new = record(field(["null", inner(field("boolean"), name="a.Line")]))
    schemas = [avro.schema.parse(json.dumps(each)) for each in (new, old)]
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(schemas[0], schemas[1])
    assert result.messages == {"reader union lacking writer type: RECORD"}
    (found,) = broken(parse_schema(new), parse_schema(old))
    assert str(found) == "a<a.Line>.a: the types do not resolve (written int, read boolean)"


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("change a decimal two levels down", "a[].a{}: a decimal has another precision or scale "
         "(written decimal(9, 2), read decimal(9, 3))"),
        ("add a field without a default", "a: a field is not written, and has no default "
         "(read int)"),
        ("remove a branch", "a<string>: the union lacks the type (written string, read null, int)"),
        ("remove a symbol", "a: the enum lacks a symbol, and says no default "
         "(shop.Colour lacks blue)"),
        ("fixed of another size", "a: a fixed has another size (written 4 bytes, read 8)"),
        ("rename the event", "a type's name differs, and is no former name of the reader's "
         "(written shop.Sold, read shop.Bought)"),
        ("add a field whose default is of another type", "a: the default is not of the field's "
         'type (["0"] for array)'),
        ("long to double", "a: a whole number becomes a float, which cannot keep all of them "
         "(written long, read double)"),
    ],
)  # fmt: skip
def test_a_refusal_names_the_field_and_the_rule(what: str, said: str) -> None:
    change = CHANGES[NAMES.index(what)]
    assert [str(each) for each in broken(parse_schema(change.new), parse_schema(change.old))] == [
        said
    ]


def test_all_that_is_wrong_is_said_at_once() -> None:
    old = record(field("int"), field("string", "b"), field("long", "c"))
    new = record(field("string"), field("string", "b"), field("int", "c"), field("int", "d"))
    found = broken(parse_schema(new), parse_schema(old))
    assert [(each.path, each.rule) for each in found] == [
        ("a", Rule.TYPE), ("c", Rule.TYPE), ("d", Rule.MISSING),
    ]  # fmt: skip


def test_rules_beyond_the_specification_are_met_by_some_change() -> None:
    beyond = {rule for c in CHANGES for rule in c.beyond_backward | c.beyond_forward}
    assert beyond == {rule for rule in Rule if not rule.of_specification}
    assert LOGICAL
