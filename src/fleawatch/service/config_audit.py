"""Configuration of the audit log."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class AuditSection(BaseModel):
    """Where the audit log keeps what must not be in its database."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path | None = Field(
        None,
        description="File of the chain's key, made with mode 0600 at the first start; relative to the configuration file. "
        "`audit.key` in the store's directory when none. Back it up: without it nothing can be verified.",
    )
    anchors_file: Path | None = Field(
        None,
        description="File of the anchors, by which a log that was cut short shows; best on a disk that the store's writers "
        "cannot change. `audit-anchors.jsonl` in the store's directory when none.",
    )
