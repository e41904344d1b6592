"""Who belongs to the fleet: declaring an agent, retiring it, and meeting one that only reports itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.events import AgentDeclared, AgentIdentified, AgentRetired, Event
from fleawatch.flow.fold.equity import refresh_awaited
from fleawatch.flow.fold.readings import refresh_unknown
from fleawatch.flow.history import History
from fleawatch.flow.state import AgentState, FleetState, Profile
from fleawatch.risk.attribution import Attribution
from fleawatch.risk.performance import Performance


def declared(fleet: FleetState, event: AgentDeclared) -> None:
    """The operator watches an agent. Declaring it again changes its properties and none of its numbers."""
    fleet.retired.pop(event.agent_id, None)
    agent = fleet.agents.get(event.agent_id) or _new(fleet, event.agent_id)
    agent.profile = Profile(
        strategy=event.strategy,
        declared_strategy=event.strategy,
        environment=event.environment,
        version=event.version,
        platform_ids=agent.profile.platform_ids,
        collectors=event.collectors,
        trades=event.trades,
        declared_at=event.at,
    )
    for service, platform_id in event.platform_ids.items():
        _know_as(fleet, agent, service, platform_id)
    trading = agent.trading
    agent.declared_capital = None if event.capital_usd is None else float(event.capital_usd)
    if event.capital_usd is not None and not trading.capital_reported:
        trading.capital = float(event.capital_usd)
        agent.parts["trading"] = trading.capital + trading.net + trading.unrealized
    if event.trades and trading.capital is None:
        agent.by_design["trading"] = "no capital is declared and nobody reports the account value"
    else:
        agent.by_design.pop("trading", None)
    for collector in [name for name in agent.sources if name not in event.collectors]:
        del agent.sources[collector]
    refresh_awaited(agent)
    refresh_unknown(agent, event.at)


def identified(fleet: FleetState, event: AgentIdentified) -> None:
    """A service told under which id it knows an agent of the fleet."""
    agent = fleet.agents.get(event.agent_id) or agent_of(fleet, event)
    if agent is not None:
        _know_as(fleet, agent, event.service, event.platform_id)


def retired(fleet: FleetState, event: AgentRetired) -> None:
    """The operator stopped watching an agent: its series end, and its equity leaves the fleet as a flow."""
    agent = fleet.agents.pop(event.agent_id, None)
    fleet.retired[event.agent_id] = event.at
    if agent is None:
        return
    if agent.joined_fleet and agent.equity is not None:
        fleet.flows -= agent.equity
    for platform_id in [key for key, name in fleet.by_platform_id.items() if name == event.agent_id]:
        del fleet.by_platform_id[platform_id]


def agent_of(fleet: FleetState, event: Event) -> AgentState | None:
    """The state of an agent that is met for the first time, or None for a fact about nobody or a retired agent."""
    if not event.agent_id:
        fleet.ignored["no_agent"] = fleet.ignored.get("no_agent", 0) + 1
        return None
    if event.agent_id in fleet.retired:
        fleet.ignored["retired_agent"] = fleet.ignored.get("retired_agent", 0) + 1
        return None
    return _new(fleet, event.agent_id)


def _know_as(fleet: FleetState, agent: AgentState, service: str, platform_id: str) -> None:
    agent.profile.platform_ids[service] = platform_id
    if service == "casino":
        fleet.by_platform_id[platform_id] = agent.agent_id


def _new(fleet: FleetState, agent_id: str) -> AgentState:
    agent = fleet.agents[agent_id] = AgentState(
        agent_id=agent_id,
        profile=Profile(),
        performance=Performance(),
        attribution=Attribution(),
        history=History(),
    )
    return agent


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {AgentDeclared: declared, AgentIdentified: identified, AgentRetired: retired}
