"""The prefix of all topics and groups, by which teams share a cluster: `team-a.orders.events`.

Read by itself, for a workflow has its names wherever it is loaded, whatever the other settings are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from minuet.errors import UsageError
from minuet.settings import environment, file
from minuet.settings.names import refusal

VARIABLE = "MINUET_PREFIX"
KEY = "prefix"


def prefix_of(folder: Path | None, environ: Mapping[str, str] | None = None) -> str:
    """Return the prefix that is set: by the environment, else in the project's file; else none.

    Args:
        folder: that of the project; without one no file is read.
        environ: variables; else those of this process.

    Raises:
        UsageError: it cannot be one; says where it stands.
    """
    given = os.environ if environ is None else environ
    ours = {name: given[name] for name in (VARIABLE, f"{VARIABLE}_FILE") if name in given}
    for origin, said in environment.variables(ours).values():
        return _said(said, origin)
    written = {} if folder is None else file.table(folder)
    if KEY not in written or folder is None:
        return ""
    return _said(written[KEY], f"{file.FILE}:{file.line_of(folder, (KEY,))}")


def _said(said: object, origin: str) -> str:
    why = refusal(said) if isinstance(said, str) else "input should be a valid string"
    if why:
        message = f"{origin}: {KEY}: {why}"
        raise UsageError(message)
    return str(said)
