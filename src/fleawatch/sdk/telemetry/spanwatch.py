"""Judges every finished span, sampled or not: was it slow, and do those that move money fail too often?

A span is slow against the limit of its name, or against the median of its own past. Told is the moment at which it
begins; what follows within a minute is summed up and told once, so that a slow backend does not make a flood, and the
count stays right. The share of failures among the last spans that move money, all together and of each name, is told when
it passes its limit and when it is well again, but one of the two within a minute, and each minute in which it has changed.
All of it happens in the worker's thread. Durations are compared as whole nanoseconds: ten times the median is not more.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from fleawatch.catalog import limits
from fleawatch.catalog.spans import ALL_FINANCIAL, FINANCIAL, SPANS
from fleawatch.catalog.spec import Limit
from fleawatch.events import SlowSpan, SpanErrors
from fleawatch.events.span import SpanRecord
from fleawatch.flow.fold.limits import limit_of
from fleawatch.flow.state import FleetState
from fleawatch.sdk.telemetry.draft import Draft

COOL_S: Final = 60.0
"""Seconds within which one name is told of once."""
PAST: Final = 200
"""Durations of a name whose median is taken."""
WINDOW: Final = 100
"""Spans that are looked at when no limit says how many."""
FLOOR_S: Final = 0.01
"""Seconds below which nothing is slow against its own past: a cache that was missed is no trouble."""
_NS: Final = 1e9
_OWN: Final[dict[str, Limit]] = {
    span.name: limit
    for span in SPANS
    for limit in (limits.SLOW_TRADE, limits.SLOW_BALANCE, limits.SLOW_ESCROW, limits.SLOW_SIGNAL)
    if span.slow == limit.name
}


class Median:
    """The median of the last `PAST` values; None while there is none."""

    __slots__ = ("_order", "_sorted")

    def __init__(self) -> None:
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._order)

    def add(self, value: float) -> None:
        """Take the next value; of too many the oldest goes."""
        if len(self._order) >= PAST:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]
        self._order.append(value)
        insort(self._sorted, value)

    def value(self) -> float | None:
        """The middle one, or the mean of the two in the middle."""
        count, half = len(self._sorted), len(self._sorted) // 2
        if not count:
            return None
        return self._sorted[half] if count % 2 else (self._sorted[half - 1] + self._sorted[half]) / 2


@dataclass(slots=True)
class _Slow:
    """Of one name: its past in nanoseconds, when it was last told of, and the worst since."""

    past: Median = field(default_factory=Median)
    told_at: float = float("-inf")
    spans: int = 0
    duration_s: float = 0.0
    threshold_s: float = 0.0
    trace_id: str = ""


@dataclass(slots=True)
class _Failing:
    """Of one name, or of all: whether the last ones failed, whether that is too much, and what was told of it when."""

    last: deque[bool] = field(default_factory=deque)
    told: tuple[int, int] | None = None
    told_at: float = float("-inf")
    high: bool = False
    turned_at: float = float("-inf")


class SpanWatch:
    """Watches the spans of one agent.

    Args:
        agent_id: whose limits are in force.
    """

    def __init__(self, agent_id: str) -> None:
        self._agent_id = agent_id
        self._slow: dict[str, _Slow] = {}
        self._failing: dict[str, _Failing] = {}

    def judge(self, span: SpanRecord, state: FleetState) -> list[Draft]:
        """What a span that has ended says at once. Calls of clients are judged by their own metrics, by route."""
        found: list[Draft] = []
        if span.kind != "client":
            found += self._slowness(span, state)
        if span.name in FINANCIAL:
            found += self._failure(ALL_FINANCIAL, span, state)
            found += self._failure(span.name, span, state)
        return found

    def due(self, at: float, state: FleetState, *, all_of_it: bool = False) -> list[Draft]:
        """What is told when a minute has passed; at the end, all that was not told yet."""
        found: list[Draft] = []
        for name, slow in self._slow.items():
            if slow.spans and (all_of_it or _cool(at, slow.told_at)):
                found.append(_told(name, slow, at))
        for name, failing in self._failing.items():
            if self._share(failing, state) is not None and (all_of_it or _cool(at, failing.told_at)):
                found += _ratio(name, failing, at)
        return found

    def _slowness(self, span: SpanRecord, state: FleetState) -> list[Draft]:
        slow = self._slow.setdefault(span.name, _Slow())
        taken = float(span.end_ns - span.start_ns)
        threshold = self._threshold(span.name, taken, slow.past, state)
        slow.past.add(taken)
        if threshold is None:
            return []
        slow.spans += 1
        if slow.spans == 1 or span.duration_s > slow.duration_s:
            slow.duration_s, slow.threshold_s, slow.trace_id = span.duration_s, threshold / _NS, span.trace
        at = span.end_ns / _NS
        return [_told(span.name, slow, at)] if _cool(at, slow.told_at) else []

    def _threshold(self, name: str, taken: float, past: Median, state: FleetState) -> float | None:
        """What it took longer than, in nanoseconds; None when it was not slow."""
        own = self._limit(_OWN[name], state) if name in _OWN else None
        if own is not None and taken > own * _NS:
            return own * _NS
        median, times = past.value(), self._limit(limits.SLOW_MEDIANS, state)
        least = self._limit(limits.SLOW_MEDIAN_SPANS, state)
        if median is None or times is None or least is None or len(past) < least:
            return None
        relative = max(times * median, FLOOR_S * _NS)
        return relative if taken > relative else None

    def _failure(self, name: str, span: SpanRecord, state: FleetState) -> list[Draft]:
        failing = self._failing.setdefault(name, _Failing())
        failing.last.append(bool(span.error_type))
        most = self._limit(limits.SPAN_ERRORS_WINDOW, state) or WINDOW
        while len(failing.last) > most:
            failing.last.popleft()
        share = self._share(failing, state)
        high, well = self._limit(limits.SPAN_ERRORS, state), self._limit(limits.SPAN_ERRORS_CLEAR, state)
        if share is None or high is None:
            return []
        was, at = failing.high, span.end_ns / _NS
        failing.high = share > high if not was else share > (high if well is None else min(well, high))
        if failing.high != was and _cool(at, failing.turned_at):
            failing.turned_at = at
        elif failing.told is not None:
            return []
        return _ratio(name, failing, at)

    def _share(self, failing: _Failing, state: FleetState) -> float | None:
        least = self._limit(limits.SPAN_ERRORS_SPANS, state)
        if least is None or not failing.last or len(failing.last) < least:
            return None
        return sum(failing.last) / len(failing.last)

    def _limit(self, limit: Limit, state: FleetState) -> float | None:
        agent = state.agents.get(self._agent_id)
        if agent is None:
            return limit.default
        # What the agent has told that it enforces comes first: in its own process nobody else declares limits.
        told = (agent.control.limits or {}).get(limit.name)
        return limit_of(state, agent, limit) if told is None else told


def _cool(at: float, told_at: float) -> bool:
    """Whether a minute has passed, or the clock was set back: nothing is silent until it has caught up."""
    return abs(at - told_at) >= COOL_S


def _told(name: str, slow: _Slow, at: float) -> Draft:
    fields = {
        "span_name": name,
        "duration_s": slow.duration_s,
        "threshold_s": slow.threshold_s,
        "trace_id": slow.trace_id,
        "spans": slow.spans,
    }
    slow.told_at, slow.spans = at, 0
    return Draft(SlowSpan, at, "", fields)


def _ratio(name: str, failing: _Failing, at: float) -> list[Draft]:
    told = (sum(failing.last), len(failing.last))
    if told == failing.told:
        return []
    failing.told, failing.told_at = told, at
    return [Draft(SpanErrors, at, "", {"span_name": name, "errors": told[0], "samples": told[1]})]
