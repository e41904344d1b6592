"""Configuration of how agents are stopped: deadlines, and the means that each agent's operator allows."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fleawatch.events.control import HaltingTerms
from fleawatch.service.config_secret import Secret

_UNIT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}\Z")
_MOST_ARGUMENTS: Final = 32


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Process(_Section):
    """What stops an agent's process. A name, or for `command` the whole argument list: no shell reads it."""

    kind: Literal["pm2", "systemd", "kubernetes", "command"] = Field(description="What runs the agent.")
    name: str | None = Field(
        None,
        description="pm2: the process; systemd: the unit; kubernetes: the workload as deployment/NAME or statefulset/NAME.",
    )
    namespace: str = Field("default", description="kubernetes: the namespace.")
    command: tuple[str, ...] = Field(
        (), max_length=_MOST_ARGUMENTS, description="command: program and arguments, used as they are."
    )

    @field_validator("name", "namespace")
    @classmethod
    def _is_plain(cls, value: str | None) -> str | None:
        parts = (value or "x").split("/")
        if len(parts) > 2 or any(_UNIT.match(part) is None for part in parts):
            raise ValueError("not a name; write letters, digits, ., _, :, @ and -, beginning with a letter or digit")
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Process:
        if (self.kind == "command") == (not self.command) or (self.kind != "command") == (self.name is None):
            raise ValueError("is not whole; write name for pm2, systemd and kubernetes, and command for command")
        if self.kind == "kubernetes" and (self.name or "").partition("/")[0] not in ("deployment", "statefulset"):
            raise ValueError("names no workload; write name: deployment/NAME or statefulset/NAME")
        return self


class Means(_Section):
    """Which means may be used on one agent. Everything is opt-in."""

    process: Process | None = Field(
        None, description="Stop its process when its gate does not answer or does not obey."
    )
    brake: bool = Field(
        False,
        description="Lower its position limit at the exchange to one cent when nothing else worked. Its own key can raise it again; "
        "it is not raised by a resume.",
    )
    flatten: bool = Field(False, description="Close its positions, one by one, when a halt asks for it.")
    topup: bool = Field(False, description="Claim the faucet, once, when the balance is below the limit balance_low.")
    key: Secret | None = Field(None, description="Where the trading key is found with which brake and flatten act.")

    @model_validator(mode="after")
    def _has_its_key(self) -> Means:
        if (self.brake or self.flatten) and self.key is None:
            raise ValueError("lacks key; brake and flatten act with a trading key that is named here on purpose")
        return self


_BASE: Final = re.compile(r"https?://[A-Za-z0-9._-]+(?::[0-9]{1,5})?\Z")


class Actuate(_Section):
    """How halts are carried out, and how long each step may take. Seconds."""

    alerts: bool = Field(
        True,
        description="Whether alerts with an action halt agents that have a gate or a means below; else only people and gates do.",
    )
    acknowledge_s: float = Field(
        10.0,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=3600,
        description="Until the gate must have said that it stopped.",
    )
    process_s: float = Field(
        30.0,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=3600,
        description="From stopping the process to the next means.",
    )
    confirm_s: float = Field(
        120.0,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=86_400,
        description="Until the platform's own facts must prove a halt; then it is overdue.",
    )
    margin_s: float = Field(
        2.0,
        strict=True,
        allow_inf_nan=False,
        ge=0,
        le=60,
        description="Difference of platform's and service's clock that is put up with.",
    )
    silent_s: float = Field(
        300.0,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=86_400,
        description="How long an agent that did not say that it stopped must have sent nothing.",
    )
    faucet: str = Field("https://faucet.purpleflea.com", description="Base address of the faucet, for `topup`.")
    agents: dict[str, Means] = Field(default_factory=dict, description="Means by agent id.")

    @field_validator("faucet")
    @classmethod
    def _is_a_base(cls, value: str) -> str:
        if _BASE.match(value) is None:
            raise ValueError("not a base address; write scheme and host only, as https://host or http://host:port")
        return value


def halting_of(actuate: Actuate) -> HaltingTerms:
    """How halts are carried out, as the belt needs to know it."""
    means = sorted(actuate.agents.items())
    return HaltingTerms(
        acknowledge_s=actuate.acknowledge_s,
        process_s=actuate.process_s,
        confirm_s=actuate.confirm_s,
        margin_s=actuate.margin_s,
        silent_s=actuate.silent_s,
        flatten_s=actuate.process_s,
        act=actuate.alerts,
        process=tuple(name for name, one in means if one.process is not None),
        platform=tuple(name for name, one in means if one.brake),
        flatten=tuple(name for name, one in means if one.flatten),
        topup=tuple(name for name, one in means if one.topup),
    )
