"""The win ratio of each casino game over its latest bets, and the stakes of lately."""

from __future__ import annotations

from collections.abc import Mapping

from fleawatch.catalog import play as words
from fleawatch.flow.samples.shape import Keyed, Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.tally import Labels
from fleawatch.risk.summary import ENOUGH_TRADES


def win_ratio(view: AgentView) -> Mapping[Labels, Value]:
    """Wins by decided bets of a game; None below the number from which a win ratio is shown. Pushes decide nothing."""
    if not view.shows("casino"):
        return {}
    found: dict[Labels, Value] = {}
    for game, outcomes in view.agent.casino.outcomes.items():
        wins = outcomes.count(1)
        decided = wins + outcomes.count(0)
        found[game,] = wins / decided if decided >= ENOUGH_TRADES else None
    return found


def stakes(view: AgentView) -> tuple[Value, Value]:
    """Largest stake of lately as a share of the equity before it, and most raises after a loss in a row of lately.

    0 without a stake, or a raise. The share is None while the equity is not known.
    """
    if not view.shows("casino"):
        return (None, None)
    stakes, at = view.agent.stakes, view.at
    return (None if view.agent.equity is None else stakes.largest_share(at), stakes.most_escalations(at))


READERS = (
    Keyed(words.WIN_RATIO, win_ratio),
    fixed(words.STAKE_SHARE, words.STAKE_ESCALATIONS, read=stakes),
)
