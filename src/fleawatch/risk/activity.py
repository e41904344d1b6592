"""How often an agent acts, and how often it does the same thing: what tells a loop from a busy strategy.

Counted by when things happened and not by when they were seen: a reading that catches up on two hours is no loop.
"""

from __future__ import annotations

from bisect import insort
from operator import itemgetter
from typing import Final

import msgspec

from fleawatch.risk.peak import Peak
from fleawatch.units import MINUTE

LATELY: Final = 5 * MINUTE
"""Seconds that a minute counts as one of lately."""
MOST: Final = 256
"""Actions of one minute that are counted."""
REPEATS_KEPT: Final = 48
"""Actions of one minute that are compared with each other."""
_WHAT: Final = itemgetter(1)


class BusiestMinute(msgspec.Struct):
    """Actions in the busiest minute of lately.

    Attributes:
        times: of the minute that ends with the newest action, oldest first, unix seconds.
        counts: how many there were in each minute that ended with one.
    """

    times: list[float] = msgspec.field(default_factory=list)
    counts: Peak = msgspec.field(default_factory=lambda: Peak(LATELY))

    def add(self, at: float) -> None:
        """An action happened at `at`; one that is older than a minute before the newest is left out."""
        times = self.times
        if times and at <= times[-1] - MINUTE:
            return
        insort(times, at)
        newest = times[-1]
        while newest - times[0] >= MINUTE:
            del times[0]
        del times[:-MOST]
        self.counts.add(newest, float(len(times)))

    def count(self, at: float) -> float:
        """Actions of the busiest minute that ended within the last five before `at`; 0 when there was none."""
        return self.counts.largest(at) or 0.0


class Repeats(msgspec.Struct):
    """Most actions within one minute that were the same.

    Attributes:
        actions: (time, what it was) of the last minute, oldest first.
        counts: how many of a minute were the same as the newest.
    """

    actions: list[tuple[float, str]] = msgspec.field(default_factory=list)
    counts: Peak = msgspec.field(default_factory=lambda: Peak(LATELY))

    def add(self, at: float, what: str) -> None:
        """An action happened at `at`; actions with the same `what` are the same."""
        actions = self.actions
        at = max(at, actions[-1][0]) if actions else at
        actions.append((at, what))
        while at - actions[0][0] >= MINUTE:
            del actions[0]
        del actions[:-REPEATS_KEPT]
        self.counts.add(at, float([*map(_WHAT, actions)].count(what)))

    def count(self, at: float) -> float:
        """The most of any minute that ended within the last five before `at`; 0 when there was no action."""
        return self.counts.largest(at) or 0.0
