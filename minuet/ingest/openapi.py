"""The OpenAPI 3.1 document, made from the events' models: what it says is what is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from minuet.ingest.arrival import HEADER_TEXT, ID_MOST, SOURCE_MOST, Reading
from minuet.ingest.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFERENCE = "#/components/schemas/{model}"
_LONG = 1 << 63


class _Exact(GenerateJsonSchema):
    """Says the limits that Avro adds to the models: digits of decimals, 64 bits of numbers."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A decimal, as text or as a number."""
        places, digits = schema.get("decimal_places"), schema.get("max_digits")
        if places is None or digits is None:
            return super().decimal_schema(schema)
        whole, most = digits - places, 10 ** (digits - places)
        fraction = rf"(\.[0-9]{{1,{places}}})?" if places else ""
        first = f"[0-9]{{1,{whole}}}" if whole else "0"
        text = {"type": "string", "pattern": f"^[+-]?{first}{fraction}$"}
        number = {"type": "number", "exclusiveMinimum": -most, "exclusiveMaximum": most}
        return {"anyOf": [{**number, "multipleOf": 10.0**-places}, text]}

    def int_schema(self, schema: core_schema.IntSchema) -> JsonSchemaValue:
        """A whole number of 64 bits."""
        found = super().int_schema(schema)
        if "exclusiveMinimum" not in found:
            found.setdefault("minimum", -_LONG)
        if "exclusiveMaximum" not in found:
            found.setdefault("maximum", _LONG - 1)
        return found


def document(reading: Reading, limits: Limits, *, secured: bool) -> dict[str, Any]:
    """The document.

    Args:
        reading: knows the events.
        limits: that it tells.
        secured: requests need a key.
    """
    schemas = _schemas(reading)
    components: dict[str, Any] = {"schemas": schemas}
    security: dict[str, Any] = {}
    if secured:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        security = {"security": [{"key": []}]}
    paths: dict[str, Any] = {"/events": {"post": {**_events(reading, limits, secured), **security}}}
    for name in reading.models:
        paths[f"/events/{name}"] = {"post": {**_binary(name, secured), **security}}
    for path, good, bad in (("/live", "it runs", ""), ("/ready", "it takes events", "it does not")):
        answers = {"200": _answer(good, "State")} | ({"503": _answer(bad, "State")} if bad else {})
        paths[path] = {"get": {"summary": good, "responses": answers}}
    described = {
        "description": "this",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    paths["/openapi.json"] = {"get": {"summary": "this document", "responses": {"200": described}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Events for {reading.envelope.workflow}", "version": "1"},
        "paths": paths,
        "components": components,
    }


def _schemas(reading: Reading) -> dict[str, Any]:
    models = [(name, "validation", form) for name, form in reading.forms.items()]
    generator = _Exact(ref_template=_REFERENCE)
    inputs = [(form, "validation", form.__pydantic_core_schema__) for _, _, form in models]
    _, defs = generator.generate_definitions(inputs)  # type: ignore[arg-type]
    schemas: dict[str, Any] = {str(name): schema for name, schema in defs.items()}
    for name in reading.models:
        key = schemas[name]["properties"][reading.envelope.key]
        if key.get("type") == "string" and "format" not in key and "enum" not in key:
            key.setdefault("minLength", 1)
    references = [{"$ref": _REFERENCE.format(model=f"{name}CloudEvent")} for name in reading.models]
    schemas["CloudEvent"] = {"oneOf": references} if len(references) > 1 else references[0]
    schemas |= _ANSWERS
    return schemas


def _events(reading: Reading, limits: Limits, secured: bool) -> dict[str, Any]:
    one = {"$ref": _REFERENCE.format(model="CloudEvent")}
    types = ", ".join(reading.models)
    return {
        "summary": "CloudEvents in the JSON format, one or a batch",
        "description": (
            f"Types: {types}. The answer comes when every replica in sync has the events. The same "
            "source and id, or Idempotency-Key, is the same event: with the same content a "
            "duplicate, with other content a conflict, as far as it is remembered. A batch is "
            f"taken as a whole or not at all; a body has at most {limits.body_bytes} bytes. Binary "
            "mode is taken here too: application/json with ce-* headers, as at /events/TYPE."
        ),
        "requestBody": {
            "required": True,
            "content": {
                "application/cloudevents+json": {"schema": one},
                "application/cloudevents-batch+json": {"schema": {"type": "array", "items": one}},
            },
        },
        "responses": {
            **_responses(secured),
            "200": _answer("all are duplicates", "Taken", "TakenBatch"),
            "202": _answer("they are on the log", "Taken", "TakenBatch"),
        },
    }


def _header(most: int) -> dict[str, Any]:
    """The schema of a header's text."""
    return {"pattern": HEADER_TEXT, "maxLength": most}


def _binary(name: str, secured: bool) -> dict[str, Any]:
    headers: Mapping[str, dict[str, Any]] = {
        "ce-specversion": {"const": "1.0"},
        "ce-id": _header(ID_MOST),
        "ce-source": _header(SOURCE_MOST),
        "ce-type": {"const": name},
    }
    data = {"$ref": _REFERENCE.format(model=name)}
    return {
        "summary": f"{name} in binary mode: the data is the body, the attributes are headers",
        "parameters": [
            {"name": each, "in": "header", "required": True, "schema": {"type": "string", **schema}}
            for each, schema in headers.items()
        ]
        + [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", **_header(ID_MOST)},
            }
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": data}}},
        "responses": {
            **_responses(secured),
            "200": _answer("a duplicate", "Taken"),
            "202": _answer("it is on the log", "Taken"),
        },
    }


def _responses(secured: bool) -> dict[str, Any]:
    later = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    told = {
        "400": "not JSON, or not HTTP",
        "409": "an id was used with other content; nothing was taken",
        "413": "the body, the batch or a record is too large",
        "415": "another media type",
        "422": "an event breaks its contract: which field, and why",
        "429": "too much is under way: come again",
        "503": "the broker did not acknowledge: send it again",
    } | ({"401": "no key, or an unknown one"} if secured else {})
    return {
        status: {
            **_answer(text, "Problems"),
            **({"headers": later} if status in ("429", "503") else {}),
        }
        for status, text in told.items()
    }


def _answer(description: str, *schemas: str) -> dict[str, Any]:
    references = [{"$ref": _REFERENCE.format(model=name)} for name in schemas]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_TEXT = {"type": "string"}
_TAKEN = {
    "type": "object",
    "required": ["id", "status"],
    "properties": {"id": _TEXT, "status": {"enum": ["accepted", "duplicate"]}},
}
_PROBLEM = {
    "type": "object",
    "required": ["index", "field", "reason"],
    "properties": {"index": {"type": "integer"}, "field": _TEXT, "reason": _TEXT},
}
_ANSWERS: dict[str, Any] = {
    "Taken": _TAKEN,
    "TakenBatch": {
        "type": "object",
        "required": ["events"],
        "properties": {"events": {"type": "array", "items": _TAKEN}},
    },
    "Problems": {
        "type": "object",
        "required": ["problems"],
        "properties": {"problems": {"type": "array", "items": _PROBLEM}},
    },
    "State": {
        "type": "object",
        "required": ["status"],
        "properties": {"status": _TEXT, "reason": _TEXT},
    },
}
