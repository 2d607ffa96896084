from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix.__main__ import BEGIN, END, PAGE, write
from tests.matrix.cells import CELLS, Result, chosen, rows

RESULT = Result("passed", "2026-11-28", "abc1234", "", 90, 0, 2, 300, 4.2, "Python 3.11.7", "d1")


def test_every_combination_is_a_cell() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS) == 12
    assert chosen("") == list(CELLS)


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ("docker-faust-3.13", ["docker-faust-3.13"]),
        ("secured-native", ["secured-native-3.11", "secured-native-3.13"]),
        ("faust-3.11,docker-faust", [
            "embedded-faust-3.11", "docker-faust-3.11", "docker-faust-3.13", "secured-faust-3.11",
        ]),
    ],
)  # fmt: skip
def test_cells_are_chosen_by_their_words(only: str, names: list[str]) -> None:
    assert [cell.name for cell in chosen(only)] == names


def test_a_word_of_no_cell_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no cell has '3.12': they have 3.11, 3.13, docker"):
        chosen("native-3.12")


def test_the_table_says_what_ran_what_is_not_there_and_what_did_not_run() -> None:
    absent = Result("not there", "2026-11-28", why="no Docker daemon")
    found = list(rows({"embedded-native-3.11": RESULT, "docker-native-3.11": absent}))
    assert len(found) == len(CELLS) + 2
    assert "| native | 3.11 | passed | 90 | 0 | 2 | 300 | 2026-11-28, abc1234, load 4, " in found[2]
    assert found[3].endswith("| native | 3.13 | not run yet | | | | | |")
    assert "| not there: no Docker daemon | | | | | 2026-11-28 |" in "\n".join(found)
    assert {row.count("|") for row in found} == {10}


def test_a_result_is_kept_as_it_was() -> None:
    assert Result.read(RESULT.written()) == RESULT


def test_the_page_keeps_its_words_and_gets_the_table(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Before\n{BEGIN}old\n{END}after\n")
    write(page, {"embedded-native-3.11": RESULT})
    write(page, {"embedded-native-3.11": RESULT})
    text = page.read_text()
    assert text.startswith(f"# Before\n{BEGIN}\n| Kafka")
    assert text.endswith(f"|\n\n{END}after\n")
    assert "old" not in text
    assert text.count("abc1234") == 1
    shipped = PAGE.read_text()
    assert (shipped.count(BEGIN), shipped.count(END)) == (1, 1)
