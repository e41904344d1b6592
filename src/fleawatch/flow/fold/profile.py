"""Who belongs to the fleet: declaring an agent, retiring it, and meeting one that only reports itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.wallet import FAUCET
from fleawatch.events import AgentDeclared, AgentIdentified, AgentRetired, Event
from fleawatch.flow.fold.equity import COLLECTED, MONEY, ignore, leave_fleet, refresh_awaited, settle, transfer
from fleawatch.flow.fold.readings import refresh_unknown
from fleawatch.flow.fold.transit import party_left
from fleawatch.flow.history import History
from fleawatch.flow.state import AgentState, FleetState, Happening, Profile
from fleawatch.risk.attribution import Attribution
from fleawatch.risk.performance import Performance

MOST_AGENTS: Final = 10_000
"""Agents that may introduce themselves: the bound of the label that names them. Declared ones are not refused."""
RETIRED_KEPT: Final = 10_000
FORMER_KEPT: Final = 16
"""Strategies an agent followed before that are remembered for trades which are seen, or amended, late."""

_ITS_OWN: Final = frozenset(metric.name for metric in CATALOG.owned_by("agent")) - {"pf_trade_slippage_ratio"}
"""What nobody but the agent knows, and nothing tells again; slippage is measured on the platform's rows anew."""

NO_CAPITAL: Final = "no capital is declared and nobody reports the account value"


def declared(fleet: FleetState, event: AgentDeclared) -> None:
    """The operator watches an agent. Declaring it again changes its properties and none of its results.

    What it holds where it is read no longer, or where its collateral is now said to be another, comes and goes as a
    flow. An agent that has only reported itself and now gets its ledger read starts anew, declared before or not: the
    ledger tells it all. One whose money was read before goes on, for what was read is not told again.
    """
    if not event.agent_id:
        ignore(fleet, "no_agent")
        return
    fleet.retired.pop(event.agent_id, None)
    agent = fleet.agents.get(event.agent_id)
    if agent is not None and not agent.profile.was_read and "casino" in event.collectors:
        agent = _start_anew(fleet, agent)
    agent = agent or _new(fleet, event.agent_id)
    _drop_parts(agent, event)
    old = agent.profile
    agent.profile = Profile(
        strategy=old.strategy,
        declared_strategy=event.strategy,
        former=old.former,
        environment=event.environment,
        version=event.version,
        platform_ids=old.platform_ids,
        collectors=event.collectors,
        trades=event.trades,
        recipients=event.recipients,
        declared_at=event.at,
        was_read=old.was_read or not MONEY.isdisjoint(event.collectors),
    )
    if not old.declared_at:
        agent.profile.strategy = event.strategy
    elif event.strategy != old.declared_strategy:
        follow(agent, event.strategy, event.at)
    if old.declared_at and event.version not in ("", old.version):
        _tell_deployment(fleet, agent, event, old.version)
    for service, platform_id in event.platform_ids.items():
        _know_as(fleet, agent, service, platform_id)
    _set_capital(agent, event)
    for collector in [name for name in agent.sources if name not in event.collectors]:
        del agent.sources[collector]
    refresh_awaited(agent)
    refresh_unknown(agent, event.at)
    if agent.parts or agent.equity is not None:
        settle(fleet, agent, min(event.at, event.seen_at))


def _tell_deployment(fleet: FleetState, agent: AgentState, event: AgentDeclared, before: str) -> None:
    fleet.happened.append(
        Happening(
            what="deployment",
            agent_id=agent.agent_id,
            at=event.at,
            subject=event.version,
            fields={"before": before, "after": event.version},
        )
    )


def _drop_parts(agent: AgentState, event: AgentDeclared) -> None:
    """What was read and will be no more leaves the equity."""
    kept = {part for name in event.collectors for part in COLLECTED.get(name, ())}
    for collector in agent.profile.collectors:
        for part in COLLECTED.get(collector, ()):
            if part in kept:
                continue
            agent.since.pop(part, None)
            if part == "trading":
                agent.trading.since = None
            if part in agent.parts:
                transfer(agent, part, -agent.parts[part])
                del agent.parts[part]


def _set_capital(agent: AgentState, event: AgentDeclared) -> None:
    trading = agent.trading
    agent.declared_capital = None if event.capital_usd is None else float(event.capital_usd)
    if not trading.capital_reported:
        trading.capital = agent.declared_capital
    before, value = agent.parts.pop("trading", 0.0), trading.value
    transfer(agent, "trading", (value or 0.0) - before, shown=True)
    if value is not None:
        agent.parts["trading"] = value
    if event.trades and trading.capital is None:
        agent.by_design["trading"] = NO_CAPITAL
    else:
        agent.by_design.pop("trading", None)


def follow(agent: AgentState, strategy: str, at: float) -> None:
    """From now on trades belong to `strategy`; those that are booked already stay where they are."""
    profile = agent.profile
    if strategy == profile.strategy:
        return
    profile.former.append((max(at, agent.last_fact_at), profile.strategy))
    del profile.former[:-FORMER_KEPT]
    profile.strategy = strategy


def identified(fleet: FleetState, event: AgentIdentified) -> None:
    """A service told under which id it knows an agent of the fleet."""
    agent = fleet.agents.get(event.agent_id) or agent_of(fleet, event)
    if agent is not None:
        _know_as(fleet, agent, event.service, event.platform_id)


def retired(fleet: FleetState, event: AgentRetired) -> None:
    """The operator stopped watching an agent: its series end, and its equity leaves the fleet as a flow."""
    if not event.agent_id:
        ignore(fleet, "no_agent")
        return
    agent = fleet.agents.pop(event.agent_id, None)
    fleet.retired[event.agent_id] = event.at
    if len(fleet.retired) > RETIRED_KEPT:
        del fleet.retired[next(iter(fleet.retired))]
    if agent is None:
        return
    leave_fleet(fleet, agent)
    party_left(fleet, event.agent_id)
    for platform_id in [key for key, name in fleet.by_platform_id.items() if name == event.agent_id]:
        del fleet.by_platform_id[platform_id]


def agent_of(fleet: FleetState, event: Event) -> AgentState | None:
    """The state of an agent that is met for the first time, or None for a fact about nobody or a retired agent."""
    if not event.agent_id:
        ignore(fleet, "no_agent")
    elif event.agent_id in fleet.retired:
        ignore(fleet, "retired_agent")
    elif len(fleet.agents) >= MOST_AGENTS:
        ignore(fleet, "too_many_agents")
    else:
        return _new(fleet, event.agent_id)
    return None


def _start_anew(fleet: FleetState, agent: AgentState) -> AgentState:
    leave_fleet(fleet, agent)
    fresh = _new(fleet, agent.agent_id)
    fresh.health, fresh.control, fresh.recent = agent.health, agent.control, agent.recent
    fresh.seen_at, fresh.profile.platform_ids = agent.seen_at, agent.profile.platform_ids
    fresh.orders, fresh.words, fresh.span_errors = agent.orders, agent.words, agent.span_errors
    for name, series in agent.tallies.counters.items():
        if name in _ITS_OWN:
            fresh.tallies.counters[name] = series
        elif name == FAUCET.name:
            fresh.tallies.counters[name] = {labels: count for labels, count in series.items() if labels != ("success",)}
    for name, spread in agent.tallies.distributions.items():
        if name in _ITS_OWN:
            fresh.tallies.distributions[name] = spread
    return fresh


def _know_as(fleet: FleetState, agent: AgentState, service: str, platform_id: str) -> None:
    old = agent.profile.platform_ids.get(service)
    agent.profile.platform_ids[service] = platform_id
    if service == "casino":
        if old is not None and fleet.by_platform_id.get(old) == agent.agent_id:
            del fleet.by_platform_id[old]
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


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    AgentDeclared: declared,
    AgentIdentified: identified,
    AgentRetired: retired,
}
