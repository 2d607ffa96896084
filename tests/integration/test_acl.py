"""`minuet acl`: each unit works with the rights it is given, and with nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minuet.engines.loop import Loop
from minuet.engines.worker import Assignment, run
from minuet.errors import BrokerError
from minuet.kafka import rights
from minuet.kafka.connection import Connection
from minuet.kafka.reading import snapshot
from minuet.kafka.rights import Rule
from minuet.rights.needs import Unit
from minuet.settings.worker import Options
from minuet.verify import verify
from tests.integration.crew import GUARANTEE, WISH, Crew, crew_of, publish, typed, unit
from tests.integration.orders_run import make_orders, should_complete
from tests.integration.secure_broker import SecureBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

ORDERS = 12
PATIENCE_S = 240.0  # until a test gives up; no bar


@pytest.fixture(scope="module")
def crew(secure: SecureBroker) -> Crew:
    return crew_of(secure)


def test_what_is_given_is_there_and_a_second_time_nothing_is_given(crew: Crew) -> None:
    code, found = typed(crew.broker, "acl", "plan", *WISH)
    assert code == 0
    assert {row["state"] for row in found["rights"]} == {"there"}
    code, done = typed(crew.broker, "acl", "apply", *WISH)
    assert (code, done) == (0, {"given": [], "taken": [], "left": []})


def test_what_is_too_much_is_shown_and_taken_only_when_asked(crew: Crew) -> None:
    login = "User:orders.charge_payment"
    extra = Rule(login, "Topic", "orders.", "All", "prefixed")
    elsewhere = Rule(login, "Topic", "parcels.events", "Read")
    rights.give(crew.broker.connection(), [extra, elsewhere])
    try:
        code, found = typed(crew.broker, "acl", "plan", *WISH)
        states = {(row["name"], row["state"]) for row in found["rights"]}
        assert code == 1
        assert {("orders.", "too much"), ("parcels.events", "elsewhere")} <= states
        code, done = typed(crew.broker, "acl", "apply", *WISH)
        assert (code, [row["name"] for row in done["left"]]) == (1, ["orders."])
        assert extra in rights.found(crew.broker.connection())
        code, done = typed(crew.broker, "acl", "apply", *WISH, "--remove")
        assert (code, [row["name"] for row in done["taken"]]) == (0, ["orders."])
        now = rights.found(crew.broker.connection())
        assert extra not in now
        assert elsewhere in now
    finally:
        rights.take(crew.broker.connection(), [extra, elsewhere])


def test_a_denied_right_is_told_and_not_mended(crew: Crew) -> None:
    denial = Rule("User:orders.charge_payment", "Topic", "orders.events", "Write", allows=False)
    rights.give(crew.broker.connection(), [denial])
    try:
        code, done = typed(crew.broker, "acl", "apply", *WISH)
        assert code == 1
        assert [(row["state"], row["operation"]) for row in done["left"]] == [("denied", "Write")]
    finally:
        rights.take(crew.broker.connection(), [denial])


def test_who_may_not_ask_for_rights_is_told_which_right_that_needs(crew: Crew) -> None:
    code, found = typed(crew.broker, "acl", "plan", *WISH, user="nobody")
    assert code == 1
    assert found["error"] == (
        f"Kafka at {crew.broker.bootstrap} (user nobody): rights: this user may not do that on "
        "this cluster (Describe of the cluster), which an administrator of Kafka can allow "
        "[CLUSTER_AUTHORIZATION_FAILED]"
    )


def test_a_cluster_that_keeps_no_rights_is_told_from_one_that_has_none(kafka: str) -> None:
    with pytest.raises(BrokerError, match="keeps no rights, so everybody may do everything"):
        rights.found(Connection(kafka))


@pytest.mark.parametrize("guarantee", ["at-least-once", GUARANTEE])
def test_orders_are_done_by_units_each_with_its_own_rights(crew: Crew, guarantee: Any) -> None:
    """Every unit by its own login; who publishes, and who looks, by theirs."""
    prefix = f"{guarantee}-"
    made = [o.model_copy(update={"order_id": prefix + o.order_id}) for o in make_orders(ORDERS)]
    publish(crew, made)
    ends = asyncio.run(worked(crew, prefix, Options(guarantee=guarantee)))
    assert {key for key, end in ends.items() if end == "SagaCompleted"} == {
        order.order_id for order in made if should_complete(order)
    }
    reader = crew.connection(unit(crew, "reader"))
    report = verify(reader, crew.workflow.spec)
    assert report.differences == []


async def worked(crew: Crew, prefix: str, options: Options) -> dict[str, str]:
    """Run every unit until the sagas have ended; how each ended."""
    loops: list[Loop] = []
    running = [
        asyncio.create_task(
            run(crew.workflow, crew.connection(each), assignment(each, options), ready=loops.append)
        )
        for each in crew.workers
    ]
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(found := await asyncio.to_thread(ends_of, crew, prefix)) < ORDERS:
                for task in running:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.2)
    finally:
        await asyncio.gather(*(loop.stop() for loop in loops))
        await asyncio.gather(*running)
    return found


def assignment(each: Unit, options: Options) -> Assignment:
    group = "" if each.coordinates else each.group
    return Assignment(tuple(each.does), group, "simulated", options)


def ends_of(crew: Crew, prefix: str) -> dict[str, str]:
    found = {}
    place = crew.connection(unit(crew, "reader"))
    for message in snapshot(place, "orders.events"):
        key = (message.key() or b"").decode()
        kind = dict(message.headers() or ())["ce_type"]
        if key.startswith(prefix) and kind in (b"SagaCompleted", b"SagaCompensated"):
            found[key] = bytes(kind).decode()
    return found
