"""Who logs in as whom: units of a workflow and the principals that were named for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from minuet.errors import UsageError
from minuet.kafka.rights import EVERYBODY
from minuet.rights.needs import IMPORTER, PUBLISHER, READER, ROLES, Unit
from minuet.signature import COORDINATOR
from minuet.spec.model import Spec

WORKER = "worker"
Principals = Mapping[Unit, str]


def principals(
    spec: Spec,
    named: Iterable[str],
    groups: Iterable[str] = (),
    *,
    per_step: bool = False,
) -> dict[Unit, str]:
    """Return each unit and its principal.

    Args:
        spec: of the workflow.
        named: `UNIT=User:NAME` each.
        groups: `UNIT=GROUP` each, for workers with a `--group` of their own.
        per_step: one more for each step that is in none of the units named, for the coordinator,
            for who publishes, who looks and who imports: `User:WORKFLOW.UNIT`.

    Raises:
        UsageError: a unit or a principal is none, or a step is in two units.
    """
    own = dict(_pair(text, "--group", "charge_payment=payments") for text in groups)
    found: dict[Unit, str] = {}
    for text in named:
        name, principal = _pair(text, "--principal", "charge_payment=User:payments")
        found[_unit(spec, name, own)] = _checked(principal)
    if per_step:
        taken = {step for unit in found for step in unit.does}
        there = {unit.name for unit in found}
        rest = [each.name for each in spec.steps if each.name not in taken]
        for name in (*([COORDINATOR] if COORDINATOR not in taken else []), *rest):
            found[_unit(spec, name, own)] = f"User:{spec.named(name)}"
        for name in (PUBLISHER, READER, *([IMPORTER] if spec.imports else [])):
            if name not in there:
                found[Unit(name)] = f"User:{spec.named(name)}"
    if not found:
        message = "nobody is named: say --principal-per-step, or --principal UNIT=User:NAME"
        raise UsageError(message)
    _refuse_strangers(own, found)
    _refuse_twice(found)
    return found


def _pair(text: str, option: str, example: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign or not value:
        message = f"{option} {text}: say UNIT=…, as {example}"
        raise UsageError(message)
    return name.strip(), value.strip()


def _checked(principal: str) -> str:
    kind, sign, name = principal.partition(":")
    if kind != "User" or not sign or not name:
        message = f"--principal …={principal}: Kafka's principals are written User:NAME"
        raise UsageError(message)
    if principal == EVERYBODY:
        message = f"--principal …={principal}: that is everybody; name one"
        raise UsageError(message)
    return principal


def _unit(spec: Spec, name: str, groups: Mapping[str, str]) -> Unit:
    known = {*(step.name for step in spec.steps), COORDINATOR}
    if name == IMPORTER and name not in known and not spec.imports:
        message = f"{spec.name} imports nothing: it needs no importer"
        raise UsageError(message)
    if name in ROLES and name not in known:
        return Unit(name)
    does = frozenset(known if name == WORKER and name not in known else name.split("+"))
    if unknown := sorted(does - known):
        message = (
            f"{spec.name} has no unit {unknown[0]}: it has {', '.join(sorted(known))}, several "
            f"joined by +, {WORKER} for all of them, and {', '.join(ROLES)}"
        )
        raise UsageError(message)
    coordinates = COORDINATOR in does
    usual = spec.group if coordinates else spec.named("+".join(sorted(does)))
    group = spec.with_prefix(groups.get(name, usual))
    if coordinates != (group == spec.group):
        message = f"--group {name}={group}: {spec.group} is the group of the coordinator's unit"
        raise UsageError(message)
    return Unit(name, does, group)


def _refuse_strangers(groups: Mapping[str, str], units: Iterable[Unit]) -> None:
    workers = {unit.name for unit in units if unit.does}
    if unknown := sorted(set(groups) - workers):
        message = f"--group {unknown[0]}=…: no worker {unknown[0]} has a principal here"
        raise UsageError(message)


def _refuse_twice(units: Iterable[Unit]) -> None:
    owner: dict[str, Unit] = {}
    for unit in units:
        for step in unit.does:
            other = owner.setdefault(step, unit)
            if other is not unit:
                message = f"{step} is in {other.name} and in {unit.name}: live units share no step"
                raise UsageError(message)
