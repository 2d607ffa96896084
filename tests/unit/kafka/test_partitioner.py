from __future__ import annotations

import pytest

from minuet.kafka.partitioner import murmur2, partition_of


@pytest.mark.parametrize(
    ("text", "signed"),
    [
        # The values that Kafka's own tests hold its Java producer to.
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_it_hashes_as_java_does(text: str, signed: int) -> None:
    assert murmur2(text.encode()) == signed % 2**32


def test_a_negative_hash_has_a_partition_too() -> None:
    assert partition_of(b"21", 6) == (-973932308 & 0x7FFFFFFF) % 6
