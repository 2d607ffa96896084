"""Who is in a consumer group."""

from __future__ import annotations

from confluent_kafka import KafkaException

from minuet.kafka.connection import REACH_S, Connection


def is_listed(connection: Connection, group: str, member: str) -> bool:
    """Ask a group's coordinator whether it has this member.

    Raises:
        BrokerError: it does not say.
    """
    admin = connection.admin()
    try:
        asked = admin.describe_consumer_groups([group], request_timeout=REACH_S)
        members = asked[group].result().members
    except KafkaException as failure:
        raise connection.error(failure, f"group {group}") from failure
    return any(each.member_id == member for each in members)
