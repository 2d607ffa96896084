"""A workflow whose handlers and values can kill the process that touches them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from tests.integration.parcels import ROOT
from tests.integration.refusals import Refusals, Worker

WORKFLOW = """\
import asyncio
import os
import signal
import time

from pydantic import field_validator

from minuet import Context, Event, Saga, step


def die(how: str) -> None:
    if how.endswith("exit"):
        os._exit(70)
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(5)  # from another thread the signal goes to the main one: this one is not quicker


class LetterSent(Event):
    letter_id: str
    how: str

    @field_validator("how")
    @classmethod
    def kills(cls, how: str) -> str:
        if how == "decode" and "KILLS" in os.environ:
            die(how)
        return how


class LetterWeighed(Event):
    grams: int


class LetterStamped(Event):
    cents: int


class LetterCarried(Event):
    kilometres: int


class LetterRead(Event):
    letter_id: str


class Post:
    pass


@step
def weigh_letter(sent: LetterSent) -> LetterWeighed:
    if sent.how == "plain-exit":
        die(sent.how)
    return LetterWeighed(grams=20)


@step
def stamp_letter(sent: LetterSent, post: Post) -> LetterStamped:
    if sent.how == "thread":
        die(sent.how)
    return LetterStamped(cents=85)


@step
async def carry_letter(sent: LetterSent, post: Post, ctx: Context) -> LetterCarried:
    ctx.logger.warning("on the road with %s", "it", extra={"wheels": 4})
    await asyncio.sleep(0.05)
    if sent.how == "async":
        die(sent.how)
    if sent.how == "bug":
        raise ValueError("SECRET of " + sent.letter_id)
    if sent.how == "elsewhere":
        await asyncio.to_thread(die, sent.how)
    return LetterCarried(kilometres=300)


@step
def read_letter(
    sent: LetterSent, weighed: LetterWeighed, stamped: LetterStamped, carried: LetterCarried
) -> LetterRead:
    return LetterRead(letter_id=sent.letter_id)


letters = Saga(
    "NAME", key="letter_id", begins=LetterSent, completes=LetterRead, partitions=PARTITIONS
)
letters.provide(Post, simulated=Post)
"""


# It waits in `die`, where it should be dead: what the linter finds there is meant.
IGNORED = """
[tool.minuet.lint]
ignore = ["NAME.weigh_letter: blocking-call", "NAME.carry_letter: blocking-call"]
"""


class Killers(Refusals):
    """The project; a letter says how it kills."""

    def write(self, *, partitions: int) -> None:
        """Write the workflow."""
        text = WORKFLOW.replace("NAME", self.name).replace("PARTITIONS", str(partitions))
        self._module.write_text(text)
        project = self.folder / "pyproject.toml"
        wiring = project.read_text().replace(":parcels", ":letters")
        project.write_text(wiring + IGNORED.replace("NAME", self.name))

    def send(self, **how: str) -> None:
        """Publish letters by their ids."""
        lines = [f'{{"letter_id": "{name}", "how": "{each}"}}' for name, each in how.items()]
        text = "\n".join(lines).encode()
        code, _, errors = self.typed("publish", self.name, "LetterSent", text=text)
        assert code == 0, errors

    def begin(self, *arguments: str) -> Worker:
        """Start a worker in which letters may kill, its log lines in `errors`."""
        command = [sys.executable, "-m", "minuet", "worker", self.name, "--simulated", "--json"]
        with self.errors.open("wb") as errors:
            process = subprocess.Popen(
                [*command, "--log-format", "json", "--bootstrap", self.bootstrap, *arguments],
                cwd=self.folder, env={**os.environ, "PYTHONPATH": str(ROOT), "KILLS": "1"},
                stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        return Worker(process)

    @property
    def errors(self) -> Any:
        """Where the worker logs to."""
        return self.folder / "errors.log"
