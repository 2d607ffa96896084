"""Faust's Kafka driver with the settings that Minuet's promises rest on.

Without them Faust would read what a transaction has taken back.
"""

from __future__ import annotations

from typing import ClassVar

import aiokafka
from faust.transport.drivers import aiokafka as driver

FETCH_WAIT_MS = 100  # Faust's 1,500 keep a partition that is resumed waiting so long


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    """Makes the consumer."""

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class Consumer(driver.Consumer):
    """Reads what is committed."""

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class Transport(driver.Transport):
    """Of an app that runs Minuet's steps."""

    Consumer: ClassVar[type[driver.Consumer]] = Consumer
