"""A workflow as an AsyncAPI 3.0 document: its log, its events with their schemas, who says what.

https://www.asyncapi.com/docs/reference/specification/v3.0.0; bindings: those of Kafka, 0.5.0.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from minuet.contracts.schema import avro_schema
from minuet.event import record
from minuet.event.model import Event
from minuet.event.platform import PLATFORM_EVENTS, SagaCancelled, SagaRedone, StepResumed
from minuet.kafka.topics import TopicPlan, plan
from minuet.spec.assemble import Workflow
from minuet.spec.model import Spec

VERSION = "3.0.0"
_BINDING = "0.5.0"
_AVRO = "application/vnd.apache.avro;version=1.9.0"
_PERSONS = {event.__name__ for event in (SagaCancelled, SagaRedone, StepResumed)}
_ENDS = ("SagaCompleted", "SagaCompensated")

_HEADERS = {
    record.SPEC_VERSION: "1.0, of CloudEvents",
    record.ID: "the same for each run of the same step on the same causes",
    record.TYPE: "the event's name",
    record.SOURCE: "who said it",
    record.TIME: "for people: the log decides by its own time",
    record.SCHEMA: "urn:minuet:avro: and the fingerprint of the writer's schema",
    record.DIGEST: "of the Avro body without its schema id",
    record.CAUSES: "ids of the events that led to it, joined by commas",
    record.SLOT: "of the step and its causes: the idempotency key of the handler",
    record.STEP: "the step that said it",
    record.UNDOES: "the id of the event that is undone",
    record.WORKFLOW_VERSION: "of the spec by which it was said",
    record.TRACEPARENT: "W3C trace context, when one came",
}
_REQUIRED = (record.SPEC_VERSION, record.ID, record.TYPE, record.SOURCE, record.SCHEMA)


def asyncapi(workflow: Workflow, bootstrap: str = "") -> dict[str, Any]:
    """The document.

    Args:
        workflow: to be described.
        bootstrap: HOST:PORT of a broker, a comma between several; empty leaves servers out.
    """
    spec = workflow.spec
    models = {**workflow.models, **PLATFORM_EVENTS}
    topics = {topic.name: topic for topic in plan(spec)}
    about = f"Sagas are begun by {spec.begins} and completed by {spec.completes}; their key is "
    about += f"{spec.key}. All that happens to a saga is an event on {spec.log_topic}."
    document: dict[str, Any] = {
        "asyncapi": VERSION,
        "info": {"title": spec.name, "version": spec.version, "description": about},
        "defaultContentType": "application/vnd.apache.avro",
        "channels": {"log": _channel(topics[spec.log_topic], models), **dict(_sources(spec))},
        "operations": {**dict(_operations(workflow)), **dict(_imports(spec))},
        "components": {"messages": {name: _message(model) for name, model in models.items()}},
    }
    if bootstrap:
        hosts = enumerate(bootstrap.split(","), 1)
        document["servers"] = {
            f"kafka{n}": {"host": host.strip(), "protocol": "kafka"} for n, host in hosts
        }
    return document


def _channel(topic: TopicPlan, models: Iterable[str]) -> dict[str, Any]:
    config: dict[str, Any] = {"cleanup.policy": [topic.config["cleanup.policy"]]}
    config |= {name: int(topic.config[name]) for name in ("retention.ms", "retention.bytes")}
    kafka = {"partitions": topic.partitions, "topicConfiguration": config}
    return {
        "address": topic.name,
        "description": "The log: first in it wins. Its time is the broker's (LogAppendTime).",
        "messages": {name: _reference("components/messages", name) for name in models},
        "bindings": {"kafka": {**kafka, "bindingVersion": _BINDING}},
    }


def _sources(spec: Spec) -> Iterator[tuple[str, dict[str, Any]]]:
    """The topics that imports are read from; what their records are is for their owners to say."""
    for topic, imports in spec.import_topics.items():
        whose = f"The log of {imports[0].log}" if imports[0].log else "A topic of others"
        about = f"{whose}: `minuet import` reads it, and puts events of its own form on the log."
        yield f"from.{topic}", {"address": topic, "description": about}


def _imports(spec: Spec) -> Iterator[tuple[str, dict[str, Any]]]:
    for topic, imports in spec.import_topics.items():
        yield (
            f"from.{topic}.receive",
            {
                "action": "receive",
                "channel": _reference("channels", f"from.{topic}"),
                "summary": f"imported as {', '.join(each.type for each in imports)}",
            },
        )


def _operations(workflow: Workflow) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each step waits for and may say; what comes from outside, and what Minuet says."""
    spec = workflow.spec
    for name, step in workflow.steps.items():
        needs = [event for types in step.spec.needs for event in types]
        every = " and ".join(" or ".join(types) for types in step.spec.needs)
        said = " or ".join(step.spec.says)
        does = inspect.getdoc(step.function) or ""
        yield f"{name}.receive", _operation("receive", f"{name} needs {every}", needs, does)
        yield f"{name}.send", _operation("send", f"{name} says {said}", step.spec.says, does)
    outside = [spec.begins, *(event.__name__ for event in workflow.saga.external)]
    yield "outside.receive", _operation("receive", "said by others", outside)
    asked = [undo.request for undo in spec.undo] + [d.type for d in spec.deadlines]
    yield "coordinator.send", _operation("send", "said by the coordinator", (*asked, *_ENDS))
    yield "person.send", _operation("send", "decided by a person", sorted(_PERSONS))
    rest = sorted(PLATFORM_EVENTS.keys() - _PERSONS - set(_ENDS))
    yield "worker.send", _operation("send", "what became of a run, or of bad bytes", rest)


def _operation(
    action: str, summary: str, events: Iterable[str], description: str = ""
) -> dict[str, Any]:
    return {
        "action": action,
        "channel": _reference("channels", "log"),
        "summary": summary,
        **({"description": description} if description else {}),
        "messages": [_reference("channels/log/messages", event) for event in events],
    }


def _message(model: type[Event]) -> dict[str, Any]:
    kafka = {"key": {"type": "string", "description": "the saga's id"}}
    wire = {"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent"}
    return {
        "name": model.__name__,
        "summary": inspect.getdoc(model) or model.__name__,
        "headers": _headers(model),
        "payload": {"schemaFormat": _AVRO, "schema": _named(json.loads(avro_schema(model).text))},
        "bindings": {"kafka": {**kafka, **wire, "bindingVersion": _BINDING}},
    }


def _named(avro: Any) -> Any:
    """The same schema with each name apart from its namespace, as AsyncAPI's own schema wants it.

    An alias in another namespace, which cannot be said so, is left out: only readers need it.
    """
    if isinstance(avro, list):
        return [_named(each) for each in avro]
    if not isinstance(avro, dict):
        return avro
    found = {key: each if key == "default" else _named(each) for key, each in avro.items()}
    if avro.get("type") in ("record", "enum", "fixed") and "." in avro["name"]:
        found["namespace"], _, found["name"] = avro["name"].rpartition(".")
        if "aliases" in avro:
            aliases = [alias.rpartition(".") for alias in avro["aliases"]]
            found["aliases"] = [last for space, _, last in aliases if space == found["namespace"]]
    return found


def _headers(model: type[Event]) -> Mapping[str, Any]:
    texts: dict[str, Any] = {
        name: {"type": "string", "description": about} for name, about in _HEADERS.items()
    }
    texts[record.TYPE]["const"] = model.__name__
    return {"type": "object", "properties": texts, "required": list(_REQUIRED)}


def _reference(place: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/{place}/{name}"}
