"""What an operator may set, in one YAML file: strict, with every mistake reported at once.

Precedence: command line > environment (`FLEAWATCH_SECTION__KEY`) > file > default. Secrets are never written here:
a key is named by the file or the environment variable that holds it. The descriptions of the fields are the reference
page of the configuration.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from fleawatch.units import AGENT_ID, looks_like_key

ServiceName = Literal["casino", "trading", "wallet", "domains", "gateway"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Listen(_Section):
    """Where the page, the JSON API and /metrics are served."""

    address: str = Field(
        "127.0.0.1", description="Address to bind. Anything but loopback opens the page to others; say so on purpose."
    )
    port: int = Field(9712, ge=0, le=65535, description="TCP port; 0 takes a free one and prints it.")
    metric_aliases: tuple[Literal["prometheus", "grafana", "monitoring"], ...] = Field(
        (), description="Naming schemes of public guides that /metrics serves beside the canonical names."
    )


class StoreSection(_Section):
    """Where facts and state are kept."""

    path: Path = Field(
        Path("fleawatch-state"),
        description="Directory of the store; relative to the configuration file. It is made when missing.",
    )
    snapshot_s: float = Field(
        60.0, ge=1, description="Seconds between snapshots of the state; a restart folds what came after."
    )
    keep_readings_hours: float = Field(48.0, gt=0, description="Hours that readings (balances, marks, polls) are kept.")
    keep_facts_days: float = Field(400.0, gt=0, description="Days that facts about money are kept.")


class Collect(_Section):
    """How often and how patiently the platform is read."""

    interval_s: float = Field(15.0, ge=1, le=3600, description="Seconds between two readings of one source.")
    timeout_s: float = Field(5.0, gt=0, le=60, description="Seconds after which a call without an answer has failed.")
    max_age_s: float = Field(
        60.0, gt=0, description="Seconds after which a number counts as stale: shown as unknown, absent from /metrics."
    )
    concurrency: int = Field(64, ge=1, le=1024, description="Most calls under way at once.")

    @model_validator(mode="after")
    def _age_exceeds_interval(self) -> Collect:
        if self.max_age_s < self.interval_s:
            raise ValueError(
                f"max_age_s was {self.max_age_s:g}, below interval_s {self.interval_s:g}: every number would always be stale"
            )
        return self


_BASES = {
    "casino": "https://casino.purpleflea.com",
    "trading": "https://trading.purpleflea.com",
    "wallet": "https://wallet.purpleflea.com",
    "escrow": "https://escrow.purpleflea.com",
    "faucet": "https://faucet.purpleflea.com",
    "domains": "https://domains.purpleflea.com",
}


class Bases(_Section):
    """Base address of each service, without a path."""

    casino: str = Field(_BASES["casino"], description="Casino: balances, ledger, bets.")
    trading: str = Field(_BASES["trading"], description="Perpetuals: positions, fills.")
    wallet: str = Field(_BASES["wallet"], description="On-chain balances of configured addresses.")
    escrow: str = Field(_BASES["escrow"], description="Escrows.")
    faucet: str = Field(_BASES["faucet"], description="Faucet statistics.")
    domains: str = Field(_BASES["domains"], description="Domains.")
    gateway: str = Field("https://purpleflea.com", description="Used only with `layout: gateway`.")

    @field_validator("*")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not re.match(r"https?://[^/\s]+/?$", value):
            raise ValueError(f"was {value!r}; write scheme and host only, as https://host")
        return value.rstrip("/")


class Platform(_Section):
    """Which platform is read."""

    layout: Literal["services", "gateway"] = Field(
        "services",
        description="`services` is the platform's real API; `gateway` the one-host layout of its public guides.",
    )
    bases: Bases = Field(default_factory=Bases, description="Base addresses of the services.")


class Secret(_Section):
    """Where a key is found. Exactly one of the two."""

    file: Path | None = Field(
        None, description="File that holds the key and nothing else; relative to the configuration file."
    )
    env: str | None = Field(None, description="Environment variable that holds the key.")

    @model_validator(mode="before")
    @classmethod
    def _never_inline(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError("was the key itself; put it into a file and write {file: PATH}, or {env: NAME}")  # noqa: TRY004 - pydantic collects ValueError only
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if (self.file is None) == (self.env is None):
            raise ValueError("names no place or two; write either file or env")
        return self


class Agent(_Section):
    """One agent of the fleet."""

    id: str = Field(description="Name of the agent on every surface: lower-case letters, digits, - and _, at most 63.")
    strategy: str = Field("other", max_length=63, description="Strategy for attribution.")
    environment: str = Field(
        "production", max_length=63, description="Deployment environment, a label of pf_agent_info."
    )
    version: str = Field("", max_length=63, description="Release of the agent, a label of pf_agent_info.")
    keys: dict[ServiceName, Secret] = Field(
        default_factory=dict,
        description="Where the agent's key at each service is found. A service without a key is not read.",
    )
    capital_usd: Annotated[Decimal, Field(ge=0)] | None = Field(
        None,
        description="Collateral at the exchange in USD, when nobody reports it. Without it trading equity is unknown by design.",
    )
    addresses: dict[str, str] = Field(
        default_factory=dict, description="On-chain addresses by chain, read through the wallet service."
    )
    health_url: str | None = Field(
        None, description="Base of the agent's own server; /health and /metrics below it are read."
    )

    @field_validator("id")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if looks_like_key(value):
            raise ValueError("looks like a platform key; an id is shown everywhere, choose a name")
        if AGENT_ID.fullmatch(value) is None:
            raise ValueError(
                f"was {value!r}; use lower-case letters, digits, - and _, beginning with a letter or digit, at most 63"
            )
        return value

    @model_validator(mode="after")
    def _is_readable(self) -> Agent:
        if not self.keys and not self.addresses and not self.health_url:
            raise ValueError("names nothing to read; give it keys, addresses or a health_url")
        if self.addresses and "wallet" not in self.keys:
            raise ValueError("addresses are read with the wallet key; add keys.wallet")
        return self


class Config(_Section):
    """The whole configuration."""

    listen: Listen = Field(default_factory=Listen, description="Page, JSON API and /metrics.")
    store: StoreSection = Field(default_factory=StoreSection, description="Facts and state.")
    collect: Collect = Field(default_factory=Collect, description="Polling.")
    platform: Platform = Field(default_factory=Platform, description="The platform.")
    agents: tuple[Agent, ...] = Field(min_length=1, description="The fleet.")

    @model_validator(mode="after")
    def _names_are_unique(self) -> Config:
        seen: set[str] = set()
        twice = sorted({agent.id for agent in self.agents if agent.id in seen or seen.add(agent.id)})  # type: ignore[func-returns-value]
        if twice:
            raise ValueError(f"agents named twice: {', '.join(twice)}; every id is used once")
        return self
