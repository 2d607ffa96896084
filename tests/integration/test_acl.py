"""`minuet acl`: each unit works with the rights it is given, and with nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from minuet import Publisher
from minuet.contracts.codec import Codec
from minuet.engines.loop import Loop
from minuet.engines.worker import Assignment, run
from minuet.errors import BrokerError
from minuet.event.model import Event
from minuet.kafka import rights, topics
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import commit, committed
from minuet.kafka.reading import snapshot
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.rights import Rule
from minuet.kafka.writer import Place, WriteError, Writer
from minuet.rights.comparing import compare
from minuet.rights.needs import Unit
from minuet.rights.wish import principals
from minuet.settings.worker import Options
from minuet.spec import project as projects
from minuet.spec.assemble import Workflow
from minuet.verify import verify
from schemas.orders import OrderPlaced
from tests.integration.orders_run import ROOT, make_orders, should_complete
from tests.integration.secure_broker import SecureBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

GUARANTEE = "transactional"  # so that every kind of right is needed
ORDERS = 12
PATIENCE_S = 240.0  # until a test gives up; no bar
TRY_S = 30.0
FOREIGN = "parcels.events"  # a topic of somebody else


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


def typed(broker: SecureBroker, *words: str, user: str = "admin") -> tuple[int, dict[str, Any]]:
    """Type a command in this process, as a user; the exit code, and what it printed."""
    from minuet.cli.main import main
    from minuet.settings.environment import variable_of

    out = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(StringIO()):
        patch.chdir(ROOT)
        for name, text in broker.options(user).items():
            patch.setenv(variable_of(("kafka", name)), text)
        command = ["minuet", *words, "--bootstrap", broker.bootstrap, "--json"]
        patch.setattr("sys.argv", command)
        with pytest.raises(SystemExit) as end:
            main()
    return int(end.value.code or 0), json.loads(out.getvalue())


DEPLOYER = ("--principal", "deployer=User:deployer")
WISH = ("orders", "--principal-per-step", *DEPLOYER, "--guarantee", GUARANTEE)


@pytest.fixture(scope="module")
def crew(secure: SecureBroker) -> Crew:
    """The topics and schemas made by who deploys, the rights given by `acl apply`."""
    workflow = projects.load("orders", ROOT)
    units = principals(workflow.spec, ["deployer=User:deployer"], per_step=True)
    secure.admit(*(principal.removeprefix("User:") for principal in units.values()))
    other = topics.TopicPlan(FOREIGN, 1)
    topics.apply(secure.connection(), [other])
    code, done = typed(secure, "acl", "apply", *WISH)
    assert (code, done["left"], done["taken"]) == (0, [], [])
    assert len(done["given"]) == len({tuple(map(str, row.values())) for row in done["given"]})
    code, done = typed(secure, "topics", "apply", "orders", "--schemas", user="deployer")
    assert (code, done["left"]) == (0, [])
    return Crew(secure, workflow, units)


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


def publish(crew: Crew, made: Iterable[OrderPlaced]) -> None:
    place = crew.connection(unit(crew, "publisher"))
    with Publisher(
        "orders", "order_id", OrderPlaced, bootstrap=place.bootstrap, options=place.options
    ) as publisher:
        for order in made:
            publisher.publish(order)


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


def unit(crew: Crew, name: str) -> Unit:
    [one] = [each for each in crew.units if each.name == name]
    return one


def every_topic(crew: Crew) -> list[str]:
    return [*(plan.name for plan in topics.plan(crew.workflow.spec)), FOREIGN]


def test_every_other_topic_is_refused_to_write(crew: Crew) -> None:
    for each in crew.units:
        rest = set(every_topic(crew)) - crew.may(each, "Topic", "Write")
        assert not_written(crew.connection(each), rest) == rest, each.name


def not_written(place: Connection, names: set[str]) -> set[str]:
    """Those that it was refused to write to."""
    refused: set[str] = set()

    def told(error: KafkaError | None, message: Any) -> None:
        if error is not None and is_write_refused(error):
            refused.add(message.topic())

    producer = place.producer()
    for name in names:
        try:
            producer.produce(name, b"", b"k", 0, on_delivery=told)
        except KafkaException as failure:  # known by now to be refused
            refused |= {name} if is_write_refused(failure.args[0]) else set()
    try:
        assert producer.flush(TRY_S) == 0
    except KafkaException as failure:  # who may write to no topic at all is told so once
        refused |= names if is_write_refused(failure.args[0]) else set()
    return refused


def is_write_refused(error: KafkaError) -> bool:
    return error.code() in (
        KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    )  # fmt: skip


def test_every_other_topic_is_refused_to_read(crew: Crew) -> None:
    for each in crew.units:
        rest = set(every_topic(crew)) - crew.may(each, "Topic", "Read")
        assert not_read(crew.connection(each), rest) == rest, each.name


def not_read(place: Connection, names: set[str]) -> set[str]:
    """Those that it was refused to read, or to see at all."""
    consumer = place.consumer(**{"enable.partition.eof": True})
    try:
        hidden = {name for name in names if is_hidden(consumer, name)}
        consumer.assign([TopicPartition(name, 0, 0) for name in names - hidden])
        heard: dict[str, int | None] = {}
        while heard.keys() < names - hidden:
            for message in consumer.consume(100, 1.0):
                error = message.error()
                heard[message.topic() or ""] = error.code() if error is not None else None
                heard.pop("", None)  # of the group, which is not asked for here
    finally:
        consumer.close()
    refused = KafkaError.TOPIC_AUTHORIZATION_FAILED
    return hidden | {name for name, code in heard.items() if code == refused}


def is_hidden(consumer: Consumer, name: str) -> bool:
    error = consumer.list_topics(name, TRY_S).topics[name].error
    return error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_every_other_group_is_refused(crew: Crew) -> None:
    groups = {each.group for each in crew.workers} | {"parcels"}
    for each in crew.units:
        allowed = crew.may(each, "Group", "Read")
        rest = groups - allowed
        assert refused_groups(crew.connection(each), rest) == rest, each.name


def refused_groups(place: Connection, groups: set[str]) -> set[str]:
    """Those in whose name it may not say how far it has come."""
    admin = place.admin()
    where = [TopicPartition("orders.events", 0, 0)]
    answers = [
        admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(name, where)])[name]
        for name in groups
    ]
    return {name for name, answer in zip(groups, answers, strict=True) if is_refused(answer)}


def is_refused(answer: Any) -> bool:
    try:
        errors = [place.error for place in answer.result(TRY_S).topic_partitions]
    except KafkaException as failure:
        errors = [failure.args[0]]
    return [e and e.code() for e in errors] == [KafkaError.GROUP_AUTHORIZATION_FAILED]


def test_transactional_ids_of_others_are_refused(crew: Crew) -> None:
    ids = [f"{each.group}.0" for each in crew.workers]
    for number, each in enumerate(crew.workers):
        own = f"{each.group}.0"
        assert named(crew.connection(each), own) == ""
        for other in {ids[number - 1], "orders.0", "parcels.0"} - {own}:
            assert named(crew.connection(each), other) == "TRANSACTIONAL_ID_AUTHORIZATION_FAILED"


def named(place: Connection, name: str) -> str:
    """Try to write in transactions under a name; why not."""
    producer = place.transactional(name, lambda _: None, {})
    try:
        producer.init_transactions(TRY_S)
    except KafkaException as failure:
        return str(failure.args[0].name())
    return ""


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (lambda place: append(place, "orders.sagas"), "topic orders.sagas: …topic (Write)"),
        (lambda place: append(place, "minuet.schemas"), "topic minuet.schemas: …topic (Write)"),
        (
            lambda place: list(snapshot(place, "orders.operations")),
            "topic orders.operations: …topic (Describe)",
        ),
        (
            lambda place: commit(place, "orders", "orders.events", {0: 0}),
            "group orders: …consumer group (Read)",
        ),
        (
            lambda place: committed(place, "parcels", "orders.events"),
            "group parcels: …consumer group (Describe)",
        ),
        (
            lambda place: topics.apply(place, [topics.TopicPlan("orders.more", 1)]),
            "topic orders.more: …topic (Describe)",
        ),
        (
            lambda place: topics.apply(
                place, [topics.TopicPlan("orders.events", 6, {"retention.ms": "5"})]
            ),
            "topic orders.events: …topic (AlterConfigs)",
        ),
    ],
)
def test_a_refusal_names_operation_resource_and_user(
    crew: Crew, tried: Callable[[Connection], object], said: str
) -> None:
    about, _, right = said.partition("…")
    with pytest.raises(BrokerError) as refused:
        tried(crew.connection(unit(crew, "charge_payment")))
    text = str(refused.value)
    assert f"(user orders.charge_payment): {about}" in text
    assert f"this user may not use the {right}, which an administrator" in text


def test_who_may_write_to_no_topic_is_told_so_of_the_one_that_was_tried(crew: Crew) -> None:
    with pytest.raises(BrokerError, match=r"topic orders\.events: .*topic \(Write\), which an"):
        append(crew.connection(unit(crew, "reader")), "orders.events")


def test_to_read_what_one_only_writes_is_a_right_that_is_missing(crew: Crew) -> None:
    publish(crew, make_orders(1))
    with pytest.raises(BrokerError, match=r"topic orders\.events: .*\(Read\), which an admin"):
        list(snapshot(crew.connection(unit(crew, "publisher")), "orders.events"))


def append(place: Connection, topic: str) -> None:
    done: list[Place | WriteError] = []
    writer = Writer(place, topic)
    writer.append(b"k", b"", [], done.append)
    writer.flush(TRY_S)
    for each in done:
        if isinstance(each, WriteError):
            raise each


class Unknown(Event):
    """An event that nobody has registered."""

    order_id: str


def test_a_schema_that_nobody_registered_is_a_right_that_is_missing(crew: Crew) -> None:
    codec = Codec([Unknown], TopicRegistry(crew.connection(unit(crew, "charge_payment"))))
    with pytest.raises(BrokerError, match=r"topic minuet\.schemas: .*\(Write\)"):
        codec.register()
