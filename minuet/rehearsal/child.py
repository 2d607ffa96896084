"""The process that has the other version: two versions of the same modules never meet.

It is told the project, the workflow and the version that was recorded, says what it has loaded, and
then compares the sagas it is given. What the project itself prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.contracts.schema import read_schema
from minuet.errors import MinuetError
from minuet.rehearsal.comparison import Rehearsal
from minuet.rehearsal.sources import sources
from minuet.rehearsal.wire import receive, records_of, send
from minuet.spec.plain import as_plain, from_plain
from minuet.spec.project import load


def main() -> None:
    """Be the process."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nobody's `print` comes between the frames
    asked = receive(sys.stdin.buffer)
    try:
        workflow = load(asked["workflow"], Path(asked["project"]))
        registry = LocalRegistry()
        codec = Codec(workflow.models.values(), registry)
        newest, *before = (from_plain(text, "the recorded version") for text in asked["recorded"])
        recorded = replace(newest, before=tuple(before))
        rehearsal = Rehearsal(recorded, workflow, codec, asked["simulated"])
    except MinuetError as error:
        send(answers, {"error": str(error)})
        return
    plain = json.dumps(as_plain(workflow.spec))
    send(answers, {"spec": plain, "sources": sources(workflow)})
    _serve(answers, rehearsal, registry)


def _serve(answers: BinaryIO, rehearsal: Rehearsal, registry: LocalRegistry) -> None:
    while (asked := receive(sys.stdin.buffer)) is not None:
        for text in asked["schemas"]:
            registry.register(read_schema(text))
        found: list[Any] = []
        for saga in asked["sagas"]:
            records = records_of(saga)
            compared = rehearsal.compare(records) if records else None
            found.append(None if compared is None else json.dumps(compared.plain()))
        send(answers, found)
    rehearsal.close()


if __name__ == "__main__":
    main()
