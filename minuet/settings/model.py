"""All that can be set; the table in docs/guide/configuration.md says the same in words."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from minuet.settings.lint import Lint
from minuet.settings.names import checked
from minuet.settings.registry import SECRETS, Registry
from minuet.settings.worker import Options

# The settings that are tables; the others are single values.
TABLES = ("kafka", "worker", "registry", "lint")

_SECRETS = (("ingest_keys",), *(("registry", name) for name in SECRETS))


def is_secret(path: tuple[str, ...]) -> bool:
    """Whether a setting of ours must not be shown; Kafka's are known by their names."""
    return path in _SECRETS


class Settings(BaseSettings):
    """The settings of a project; a new one is a new field here, or in a table that is one.

    Args:
        bootstrap: the broker, `host:port`, more than one joined by commas; empty: not named.
        prefix: of every topic and group, as `team-a.`; empty for none.
        ingest_keys: of those who may send to `minuet ingest`, NAME:KEY joined by commas or lines.
        kafka: librdkafka's settings, by its own names.
        worker: how a unit runs.
        registry: where schemas are registered, if not in Kafka itself.
        lint: what `minuet lint` and the start of a worker pass over.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    bootstrap: str = ""
    prefix: Annotated[str, AfterValidator(checked)] = ""
    ingest_keys: str = ""
    kafka: dict[str, str] = Field(default_factory=dict)
    worker: Options = Field(default_factory=Options)
    registry: Registry = Field(default_factory=Registry)
    lint: Lint = Field(default_factory=Lint)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """No source but what is given: `read` joins them, to know where each value is from."""
        return (init_settings,)
