"""Keys are known by their digests, and told by their names."""

from __future__ import annotations

from hashlib import sha256

import pytest

from minuet.errors import UsageError
from minuet.ingest.keys import read_keys

SHOP, TILL = "shop-key-0123456789", "till-key-0123456789"


def test_a_key_has_a_name_whether_it_is_written_out_or_as_a_digest() -> None:
    digest = sha256(TILL.encode()).hexdigest()
    keys = read_keys(["# ours", "", f"shop:{SHOP}", f" till:sha256:{digest} "], "keys.txt")
    assert keys.names == ["shop", "till"]
    assert [keys.name_of(key.encode()) for key in (SHOP, TILL, "other", "")] == [
        "shop",
        "till",
        "",
        "",
    ]
    assert keys.name_of(digest.encode()) == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (SHOP, "write NAME:KEY"),
        (f"a b:{SHOP}", "write NAME:KEY"),
        ("till:short", "fewer than 16 characters"),
        (f"shop:{TILL}", "is there twice"),
    ],
)
def test_a_wrong_line_is_named_by_its_number_and_never_shown(line: str, reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_keys([f"shop:{SHOP}", line], "keys.txt")
    assert str(refused.value).startswith("keys.txt, line 2: ")
    assert reason in str(refused.value)
    assert not any(key in str(refused.value) for key in (SHOP, TILL, "short"))


def test_no_key_is_no_keys() -> None:
    assert not read_keys(["", "# none"], "keys.txt")
