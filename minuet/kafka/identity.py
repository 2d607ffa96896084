"""Which topic a topic is: a name can be given again, an id never."""

from __future__ import annotations

from confluent_kafka import KafkaException, TopicCollection

from minuet.kafka.connection import REACH_S, Connection
from minuet.kafka.reading import missing


def topic_id(connection: Connection, topic: str) -> str:
    """The id that Kafka gave `topic` when it was made.

    Raises:
        BrokerError: the broker cannot be reached.
        UsageError: there is no such topic.
    """
    admin = connection.admin()  # must outlive its answers: they are lost with it
    asked = admin.describe_topics(TopicCollection([topic]), request_timeout=REACH_S)
    try:
        found = asked[topic].result(REACH_S)
    except KafkaException as failure:
        if failure.args[0].name() == "UNKNOWN_TOPIC_OR_PART":
            raise missing(connection, topic) from failure
        raise connection.error(failure, f"topic {topic}", "Describe") from failure
    return str(found.topic_id)
