"""Where the ticks of an axis stand and what they say. Pure arithmetic."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final, NamedTuple

from fleawatch.units import DAY, HOUR, MINUTE

_TIME_STEPS: Final = (
    MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 364 * DAY,
)  # fmt: skip


class Span(NamedTuple):
    """What an axis shows, low below high."""

    low: float
    high: float

    def share(self, value: float) -> float:
        """Where a value stands, 0 at the low end, 1 at the high end."""
        return (value - self.low) / (self.high - self.low)


def value_span(low: float, high: float, *, floor: float | None = None) -> Span:
    """A span with some air around the values; one value alone gets a span of its own. `floor` is never undercut."""
    room = (high - low) * 0.08 or max(abs(high) * 0.02, 1e-6)
    bottom = low - room
    if floor is not None:
        bottom = max(floor, bottom)
    return Span(bottom, high + room)


def value_ticks(span: Span, about: int) -> list[float]:
    """Round values within a span, roughly as many as asked for."""
    raw = (span.high - span.low) / max(1, about)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * (1 - 1e-9))
    first = math.ceil(span.low / step)
    last = math.floor(span.high / step)
    return [number * step + 0.0 for number in range(first, last + 1)]


def value_label(value: float, ticks: list[float]) -> str:
    """A tick's value in as many decimals as its neighbours differ by."""
    # Neighbours may be the same double when a curve spans no more than the rounding of its values; the ends are not.
    step = (ticks[-1] - ticks[0]) / (len(ticks) - 1) if len(ticks) > 1 else 0.0
    step = step or abs(value) or 1.0
    decimals = max(0, min(8, -math.floor(math.log10(step) + 1e-9)))
    if round(step * 10**decimals, 6) % 1:
        decimals += 1
    return f"{value:,.{decimals}f}"


def time_ticks(span: Span, most: int) -> list[float]:
    """Round moments (UTC) within a span, at most `most`."""
    width = span.high - span.low
    step = next((step for step in _TIME_STEPS if width / step <= most), _TIME_STEPS[-1])
    first = math.ceil(span.low / step)
    return [number * step for number in range(first, math.floor(span.high / step) + 1)]


def time_label(at: float, ticks: list[float]) -> str:
    """A moment on an axis: the time of day, or the day where days begin or are what differs."""
    moment = datetime.fromtimestamp(at, UTC)
    days = len(ticks) > 1 and ticks[1] - ticks[0] >= DAY
    if days or at % DAY == 0:
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M}"
