"""Bets: what a settled stake does to the books, and what single bets say about games.

Where the ledger is read, it alone settles stakes; single bets (history, the agent's own reports) then say which game
and strategy it was. For an agent that only reports itself, the single bets are the books.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

from fleawatch.catalog.labels import ASSET, GAME_TYPE, STRATEGY
from fleawatch.events import (
    Amended,
    BetSettled,
    ChallengeOpened,
    ChallengeSettled,
    Event,
    GameTotals,
    OrderFilled,
    ParlaySettled,
    PositionClosed,
    TournamentEntered,
    TournamentPaid,
)
from fleawatch.flow.fold.equity import moment, settle
from fleawatch.flow.state import AgentState, FleetState, Happening
from fleawatch.flow.words import word
from fleawatch.risk.attribution import Attributed

ROUNDS_KEPT: Final = 100
"""A game's win ratio is that of its last hundred rounds."""

_SAME: Final = 1e-9
_SIGN: Final = {"win": 1, "loss": 0, "push": -1}


def outcome_of(net: float) -> Literal["win", "loss", "push"]:
    """What a trade was by its net P&L in USD; less than a billionth of a dollar is rounding, not a result."""
    if net > _SAME:
        return "win"
    return "loss" if net < -_SAME else "push"


def settle_stake(
    fleet: FleetState, agent: AgentState, stake: float, payout: float, at: float, *, parlay: bool = False
) -> None:
    """A stake has its outcome: count it, and tell the daily loss and the trade statistics."""
    casino = agent.casino
    casino.net += payout - stake
    casino.wagered += stake
    casino.paid += payout
    if parlay:
        count, wagered, paid = casino.parlay
        casino.parlay = (count + 1, wagered + stake, paid + payout)
        casino.parlays += 1
        agent.tallies.reach("pf_casino_wagered_usdc_total", ("parlay",), casino.parlay[1])
        agent.tallies.reach("pf_casino_paid_usdc_total", ("parlay",), casino.parlay[2])
        agent.tallies.add("pf_casino_rounds_total", ("parlay", outcome_of(payout - stake)))
    else:
        casino.settled_bets += 1
    count_trade(fleet, agent, payout - stake, at, asset="USD", strategy=None, subject="parlay" if parlay else "bet")


def count_trade(
    fleet: FleetState, agent: AgentState, net: float, at: float, *, asset: str, strategy: str | None, subject: str
) -> None:
    """One trade ended with `net` USD: outcome, profit or loss, statistics by window."""
    outcome = outcome_of(net)
    name = word(agent, STRATEGY, strategy or agent.profile.strategy)
    if subject != "position":
        casino = agent.casino
        casino.wins += outcome == "win"
        casino.losses += outcome == "loss"
        casino.pushes += outcome == "push"
    tallies = agent.tallies
    tallies.add("pf_trades_total", (name, outcome))
    if outcome == "win":
        tallies.add("pf_trade_profit_usdc_total", (name, asset), net)
    elif outcome == "loss":
        tallies.add("pf_trade_loss_usdc_total", (name, asset), -net)
    agent.performance.trade(at, net)
    fleet.happened.append(Happening(what="trade", agent_id=agent.agent_id, at=at, amount=net, subject=subject))


def bet(fleet: FleetState, agent: AgentState, event: BetSettled) -> None:
    """One bet, seen by itself: its game's rounds and win ratio, and the attribution of its result."""
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
    at = moment(fleet, agent, event)
    attribute(agent, event)
    if agent.self_reported:
        casino.staked_bets += 1
        agent.tallies.add("pf_casino_wagered_usdc_total", (game,), stake)
        agent.tallies.add("pf_casino_paid_usdc_total", (game,), payout)
        bets, wagered, paid = casino.games.get(game, (0, 0.0, 0.0))
        casino.games[game] = (bets + 1, wagered + stake, paid + payout)
        settle_stake(fleet, agent, stake, payout, at)


def parlay(fleet: FleetState, agent: AgentState, event: ParlaySettled) -> None:
    """One parlay, seen by itself. Where the ledger is read it has been counted there."""
    at = moment(fleet, agent, event)
    attribute(agent, event)
    if agent.self_reported:
        settle_stake(fleet, agent, float(event.stake), float(event.payout), at, parlay=True)


def attribute(agent: AgentState, trade: BetSettled | ParlaySettled | PositionClosed) -> None:
    """Put the result of a trade under its strategy, market or game, asset and hour."""
    agent.attribution.add(_attributed(agent, trade))


def amended(_: FleetState, agent: AgentState, event: Amended) -> None:
    """A booked fact is known better: its attribution moves from the old properties to the new ones."""
    before, after = event.before, event.after
    if isinstance(before, OrderFilled) or isinstance(after, OrderFilled):
        return
    if before.strategy != after.strategy:
        agent.attribution.move(_attributed(agent, before), _attributed(agent, after))


def _attributed(agent: AgentState, trade: BetSettled | ParlaySettled | PositionClosed) -> Attributed:
    """A trade as attribution books it. The hour is that of the fact, so that moving it finds the part it was booked to."""
    strategy = trade.strategy or agent.profile.strategy
    if isinstance(trade, PositionClosed):
        gross, fees = float(trade.realized_pnl_usd), float(trade.fee_usd)
        asset = word(agent, ASSET, trade.market.partition("-")[0])
        return Attributed(
            at=trade.at, strategy=strategy, market=trade.market, asset=asset, net=gross - fees, gross=gross, fees=fees,
            slippage=float(trade.slippage_usd or 0),
        )  # fmt: skip
    net = float(trade.payout) - float(trade.stake)
    game = word(agent, GAME_TYPE, trade.game) if isinstance(trade, BetSettled) else "parlay"
    return Attributed(at=trade.at, strategy=strategy, market=game, asset="USD", net=net, gross=net)


def totals(fleet: FleetState, agent: AgentState, event: GameTotals) -> None:
    """The platform's own lifetime totals by game: exact money, where single bets are rounded to cents."""
    casino = agent.casino
    if event.bets < casino.games_bets:
        fleet.ignored["game_totals_older"] = fleet.ignored.get("game_totals_older", 0) + 1
        return
    casino.games_bets = event.bets
    for row in event.games:
        game = word(agent, GAME_TYPE, row.game)
        casino.games[row.game] = (row.bets, float(row.wagered), float(row.paid))
        agent.tallies.reach("pf_casino_wagered_usdc_total", (game,), float(row.wagered))
        agent.tallies.reach("pf_casino_paid_usdc_total", (game,), float(row.paid))


def challenge_opened(_: FleetState, agent: AgentState, event: ChallengeOpened) -> None:
    """A challenge, reported by the agent itself; where the ledger is read, the ledger holds the stake."""
    if agent.self_reported:
        agent.casino.challenge_stakes[event.challenge_id] = float(event.stake)


def challenge_settled(fleet: FleetState, agent: AgentState, event: ChallengeSettled) -> None:
    """A challenge ended. A lost one writes no ledger row, so its stake ends here for every agent."""
    casino = agent.casino
    stake = casino.challenge_stakes.pop(event.challenge_id, None)
    if stake is None:
        return
    if agent.self_reported:
        casino.net += float(event.payout) - stake
    elif event.payout == 0:
        casino.net -= stake
        agent.parts["casino"] = agent.parts.get("casino", 0.0) - stake
    else:
        casino.challenge_stakes[event.challenge_id] = stake
    settle(fleet, agent, moment(fleet, agent, event))


def tournament(fleet: FleetState, agent: AgentState, event: TournamentEntered | TournamentPaid) -> None:
    """Tournament money, reported by the agent itself: an entry is an expense, a prize a gain."""
    if agent.self_reported:
        agent.casino.net += float(event.prize) if isinstance(event, TournamentPaid) else -float(event.fee)
        settle(fleet, agent, moment(fleet, agent, event))


def _remember(agent: AgentState, event: BetSettled) -> None:
    casino = agent.casino
    if event.at > casino.last_bet_at:
        casino.last_bet_at = event.at
        casino.last_bet_ids = [event.bet_id]
    elif event.at == casino.last_bet_at:
        casino.last_bet_ids.append(event.bet_id)
    agent.last_fact_at = max(agent.last_fact_at, event.at)


HANDLERS: Final[dict[type[Event], Callable[..., None]]] = {
    BetSettled: bet,
    ParlaySettled: parlay,
    Amended: amended,
    GameTotals: totals,
    ChallengeOpened: challenge_opened,
    ChallengeSettled: challenge_settled,
    TournamentEntered: tournament,
    TournamentPaid: tournament,
}
