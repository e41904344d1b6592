"""How the watching goes: which collectors work, what is therefore Unknown, and what the passing of time changes.

A failed reading changes no number. It names the parts that can no longer be trusted; the last values stay, marks become
partial, and peaks no longer rise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleawatch.catalog.declare import LATENCY
from fleawatch.catalog.labels import COLLECT_REASON, ENDPOINT, FIELD
from fleawatch.events import Event, SchemaSurprise, SourceRead, SourceUnavailable, Tick
from fleawatch.flow.fold.equity import MONEY, refresh_awaited, settle
from fleawatch.flow.state import AgentState, FleetState, Happening, SourceStatus
from fleawatch.flow.words import word


def read(fleet: FleetState, agent: AgentState, event: SourceRead) -> None:
    """A collector worked: its numbers are fresh until they are `valid_s` old."""
    status = _status(agent, event.collector)
    if status.reason:
        fleet.happened.append(_source("source_recovered", agent, event.at, event.collector, status.reason))
    first = status.read_at is None
    status.read_at = status.tried_at = event.at
    status.valid_until = event.at + event.valid_s
    status.reason, status.status_code, status.failing_since = "", None, None
    status.reads += 1
    status.duration_s = event.duration_s
    fleet.tallies.observe("pf_collector_duration_seconds", (event.collector,), LATENCY, event.duration_s)
    refresh_unknown(agent, event.at)
    if event.collector in MONEY:
        if first:
            refresh_awaited(agent)
        settle(fleet, agent, event.at)


def unavailable(fleet: FleetState, agent: AgentState, event: SourceUnavailable) -> None:
    """A collector failed: nothing it reads is touched, everything it reads grows old."""
    status = _status(agent, event.collector)
    if not status.reason:
        status.failing_since = event.at
        fleet.happened.append(_source("source_failed", agent, event.at, event.collector, event.reason))
    status.tried_at = event.at
    status.reason, status.status_code = event.reason, event.status_code
    status.failures += 1
    status.duration_s = event.duration_s
    fleet.tallies.observe("pf_collector_duration_seconds", (event.collector,), LATENCY, event.duration_s)
    fleet.tallies.add("pf_collector_errors_total", (event.collector, word(fleet, COLLECT_REASON, event.reason)))
    refresh_unknown(agent, event.at)


def surprise(fleet: FleetState, _: AgentState, event: SchemaSurprise) -> None:
    """An answer was not as documented; the reading went on without the field."""
    fleet.tallies.add(
        "pf_response_schema_errors_total", (word(fleet, ENDPOINT, event.endpoint), word(fleet, FIELD, event.field))
    )


def refresh_unknown(agent: AgentState, at: float) -> None:
    """Name the parts of the equity that cannot be trusted at `at`, each with its reason."""
    unknown: dict[str, str] = {}
    for collector in agent.profile.collectors:
        if collector not in MONEY:
            continue
        status = agent.sources.get(collector)
        if status is None or status.read_at is None:
            unknown[collector] = (status.reason if status else "") or "not_read_yet"
        elif status.reason:
            unknown[collector] = status.reason
        elif at > status.valid_until:
            unknown[collector] = "stale"
    if not agent.trading.marked and "trading" in agent.profile.collectors:
        unknown.setdefault("trading", "unmarked")
    agent.unknown = unknown


def tick(fleet: FleetState, event: Tick) -> None:
    """Time passed: windows expire, grid points close, days begin, readings grow old."""
    at = event.at
    if at < fleet.at:
        fleet.ignored["tick_backwards"] = fleet.ignored.get("tick_backwards", 0) + 1
        return
    fleet.at = at
    known = 0.0
    partial = False
    for agent in fleet.agents.values():
        refresh_unknown(agent, at)
        agent.performance.tick(at)
        known += _fleet_share(fleet, agent)
        partial = partial or agent.partial
    _mark_fleet(fleet, at, known, partial=partial)


def _fleet_share(fleet: FleetState, agent: AgentState) -> float:
    """An agent's equity within the fleet; its first one comes in as a flow, so that a new agent is no gain."""
    if agent.equity is None:
        return 0.0
    if not agent.joined_fleet:
        agent.joined_fleet = True
        fleet.flows += agent.equity
    return agent.equity


def _mark_fleet(fleet: FleetState, at: float, known: float, *, partial: bool) -> None:
    """Value the fleet: results since the last mark first, then the flows since then."""
    equity = known + sum(fleet.in_transit.values())
    flows, fleet.flows = fleet.flows, 0.0
    if not any(agent.joined_fleet for agent in fleet.agents.values()):
        return
    performance = fleet.performance
    before = equity - flows
    if performance.nav.value is not None:
        performance.mark(at, before, partial=partial)
        if flows:
            performance.flow(at, before, flows)
    performance.mark(at, equity, partial=partial)
    performance.tick(at)
    fleet.external_flows += flows
    if performance.nav.value is not None:
        fleet.history.record(at, equity, performance.nav.value, performance.drawdowns["all_time"].current() or 0.0)
        performance.pnl(at, equity - fleet.external_flows)


def _status(agent: AgentState, collector: str) -> SourceStatus:
    status = agent.sources.get(collector)
    if status is None:
        status = agent.sources[collector] = SourceStatus(collector=collector)
    return status


def _source(what: str, agent: AgentState, at: float, collector: str, reason: str) -> Happening:
    return Happening(what=what, agent_id=agent.agent_id, at=at, subject=collector, reason=reason)


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    SourceRead: read,
    SourceUnavailable: unavailable,
    SchemaSurprise: surprise,
}
FLEET_HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {Tick: tick}
