"""Who is in consumer groups, as Kafka sees it.

A request to a group's coordinator that ran out of time takes the process down when the coordinator
is there again: librdkafka 2.16 then counts a reference down twice
(`rd_kafka_enq_once_del_source_return`). So no request runs out of time here: who waits does, much
sooner, and the client goes with its request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as NotInTimeError

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from minuet.kafka.connection import REACH_S, Connection

_NEVER_S = 3600.0  # of a request; nobody waits for so long, and its client does not live so long


def described(
    connection: Connection, wanted: Sequence[str] | Callable[[str], bool]
) -> list[ConsumerGroupDescription]:
    """Ask who the members of groups are.

    Args:
        connection: where Kafka is.
        wanted: names of the groups; or of all that there are those that it holds for.

    Raises:
        BrokerError: Kafka does not answer in time, or refuses.
    """
    about = "groups" if callable(wanted) else f"group {', '.join(wanted)}"
    admin = connection.admin()
    try:
        names = _those(admin, wanted) if callable(wanted) else list(wanted)
        if not names:
            return []
        asked = admin.describe_consumer_groups(names, request_timeout=_NEVER_S)
        return [future.result(REACH_S) for future in asked.values()]
    except NotInTimeError as failure:
        raise connection.error(KafkaError(KafkaError._TIMED_OUT), about) from failure
    except KafkaException as failure:
        raise connection.error(failure, about, "Describe") from failure
    finally:
        del admin  # a traceback that somebody keeps would keep it alive


def _those(admin: AdminClient, wanted: Callable[[str], bool]) -> list[str]:
    listed = admin.list_consumer_groups(request_timeout=REACH_S).result().valid
    return [group.group_id for group in listed if wanted(group.group_id)]


def is_listed(connection: Connection, group: str, member: str, place: str = "") -> bool:
    """Ask a group's coordinator whether it has this member, by its name or else by its place.

    Raises:
        BrokerError: it does not say.
    """
    [found] = described(connection, [group])
    return any(
        each.member_id == member or (place and each.group_instance_id == place)
        for each in found.members
    )
