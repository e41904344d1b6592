"""One agent in one row: the numbers by which agents are compared, sorted and found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from fleawatch.flow.state import AgentState
from fleawatch.risk.summary import ENOUGH_TRADES
from fleawatch.web.number import Freshness, Number
from fleawatch.web.standing import RESULTS, TRADING, Standings

SortKey = Literal["agent", "strategy", "equity", "pnl_24h", "pnl_total", "drawdown", "win_ratio", "positions", "escrows", "freshness"]  # fmt: skip
Direction = Literal["asc", "desc"]

SORTS: Final[dict[str, Direction]] = {
    "agent": "asc",
    "strategy": "asc",
    "equity": "desc",
    "pnl_24h": "desc",
    "pnl_total": "desc",
    "drawdown": "desc",
    "win_ratio": "desc",
    "positions": "desc",
    "escrows": "desc",
    "freshness": "desc",
}
"""What agents can be sorted by, and the direction that is asked for first. By freshness, `desc` has the oldest first."""


class AgentRow(msgspec.Struct, frozen=True, gc=False):
    """One agent among others.

    Attributes:
        freshness: of its equity; `reason` says why it is not fresh, `age` how old its oldest reading is in seconds.
        pnl_24h, pnl_total: change of total P&L over 24 h and since it is watched, USD.
        drawdown, drawdown_max: fall from the peak of all time, now and at its deepest, 0..1.
        win_ratio: wins by decided trades of all time, 0..1.
        open_positions, open_escrows: how many; `escrow_locked` USD of its own that is in them.
    """

    agent_id: str
    strategy: str
    environment: str
    freshness: Freshness
    reason: str | None
    age: Number
    equity: Number
    nav: Number
    pnl_24h: Number
    pnl_total: Number
    drawdown: Number
    drawdown_max: Number
    win_ratio: Number
    open_positions: Number
    open_escrows: Number
    escrow_locked: Number


def row(agent: AgentState, at: float, max_age_s: float) -> AgentRow:
    """The row of an agent at `at`."""
    standings = Standings(agent, at, max_age_s)
    money, results, escrows = standings.money, standings.of(RESULTS), standings.escrows
    performance = agent.performance
    drawdown = performance.drawdowns["all_time"]
    tally = performance.trades.windows["all_time"].tally
    decided = tally.wins + tally.losses
    equity = money.number(agent.equity, equity_missing(agent))
    unread = equity.reason or "no P&L reading yet"
    unborn = equity.reason if equity.value is None else "no equity above 0.01 yet"
    return AgentRow(
        agent_id=agent.agent_id,
        strategy=agent.profile.strategy,
        environment=agent.profile.environment,
        freshness=equity.freshness,
        reason=equity.reason,
        age=money.number(None if money.as_of is None else max(0.0, round(at - money.as_of, 3)), "never read"),
        equity=equity,
        nav=money.ratio(performance.nav.value, unborn),
        pnl_24h=money.number(performance.changes.change("24h"), unread),
        pnl_total=money.number(performance.changes.total, unread),
        drawdown=money.ratio(drawdown.current(), unborn),
        drawdown_max=money.ratio(drawdown.max(), unborn),
        win_ratio=results.ratio(
            tally.wins / decided if decided >= ENOUGH_TRADES else None,
            f"needs {ENOUGH_TRADES} decided trades, has {decided}",
        ),
        open_positions=positions_number(standings),
        open_escrows=escrows.number(len(agent.escrows)),
        escrow_locked=escrows.number(sum(held.locked for held in agent.escrows.values())),
    )


def rows(agents: Iterable[AgentState], at: float, max_age_s: float) -> list[AgentRow]:
    """A row for each agent, by id."""
    return [row(agent, at, max_age_s) for agent in sorted(agents, key=lambda agent: agent.agent_id)]


def ordered(found: list[AgentRow], key: str, direction: str) -> list[AgentRow]:
    """Rows sorted by one of `SORTS`. Unknown numbers come last whatever the direction, equal ones by id."""
    by_id = sorted(found, key=lambda one: one.agent_id)
    if key in {"agent", "strategy"}:
        name = "agent_id" if key == "agent" else key
        return sorted(by_id, key=lambda one: str(getattr(one, name)).lower(), reverse=direction == "desc")
    field = _FIELDS.get(key, key)
    known = [one for one in by_id if _sortable(one, field) is not None]
    missing = [one for one in by_id if _sortable(one, field) is None]
    # Unknown freshness means never read: that is the oldest of all, not something without a place.
    known.sort(key=lambda one: _sortable(one, field) or 0.0, reverse=direction == "desc")
    return [*missing, *known] if key == "freshness" and direction == "desc" else [*known, *missing]


def equity_missing(agent: AgentState) -> str | None:
    """Why there is no equity by design, in words; None while there is one, or while a source is still to be read."""
    if agent.equity is not None or agent.awaited:
        return None
    return "; ".join(f"{part}: {why}" for part, why in agent.by_design.items()) or "no equity yet"


def positions_number(standings: Standings) -> Number:
    """How many positions are open; unknown for an agent of which nobody reads or reports trading."""
    agent = standings.agent
    if trades(agent):
        return standings.of(TRADING).number(len(agent.trading.positions))
    return Number(None, agent.seen_at or None, "trading", "unknown", "does not trade")


def trades(agent: AgentState) -> bool:
    """Whether the agent is known to trade perpetuals."""
    return agent.profile.trades or agent.trading.trades > 0 or bool(agent.trading.positions)


_FIELDS: Final = {"positions": "open_positions", "escrows": "open_escrows", "freshness": "age"}


def _sortable(one: AgentRow, field: str) -> float | None:
    number: Number = getattr(one, field)
    return number.value
