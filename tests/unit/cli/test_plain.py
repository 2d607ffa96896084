from __future__ import annotations

from minuet.cli.plain import plain, short


def test_what_would_do_something_to_a_terminal_is_spelled_out() -> None:
    assert plain("ключ\x1b[2J\x9b1m\n") == "ключ\\x1b[2J\\x9b1m\\n"


def test_a_column_is_one_line_and_not_too_wide() -> None:
    assert short("two\n  lines") == "two lines"
    assert len(short("x" * 200)) == 60
