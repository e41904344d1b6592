"""What rules must have looked at after each fact that may change it, so that its past is known: the looks themselves.

One look at a counter or a histogram serves every window in which it is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleawatch.flow.evaluate.context import Context
from fleawatch.flow.tracks import Spread, Track, growth_of
from fleawatch.flow.verdict import Pairs

_NOTHING_YET: Final[dict[Pairs, float]] = {(): 0.0}


@dataclass(frozen=True, slots=True)
class Watch:
    """Something that must be looked at after each fact that may change it, so that its past is known.

    Attributes:
        metrics: what it depends on.
        book: look, and remember; takes the look and the time of the fact.
        tally: the tally that is looked at, empty for anything else: where there is none, nothing has grown.
    """

    name: str
    metrics: frozenset[str]
    book: Callable[[Context, float], None]
    tally: str = ""


def growing(
    followed: str, windows: dict[str, float], read: Callable[[Context], dict[Pairs, float]]
) -> Callable[[Context, float], None]:
    """Remembers the growth of counters. What a counter showed when it was first looked at is no growth."""

    def book(context: Context, at: float) -> None:
        found = read(context) or _NOTHING_YET
        looked_at = context.memory.looked_at(context.tracks)
        if looked_at.get(followed) == found:
            return  # nothing has grown in any window since the last look
        looked_at[followed] = found
        growth = context.tracks.growth
        for key, value in found.items():
            for name, step in windows.items():
                place = name if not key else _place(name, key)
                track = growth.get(place)
                if track is not None:
                    if value != track.last:
                        track.book(value, at, step)
                elif key and name in growth:
                    # The first of a kind, where others are followed: it began at nothing.
                    growth[place] = Track()
                    growth[place].book(value, at, step)
                else:
                    growth[place] = Track(last=value)
                    growth.setdefault(name, Track())

    return book


def spreading(windows: dict[str, float], read: Callable[[Context], list[int]]) -> Callable[[Context, float], None]:
    """Remembers what a histogram observed. What it held when it was first looked at counts as observed then."""

    def book(context: Context, at: float) -> None:
        counts = read(context)
        if not counts:
            return
        spreads = context.tracks.spreads
        before: list[int] | None = None
        grown: list[tuple[int, int]] = []
        for name, step in windows.items():
            spread = spreads.get(name)
            if spread is None:
                spread = spreads[name] = Spread()
            if spread.last is not before:  # windows that were booked together hold the same list
                before = spread.last
                grown = growth_of(before, counts)
            spread.book(counts, grown, at, step)

    return book


def _place(name: str, key: Pairs) -> str:
    return f"{name}|{'|'.join(value for _, value in key)}" if key else name
