"""API keys: only their digests are kept, and only their names are ever said."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256

from minuet.errors import UsageError

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KEY_LEAST = 16  # characters; a shorter one can be guessed


class Keys:
    """Knows whose a key is.

    Args:
        digests: name -> SHA-256 of the key.
    """

    def __init__(self, digests: dict[str, bytes] | None = None) -> None:
        self._digests = digests or {}

    def __bool__(self) -> bool:
        return bool(self._digests)

    @property
    def names(self) -> list[str]:
        """The names of all keys."""
        return list(self._digests)

    def name_of(self, key: bytes) -> str:
        """The name of a key; empty for an unknown one. It takes as long for each."""
        asked, found = sha256(key).digest(), ""
        for name, digest in self._digests.items():
            if hmac.compare_digest(asked, digest):
                found = name
        return found


def read_keys(lines: Iterable[str], where: str) -> Keys:
    """Read keys, one a line: `NAME:KEY`, or `NAME:sha256:HEX` where only the digest is known.

    Args:
        lines: empty ones, and those that begin with #, are passed over.
        where: they come from, for errors.

    Raises:
        UsageError: a line is wrong; says which, and never what stands there.
    """
    digests: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, colon, key = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            _refuse(where, number, "write NAME:KEY, the name of letters, digits, '.', '_' and '-'")
        if name in digests:
            _refuse(where, number, f"the name {name} is there twice")
        if _DIGEST.fullmatch(key):
            digests[name] = bytes.fromhex(key.removeprefix("sha256:"))
        elif len(key) < _KEY_LEAST:
            _refuse(where, number, f"the key {name} has fewer than {_KEY_LEAST} characters")
        else:
            digests[name] = sha256(key.encode()).digest()
    return Keys(digests)


def _refuse(where: str, number: int, reason: str) -> None:
    message = f"{where}, line {number}: {reason}"
    raise UsageError(message)
