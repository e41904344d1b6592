"""Casino facts: bets, parlays, challenges, tournaments, and the platform's own totals by game.

A stake is what was put at risk, a payout what came back with the stake included: the result is payout - stake. The
platform's own `won` flag is not kept, because it calls a payout of a fifth of the stake a win.
"""

from __future__ import annotations

import msgspec

from fleawatch.events.base import Amount, Count, Event, Seconds


class BetSettled(Event, frozen=True, kw_only=True):
    """One bet was settled.

    Attributes:
        bet_id: the platform's id (`bet_...`).
        game: game id with underscores (`coin_flip`).
        stake: USD put at risk.
        payout: USD returned, stake included; 0 when lost.
        exact: False when the reporter rounds to cents.
        strategy: the agent's strategy, when the reporter knows it.
        latency_s: submission to answer, when the reporter measured it.
        trace_id: 32 hexadecimal digits, when the bet was traced.
    """

    bet_id: str
    game: str
    stake: Amount
    payout: Amount
    exact: bool = True
    strategy: str | None = None
    latency_s: Seconds | None = None
    trace_id: str | None = None


class ParlaySettled(Event, frozen=True, kw_only=True):
    """A parlay was settled; it counts as one bet. `legs` is the number of combined bets."""

    parlay_id: str
    legs: Count
    stake: Amount
    payout: Amount
    strategy: str | None = None


class ChallengeOpened(Event, frozen=True, kw_only=True):
    """A one-against-one challenge was opened; the stake is held until it is settled or returned."""

    challenge_id: str
    game: str
    stake: Amount


class ChallengeSettled(Event, frozen=True, kw_only=True):
    """A challenge ended. `payout` is what came back, stake included; 0 when lost."""

    challenge_id: str
    stake: Amount
    payout: Amount


class TournamentEntered(Event, frozen=True, kw_only=True):
    """A tournament was entered; the fee is an expense at once."""

    tournament_id: str
    fee: Amount


class TournamentPaid(Event, frozen=True, kw_only=True):
    """A tournament paid a prize. `place` counts from 1."""

    tournament_id: str
    prize: Amount
    place: Count


class GameTotal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One game's lifetime totals as the platform keeps them, unrounded USD."""

    game: str
    bets: Count
    wagered: Amount
    paid: Amount


class GameTotals(Event, frozen=True, kw_only=True):
    """The platform's lifetime totals by game. A reading: the newest one replaces the one before.

    Attributes:
        games: one row a game that was ever played.
        bets: lifetime number of settled single bets (parlays are not among them).
    """

    games: tuple[GameTotal, ...]
    bets: Count
