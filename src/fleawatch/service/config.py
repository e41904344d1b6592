"""What an operator may set, in one YAML file: strict, with every mistake reported at once.

Precedence: command line > environment (`FLEAWATCH_SECTION__KEY`) > file > default. Secrets are never written here:
a key is named by the file or the environment variable that holds it. The descriptions of the fields are the reference
page of the configuration. A model judges each value by itself; what several keys must agree on is judged by `disagreements` on
the document as it was written, so that it is told beside the mistakes of single values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from fleawatch.errors import Problem
from fleawatch.service.config_access import Access
from fleawatch.service.config_actuate import Actuate
from fleawatch.service.config_audit import AuditSection
from fleawatch.service.config_grafana import Grafana
from fleawatch.service.config_notify import Notify
from fleawatch.service.config_rules import Alerts, LimitValues, Strategy
from fleawatch.service.config_secret import Secret
from fleawatch.units import AGENT_ID, looks_like_key

ServiceName = Literal["casino", "trading", "wallet", "domains", "gateway"]
Chain = Literal["ethereum", "base", "solana", "bitcoin", "tron", "monero"]

LEAST_AGE_INTERVALS: Final = 4
"""Intervals that a number must stay fresh for: the poller needs them to be late once without making it unknown."""

_ADDRESS: Final = re.compile(
    r"https?://(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^\s?#]*)?\Z"
)
_MOST_PORT: Final = 65_535


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_address(value: str, *, with_path: bool) -> bool:
    """Whether it is `http(s)://host[:port][/path]`: no user, no password, no query."""
    found = _ADDRESS.match(value)
    if found is None or not 0 < int(found["port"] or 80) <= _MOST_PORT:
        return False
    return with_path or found["path"] in (None, "/")


class Listen(_Section):
    """Where the page, the JSON API and /metrics are served."""

    address: str = Field(
        "127.0.0.1", description="Address to bind. Anything but loopback opens the page to others; say so on purpose."
    )
    port: int = Field(9712, strict=True, ge=0, le=_MOST_PORT, description="TCP port; 0 takes a free one and prints it.")
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
        60.0,
        strict=True,
        allow_inf_nan=False,
        ge=1,
        le=86_400,
        description="Seconds between snapshots of the state; a restart folds what came after.",
    )
    keep_readings_hours: float = Field(
        48.0,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=87_600,
        description="Hours that readings (balances, marks, polls) are kept, and up to a quarter (at least an hour) longer: "
        "until a state is kept with which a replay can begin. Facts about money are never forgotten.",
    )


class Collect(_Section):
    """How often and how patiently the platform is read."""

    interval_s: float = Field(
        15.0, strict=True, allow_inf_nan=False, ge=1, le=3600, description="Seconds between two readings of one source."
    )
    timeout_s: float = Field(
        5.0,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=60,
        description="Real seconds after which one call without an answer has failed.",
    )
    reading_timeout_s: float = Field(
        60.0,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=600,
        description="Real seconds after which a whole reading, which may take several calls, has failed; at least timeout_s.",
    )
    max_age_s: float = Field(
        60.0,
        strict=True,
        allow_inf_nan=False,
        gt=0,
        le=604_800,
        description="Seconds after which a number counts as stale: shown as unknown, absent from /metrics. "
        "At least four times interval_s.",
    )
    concurrency: int = Field(64, strict=True, ge=1, le=1024, description="Most calls under way at once.")


_BASES = {
    "casino": "https://casino.purpleflea.com",
    "trading": "https://trading.purpleflea.com",
    "wallet": "https://wallet.purpleflea.com",
    "escrow": "https://escrow.purpleflea.com",
    "domains": "https://domains.purpleflea.com",
}


class Bases(_Section):
    """Base address of each service, without a path."""

    casino: str = Field(_BASES["casino"], description="Casino: balances, ledger, bets.")
    trading: str = Field(_BASES["trading"], description="Perpetuals: positions, fills.")
    wallet: str = Field(_BASES["wallet"], description="On-chain balances of configured addresses.")
    escrow: str = Field(_BASES["escrow"], description="Escrows.")
    domains: str = Field(_BASES["domains"], description="Domains.")
    gateway: str = Field("https://purpleflea.com", description="Used only with `layout: gateway`.")

    @field_validator("*")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not _is_address(value, with_path=False):
            raise ValueError("not a base address; write scheme and host only, as https://host or http://host:port")
        return value.rstrip("/")


class Platform(_Section):
    """Which platform is read."""

    layout: Literal["services", "gateway"] = Field(
        "services",
        description="`services` is the platform's real API; `gateway` the one-host layout of its public guides.",
    )
    bases: Bases = Field(default_factory=Bases, description="Base addresses of the services.")


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
    capital_usd: Decimal | None = Field(
        None,
        ge=0,
        le=1_000_000_000_000,
        description="Collateral at the exchange in USD, when nobody reports it. Without it trading equity is unknown by design.",
    )
    addresses: dict[Chain, str] = Field(
        default_factory=dict, description="On-chain addresses by chain, in quotes, read through the wallet service."
    )
    limits: LimitValues = Field(
        default_factory=dict, description="Limits for this agent alone; see docs/reference/limits.md."
    )
    health_url: str | None = Field(
        None,
        description="Base of the agent's own server, http(s)://host[:port][/path]; /health and /metrics below it are read.",
    )

    recipients: tuple[str, ...] | None = Field(
        None,
        max_length=1_000,
        description="Platform ids and addresses, in quotes, that the agent may send money to; [] allows none. Without it no recipient is judged. "
        "Money sent to anybody else freezes its payments.",
    )

    @field_validator("id")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        if looks_like_key(value):
            raise ValueError("looks like a platform key; an id is shown everywhere, choose a name")
        if AGENT_ID.fullmatch(value) is None:
            raise ValueError(
                "not a name; use lower-case letters, digits, - and _, beginning with a letter or digit, at most 63"
            )
        return value

    @field_validator("health_url")
    @classmethod
    def _is_reachable(cls, value: str | None) -> str | None:
        if value and not _is_address(value, with_path=True):
            raise ValueError("not an address; write http(s)://host[:port][/path], without user, query or fragment")
        return value

    @field_validator("recipients")
    @classmethod
    def _are_ids(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        wrong = [one for one in value or () if re.fullmatch(r"[A-Za-z0-9:._-]{1,128}", one) is None]
        if wrong or any(looks_like_key(one) for one in value or ()):
            raise ValueError(
                "holds what is no platform id or address; write letters, digits, :, ., _ and -, at most 128"
            )
        return value

    @field_validator("addresses")
    @classmethod
    def _are_written(cls, value: dict[Chain, str]) -> dict[Chain, str]:
        if not all(re.fullmatch(r"[A-Za-z0-9:._-]{1,128}", address) for address in value.values()):
            raise ValueError("holds what is no on-chain address; write letters and digits only, at most 128")
        return value


class Config(_Section):
    """The whole configuration."""

    listen: Listen = Field(default_factory=Listen, description="Page, JSON API and /metrics.")
    store: StoreSection = Field(default_factory=StoreSection, description="Facts and state.")
    audit: AuditSection = Field(default_factory=AuditSection, description="The audit log's key and anchors.")
    collect: Collect = Field(default_factory=Collect, description="Polling.")
    platform: Platform = Field(default_factory=Platform, description="The platform.")
    alerts: Alerts = Field(default_factory=Alerts, description="Which alerts are judged.")
    limits: LimitValues = Field(
        default_factory=dict,
        description="Limits for the whole fleet, by name; null switches one off. See docs/reference/limits.md.",
    )
    strategies: dict[str, Strategy] = Field(
        default_factory=dict, description="What is particular to the agents of a strategy, by its name."
    )
    notify: Notify = Field(default_factory=Notify, description="Who is told of alerts, and how.")
    grafana: Grafana = Field(default_factory=Grafana, description="Marks on Grafana's charts.")
    access: Access = Field(default_factory=Access, description="Who may do what, and how long a lease to trade lasts.")
    actuate: Actuate = Field(default_factory=Actuate, description="How agents are stopped.")
    agents: tuple[Agent, ...] = Field(min_length=1, description="The fleet.")


def disagreements(document: Mapping[str, Any]) -> list[Problem]:
    """What several keys of a raw document do not agree on.

    A value that is wrong by itself is left out here: it has its complaint already, and one mistake gets one.
    """
    found = [*_times(document.get("collect", {})), *_strangers(document)]
    layout = _sound(Platform, document.get("platform", {}), "layout")
    listed = document.get("agents")
    agents = listed if isinstance(listed, list | tuple) else ()
    names: dict[str, int] = {}
    for index, agent in enumerate(agents):
        if not isinstance(agent, Mapping):
            continue
        found += _reading(f"agents[{index}]", agent, layout)
        name = agent.get("id")
        if not isinstance(name, str) or AGENT_ID.fullmatch(name) is None or looks_like_key(name):
            continue
        if names.setdefault(name, index) != index:
            found.append(
                Problem(
                    f"agents[{index}].id", f"named twice: {name} is agents[{names[name]}] too", "use every id only once"
                )
            )
    return found


def _times(collect: object) -> Iterator[Problem]:
    interval, age = _sound(Collect, collect, "interval_s"), _sound(Collect, collect, "max_age_s")
    if interval is not None and age is not None and age < LEAST_AGE_INTERVALS * interval:
        yield Problem(
            "collect.max_age_s",
            f"was {age:g}, below {LEAST_AGE_INTERVALS} x interval_s ({interval:g}): numbers would be stale between readings",
            f"set it to {LEAST_AGE_INTERVALS * interval:g} or more, or lower collect.interval_s",
        )
    call, reading = _sound(Collect, collect, "timeout_s"), _sound(Collect, collect, "reading_timeout_s")
    if call is not None and reading is not None and reading < call:
        yield Problem(
            "collect.reading_timeout_s",
            f"was {reading:g}, below timeout_s ({call:g}): no call could use its time",
            f"set it to {call:g} or more, or lower collect.timeout_s",
        )


def _strangers(document: Mapping[str, Any]) -> Iterator[Problem]:
    """Agents for whom means are configured and who are not listed."""
    actuate, agents = document.get("actuate"), document.get("agents")
    means = actuate.get("agents") if isinstance(actuate, Mapping) else None
    if not isinstance(means, Mapping) or not isinstance(agents, list | tuple):
        return
    listed = {agent.get("id") for agent in agents if isinstance(agent, Mapping)}
    for number, name in enumerate(means):
        if name not in listed:
            yield Problem(f"actuate.agents[{number}]", "is for an agent that is not listed", "name one of agents")


def _sound(section: type[_Section], raw: object, name: str) -> Any:
    """One value of a section by itself, its default when it is not written, None when it is wrong."""
    if not isinstance(raw, Mapping):
        return None
    try:
        return getattr(section.model_validate({name: raw[name]} if name in raw else {}), name)
    except ValidationError:
        return None


def _reading(where: str, agent: Mapping[str, Any], layout: str | None) -> Iterator[Problem]:
    """What keeps an agent from being read, as far as its keys, addresses and server say."""
    keys, addresses = agent.get("keys", {}), agent.get("addresses", {})
    if not isinstance(keys, Mapping) or not isinstance(addresses, Mapping):
        return
    if not keys and not addresses and not agent.get("health_url"):
        yield Problem(where, "names nothing to read", "give it keys, addresses or a health_url")
    if addresses and "wallet" not in keys:
        yield Problem(f"{where}.addresses", "are read with the wallet key, which is not there", "add keys.wallet")
    if layout == "services" and "gateway" in keys:
        yield Problem(
            f"{where}.keys.gateway",
            "is not read with platform.layout: services",
            "remove it and name the keys of the services, or set platform.layout: gateway",
        )
    if layout == "gateway" and keys and "gateway" not in keys:
        yield Problem(
            f"{where}.keys",
            "lacks gateway, the one key that platform.layout: gateway reads with",
            "add keys.gateway, or set platform.layout: services",
        )
