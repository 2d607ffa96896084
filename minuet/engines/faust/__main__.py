"""`python -m minuet.engines.faust orders`: a workflow on Faust, without a module of one's own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import faust

from minuet.engines.faust import app_of, steps_of
from minuet.errors import MinuetError


def main() -> None:
    """Run it until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m minuet.engines.faust", description=main.__doc__
    )
    parser.add_argument("workflow", help="its name in pyproject.toml")
    parser.add_argument("--only", metavar="STEP,STEP", default="", help="`coordinator` is one")
    parser.add_argument("--group", default="", help="the unit's consumer group")
    parser.add_argument("--simulated", action="store_true", help="resources in simulated form")
    parser.add_argument("--bootstrap", metavar="HOST:PORT", default="")
    parser.add_argument("--project", metavar="FOLDER", type=Path)
    parser.add_argument("--json", action="store_true", help="say in JSON that it is ready")
    parser.add_argument("--log-level", default="WARNING")
    typed = parser.parse_args()
    try:
        app = app_of(
            typed.workflow,
            only=[name.strip() for name in typed.only.split(",") if name.strip()],
            group=typed.group,
            form="simulated" if typed.simulated else "real",
            bootstrap=typed.bootstrap,
            project=typed.project,
        )
    except MinuetError as error:
        sys.stderr.write(f"minuet: {error}\n")
        sys.exit(2)
    steps_of(app).json = typed.json
    faust.Worker(app, loglevel=typed.log_level).execute_from_commandline()


if __name__ == "__main__":
    main()
