"""The Apache implementation of Avro, the judge of our bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from io import BytesIO
from typing import Any
from uuid import UUID

import avro.io
import avro.schema
from pydantic import BaseModel


def read(body: bytes, writer: str, reader: str | None = None) -> Any:
    """Decode a body with Apache's reader; every byte must be used."""
    buffer = BytesIO(body)
    schemas = [avro.schema.parse(text) for text in (writer, reader or writer)]
    datum = avro.io.DatumReader(*schemas).read(avro.io.BinaryDecoder(buffer))
    assert buffer.tell() == len(body)
    return datum


def write(datum: Any, writer: str) -> bytes:
    """Encode a datum with Apache's writer."""
    buffer = BytesIO()
    avro.io.DatumWriter(avro.schema.parse(writer)).write(datum, avro.io.BinaryEncoder(buffer))
    return buffer.getvalue()


def plain(value: Any) -> Any:
    """Return what Apache's reader should give for a value of a model."""
    match value:
        case BaseModel():
            return {name: plain(getattr(value, name)) for name in type(value).model_fields}
        case Enum():
            return value.value
        case list() | tuple():
            return [plain(each) for each in value]
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case UUID():  # Apache's reader gives the text
            return str(value)
        case datetime():
            return value.astimezone(UTC)
        case _:
            return value
