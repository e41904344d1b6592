"""Where an agent's money was made and lost: by class, strategy, game, market, asset and hour, and what fees took."""

from __future__ import annotations

from typing import Final

from fleawatch.flow.state import AgentState
from fleawatch.risk.attribution import Dimension, Part
from fleawatch.web.holdings import has_unmarked
from fleawatch.web.number import Number, Standing
from fleawatch.web.row import trades
from fleawatch.web.standing import BETS, HOLDINGS, PLAY, RESULTS, TRADING, Standings

Numbers = dict[str, Number]

_ATTRIBUTED: Final = BETS | TRADING


def by_class(standings: Standings) -> Numbers:
    """P&L by class since the books begin, USD. Fees and funding are negative where they were paid."""
    agent = standings.agent
    results, play = standings.of(RESULTS), standings.of(PLAY)
    found: Numbers = {}
    if agent.casino.settled_bets or agent.casino.parlays or agent.casino.net or play.source != "self-report":
        found["casino"] = play.number(agent.casino.net)
    if trades(agent):
        trading, book = standings.of(TRADING), agent.trading
        found["trading_gross"] = trading.number(book.realized)
        found["trading_fees"] = trading.number(-book.fees)
        found["trading_funding"] = trading.number(-book.funding)
        unmarked = "open positions carry no current price" if has_unmarked(agent) else None
        found["trading_unrealized"] = trading.number(None if unmarked else book.unrealized, unmarked)
    for name, amount in sorted(agent.income.items()):
        standing = standings.escrows if name == "escrow" else results
        found[name] = standing.number(amount)
    return found


def games(standings: Standings) -> list[dict[str, str | Number]]:
    """Exact money by game as the platform keeps it; parlays as the ledger does. Most wagered first."""
    casino = standings.agent.casino
    standing = standings.of(PLAY)
    lines = [(name, *totals) for name, totals in casino.games.items() if totals[0]]
    if casino.parlay[0]:
        lines.append(("parlay", *casino.parlay))
    lines.sort(key=lambda line: (-line[2], line[0]))
    return [
        {
            "game": name,
            "bets": standing.number(bets),
            "wagered": standing.number(wagered),
            "paid": standing.number(paid),
            "net": standing.number(paid - wagered),
            "recent_win_ratio": _recent(standings, name),
        }
        for name, bets, wagered, paid in lines
    ]


def _recent(standings: Standings, game: str) -> Number:
    """Win ratio of the game's last hundred rounds that were seen one by one."""
    outcomes = standings.agent.casino.outcomes.get(game, [])
    wins, losses = outcomes.count(1), outcomes.count(0)
    few = f"needs 20 decided rounds, has {wins + losses}"
    return standings.of(BETS).ratio(wins / (wins + losses) if wins + losses >= 20 else None, few)


def markets(standings: Standings) -> list[dict[str, str | Number]]:
    """Perpetual markets; most traded first."""
    standing = standings.of(TRADING)
    found = sorted(standings.agent.trading.markets.items(), key=lambda item: (-item[1].notional, item[0]))
    return [
        {
            "market": name,
            "trades": standing.number(market.trades),
            "notional": standing.number(market.notional),
            "gross": standing.number(market.gross),
            "fees": standing.number(market.fees),
            "net": standing.number(market.gross - market.fees),
        }
        for name, market in found
    ]


def attribution(standings: Standings, dimension: Dimension) -> list[dict[str, str | Number]]:
    """Results of single trades and bets by one dimension: hours in order, all else by net P&L."""
    standing = standings.of(_ATTRIBUTED)
    parts = standings.agent.attribution.parts(dimension)
    keys = sorted(parts) if dimension == "hour" else sorted(parts, key=lambda key: (-parts[key].net, key))
    return [{"key": key, **_part(parts[key], standing)} for key in keys]


def _part(part: Part, standing: Standing) -> Numbers:
    return {
        "count": standing.number(part.count),
        "net": standing.number(part.net),
        "gross": standing.number(part.gross),
        "fees": standing.number(part.fees),
        "slippage": standing.number(part.slippage),
    }


def fees(standings: Standings) -> Numbers:
    """What was paid to the platform, positive = paid, USD; the drag is a share of the absolute gross results."""
    agent: AgentState = standings.agent
    found: Numbers = {}
    if trades(agent):
        trading = standings.of(TRADING)
        found["trading"] = trading.number(agent.trading.fees)
        found["funding"] = trading.number(agent.trading.funding)
    found["escrow_commission"] = standings.escrows.number(agent.tallies.total("pf_escrow_fees_usdc_total"))
    found["withdrawals"] = standings.of(PLAY).number(-agent.income.get("fees", 0.0))
    drag = agent.attribution.fee_drag()
    found["fee_drag"] = standings.of(_ATTRIBUTED).ratio(drag, "no result to compare with yet")
    return found


def flows(standings: Standings) -> Numbers:
    """Money that came and went without being earned or lost, USD."""
    agent, money, moved = standings.agent, standings.money, standings.whole(HOLDINGS)
    return {
        "net_since_watched": money.number(agent.flows if agent.first_equity is not None else None, "no equity yet"),
        "deposits_ever": moved.number(agent.deposits),
        "withdrawals_ever": moved.number(agent.withdrawals),
    }
