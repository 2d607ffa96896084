"""Makes a new project: folders of the shape that Minuet's own has, with one step and its test.

What is written stands in `template/`, as text: `%NAME%` is the workflow's name, in contents and in
paths, and each file loses its `.tmpl`.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from minuet.errors import MinuetError, UsageError

_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
_PLACE = "%NAME%"
_SUFFIX = ".tmpl"


def create(name: str, parent: Path) -> list[Path]:
    """Write a project into the folder `name`, which must be empty or not be there.

    Args:
        name: of the workflow, and of the folder.
        parent: where that is to be.

    Returns:
        The files, below that folder.

    Raises:
        UsageError: the name cannot be one, or something is in the folder.
        MinuetError: a file cannot be written.
    """
    check_name(name)
    folder = parent / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "is not empty" if folder.is_dir() else "is a file"
        message = f"{folder} {what}, and nothing in it is replaced: choose another name"
        raise UsageError(message)
    written = []
    for place, text in _files(files("minuet.scaffold") / "template", Path()):
        path = folder / str(place).replace(_PLACE, name).removesuffix(_SUFFIX)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace(_PLACE, name), encoding="utf-8")
        except OSError as error:
            message = f"{path} cannot be written: {error.strerror}"
            raise MinuetError(message) from error
        written.append(path.relative_to(folder))
    return written


def check_name(name: str) -> None:
    """Refuse what cannot be a module and the beginning of a topic's name.

    Raises:
        UsageError: says which name would do.
    """
    if _NAME.fullmatch(name) and not keyword.iskeyword(name) and name != "minuet":
        return
    better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:30]
    usable = _NAME.fullmatch(better) and not keyword.iskeyword(better) and better != "minuet"
    message = (
        f"{name!r} cannot be the name of a workflow: its modules and topics are called by it; "
        f"write small letters, digits and _, as {better if usable else 'bookings'}"
    )
    raise UsageError(message)


def _files(folder: Traversable, place: Path) -> Iterator[tuple[Path, str]]:
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_dir():
            yield from _files(each, place / each.name)
        elif each.name.endswith(_SUFFIX):
            yield place / each.name, each.read_text(encoding="utf-8")
