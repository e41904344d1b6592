"""Where a secret is found: never in the configuration itself."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fleawatch.units import looks_like_key


class Secret(BaseModel):
    """Where a key is found. Exactly one of the two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = Field(
        None, description="File that holds the key and nothing else; relative to the configuration file."
    )
    env: str | None = Field(None, description="Environment variable that holds the key.")

    @model_validator(mode="before")
    @classmethod
    def _never_inline(cls, value: object) -> object:
        if isinstance(value, str) or (
            isinstance(value, dict) and any(looks_like_key(str(value.get(place))) for place in ("file", "env"))
        ):
            raise ValueError("was the key itself; put it into a file and write {file: PATH}, or {env: NAME}")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if (self.file is None) == (self.env is None):
            raise ValueError("names no place or two; write either file or env")
        return self
