"""Who first asks a new broker where a group stands meets a coordinator that is not there yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minuet.dev import Broker
from tests.integration.parcels import ROOT

ASK = """
import sys
from confluent_kafka.admin import NewTopic
from minuet.kafka.connection import Connection
from minuet.kafka.offsets import commit, committed
place = Connection(sys.argv[1])
admin = place.admin()
admin.create_topics([NewTopic("parcels", 3, 1)])["parcels"].result(60)
while "parcels" not in place.reach().topics:  # made by the controller, heard of a little later
    pass
assert committed(place, "readers", "parcels") == {}
commit(place, "readers", "parcels", {1: 0})
assert committed(place, "readers", "parcels") == {1: 0}
"""


@pytest.mark.kafka
def test_a_group_is_asked_and_told_where_it_stands_on_a_broker_that_has_just_begun(
    tmp_path: Path,
) -> None:
    broker = Broker(tmp_path)
    try:
        asked = subprocess.run(
            [sys.executable, "-c", ASK, broker.up()], cwd=ROOT, check=False, capture_output=True
        )
    finally:
        broker.reset()
    assert (asked.returncode, asked.stderr.decode()) == (0, "")
