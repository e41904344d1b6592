"""Configuration of marks on Grafana's charts."""

from __future__ import annotations

import re
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fleawatch.service.config_secret import Secret
from fleawatch.sinks.annotations import KINDS, Annotations, Kind

_ADDRESS: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(?:/[A-Za-z0-9._~/%-]*)?\Z")
_TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,62}\Z")
_UID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}\Z")


class Grafana(BaseModel):
    """Marks on Grafana's charts: when something happened to the fleet. Nothing is drawn without an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = Field(None, description="Address of Grafana, with the path it is served under.")
    token: Secret | None = Field(
        None, description="Where the token of a service account is found that may write annotations."
    )
    kinds: tuple[Kind, ...] = Field(
        tuple(KINDS), description="What is drawn: halts and resumes, alerts that fire and resolve, switches of strategy, changes "
        "of regime, versions deployed, and money such as large results and settled escrows."
    )  # fmt: skip
    tags: tuple[str, ...] = Field(
        (), max_length=10, description="Tags of each mark beside `pf`, `agent_id:` and `event:`."
    )
    dashboard: str = Field(
        "", description="Uid of the only dashboard that shows them; every one that asks for the tag `pf` when empty."
    )

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and _ADDRESS.match(value) is None:
            raise ValueError("not an address; write http(s)://host[:port][/path], without user, query or fragment")
        return value

    @field_validator("tags")
    @classmethod
    def _are_tags(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_TAG.match(tag) for tag in value):
            raise ValueError("hold one that is none; write letters, digits, _, ., : and -, at most 63")
        return value

    @field_validator("dashboard")
    @classmethod
    def _is_uid(cls, value: str) -> str:
        if value and _UID.match(value) is None:
            raise ValueError("not a uid; write that of the dashboard's address, letters, digits, - and _")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Grafana:
        if (self.url is None) != (self.token is None):
            raise ValueError("has one of url and token; drawing needs both")
        return self


def annotations_of(grafana: Grafana, token: str) -> Annotations:
    """What draws there. `token`: the secret that the configuration names."""
    return Annotations(
        grafana.url or "", lambda: token, dashboard=grafana.dashboard, kinds=grafana.kinds, tags=grafana.tags
    )
