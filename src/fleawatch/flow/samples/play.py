"""The win ratio of each casino game over its latest bets."""

from __future__ import annotations

from collections.abc import Mapping

from fleawatch.catalog import play as words
from fleawatch.flow.samples.shape import Keyed, Value
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


READERS = (Keyed(words.WIN_RATIO, win_ratio),)
