"""Which registry a test suite has, and that no login goes to another than it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from minuet.errors import UsageError
from minuet.settings.registry import Registry
from minuet.testing.registries import place


def test_the_login_that_is_set_goes_to_no_other_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("URL", "http://ours"), ("USERNAME", "me"), ("PASSWORD", "secret")):
        monkeypatch.setenv(f"MINUET_REGISTRY__{name}", value)
    with place("http://ours", tmp_path)(tmp_path) as found:
        assert found == Registry("http://ours", "", "me", "secret", register=True)
    with place("http://theirs", tmp_path)(tmp_path) as found:
        assert found == Registry("http://theirs", register=True)
    with pytest.raises(UsageError, match="--registry http://: write http:// or https://"):
        place("http://", tmp_path)
