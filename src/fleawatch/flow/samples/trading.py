"""Profit and loss by strategy, open positions, and what trading costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fleawatch.catalog import trading as words
from fleawatch.catalog.labels import MARKET, OTHER, STRATEGY
from fleawatch.flow.books import Position
from fleawatch.flow.samples.equity import add, within
from fleawatch.flow.samples.shape import Keyed, Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.samples.wording import market_word, strategy_word
from fleawatch.flow.state import AgentState
from fleawatch.flow.tally import Labels
from fleawatch.risk.attribution import Part


def pnl(view: AgentView) -> Mapping[Labels, Value]:
    """USD by strategy and kind; the sum over all is trading plus casino P&L.

    Results that are known one by one belong to their strategy. What the books hold beyond them (funding, fees of open
    positions, bets that only the ledger has seen) belongs to the strategy that the agent follows now.
    """
    own = strategy_word(view.agent.profile.strategy)

    def of(position: Position) -> str:
        return own if position.strategy is None else strategy_word(position.strategy)

    found = _booked(view, view.agent.attribution.strategy, strategy_word, own)
    _unrealized(view, of, found, (own,))
    return within(STRATEGY, 0, found)


def market_pnl(view: AgentView) -> Mapping[Labels, Value]:
    """USD by market and kind; the sums are those of `pnl`. What belongs to no single result is under `other`."""
    trading = view.agent.trading
    found = _booked(view, view.agent.attribution.market, market_word, OTHER)
    if trading.markets or trading.positions:
        markets = [market_word(name) for name in trading.markets]
        _unrealized(view, lambda position: market_word(position.market), found, markets)
    return within(MARKET, 0, found)


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


def _booked(
    view: AgentView, parts: Mapping[str, Part], word: Callable[[str], str], rest_of: str
) -> dict[Labels, Value]:
    """Booked results by the words of their parts; what the books hold beyond them under `rest_of`. Empty while none are known."""
    found: dict[Labels, Value] = {}
    if not view.results:
        return found
    rest = view.agent.casino.net + view.agent.trading.net
    for name, part in parts.items():
        net, labels = part.net, (word(name), "realized")
        found[labels] = net + (found.get(labels) or 0.0)
        rest -= net
    add(found, (rest_of, "realized"), rest)
    return found


def _unrealized(
    view: AgentView, of: Callable[[Position], str], found: dict[Labels, Value], zeros: Iterable[str]
) -> None:
    """Add marked P&L of open positions, `zeros` also without one; nothing at all while one of them is not marked."""
    trading = view.agent.trading
    if not (view.results and _trades(view.agent) and view.shows("trading") and trading.marked):
        return
    if any(position.unrealized is None for position in trading.positions.values()):
        return
    found.update(((word, "unrealized"), 0.0) for word in zeros)
    for position in trading.positions.values():
        add(found, (of(position), "unrealized"), position.unrealized)


READERS = (
    Keyed(words.PNL, pnl),
    Keyed(words.MARKET_PNL, market_pnl),
    Keyed(words.POSITIONS, positions),
    fixed(words.FEE_DRAG, read=fee_drag),
    Keyed(words.PNL_SINCE, since),
)
