"""A request's body as validated events, or as problems: CloudEvents 1.0, one by one or in a batch.

Problems name the field and the reason and never repeat a value, which may be personal data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Union
from urllib.parse import unquote

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_core import PydanticCustomError

from minuet.errors import ContractError
from minuet.event import ids
from minuet.event.model import Event
from minuet.publish.envelope import Envelope, Sealed
from minuet.publish.source import cut_short

ID_MOST, SOURCE_MOST = 512, 1024
HEADER_TEXT = "^[!-~]+$"  # what an HTTP header can say without loss; the rest is percent-encoded
_PROBLEMS_MOST = 20
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_KEY = re.compile(f"[!-~]{{1,{ID_MOST}}}")
_ATTRIBUTE = re.compile(r"[a-z0-9]+")
_TIME = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)

_Int32 = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]


class CloudEvent(BaseModel):
    """An event as the CloudEvents JSON format writes it; `type` and `data` are of each model."""

    model_config = ConfigDict(
        strict=True,
        extra="allow",
        json_schema_extra={"propertyNames": {"pattern": "^[a-z0-9]+$"}},
    )
    __pydantic_extra__: dict[str, str | bool | _Int32 | None]

    specversion: Literal["1.0"]
    id: Annotated[str, Field(min_length=1, max_length=ID_MOST)]
    source: Annotated[str, Field(min_length=1, max_length=SOURCE_MOST)]
    time: Annotated[str, Field(pattern=_TIME)] | None = None
    subject: str | None = None
    datacontenttype: Literal["application/json"] | None = None
    dataschema: str | None = None

    @model_validator(mode="after")
    def _names(self) -> CloudEvent:
        for name in self.__pydantic_extra__ or ():
            if not _ATTRIBUTE.fullmatch(name):
                kind, text = "attribute_name", "lower-case letters and digits only"
                raise PydanticCustomError(kind, text)
        return self


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an event of a request cannot be taken."""

    index: int
    field: str
    reason: str


class Malformed(Exception):
    """The body is not JSON at all."""


class Refused(Exception):
    """Events of the request break their contract."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} problems")


class Reading:
    """Reads the bodies of requests for one workflow's log.

    Args:
        envelope: seals the events.
        models: event types that may come, by name.
    """

    def __init__(self, envelope: Envelope, models: Mapping[str, type[Event]]) -> None:
        self.envelope, self.models = envelope, models
        create: Any = create_model  # its types cannot say what is made at run time
        self.forms: dict[str, Any] = {
            name: create(
                f"{name}CloudEvent",
                __base__=CloudEvent,
                type=(Literal[name], ...),
                data=(model, ...),
            )
            for name, model in models.items()
        }
        every: Any = Union[tuple(self.forms.values())]  # noqa: UP007
        one: Any = Annotated[every, Field(discriminator="type")] if len(models) > 1 else every
        many: Any = list.__class_getitem__(one)
        self._one: TypeAdapter[Any] = TypeAdapter(one)
        self._many: TypeAdapter[Any] = TypeAdapter(many)
        self._data = {name: TypeAdapter(model) for name, model in models.items()}

    def structured(self, body: bytes, headers: Mapping[str, str], now_ms: int) -> Sealed:
        """The event of a body in the JSON format.

        Raises:
            Malformed: it is no JSON.
            Refused: it breaks its contract.
        """
        event = self._read(self._one.validate_json, body)
        key = _idempotency_key(headers)
        return self._seal(0, event, (key, headers.get("traceparent", "")), now_ms)

    def batch(self, body: bytes, now_ms: int) -> list[Sealed]:
        """The events of a body in the JSON batch format; all of them, or none.

        Raises:
            Malformed: it is no JSON.
            Refused: some break their contract.
        """
        sealed: list[Sealed] = []
        problems: list[Problem] = []
        for index, event in enumerate(self._read(self._many.validate_json, body, batch=True)):
            try:
                sealed.append(self._seal(index, event, ("", ""), now_ms))
            except Refused as refused:
                problems += refused.problems
        if problems:
            raise Refused(problems[:_PROBLEMS_MOST])
        return sealed

    def binary(
        self, body: bytes, headers: Mapping[str, str], now_ms: int, type: str = ""
    ) -> Sealed:
        """The event of a body that is the data alone, its attributes in headers.

        Raises:
            Malformed: it is no JSON.
            Refused: it breaks its contract.
        """
        said = {name: _text(headers, f"ce-{name}") for name in ("specversion", "id", "source")}
        said["type"] = _text(headers, "ce-type")
        problems = [
            Problem(0, f"ce-{name}", "the header is missing")
            for name, value in said.items()
            if not value
        ]
        if not problems:
            problems = _wrong(said, type, self.models)
        if problems:
            raise Refused(problems)
        event = self._read(self._data[said["type"]].validate_json, body)
        return self._sealed(
            0, event, (said["source"], said["id"], _idempotency_key(headers)),
            headers.get("ce-traceparent", "") or headers.get("traceparent", ""), now_ms,
        )  # fmt: skip

    def _seal(self, index: int, event: Any, more: tuple[str, str], now_ms: int) -> Sealed:
        key, trace = more
        trace = str((event.__pydantic_extra__ or {}).get("traceparent") or trace)
        return self._sealed(index, event.data, (event.source, event.id, key), trace, now_ms)

    def _sealed(
        self, index: int, event: Event, names: tuple[str, str, str], trace: str, now_ms: int
    ) -> Sealed:
        source, id, key = names
        event_id = (
            ids.derive("idempotency-key", source, key)
            if key
            else ids.derive("cloudevent", source, id)
        )
        trace = trace if _TRACEPARENT.fullmatch(trace) else ""
        try:
            return self.envelope.seal(
                event, now_ms, id=event_id, traceparent=trace, source=source.encode()
            )
        except ContractError as error:
            raise Refused([Problem(index, "data", str(error))]) from None

    def _read(self, validate: Callable[[bytes], Any], body: bytes, *, batch: bool = False) -> Any:
        if reason := cut_short(body):
            raise Refused([Problem(0, "", reason)])
        found = _errors(validate, body)
        if isinstance(found, list) and any(each["type"] == "int_type" for each in found):
            found = _errors(validate, _whole(body))
        if not isinstance(found, list):
            return found.value
        if found[0]["type"] == "json_invalid":
            raise Malformed(found[0]["msg"])
        raise Refused([self._problem(each, batch) for each in found[:_PROBLEMS_MOST]])

    def _problem(self, found: Any, batch: bool) -> Problem:
        place = list(found["loc"])
        index = place.pop(0) if batch and place and isinstance(place[0], int) else 0
        if place and place[0] in self.models:  # the branch that `type` chose
            place.pop(0)
        return Problem(index, ".".join(map(str, place)), str(found["msg"]))


class _Valid(NamedTuple):
    value: Any


def _errors(validate: Callable[[bytes], Any], body: bytes) -> _Valid | list[Any]:
    """What the body holds, or what is wrong with it."""
    try:
        return _Valid(validate(body))
    except ValidationError as error:
        return [*error.errors(include_url=False, include_context=False, include_input=False)]


def _whole(body: bytes) -> bytes:
    """JSON with `5.0` written as `5`: to JSON Schema both are the whole number, to pydantic not."""

    def number(digits: str) -> float | int:
        value = float(digits)
        return int(value) if value.is_integer() else value

    try:
        return json.dumps(json.loads(body, parse_float=number), allow_nan=False).encode()
    except (ValueError, RecursionError):
        return body


def _wrong(said: Mapping[str, str], type: str, models: Mapping[str, object]) -> list[Problem]:
    problems = []
    if said["specversion"] != "1.0":
        problems.append(Problem(0, "ce-specversion", "it is not 1.0"))
    if said["type"] not in models or said["type"] != (type or said["type"]):
        problems.append(Problem(0, "ce-type", f"it is not one of: {type or ', '.join(models)}"))
    for name, most in (("id", ID_MOST), ("source", SOURCE_MOST)):
        if len(said[name]) > most:
            problems.append(Problem(0, f"ce-{name}", f"it has more than {most} characters"))
    return problems


def _text(headers: Mapping[str, str], name: str) -> str:
    """A header's text; CloudEvents writes what is not printable ASCII percent-encoded."""
    raw = headers.get(name, "")
    try:
        return unquote(raw, errors="strict") if "%" in raw else raw
    except UnicodeDecodeError:
        return raw


def _idempotency_key(headers: Mapping[str, str]) -> str:
    key = headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        reason = f"it has 1 to {ID_MOST} printable ASCII characters, no blank"
        raise Refused([Problem(0, "Idempotency-Key", reason)])
    return key or ""
