"""The reference saga on Minuet inside a Faust app, run as `faust -A … worker` does."""

from __future__ import annotations

import logging
from pathlib import Path

from bench.sidebyside.programs.job import Job
from bench.sidebyside.programs.native import workflow
from minuet.engines.faust import app_of

for library in ("aiokafka", "faust"):  # as in the app written by hand
    logging.getLogger(library).setLevel(logging.WARNING)

job = Job.told()
app = app_of(
    workflow(job.topic.removesuffix(".events"), job.note()),
    form="simulated",
    bootstrap=job.bootstrap,
    project=Path(job.state),
)
