"""What each rule of the public guides compares, read as the guide's own path reads it.

A gauge is sampled, not seen: the agent's process is scraped every 15 s at a moment of its own, an exporter beside the
agent polls on its own beat and is scraped on another, the monitor loop polls every 30 s, and a push goes out every
15 s. Between two samples nothing is seen; a peak is the highest sample since the process began. When the process is
dead, its series are absent, not 0.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from hashlib import sha256
from itertools import accumulate
from types import MappingProxyType
from typing import Final, NamedTuple

from fleawatch.catalog.baseline import DEGRADED, LATENCY_BOUNDS_MS, LEAST_POLLS, Guide, GuideRule, Signal
from fleawatch.flow.backtest.exported import Exported, History

SCRAPE_S: Final = 15.0
POLL_S: Final = 30.0
_BESIDE: Final[frozenset[Guide]] = frozenset({"grafana", "monitoring"})
"""Guides whose exporter is a process of its own: it outlives the agent's."""


class Sample(NamedTuple):
    """What one scrape, poll or push brought: USD, and 0..1. None for what it did not bring."""

    balance: float | None
    drawdown: float | None
    worst: float | None
    polls: int


_ABSENT: Final = Sample(None, None, None, 0)


class Sampled:
    """The samples that one guide's path takes of one agent, in order."""

    def __init__(self, one: Exported, guide: Guide, history: History) -> None:
        step = POLL_S if guide == "monitoring" else SCRAPE_S
        offset = 0.0 if guide == "monitoring" else _offset(one.agent_id, guide, step)
        count = int((history.end - history.begin - offset) // step) + 1
        self.times = [history.begin + offset + place * step for place in range(max(0, count))]
        taken = self.times if guide != "grafana" else [at - _offset(one.agent_id, "loop", step) for at in self.times]
        self.samples = _taken(one, guide, taken)

    def newest(self, moment: float) -> Sample:
        """The newest sample at a moment."""
        place = bisect_right(self.times, moment)
        return self.samples[place - 1] if place else _ABSENT

    def within(self, begin: float, end: float) -> list[Sample]:
        """Samples of [begin, end]."""
        return self.samples[bisect_left(self.times, begin) : bisect_right(self.times, end)]


def _offset(agent_id: str, guide: str, step: float) -> float:
    """Targets are spread over the interval by a hash of their name, as Prometheus does it."""
    digest = sha256(f"{guide}:{agent_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 * step


def _taken(one: Exported, guide: Guide, times: list[float]) -> list[Sample]:
    found: list[Sample] = []
    peak, worst, count, born = -math.inf, 0.0, 0, 0.0
    for at in times:
        inside = guide not in _BESIDE
        if (not one.alive(at) and guide != "grafana") or (guide != "grafana" and one.failing.at(at) == 1.0):
            found.append(_ABSENT)
            continue
        if inside and one.born(at) != born:
            born, peak, worst, count = one.born(at), -math.inf, 0.0, 0
        equity = one.equity(at)
        if equity is not None and (equity > 0 or guide != "monitoring"):
            peak, count = max(peak, equity), count + 1
            drawdown = (peak - equity) / peak if peak > 0 else 0.0
            worst = max(worst, drawdown)
        else:
            drawdown = None
        found.append(Sample(one.balance.at(at), drawdown, worst if count > LEAST_POLLS else None, count))
    return found


class Readers:
    """Answers what a rule compares for an agent, or for the fleet, at a moment; None where no series is."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._sampled: dict[tuple[str, Guide], Sampled] = {}

    def of_agent(self, rule: GuideRule, one: Exported, at: float) -> float | None:
        """The value for one agent."""
        if rule.signal in _GAUGES:
            return self._gauge(rule, one, at)
        return _READERS[rule.signal](rule, one, at)

    def of_fleet(self, rule: GuideRule, at: float) -> float | None:
        """The value over all agents: an error ratio whose total counts errors only, or a quantile."""
        agents = self._history.agents.values()
        if rule.signal == "fleet_error_share":
            return 1.0 if any(_grew(rule, one, at, self._history.begin) for one in agents if one.alive(at)) else None
        if rule.signal == "trade_span":
            spans = [value for one in agents for value in one.trades.within(at - rule.window_s, at)]
            return nearest_rank(rule.quantile, spans)
        seen = [
            value
            for one in agents
            if one.alive(at)
            for series in one.latencies.values()
            for value in series.within(*_scraped(rule, one, at, self._history.begin))
        ]
        return bucket_quantile(rule.quantile, seen)

    def _gauge(self, rule: GuideRule, one: Exported, at: float) -> float | None:
        sampled = self._sampled.get((one.agent_id, rule.guide))
        if sampled is None:
            sampled = self._sampled[one.agent_id, rule.guide] = Sampled(one, rule.guide, self._history)
        upto = at - rule.delay_s
        if not rule.window_s:
            return _part(rule, sampled.newest(upto))
        known = [
            value for sample in sampled.within(upto - rule.window_s, upto) if (value := _part(rule, sample)) is not None
        ]
        return None if not known else max(known) if rule.reduce == "max" else min(known)


def _scraped(rule: GuideRule, one: Exported, at: float, begin: float) -> tuple[float, float]:
    """The window as the scrapes inside it see it: from the first one to the last one."""
    last = at - (at - begin - _offset(one.agent_id, rule.guide, SCRAPE_S)) % SCRAPE_S
    return last - (rule.window_s // SCRAPE_S - 1) * SCRAPE_S, last


def _grew(rule: GuideRule, one: Exported, at: float, begin: float = 0.0) -> bool:
    return bool(one.errors.within(*_scraped(rule, one, at, begin)))


def _share_of_status(rule: GuideRule, one: Exported, at: float) -> float | None:
    """A counter by status divided by itself: the guide's division matches each status with itself alone."""
    return 1.0 if _grew(rule, one, at) else None


def _unreachable(_: GuideRule, one: Exported, at: float) -> float | None:
    return float(not one.alive(at) or one.up.at(at) == 0.0)


def _expiry(_: GuideRule, one: Exported, at: float) -> float | None:
    held = [escrow.expires_at - at for escrow in one.escrows.values() if escrow.created_at <= at < escrow.ended_at]
    return min(held, default=None)


def _income(rule: GuideRule, one: Exported, at: float) -> float | None:
    return sum(one.income.within(at - rule.window_s, at))


def _failures(rule: GuideRule, one: Exported, at: float) -> float | None:
    return float(len(one.escrow_failures.within(at - rule.window_s, at)))


def _error_ratio(rule: GuideRule, one: Exported, at: float) -> float | None:
    return mean(one.calls.within(at - rule.window_s, at))


def _degraded(rule: GuideRule, one: Exported, at: float) -> float | None:
    ratio, latency = _error_ratio(rule, one, at), _latency(rule, one, at)
    if ratio is None or latency is None:
        return None
    return float(ratio > DEGRADED[0] and latency > DEGRADED[1])


def _part(rule: GuideRule, sample: Sample) -> float | None:
    if rule.signal == "balance":
        return sample.balance
    return sample.worst if rule.signal == "worst_drawdown" else sample.drawdown


def _latency(rule: GuideRule, one: Exported, at: float) -> float | None:
    """The slowest endpoint's quantile from buckets, or a true quantile of all answers where distributions are kept."""
    parts = [series.within(at - rule.window_s, at) for series in one.latencies.values()]
    if rule.guide == "datadog":
        return nearest_rank(rule.quantile, [value for part in parts for value in part])
    return max((value for part in parts if (value := bucket_quantile(rule.quantile, part)) is not None), default=None)


_GAUGES: Final[frozenset[Signal]] = frozenset({"drawdown", "balance", "worst_drawdown"})
_READERS: Final[Mapping[Signal, Callable[[GuideRule, Exported, float], float | None]]] = MappingProxyType(
    {
        "unreachable": _unreachable,
        "escrow_expiry": _expiry,
        "referral_income": _income,
        "escrow_failures": _failures,
        "call_error_ratio": _error_ratio,
        "latency": _latency,
        "status_error_share": _share_of_status,
        "degraded": _degraded,
    }
)


def mean(values: list[float]) -> float | None:
    """The arithmetic mean, None of nothing."""
    return sum(values) / len(values) if values else None


def nearest_rank(quantile: float, values: list[float]) -> float | None:
    """The smallest value that at least this share of the values does not exceed, None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(quantile * len(values)) - 1)]


def bucket_quantile(quantile: float, values: list[float]) -> float | None:
    """The quantile as `histogram_quantile` estimates it from the guides' buckets, None of nothing.

    Linear inside a bucket; the highest bound for what lies above it.
    """
    if not values:
        return None
    counts = [0] * (len(LATENCY_BOUNDS_MS) + 1)
    for value in values:
        counts[bisect_left(LATENCY_BOUNDS_MS, value)] += 1
    rank = quantile * len(values)
    for place, reached in enumerate(accumulate(counts)):
        if reached >= rank:
            if place == len(LATENCY_BOUNDS_MS):
                break
            lower = LATENCY_BOUNDS_MS[place - 1] if place else 0.0
            inside = (rank - (reached - counts[place])) / counts[place]
            return lower + (LATENCY_BOUNDS_MS[place] - lower) * inside
    return LATENCY_BOUNDS_MS[-1]
