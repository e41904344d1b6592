"""Configuration of access: whose token may do what, and how long an agent may trade without hearing from the service."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fleawatch.service.config_secret import Secret
from fleawatch.units import AGENT_ID, looks_like_key

Role = Literal["viewer", "operator", "agent"]
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}\Z")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AccessToken(_Section):
    """One token and what its holder may do."""

    name: str = Field(description="Who holds it; every act is recorded under this name.")
    role: Role = Field(
        description="`viewer` may ask what a halt would mean; `operator` may halt, resume and drill; `agent` holds the lease of one agent."
    )
    agent: str | None = Field(None, description="The agent that a token of role agent belongs to.")
    token: Secret = Field(
        description="Where the token is found: at least 16 characters, best from `openssl rand -hex 32`."
    )

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if looks_like_key(value) or _NAME.match(value) is None:
            raise ValueError("not a name; use letters, digits, ., _, @ and -, at most 63")
        return value

    @field_validator("agent")
    @classmethod
    def _is_an_agent(cls, value: str | None) -> str | None:
        if value is not None and AGENT_ID.match(value) is None:
            raise ValueError("not the id of an agent; write one that is listed under agents")
        return value

    @model_validator(mode="after")
    def _has_its_agent(self) -> AccessToken:
        if (self.role == "agent") != (self.agent is not None):
            raise ValueError("role and agent do not fit; a token of role agent names one agent, any other names none")
        return self


class Access(_Section):
    """Who may do what. Without a token nothing can be changed over HTTP."""

    tokens: tuple[AccessToken, ...] = Field((), max_length=10_000, description="Tokens and what their holders may do.")
    lease_ttl_s: float = Field(
        90.0,
        strict=True,
        allow_inf_nan=False,
        ge=3,
        le=600,
        description="Real seconds that an agent may go on trading without hearing from the service; longer than a restart takes.",
    )
    drill_every_s: float = Field(
        300.0,
        strict=True,
        allow_inf_nan=False,
        ge=5,
        le=86_400,
        description="Seconds between two tries of the halt path of every agent that has a token.",
    )
