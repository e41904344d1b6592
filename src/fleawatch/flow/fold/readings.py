"""How the watching goes: which collectors work, what is therefore Unknown, and what the passing of time changes.

A failed reading changes no number. It names the parts that can no longer be trusted; the last values stay, marks become
partial, and peaks no longer rise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from fleawatch.catalog.declare import LATENCY
from fleawatch.catalog.labels import COLLECT_REASON, COLLECTOR, ENDPOINT, FIELD
from fleawatch.events import Event, SchemaSurprise, SourceRead, SourceUnavailable, Tick
from fleawatch.flow.fold.anomalies import judge_returns
from fleawatch.flow.fold.equity import COLLECTED, MONEY, ignore, refresh_awaited, settle, trading_casino_pnl
from fleawatch.flow.fold.transit import strangers_paid
from fleawatch.flow.state import AgentState, FleetState, Happening, SourceStatus
from fleawatch.flow.words import word


def read(fleet: FleetState, agent: AgentState, event: SourceRead, at: float) -> None:
    """A collector worked: its numbers are fresh until they are `valid_s` old."""
    status = _status(agent, event.collector)
    if event.at == status.read_at and not status.reason:
        ignore(fleet, "repeated")
    else:
        status.reads += 1
        _took(fleet, status, event)
    if status.reason:
        fleet.happened.append(_source("source_recovered", agent, at, event.collector, status.reason))
        status.reason, status.status_code, status.failing_since = "", None, None
    status.read_at = status.tried_at = event.at
    status.valid_until = event.at + event.valid_s
    if event.collector in MONEY:
        refresh_unknown(agent, at)
        if agent.awaited:
            refresh_awaited(agent)
        settle(fleet, agent, at)


def unavailable(fleet: FleetState, agent: AgentState, event: SourceUnavailable, at: float) -> None:
    """A collector failed: nothing it reads is touched, everything it reads grows old."""
    status = _status(agent, event.collector)
    if event.at == status.tried_at and status.reason == event.reason:
        ignore(fleet, "repeated")
        return
    if not status.reason:
        status.failing_since = event.at
        fleet.happened.append(_source("source_failed", agent, at, event.collector, event.reason))
    status.tried_at = event.at
    status.reason, status.status_code = event.reason or "unknown", event.status_code
    status.failures += 1
    collector = _took(fleet, status, event)
    fleet.tallies.add("pf_collector_errors_total", (collector, word(fleet, COLLECT_REASON, event.reason)))
    if event.collector in MONEY:
        refresh_unknown(agent, at)
        agent.performance.unknown(at)


def surprise(fleet: FleetState, event: SchemaSurprise) -> None:
    """An answer was not as documented; the reading went on without the field."""
    fleet.tallies.add(
        "pf_response_schema_errors_total", (word(fleet, ENDPOINT, event.endpoint), word(fleet, FIELD, event.field))
    )


def refresh_unknown(agent: AgentState, at: float) -> None:
    """Name the parts of the equity that cannot be trusted at `at`, each with its reason."""
    unknown: dict[str, str] = {}
    for collector in agent.profile.collectors:
        parts = COLLECTED.get(collector)
        if parts is not None and (reason := _distrust(agent.sources.get(collector), at)):
            for part in parts:
                unknown[part] = reason
    if not agent.trading.marked and "trading" in agent.profile.collectors:
        unknown.setdefault("trading", "unmarked")
    for key, held in agent.holdings.items():
        if held.unpriced:
            unknown.setdefault(key.partition(":")[0], "no_price")
    if unknown or agent.unknown:
        agent.unknown = unknown


def _distrust(status: SourceStatus | None, at: float) -> str:
    """Why the numbers of a collector cannot be trusted at `at`, empty when they can."""
    if status is None:
        return "not_read_yet"
    if status.reason or status.read_at is None:
        return status.reason or "not_read_yet"
    return "stale" if at > status.valid_until else ""


def tick(fleet: FleetState, event: Tick) -> None:
    """Time passed: windows expire, grid points close, days begin, readings grow old."""
    at = min(event.at, event.seen_at)
    if at < fleet.at:
        ignore(fleet, "tick_backwards")
        return
    fleet.at = at
    for agent in fleet.agents.values():
        refresh_unknown(agent, at)
        if agent.unknown:
            agent.performance.unknown(at)
        agent.performance.tick(at)
        judge_returns(fleet, agent, at)
    _mark_fleet(fleet, at)


def _mark_fleet(fleet: FleetState, at: float) -> None:
    """Value the fleet: results since the last mark first, then the flows since then.

    An agent's first equity comes in as a flow, so that a new agent is no gain. Sums are exact, so that they do not
    depend on the order in which a restart finds the agents.
    """
    joined = [agent for agent in fleet.agents.values() if agent.equity is not None]
    new = [agent.equity or 0.0 for agent in joined if not agent.joined_fleet]
    for agent in joined:
        agent.joined_fleet = True
    _add_known_pnl(fleet)
    strangers_paid(fleet)
    performance = fleet.performance
    if not joined and performance.nav.value is None:
        return
    equity = math.fsum([*(agent.equity or 0.0 for agent in joined), *fleet.in_transit.values()])
    flows, fleet.flows = math.fsum([fleet.flows, *new]), 0.0
    partial = any(agent.unknown for agent in joined)
    if flows:
        performance.flow(at, equity - flows, flows, partial=partial)
        fleet.external_flows += flows
    else:
        performance.mark(at, equity, partial=partial)
    performance.tick(at)
    performance.pnl(at, equity - fleet.external_flows, without_income=fleet.known_pnl)
    if performance.nav.value is not None:
        fleet.history.record(at, equity, performance.nav.value, performance.drawdowns["all_time"].current() or 0.0)


def _add_known_pnl(fleet: FleetState) -> None:
    """Trading and casino P&L of all agents since each was first known: what came before is nobody's loss of today."""
    changes = []
    for agent in fleet.agents.values():
        if agent.awaited:
            continue
        judged = trading_casino_pnl(agent)
        if agent.known_pnl is not None:
            changes.append(judged - agent.known_pnl)
        agent.known_pnl = judged
    fleet.known_pnl = math.fsum([fleet.known_pnl, *changes])


def _took(fleet: FleetState, status: SourceStatus, event: SourceRead | SourceUnavailable) -> str:
    """Note how long a reading took; its collector as a label."""
    status.duration_s = event.duration_s
    collector = word(fleet, COLLECTOR, event.collector)
    fleet.tallies.observe("pf_collector_duration_seconds", (collector,), LATENCY, event.duration_s)
    return collector


def _status(agent: AgentState, collector: str) -> SourceStatus:
    status = agent.sources.get(collector)
    if status is None:
        status = agent.sources[collector] = SourceStatus(collector=collector)
    return status


def _source(what: str, agent: AgentState, at: float, collector: str, reason: str) -> Happening:
    return Happening(
        what=what, agent_id=agent.agent_id, at=at, subject=collector, reason=reason, fields={"collector": collector}
    )


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {SourceRead: read, SourceUnavailable: unavailable}
FLEET_HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {Tick: tick, SchemaSurprise: surprise}
