"""Profit and loss by strategy, open positions, and what trading costs."""

from __future__ import annotations

from collections.abc import Mapping

from fleawatch.catalog import trading as words
from fleawatch.catalog.labels import MARKET, STRATEGY
from fleawatch.flow.samples.equity import add, within
from fleawatch.flow.samples.shape import Keyed, Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.samples.wording import market_word, strategy_word
from fleawatch.flow.state import AgentState
from fleawatch.flow.tally import Labels


def pnl(view: AgentView) -> Mapping[Labels, Value]:
    """USD by strategy and kind; the sum over all is trading plus casino P&L.

    Results that are known one by one belong to their strategy. What the books hold beyond them (funding, fees of open
    positions, bets that only the ledger has seen) belongs to the strategy that the agent follows now.
    """
    if not view.results:
        return {}
    agent = view.agent
    own = strategy_word(agent.profile.strategy)
    found: dict[Labels, Value] = {}
    rest = agent.casino.net + agent.trading.net
    for strategy, part in agent.attribution.strategy.items():
        add(found, (strategy_word(strategy), "realized"), part.net)
        rest -= part.net
    add(found, (own, "realized"), rest)
    if _trades(agent) and view.shows("trading"):
        _unrealized(agent, own, found)
    return within(STRATEGY, 0, found)


def positions(view: AgentView) -> Mapping[Labels, Value]:
    """Open positions by market; a market that was traded stays at 0."""
    agent = view.agent
    if not _trades(agent) or not view.shows("trading"):
        return {}
    found: dict[Labels, Value] = {(market_word(market),): 0 for market in agent.trading.markets}
    for position in agent.trading.positions.values():
        add(found, (market_word(position.market),), 1)
    return within(MARKET, 0, found)


def fee_drag(view: AgentView) -> tuple[Value, Value]:
    """Fees by the sum of absolute gross results, and by the notional; None while the basis is 0."""
    if not view.results:
        return (None, None)
    trading = view.agent.trading
    notional = 0.0
    for market in trading.markets.values():
        notional += market.notional
    return (view.agent.attribution.fee_drag(), trading.fees / notional if notional > 0.0 else None)


def since(view: AgentView) -> Mapping[Labels, Value]:
    """Unix time from which on results are known, by service."""
    basis = list(view.agent.pnl_since.items())
    found = view.memory.recall("since", basis)
    return view.memory.keep("since", basis, {(service,): at for service, at in basis}) if found is None else found


def _trades(agent: AgentState) -> bool:
    trading = agent.trading
    return agent.profile.trades or trading.trades > 0 or bool(trading.positions)


def _unrealized(agent: AgentState, own: str, found: dict[Labels, Value]) -> None:
    """Marked P&L of open positions by strategy; nothing at all while one of them is not marked."""
    trading = agent.trading
    if not trading.marked or any(position.unrealized is None for position in trading.positions.values()):
        return
    found[own, "unrealized"] = 0.0
    for position in trading.positions.values():
        strategy = own if position.strategy is None else strategy_word(position.strategy)
        add(found, (strategy, "unrealized"), position.unrealized)


READERS = (
    Keyed(words.PNL, pnl),
    Keyed(words.POSITIONS, positions),
    fixed(words.FEE_DRAG, read=fee_drag),
    Keyed(words.PNL_SINCE, since),
)
