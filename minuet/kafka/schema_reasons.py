"""What a schema registry answers, and why it does not, in plain words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from minuet.errors import RegistryAway, RegistryError
from minuet.settings.registry import Registry

if TYPE_CHECKING:
    from confluent_kafka.schema_registry.error import SchemaRegistryError

_AWAY = (408, 429)  # and whatever is the server's own fault
_MOST = 500  # characters of what it says
_JAVA = re.compile(r"^[\w.]+Exception: ")
_NOT_FOUND = range(40_401, 40_500)


class NotFound(RegistryError):
    """It has no such schema, subject or version, or nothing is set."""


class Refused(RegistryError):
    """It says no to the schema itself: another try, or what is remembered, would not help."""


def answered(error: SchemaRegistryError, settings: Registry, about: str) -> RegistryError:
    """The error of an answer to a question about something."""
    status, code, name = error.http_status_code, error.error_code, settings.name
    said = " ".join(str(error.error_message or "").split())[:_MOST]
    if status in _AWAY or status >= 500:
        return RegistryAway(f"{name} has trouble of its own: HTTP {status} {said}".rstrip())
    if status in (401, 403):
        return RegistryError(f"{name} {_login(status, settings)}")
    if code in _NOT_FOUND:
        return NotFound(f"{name}: {said}")
    if status == 404 or not code or code == -1:
        return no_registry(settings)
    return Refused(f"{name} refuses {about}: {_JAVA.sub('', said)}")


def _login(status: int, settings: Registry) -> str:
    if status == 403:
        return "does not let this login do that: it lacks the right"
    if settings.token:
        return "refuses the token: see registry.token"
    if settings.username:
        return "refuses the login: see registry.username and registry.password"
    return "wants a login: set registry.username and registry.password, or registry.token"


def no_registry(settings: Registry) -> RegistryError:
    """The error of an answer that a registry would not give."""
    hint = "; Apicurio's is at /apis/ccompat/v7" if "/apis/" not in settings.url else ""
    return RegistryError(f"{settings.url} is no schema registry with Confluent's interface{hint}")


def unanswered(error: Exception, settings: Registry) -> RegistryAway:
    """The error of no answer at all."""
    why = _why(str(error), type(error).__name__, settings)
    return RegistryAway(f"{settings.name} cannot be reached: {why}")


def _why(said: str, kind: str, settings: Registry) -> str:
    text = " ".join(said.split())[:_MOST]
    if "CERTIFICATE_VERIFY_FAILED" in text:
        reason = text.partition("verify failed: ")[2].partition(" (_ssl")[0]
        return f"its certificate is not believed: {reason or text}; see registry.ca"
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return "it does not speak TLS: write http:// instead of https://"
    if "Timeout" in kind:
        return "it does not answer in time"
    if kind == "RemoteProtocolError" and settings.url.startswith("http:"):
        return f"it does not speak HTTP, or wants https://: {text}"
    return text.partition("] ")[2] or text or "the connection was cut"
