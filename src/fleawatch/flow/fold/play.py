"""Bets: what a settled stake does to the books, and what single bets say about games.

Where the ledger is read, it alone settles stakes; single bets then say which game and strategy it was, those of the
platform's history, to which the agent's reports add what only the agent knows. For an agent that only reports itself, the single bets are the books.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from fleawatch.catalog import limits
from fleawatch.catalog.labels import ASSET, GAME_TYPE, MARKET, STRATEGY
from fleawatch.events import (
    BetSettled,
    ChallengeOpened,
    ChallengeSettled,
    Event,
    GameTotals,
    ParlaySettled,
    PositionClosed,
    TournamentEntered,
    TournamentPaid,
)
from fleawatch.events.amend import AGENT
from fleawatch.flow.fold.anomalies import judge_result, share_of
from fleawatch.flow.fold.equity import ignore, reported_move, settle
from fleawatch.flow.fold.limits import limit_of
from fleawatch.flow.fold.orders import bet_seen
from fleawatch.flow.state import AgentState, FleetState, Happening
from fleawatch.flow.words import word
from fleawatch.risk.attribution import Attributed

ROUNDS_KEPT: Final = 100
"""A game's win ratio is that of its last hundred rounds."""

LAST_BETS_KEPT: Final = 256
"""Bets of the newest second that are remembered by id: more than the platform lets an agent place in a minute."""

_SAME: Final = 1e-9
_SIGN: Final = {"win": 1, "loss": 0, "push": -1}


def outcome_of(net: float) -> Literal["win", "loss", "push"]:
    """What a trade was by its net P&L in USD; less than a billionth of a dollar is rounding, not a result."""
    if net > _SAME:
        return "win"
    return "loss" if net < -_SAME else "push"


def place_stake(fleet: FleetState, agent: AgentState, happened: float, stake: float) -> None:
    """A stake was placed, in the order of the bets; its outcome is told to `settle_stake`."""
    agent.stakes.place(happened, stake, agent.equity, limit_of(fleet, agent, limits.STAKE_FACTOR))
    bet_seen(agent, happened)


def settle_stake(
    fleet: FleetState, agent: AgentState, stake: float, payout: float, at: float, *, parlay: bool = False
) -> None:
    """A stake has its outcome: count it, and tell the daily loss and the trade statistics."""
    casino = agent.casino
    casino.net += payout - stake
    casino.wagered += stake
    casino.paid += payout
    agent.stakes.end(payout - stake)
    if parlay:
        count, wagered, paid = casino.parlay
        casino.parlay = (count + 1, wagered + stake, paid + payout)
        casino.parlays += 1
        agent.tallies.reach("pf_casino_wagered_usdc_total", ("parlay",), casino.parlay[1])
        agent.tallies.reach("pf_casino_paid_usdc_total", ("parlay",), casino.parlay[2])
        agent.tallies.add("pf_casino_rounds_total", ("parlay", outcome_of(payout - stake)))
    else:
        casino.settled_bets += 1
    outcome = outcome_of(payout - stake)
    casino.wins += outcome == "win"
    casino.losses += outcome == "loss"
    casino.pushes += outcome == "push"
    count_trade(fleet, agent, payout - stake, at, asset="USD", strategy=None, before=agent.equity)


def count_trade(
    fleet: FleetState,
    agent: AgentState,
    net: float,
    at: float,
    *,
    asset: str,
    strategy: str | None,
    before: float | None,
) -> None:
    """One trade ended with `net` USD: outcome, profit or loss, statistics by window.

    `before`: the equity without it, None when unknown; a large share of it is told, and too large a loss an anomaly.
    """
    outcome = outcome_of(net)
    name = word(agent, STRATEGY, strategy or agent.profile.strategy_at(at))
    tallies = agent.tallies
    tallies.add("pf_trades_total", (name, outcome))
    if outcome == "win":
        tallies.add("pf_trade_profit_usdc_total", (name, asset), net)
    elif outcome == "loss":
        tallies.add("pf_trade_loss_usdc_total", (name, asset), -net)
    agent.performance.trade(at, net)
    share = share_of(before, net)
    if share is None:
        return
    large = limit_of(fleet, agent, limits.LARGE_RESULT)
    if large is not None and abs(share) > large:
        what = "large_win" if net > 0 else "large_loss"
        fields: dict[str, str | float] = {"pnl_usd": net, "strategy": name}
        fleet.happened.append(Happening(what=what, agent_id=agent.agent_id, at=at, amount=net, fields=fields))
    if share < 0.0:
        judge_result(fleet, agent, at, net, share)


def bet(fleet: FleetState, agent: AgentState, event: BetSettled, at: float) -> None:
    """One bet, seen by itself. What the agent tells of it waits for the platform's word where the platform's bets are read."""
    if event.source == AGENT and waits_for_platform(agent):
        agent.last_fact_at = max(agent.last_fact_at, min(event.at, event.seen_at))
        return
    book_bet(fleet, agent, event, at)


def waits_for_platform(agent: AgentState) -> bool:
    """Whether the platform's bets are read one by one, so that each counts when the platform has told it."""
    return "bets" in agent.profile.collectors


def book_bet(fleet: FleetState, agent: AgentState, event: BetSettled, at: float) -> None:
    """Count a bet: its game's rounds and win ratio, and the attribution of its result."""
    stake, payout = float(event.stake), float(event.payout)
    game = word(agent, GAME_TYPE, event.game)
    outcome = outcome_of(payout - stake)
    casino = agent.casino
    casino.seen_rounds += 1
    recent = casino.outcomes.setdefault(game, [])
    recent.append(_SIGN[outcome])
    if len(recent) > ROUNDS_KEPT:
        del recent[0]
    _remember(agent, event)
    agent.tallies.add("pf_casino_rounds_total", (game, outcome))
    attribute(agent, event)
    if agent.self_reported:
        casino.staked_bets += 1
        agent.tallies.add("pf_casino_wagered_usdc_total", (game,), stake)
        agent.tallies.add("pf_casino_paid_usdc_total", (game,), payout)
        bets, wagered, paid = casino.games.get(game, (0, 0.0, 0.0))
        casino.games[game] = (bets + 1, wagered + stake, paid + payout)
        place_stake(fleet, agent, min(event.at, event.seen_at), stake)
        settle_stake(fleet, agent, stake, payout, at)
        reported_move(agent, event.at, payout - stake)
        settle(fleet, agent, at)


def parlay(fleet: FleetState, agent: AgentState, event: ParlaySettled, at: float) -> None:
    """One parlay, seen by itself. Where the ledger is read it has been counted there."""
    attribute(agent, event)
    if agent.self_reported:
        stake, payout = float(event.stake), float(event.payout)
        place_stake(fleet, agent, min(event.at, event.seen_at), stake)
        settle_stake(fleet, agent, stake, payout, at, parlay=True)
        reported_move(agent, event.at, payout - stake)
        settle(fleet, agent, at)


def attribute(agent: AgentState, trade: BetSettled | ParlaySettled | PositionClosed) -> None:
    """Put the result of a trade under its strategy, market or game, asset and hour."""
    agent.attribution.add(attributed(agent, trade))


def strategy_of(agent: AgentState, trade: BetSettled | ParlaySettled | PositionClosed) -> str:
    """The strategy of a trade: its own, that of the position it closed, or the one in force when it was settled."""
    if trade.strategy is not None:
        return trade.strategy
    known = agent.trading.strategies.get(trade.position_id) if isinstance(trade, PositionClosed) else None
    return known or agent.profile.strategy_at(trade.at)


def attributed(agent: AgentState, trade: BetSettled | ParlaySettled | PositionClosed) -> Attributed:
    """A trade as attribution books it: a function of the fact, so that moving it finds the part it was booked to."""
    strategy = word(agent, STRATEGY, strategy_of(agent, trade))
    if isinstance(trade, PositionClosed):
        gross, fees = float(trade.realized_pnl_usd), float(trade.fee_usd)
        return Attributed(
            at=trade.at,
            strategy=strategy,
            market=word(agent, MARKET, trade.market),
            asset=word(agent, ASSET, trade.market.partition("-")[0]),
            net=gross - fees,
            gross=gross,
            fees=fees,
            slippage=float(trade.slippage_usd or 0),
        )
    net = float(trade.payout) - float(trade.stake)
    game = word(agent, GAME_TYPE, trade.game) if isinstance(trade, BetSettled) else "parlay"
    return Attributed(at=trade.at, strategy=strategy, market=game, asset="USD", net=net, gross=net)


def totals(fleet: FleetState, agent: AgentState, event: GameTotals, _: float) -> None:
    """The platform's own lifetime totals by game: exact money, where single bets are rounded to cents."""
    casino = agent.casino
    if event.bets < casino.games_bets:
        ignore(fleet, "game_totals_older")
        return
    casino.games_bets = event.bets
    games: dict[str, tuple[int, float, float]] = {}
    for row in event.games:
        game = word(agent, GAME_TYPE, row.game)
        bets, wagered, paid = games.get(game, (0, 0.0, 0.0))
        games[game] = (bets + row.bets, wagered + float(row.wagered), paid + float(row.paid))
    for game, (_bets, wagered, paid) in games.items():
        agent.tallies.reach("pf_casino_wagered_usdc_total", (game,), wagered)
        agent.tallies.reach("pf_casino_paid_usdc_total", (game,), paid)
    casino.games.update(games)


def challenge_opened(fleet: FleetState, agent: AgentState, event: ChallengeOpened, at: float) -> None:
    """A challenge, reported by the agent itself; where the ledger is read, the ledger holds the stake."""
    if not agent.self_reported or event.challenge_id in agent.casino.challenge_stakes:
        return
    stake = float(event.stake)
    happened = min(event.at, event.seen_at)
    agent.stakes.share(happened, stake, agent.equity)
    bet_seen(agent, happened)
    agent.casino.challenge_stakes[event.challenge_id] = stake
    if agent.casino.read_balance is not None:
        reported_move(agent, event.at, -stake)
        agent.parts["casino"] = agent.parts.get("casino", 0.0) + stake
    settle(fleet, agent, at)


def challenge_settled(fleet: FleetState, agent: AgentState, event: ChallengeSettled, at: float) -> None:
    """A challenge ended. A lost one writes no ledger row, so its stake ends here for every agent."""
    casino = agent.casino
    stake, payout = casino.challenge_stakes.get(event.challenge_id), float(event.payout)
    if stake is None or (payout and not agent.self_reported):
        return
    del casino.challenge_stakes[event.challenge_id]
    casino.net += payout - stake
    if not agent.self_reported or casino.read_balance is not None:
        agent.parts["casino"] = agent.parts.get("casino", 0.0) - stake
    if agent.self_reported:
        reported_move(agent, event.at, payout)
    settle(fleet, agent, at)


def tournament(fleet: FleetState, agent: AgentState, event: TournamentEntered | TournamentPaid, at: float) -> None:
    """Tournament money, reported by the agent itself: an entry is an expense, a prize a gain."""
    if agent.self_reported:
        amount = float(event.prize) if isinstance(event, TournamentPaid) else -float(event.fee)
        agent.casino.net += amount
        reported_move(agent, event.at, amount)
        settle(fleet, agent, at)


def _remember(agent: AgentState, event: BetSettled) -> None:
    casino = agent.casino
    happened = min(event.at, event.seen_at)
    if happened > casino.last_bet_at:
        casino.last_bet_at = happened
        casino.last_bet_ids = [event.bet_id]
    elif happened == casino.last_bet_at and len(casino.last_bet_ids) < LAST_BETS_KEPT:
        casino.last_bet_ids.append(event.bet_id)
    agent.last_fact_at = max(agent.last_fact_at, happened)


LEVEL_HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {GameTotals: totals}
HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    BetSettled: bet,
    ParlaySettled: parlay,
    ChallengeOpened: challenge_opened,
    ChallengeSettled: challenge_settled,
    TournamentEntered: tournament,
    TournamentPaid: tournament,
}
