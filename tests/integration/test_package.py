"""What the wheel holds."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as contents:
        tops = {name.split("/")[0] for name in contents.namelist()}
        assert "minuet/py.typed" in contents.namelist()
    package, information = sorted(tops)
    assert package == "minuet"
    assert re.fullmatch(r"minuet-[\w.]+\.dist-info", information)
