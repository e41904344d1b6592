"""The four layers of one agent. Pure: the state and a moment in, a `Health` out; reading it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fleawatch.catalog import limits
from fleawatch.catalog.fleet import CATALOG
from fleawatch.flow.fold.limits import limit_of
from fleawatch.flow.health.layers import Health, Layer, LayerName, Reason, by_alerts, health, layer
from fleawatch.flow.liveness import PROBE, alive, useful_at
from fleawatch.flow.state import AgentState, AlertInstance, FleetState

FAMILIES: Final[Mapping[str, str]] = {name: alert.family for name, alert in CATALOG.alerts.items()}
_NO_ALERTS: Final[Mapping[str, Mapping[str, AlertInstance]]] = {}
_STOPS: Final = frozenset({"halt", "flatten"})


def agent_health(fleet: FleetState, agent_id: str, at: float) -> Health:
    """The health of one agent at `at`.

    Raises:
        KeyError: there is no such agent.
    """
    agent = fleet.agents[agent_id]
    standing = fleet.alerts.get(agent_id, _NO_ALERTS)

    def with_alerts(name: LayerName, as_of: float | None, reasons: Iterator[Reason]) -> Layer:
        return layer(name, as_of, [*reasons, *by_alerts(standing, FAMILIES, name)])

    return health(
        agent_id,
        (
            with_alerts("alive", _heard_at(agent), _life(fleet, agent, at)),
            with_alerts("performance", agent.equity_at or None, _money(agent, at)),
            with_alerts("behaviour", useful_at(agent), _conduct(agent)),
            with_alerts("operations", _read_at(agent), _watching(agent, at)),
        ),
    )


def _life(fleet: FleetState, agent: AgentState, at: float) -> Iterator[Reason]:
    known, page = agent.health, agent.sources.get(PROBE)
    lives = alive(agent, at)
    asked = page is not None and page.usable(at)
    if lives is None and not _acted_lately(fleet, agent, at):
        yield _unheard(agent)
    elif lives is False:
        silent, since = ("page_not_answering", known.page_failed_at) if asked else ("silent", known.heard_at)
        yield Reason(silent, "down", since)
    elif lives and asked and known.up is False:
        yield Reason("page_not_answering", "degraded", known.page_failed_at, "but the agent gives signs of life")
    if known.up and (asked or (page is None and lives)):
        yield from (Reason("check_failing", "degraded", None, name) for name, ok in known.checks.items() if not ok)


def _unheard(agent: AgentState) -> Reason:
    page = agent.sources.get(PROBE)
    if page is not None and page.read_at is not None:
        return Reason("page_not_read", "unknown", page.valid_until)
    return Reason("no_sign_of_life", "unknown", agent.health.heard_at, "no health page is read, no heartbeat comes")


def _acted_lately(fleet: FleetState, agent: AgentState, at: float) -> bool:
    """Whether what it does proves that it lives: nobody has to ask one whose bets appear."""
    acted = max(agent.last_fact_at, agent.health.last_action_at or 0.0)
    within = limit_of(fleet, agent, limits.HEARTBEAT_AGE)
    return bool(acted) and within is not None and at - acted <= within


def _money(agent: AgentState, at: float) -> Iterator[Reason]:
    for part, reason in agent.unknown.items():
        status = agent.sources.get(part)
        since = None if status is None else status.failing_since or (status.valid_until if status.read_at else None)
        yield Reason(reason, "unknown", since if since is None or since <= at else None, part)
    if agent.equity is None:
        for part in agent.by_design:
            yield Reason("unknown_by_design", "unknown", None, part)
        if not agent.by_design and not agent.unknown:
            yield Reason("no_equity_yet", "unknown")


def _conduct(agent: AgentState) -> Iterator[Reason]:
    control = agent.control
    if useful_at(agent) is None:
        yield Reason("nothing_done_yet", "unknown")
    if control.halt is not None and control.halt.mode in _STOPS:
        yield Reason("halted", "degraded", control.halt.ordered_at, control.halt.reason)
    elif control.halt is not None or control.gate in {"reducing", "halted"}:
        since = control.halt.ordered_at if control.halt is not None else None
        why = control.halt.reason if control.halt is not None else control.gate_reason
        yield Reason("held_back", "degraded", since, why)


def _watching(agent: AgentState, at: float) -> Iterator[Reason]:
    collectors = agent.profile.collectors
    if not collectors and not agent.seen_at:
        yield Reason("nothing_read_yet", "unknown")
    troubled: list[tuple[str, str, float | None]] = []
    for name in collectors:
        status = agent.sources.get(name)
        if status is None or (status.read_at is None and not status.reason):
            yield Reason("not_read_yet", "unknown", None, name)
        elif not status.fresh(at):
            troubled.append((status.reason or "stale", name, status.failing_since or status.valid_until))
    whole = bool(troubled) and len(troubled) == len(collectors)
    for reason, name, since in troubled:
        yield Reason(reason, "down" if whole else "degraded", since, name)


def _heard_at(agent: AgentState) -> float | None:
    page = agent.sources.get(PROBE)
    asked = page.read_at if page is not None else None
    return max(agent.health.heard_at or 0.0, asked or 0.0, agent.last_fact_at) or None


def _read_at(agent: AgentState) -> float | None:
    read = [status.read_at for status in agent.sources.values() if status.read_at is not None]
    return max(read, default=None) if agent.profile.collectors else agent.seen_at or None
