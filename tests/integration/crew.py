"""The units of `orders`, each with a login and rights of its own at a secured broker."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from minuet import Publisher
from minuet.cli.main import main
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.rights.comparing import compare
from minuet.rights.needs import Unit
from minuet.rights.wish import principals
from minuet.settings.environment import variable_of
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow
from schemas.orders import OrderPlaced
from tests.integration.orders_run import ROOT
from tests.integration.secure_broker import SecureBroker

GUARANTEE = "transactional"  # so that every kind of right is needed
FOREIGN = "parcels.events"  # a topic of somebody else

DEPLOYER = ("--principal", "deployer=User:deployer")
WISH = ("orders", "--principal-per-step", *DEPLOYER, "--guarantee", GUARANTEE)


@dataclass(frozen=True)
class Crew:
    """Each unit of `orders` with a login of its own, and the rights that `acl apply` gave it."""

    broker: SecureBroker
    workflow: Workflow
    units: dict[Unit, str]

    def connection(self, unit: Unit) -> Connection:
        """As this unit logs in."""
        return self.broker.connection(self.user(unit))

    def user(self, unit: Unit) -> str:
        return self.units[unit].removeprefix("User:")

    def may(self, unit: Unit, kind: str, operation: str) -> set[str]:
        """Names of this kind with which this may be done, as the plan says."""
        rows = compare(self.workflow.spec, self.units, (), transactional=True)
        rules = [row.rule for row in rows if unit.name in row.units]
        return {r.name for r in rules if r.kind == kind and r.operation == operation}

    @property
    def workers(self) -> list[Unit]:
        return [unit for unit in self.units if unit.does]


def typed(
    broker: SecureBroker, *words: str, user: str = "admin", folder: Path = ROOT
) -> tuple[int, dict[str, Any]]:
    """Type a command in this process, as a user; the exit code, and what it printed."""
    out = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(StringIO()):
        patch.chdir(folder)
        for name, text in broker.options(user).items():
            patch.setenv(variable_of(("kafka", name)), text)
        command = ["minuet", *words, "--bootstrap", broker.bootstrap, "--json"]
        patch.setattr("sys.argv", command)
        with pytest.raises(SystemExit) as end:
            main()
    return int(end.value.code or 0), json.loads(out.getvalue())


def crew_of(secure: SecureBroker) -> Crew:
    """The topics and schemas made by who deploys, the rights given by `acl apply`."""
    workflow = projects.load("orders", ROOT)
    units = principals(workflow.spec, ["deployer=User:deployer"], per_step=True)
    secure.admit(*(principal.removeprefix("User:") for principal in units.values()))
    other = topics.TopicPlan(FOREIGN, 1)
    topics.apply(secure.connection(), [other])
    code, done = typed(secure, "acl", "apply", *WISH)
    assert (code, done["left"], done["taken"]) == (0, [], [])
    code, done = typed(secure, "topics", "apply", "orders", "--schemas", user="deployer")
    assert (code, done["left"]) == (0, [])
    return Crew(secure, workflow, units)


def unit(crew: Crew, name: str) -> Unit:
    [one] = [each for each in crew.units if each.name == name]
    return one


def publish(crew: Crew, made: Iterable[OrderPlaced]) -> None:
    place = crew.connection(unit(crew, "publisher"))
    with Publisher(
        "orders", "order_id", OrderPlaced, bootstrap=place.bootstrap, options=place.options
    ) as publisher:
        for order in made:
            publisher.publish(order)
