"""The guide's request is one that is taken."""

from __future__ import annotations

import re
from pathlib import Path

from minuet.contracts.codec import Codec
from minuet.contracts.registry import LocalRegistry
from minuet.ingest import Reading
from minuet.publish.envelope import Envelope
from schemas.orders import OrderPlaced

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "ingest.md"


def test_the_request_of_the_guide_is_an_order() -> None:
    found = re.search(r"-d '(\{.*?\})'\n", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    codec = Codec([OrderPlaced], LocalRegistry())
    envelope = Envelope("orders", "order_id", [OrderPlaced], codec)
    sealed = Reading(envelope, {"OrderPlaced": OrderPlaced}).structured(found[1].encode(), {}, 0)
    assert sealed.key == b"o-1"
