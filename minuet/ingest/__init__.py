"""Events over HTTP: CloudEvents in, one record on the log for each, an answer after the ack.

Imports no workflow machinery; which events there are, and where the log is, comes in from outside.
"""

from minuet.ingest.application import application
from minuet.ingest.arrival import Reading
from minuet.ingest.keys import Keys
from minuet.ingest.limits import Limits
from minuet.ingest.sink import Sink

__all__ = ["Keys", "Limits", "Reading", "Sink", "application"]
