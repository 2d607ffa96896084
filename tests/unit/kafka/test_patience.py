"""Answers about partitions of which one is not told."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from minuet.kafka.patience import refuse_untold


class Untold(TopicPartition):
    """A partition as the client returns it when the broker does not say where it stands."""

    error = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)


def test_a_partition_that_is_not_told_is_refused_and_no_offset() -> None:
    refuse_untold([TopicPartition("t", 0, 7), TopicPartition("t", 1, -1001)])
    with pytest.raises(KafkaException) as refused:
        refuse_untold([TopicPartition("t", 0, 7), Untold("t", 1)])
    assert refused.value.args[0].code() == KafkaError.LEADER_NOT_AVAILABLE
