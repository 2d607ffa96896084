"""Log lines on standard error: for people, or one JSON document each; never what events hold."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from enum import StrEnum

import structlog
from structlog.typing import EventDict, Processor

FRAMES = 8  # of an exception, the innermost


class LogFormat(StrEnum):
    """How log lines look."""

    CONSOLE = "console"
    JSON = "json"


def set_up(shape: LogFormat, *, verbose: bool) -> None:
    """Send what is logged to standard error, warnings and worse, or with `verbose` all of it."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        _where,
    ]
    ends: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if shape is LogFormat.JSON:
        ends.append(structlog.processors.EventRenamer("message"))
        ends.append(structlog.processors.JSONRenderer())
    else:
        colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        ends.append(structlog.dev.ConsoleRenderer(colors=colours))
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=ends)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if verbose else logging.WARNING)


def _where(_logger: object, _name: str, line: EventDict) -> EventDict:
    """Say of an exception its type and where it was, not its text: that may hold anything."""
    trouble = line.pop("exc_info", None)
    if isinstance(trouble, tuple) and trouble[0] is not None:
        frames = traceback.extract_tb(trouble[2])
        line["exception"] = trouble[0].__name__
        line["at"] = [f"{one.filename}:{one.lineno} {one.name}" for one in frames[-FRAMES:]]
    return line
