"""What was typed: options that mean nothing are refused, and 2h is counted from one moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from minuet.cli.replay_wish import kind_of
from minuet.errors import UsageError
from minuet.kafka.spans import Moment
from tests.unit.replay.wishes import wish

LOGIN = Path("login")
EVERY: tuple[dict[str, Any], ...] = (
    {"rate": 5.0}, {"login": LOGIN}, {"apply": True}, {"beside_workers": True},
    {"simulated": True}, {"keep": True}, {"shadow": "friday"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("place", "fit"),
    [
        ({"into": "here"}, ()),
        ({"into": "here", "source": "a.avro"}, ("rate", "apply", "beside_workers")),
        ({"into": "here", "source": "a:1"}, ("rate", "login", "apply", "beside_workers")),
        ({"into": "a:1"}, ("rate", "login", "apply", "beside_workers")),
        ({"into": "a.avro"}, ("rate",)),
        ({"into": "a.avro", "source": "a:1"}, ("rate", "login")),
        ({"into": "shadow"}, ("rate", "simulated", "keep", "shadow")),
    ],
)
def test_an_option_that_means_nothing_there_is_refused(
    place: dict[str, str], fit: tuple[str, ...]
) -> None:
    kind = kind_of(place["into"], "--into")
    wish(**place).check_options(kind)
    for option in EVERY:
        (name,) = option
        typed = wish(**place, **option)
        if name in fit:
            typed.check_options(kind)
            continue
        said = f"--{name.replace('_', '-')} does not go with --into {place['into']}"
        with pytest.raises(UsageError, match=said):
            typed.check_options(kind)


def test_how_a_shadow_answers_is_said_to_its_workers() -> None:
    for option in ({"simulated": True}, {"source": "a.avro"}):
        with pytest.raises(UsageError, match="does not go with --shadow: its workers are told"):
            wish(into="shadow", shadow="friday", **option).check_options(
                kind_of("shadow", "--into")
            )


def test_the_log_itself_is_told_from_a_source() -> None:
    with pytest.raises(UsageError, match="--rate does not go with --into here without --source"):
        wish(into="here", rate=1.0).check_options(kind_of("here", "--into"))


def test_how_long_ago_is_counted_from_when_it_was_asked_for() -> None:
    typed = wish(begin="2h", end="1h")
    assert typed.bounds(10_000_000) == (Moment(2_800_000), Moment(6_400_000))
