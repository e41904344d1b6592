"""From an agent's declaration to the sources that read it: one for each service that it has a key for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp

from fleawatch.clock import Clock
from fleawatch.ports import Source
from fleawatch.sources.budget import Budget
from fleawatch.sources.gateway import GatewaySource
from fleawatch.sources.http import DEADLINE_S, Client
from fleawatch.sources.probe import ProbeSource
from fleawatch.sources.purpleflea.bets import BetsSource
from fleawatch.sources.purpleflea.casino import CasinoSource
from fleawatch.sources.purpleflea.domains import DomainsSource
from fleawatch.sources.purpleflea.escrow import EscrowSource
from fleawatch.sources.purpleflea.trading import TradingSource
from fleawatch.sources.purpleflea.wallet import WalletSource


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentKeys:
    """What is needed to read one agent. Its text never shows a key.

    Attributes:
        agent_id: the fleet's name of it.
        keys: by service (`casino`, `trading`, `wallet`, `domains`, `gateway`); escrow takes the casino's.
        platform_ids: its id at each service.
        addresses: its address by chain.
        health_url: address of its own server, with or without `/health`; empty when it has none.
    """

    agent_id: str
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    platform_ids: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    health_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Where the services are and what all sources share.

    Attributes:
        bases: address of each service, without the paths of its routes.
        session: the pooled session (`http.open_session`), closed by whoever opened it.
        clock: the clock that the platform's times are compared with.
        budget: the allowance for `/bets/history`, one for all agents of this address.
        deadline_s: real seconds until one call counts as timed out.
    """

    bases: Mapping[str, str]
    session: aiohttp.ClientSession
    clock: Clock
    budget: Budget = field(default_factory=Budget)
    deadline_s: float = DEADLINE_S

    def client(self, service: str, key: str | None, base: str | None = None) -> Client:
        """A client of `service` for the holder of `key`."""
        return Client(
            self.session, service, base or self.bases[service], key, clock=self.clock, deadline_s=self.deadline_s
        )


def sources_for(agent: AgentKeys, platform: Platform) -> list[Source]:
    """The sources that read `agent`, by what it has keys and the platform addresses for.

    The gateway is read only where there is no casino key: both would tell the same money twice.
    """
    keys = {service: key for service, key in agent.keys.items() if service in platform.bases}
    found: list[Source] = []
    if "casino" in keys:
        casino = keys["casino"]
        found.append(CasinoSource(agent.agent_id, platform.client("casino", casino)))
        found.append(BetsSource(agent.agent_id, platform.client("casino", casino), platform.budget))
        if "escrow" in platform.bases:
            found.append(EscrowSource(agent.agent_id, platform.client("escrow", casino)))
    elif "gateway" in keys:
        known_as = agent.platform_ids.get("gateway", agent.agent_id)
        found.append(GatewaySource(agent.agent_id, platform.client("gateway", keys["gateway"]), known_as))
    if "trading" in keys:
        found.append(TradingSource(agent.agent_id, platform.client("trading", keys["trading"])))
    if "wallet" in keys:
        found.append(WalletSource(agent.agent_id, platform.client("wallet", keys["wallet"]), agent.addresses))
    if "domains" in keys:
        found.append(DomainsSource(agent.agent_id, platform.client("domains", keys["domains"])))
    if agent.health_url:
        base = agent.health_url.rstrip("/").removesuffix("/health")
        found.append(ProbeSource(agent.agent_id, platform.client("agent", None, base)))
    return found
