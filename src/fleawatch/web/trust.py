"""What can be trusted: how the collectors fare over the fleet, and what an operator should see before any number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from fleawatch.flow.conservation import fleet_residual
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.web.number import Freshness, Number
from fleawatch.web.row import AgentRow
from fleawatch.web.standing import trouble, why_unread

Level = Literal["critical", "warning", "info"]


class SourceLine(msgspec.Struct, frozen=True):
    """One collector over the fleet: how many agents it reads well, at last value, not at all, and why not."""

    collector: str
    freshness: Freshness
    fresh: Number
    stale: Number
    unknown: Number
    newest_age: Number
    duration: Number
    reasons: tuple[str, ...]


class Doubt(msgspec.Struct, frozen=True):
    """Something that makes numbers doubtful. `amount` is USD where it is about money.

    What is nobody's alone has an empty `agent_id`: it is about the fleet.
    """

    level: Level
    what: str
    agent_id: str
    text: str
    amount: Number | None = None


def source_lines(agents: Iterable[AgentState], at: float) -> tuple[SourceLine, ...]:
    """One line a collector that some agent of the fleet declares, by name."""
    by_name: dict[str, list[AgentState]] = {}
    for agent in agents:
        for collector in agent.profile.collectors:
            by_name.setdefault(collector, []).append(agent)
    return tuple(_line(name, read, at) for name, read in sorted(by_name.items()))


def _line(collector: str, agents: Sequence[AgentState], at: float) -> SourceLine:
    counts: dict[Freshness, int] = {"fresh": 0, "stale": 0, "unknown": 0}
    reasons: dict[str, int] = {}
    newest: float | None = None
    durations: list[float] = []
    for agent in agents:
        status = agent.sources.get(collector)
        if status is None or status.read_at is None:
            counts["unknown"] += 1
            why: str | None = why_unread(agent, collector)
        else:
            why = trouble(status, at)
            counts["stale" if why else "fresh"] += 1
            newest = max(newest or 0.0, status.read_at)
            durations.append(status.duration_s)
        if why:
            reasons[why] = reasons.get(why, 0) + 1

    def count(key: Freshness) -> Number:
        return Number(counts[key], at, "monitor", "fresh", None)

    unread = Number(None, None, collector, "unknown", "never read")
    mean = sum(durations) / len(durations) if durations else 0.0
    return SourceLine(
        collector=collector,
        freshness="fresh" if counts["fresh"] == len(agents) else "stale" if newest is not None else "unknown",
        fresh=count("fresh"),
        stale=count("stale"),
        unknown=count("unknown"),
        newest_age=unread
        if newest is None
        else Number(round(max(0.0, at - newest), 3), newest, collector, "fresh", None),
        duration=unread if newest is None else Number(round(mean, 6), newest, collector, "fresh", None),
        reasons=tuple(f"{why} ({number})" for why, number in sorted(reasons.items())),
    )


def doubts(state: FleetState, rows: Iterable[AgentRow]) -> tuple[Doubt, ...]:
    """What is doubtful, worst first: unexplained money, lost epochs, unknown agents, agents at their last value."""
    found: list[Doubt] = []
    between = fleet_residual(state).between
    if between:
        amount = Number(between, state.at or None, "fleet", "fresh", None)
        arrived = "more" if between > 0 else "less"
        text = f"of payments inside the fleet {abs(between):,.2f} USD {arrived} arrived than was sent"
        found.append(Doubt("critical", "unexplained_money", "", text, amount))
    for agent in state.agents.values():
        found += _unexplained(agent)
        lost = agent.performance.nav.total_losses
        if lost and agent.performance.nav.value == 0.0:
            found.append(Doubt("critical", "total_loss", agent.agent_id, "lost everything"))
    for row in rows:
        if row.freshness == "unknown":
            agent = state.agents[row.agent_id]
            level: Level = "info" if agent.by_design and not agent.awaited else "warning"
            found.append(Doubt(level, "unknown", row.agent_id, f"equity is unknown: {row.reason}"))
        elif row.freshness == "stale":
            found.append(Doubt("warning", "stale", row.agent_id, f"shown as last read: {row.reason}"))
    order = ("critical", "warning", "info")
    return tuple(sorted(found, key=lambda one: (order.index(one.level), one.what != "unexplained_money", one.agent_id)))


def _unexplained(agent: AgentState) -> Iterable[Doubt]:
    for name, book in agent.books.items():
        residual = book.conservation.residual()
        if residual:
            service, _, currency = name.partition(":")
            amount = Number(residual, book.at or None, service, "fresh", None)
            side = "more" if residual > 0 else "less"
            text = f"{service} holds {abs(residual):,.2f} {currency} {side} than its ledger explains"
            yield Doubt("critical", "unexplained_money", agent.agent_id, text, amount)
