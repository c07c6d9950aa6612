"""The settings, read once: environment `LIMNER_*`, else `limner.toml` in the working directory, else these defaults."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from platformdirs import user_data_path
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from limner.errors import SetupError
from prompts import ledger


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="LIMNER_", toml_file="limner.toml", extra="forbid", use_attribute_docstrings=True
    )

    home: Path = Field(default_factory=lambda: user_data_path("limner"))
    """All state lies under it: database, index, models, logs, rejects."""
    database_url: str | None = None
    """SQLAlchemy URL; unset means SQLite in `home`."""
    chroma_url: str | None = None
    """http://host:port of a Chroma server; unset means the embedded index in `home`."""
    model_url: str | None = None
    """Base URL of an OpenAI-compatible vLLM, such as http://127.0.0.1:8000/v1; unset means that limner starts one."""
    model: str = "qwen2.5-coder-1.5b"
    """A packaged model, a Hugging Face id or a folder; with `model_url`, the name that server serves."""
    model_key: str = "none"
    """API key of the model server, where it wants one."""
    embedder: str = "use-multilingual"
    """The packaged embedder, or http://host:port/v1#name of a vLLM embedding endpoint."""
    vllm_python: Path | None = None
    """Python of the environment that vLLM is installed in; unset means `.venv-vllm` beside the application's own."""
    timezone: str = "UTC"
    """In which hours and weekdays of events are read: Asia/Shanghai, America/New_York, …"""
    taxonomy: Path | None = None
    """A taxonomy file that extends the starter taxonomy."""
    writer: Literal["code", "model"] | None = None
    """Who words the persona: code, in fixed sentences, or the model, every sentence of which is checked. Unset means
    the model, but code where it is a packaged one: those are small, and word it worse than code does."""
    namer: Literal["code", "model"] | None = None
    """Who names tags: code alone, those that counting finds, or the model beside it, in one call a user, of whose names
    counting decides. Unset means the model, but code where it is a packaged one: those name what is counted already."""
    prompts: tuple[str, ...] = ()
    """Prompt versions to ask with in place of those in use, such as ["propose.v2"]."""

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{quote(str(self.home / 'limner.db'))}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def _promoted(known: Settings) -> Settings:
    """The settings, with the model and the taxonomy that were promoted in the home where none is set."""
    update: dict[str, object] = {}
    if "model" not in known.model_fields_set and (one := ledger.in_use("model", known.home)) is not None:
        update["model"] = one.name
    if "taxonomy" not in known.model_fields_set and (one := ledger.in_use("taxonomy", known.home)) is not None:
        update["taxonomy"] = Path(one.name)
    return known.model_copy(update=update) if update else known


def read() -> Settings:
    """The settings of this process; a model and a taxonomy that are not set are those that were promoted.

    Raises:
        SetupError: a value is of the wrong type, or `limner.toml` has an unknown name or is not TOML.
    """
    try:
        return _promoted(Settings())
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise SetupError(f"The settings are wrong: {wrong}. They come from LIMNER_* and limner.toml.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SetupError(
            f"limner.toml in {Path.cwd()} cannot be read ({error}): correct it, or move it away and `limner init` "
            "writes a new one."
        ) from error
