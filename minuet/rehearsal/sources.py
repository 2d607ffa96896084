"""What the functions of steps are written like: another text may be another rule."""

from __future__ import annotations

import inspect
from hashlib import sha256

from minuet.spec.assemble import Workflow


def sources(workflow: Workflow) -> dict[str, str]:
    """Return a digest of each step's source, by its name."""
    found = {}
    for name, step in workflow.steps.items():
        try:
            text = inspect.getsource(step.function)
        except (OSError, TypeError):
            text = ""  # typed in, or made by a program
        found[name] = sha256(text.encode()).hexdigest()
    return found
