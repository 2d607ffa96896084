"""Saying events from outside a workflow: one at a time from a service, or a file at once.

Imports no workflow machinery (steps, sagas, engines), so that an upstream service carries only
what it needs.
"""

from minuet.publish.asynchronous import AsyncPublisher
from minuet.publish.publisher import Published, Publisher

__all__ = ["AsyncPublisher", "Published", "Publisher"]
