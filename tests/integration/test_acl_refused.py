"""With the rights of its own unit nobody does anything else: all of it is tried, and refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from minuet.contracts.codec import Codec
from minuet.errors import BrokerError
from minuet.event.model import Event
from minuet.kafka import topics
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import commit, committed
from minuet.kafka.reading import snapshot
from minuet.kafka.registry import TopicRegistry
from minuet.kafka.writer import Place, WriteError, Writer
from tests.integration.crew import FOREIGN, Crew, crew_of, publish, unit
from tests.integration.orders_run import make_orders
from tests.integration.secure_broker import SecureBroker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

TRY_S = 30.0


@pytest.fixture(scope="module")
def crew(secure: SecureBroker) -> Crew:
    return crew_of(secure)


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

    plain = {"enable.idempotence": False}  # else who may write to none is told so only once
    producer = place.producer(**plain)
    for name in names:
        try:
            producer.produce(name, b"", b"k", 0, on_delivery=told)
        except KafkaException as failure:  # known by now to be refused
            refused |= {name} if is_write_refused(failure.args[0]) else set()
    assert producer.flush(TRY_S) == 0
    return refused


def is_write_refused(error: KafkaError) -> bool:
    return error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


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
    codec = Codec(
        [Unknown], TopicRegistry(crew.connection(unit(crew, "charge_payment")), "minuet.schemas")
    )
    with pytest.raises(BrokerError, match=r"topic minuet\.schemas: .*\(Write\)"):
        codec.register()
