"""The fleet at a glance: six tiles, each computed from the state and each allowed to say that it does not know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

import msgspec

from fleawatch.flow.liveness import alive
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.risk.summary import ENOUGH_TRADES
from fleawatch.units import HOUR
from fleawatch.web.number import RATIO_DIGITS, Number, total
from fleawatch.web.row import AgentRow
from fleawatch.web.standing import HOLDINGS, PLAY, SELF, Standings

Kind = Literal["money", "change", "ratio", "return", "count", "duration", "age", "factor"]
"""How people read a number: USD, USD with its sign, percent, percent with its sign, a count, seconds, a plain factor."""

ACTIVE_WITHIN_S: Final = HOUR
"""An agent is active when it did something within the last hour."""


class Detail(msgspec.Struct, frozen=True):
    """A smaller number under a tile's own."""

    label: str
    kind: Kind
    number: Number


class Tile(msgspec.Struct, frozen=True):
    """One question about the fleet and its answer."""

    key: str
    title: str
    kind: Kind
    number: Number
    details: tuple[Detail, ...] = ()


def tiles(state: FleetState, rows: Sequence[AgentRow], at: float, max_age_s: float) -> tuple[Tile, ...]:
    """The six tiles as of `at`; `rows` are those of the same agents at the same time."""
    standings = [Standings(agent, at, max_age_s) for agent in state.agents.values()]
    return (
        _pnl(state, rows),
        _active(standings, at),
        _latency(standings),
        _wallets(standings, rows),
        _escrows(standings, at),
        _win_ratio(standings),
    )


def _pnl(state: FleetState, rows: Sequence[AgentRow]) -> Tile:
    value = total(((row.agent_id, row.pnl_total) for row in rows), of="P&L")
    day = total(((row.agent_id, row.pnl_24h) for row in rows), of="P&L of 24 h")
    return Tile(
        key="pnl",
        title="Total fleet P&L",
        kind="change",
        number=value,
        details=(Detail("vs 24 h ago", "change", day), Detail("return 24 h", "return", _day_return(state, value))),
    )


def _day_return(state: FleetState, value: Number) -> Number:
    """Growth of the fleet's NAV since the left edge of the 24 h window."""
    performance = state.performance
    nav, start = performance.nav.value, performance.drawdowns["24h"].start()
    if nav is None or not start:
        return Number(None, None, "fleet", "unknown", "no equity above 0.01 yet")
    return Number(round(nav / start - 1.0, RATIO_DIGITS), state.at or None, "fleet", value.freshness, value.reason)


def _active(standings: Iterable[Standings], at: float) -> Tile:
    found: list[tuple[str, Number]] = []
    for one in standings:
        agent, money = one.agent, one.money
        acted_at = max(agent.last_fact_at, agent.health.last_action_at or 0.0)
        active = at - acted_at <= ACTIVE_WITHIN_S and alive(agent, at) is not False
        if not active and money.freshness != "fresh":
            number = Number(None, money.as_of, money.source, "unknown", money.reason)
        else:
            number = Number(int(active), money.as_of, money.source, "fresh", None)
        found.append((agent.agent_id, number))
    known = [number for _, number in found if number.value is not None]
    silent = sum(number.value == 0 for number in known)
    value = total(found, of="activity")
    as_of = value.as_of
    return Tile(
        key="active",
        title="Active agents",
        kind="count",
        number=value,
        details=(
            Detail("watched", "count", Number(len(found), at, "fleet", "fresh", None)),
            Detail("silent", "count", Number(silent, as_of, "fleet", "fresh", None)),
            Detail("unknown", "count", Number(len(found) - len(known), at, "fleet", "fresh", None)),
        ),
    )


def _latency(standings: Iterable[Standings]) -> Tile:
    seconds, orders = 0.0, 0
    as_of: float | None = None
    for one in standings:
        for distribution in one.agent.tallies.distributions.get("pf_order_latency_seconds", {}).values():
            seconds += distribution.total
            orders += sum(distribution.counts)
            as_of = max(as_of or 0.0, one.agent.last_fact_at)
    missing = "no agent reports order latency"
    if orders:
        number = Number(round(seconds / orders, 6), as_of, SELF, "fresh", None)
        count = Number(orders, as_of, SELF, "fresh", None)
    else:
        number = count = Number(None, None, SELF, "unknown", missing)
    return Tile("latency", "Avg trade latency", "duration", number, (Detail("orders measured", "count", count),))


def _wallets(standings: Sequence[Standings], rows: Sequence[AgentRow]) -> Tile:
    value = total(((one.agent.agent_id, _held(one)) for one in standings), of="balance")
    equity = total(((row.agent_id, row.equity) for row in rows), of="equity")
    return Tile("wallets", "Wallet balance", "money", value, (Detail("fleet equity", "money", equity),))


def _held(one: Standings) -> Number:
    holdings = one.agent.holdings.values()
    standing = one.of(HOLDINGS)
    if any(held.value is None for held in holdings):
        return standing.number(None, "a holding has no price")
    return standing.number(sum(held.value or 0.0 for held in holdings) if holdings else None, "no balance was read yet")


def _escrows(standings: Sequence[Standings], at: float) -> Tile:
    told = [one for one in standings if one.tells_escrows()]

    def of(amount: Callable[[AgentState], float], what: str = "escrows") -> Number:
        parts = ((one.agent.agent_id, one.escrows.number(amount(one.agent))) for one in told)
        return total(parts, of=what, empty="no agent is read for it")

    known = [one for one in told if one.escrows.freshness != "unknown"]
    escrows = {key: held for one in known for key, held in one.agent.escrows.items()}
    value = of(lambda agent: float(len(agent.escrows)))
    locked = of(lambda agent: sum(held.locked for held in agent.escrows.values()))
    at_risk = of(lambda agent: sum(held.impaired for held in agent.escrows.values()))
    timeouts = of(lambda agent: agent.tallies.get("pf_escrow_settled_total", ("timeout",)), "timeouts")
    if value.value is not None:  # an escrow between two agents of the fleet is one
        value = msgspec.structs.replace(value, value=len(escrows))
        timeouts = msgspec.structs.replace(timeouts, value=int(timeouts.value or 0))
    expiries = [held.expires_at for held in escrows.values() if held.expires_at is not None]
    soonest = (
        msgspec.structs.replace(locked, value=round(min(expiries) - at, 3))
        if expiries
        else Number(None, locked.as_of, "fleet", "unknown", "no open escrow runs out" if known else locked.reason)
    )
    return Tile(
        key="escrows",
        title="Escrow pipeline",
        kind="count",
        number=value,
        details=(
            Detail("locked", "money", locked),
            Detail("timeouts", "count", timeouts),
            Detail("in dispute", "money", at_risk),
            Detail("next expiry", "age", soonest),
        ),
    )


def _win_ratio(standings: Sequence[Standings]) -> Tile:
    def of(count: Callable[[AgentState], float]) -> Number:
        return _sum(standings, PLAY, count, "play")

    wins, losses = of(lambda agent: agent.casino.wins), of(lambda agent: agent.casino.losses)
    decided = (wins.value or 0) + (losses.value or 0)
    if decided >= ENOUGH_TRADES and wins.value is not None:
        number = msgspec.structs.replace(wins, value=round(wins.value / decided, RATIO_DIGITS))
    else:
        few = f"needs {ENOUGH_TRADES} decided bets, has {decided:.0f}"
        why = wins.reason if wins.value is None else few
        number = Number(None, wins.as_of, "fleet", "unknown", why)
    pushes = of(lambda agent: agent.casino.pushes)
    details = (Detail("won", "count", wins), Detail("lost", "count", losses), Detail("pushed", "count", pushes))
    return Tile("win_ratio", "Casino win rate", "ratio", number, details)


def _sum(
    standings: Iterable[Standings], collectors: frozenset[str], of: Callable[[AgentState], float], what: str
) -> Number:
    """A sum over the agents that these collectors read, or that report themselves."""
    parts = (
        (one.agent.agent_id, one.of(collectors).number(of(one.agent)))
        for one in standings
        if one.of(collectors).source != SELF or one.agent.self_reported
    )
    return total(parts, of=what, empty="no agent is read for it")
