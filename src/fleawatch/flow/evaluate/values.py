"""Values of the query tree, compiled: from nodes to functions of a look at an agent or the fleet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from fleawatch.catalog import query as q
from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.orders import BUSIEST_MINUTE
from fleawatch.catalog.tree import plain, walk
from fleawatch.flow.evaluate.context import Context
from fleawatch.flow.evaluate.leaves import cumulative, current, kept_by_agents, metric_of, observed, tally_of
from fleawatch.flow.evaluate.shapes import Compiled, Number, Scalar, Table, as_table, joined, mapped
from fleawatch.flow.evaluate.watches import Watch, growing, spreading
from fleawatch.flow.tracks import STEPS, Samples, Tracks
from fleawatch.flow.verdict import Pairs
from fleawatch.risk import ratios
from fleawatch.units import YEAR

HOURS_A_YEAR: Final = YEAR / 3_600.0


@dataclass(slots=True)
class Compiler:
    """Compiles the values of one scope and collects what they need remembered.

    Attributes:
        fleet: whether values are of the fleet; of one agent otherwise.
        of_agents, of_fleet: what must be remembered of each agent and of the fleet itself, by name. Two rules that ask
            for the same past share it; what agents tally is remembered with them, whoever asks.
        windows: the windows in which each sum of counters, and each histogram, is followed.
    """

    fleet: bool
    of_agents: dict[str, Watch] = field(default_factory=dict)
    of_fleet: dict[str, Watch] = field(default_factory=dict)
    windows: dict[str, dict[str, float]] = field(default_factory=dict)

    def value(self, node: q.Value) -> Compiled:  # noqa: PLR0911 - one case per node
        """The node as a function.

        Raises:
            NotHereError: it needs a series that does not exist inside the process.
            TypeError: the node is not known.
        """
        match node:
            case q.Number(number):
                return Scalar(None, lambda _: number)
            case q.Threshold(limit):
                return Scalar(None, lambda context: context.limits[limit], limit)
            case q.Select():
                return current(node, fleet=self.fleet)
            case q.Increase(of, window):
                return self._growth(of, window, tuple(name for name in metric_of(of).label_names))
            case q.Rate(of, window):
                return mapped(self.value(q.Increase(of, window)), lambda number, _: number / window)
            case q.Aggregate():
                return self._aggregate(node)
            case q.Quantile(share, of, window):
                return self._quantile(share, of, window)
            case q.WithinShare(of, bound, window):
                return self._within(of, bound, window)
            case q.OverTime(how, of, window, step):
                return self._over_time(how, of, window, step)
            case _:
                return self._combined(node)

    def _combined(self, node: q.Value) -> Compiled:  # noqa: PLR0911 - one case per node
        match node:
            case q.Ratio(numerator, denominator, minimum):
                return self._ratio(numerator, denominator, minimum)
            case q.Arithmetic(op, left, right):
                return joined(self.value(left), self.value(right), _OPERATIONS[op])
            case q.Absolute(of):
                return mapped(self.value(of), lambda number, _: abs(number))
            case q.Age(of):
                return mapped(self.value(of), lambda number, context: context.now - number)
            case q.Until(of):
                return mapped(self.value(of), lambda number, context: number - context.now)
            case q.Fill(of, like):
                return _filled(self.value(of), self.value(like))
            case q.UpperBound("lo", of, count, _):
                return joined(self.value(of), self.value(count), _sharpe_bound)
            case q.UpperBound("wilson", of, count, _):
                return joined(self.value(of), self.value(count), _wilson_bound)
            case _:
                raise TypeError(f"value was a {type(node).__name__}, which is not judged inside the process")

    def _aggregate(self, node: q.Aggregate) -> Compiled:
        by = tuple(name for name in node.by if self.fleet or name != AGENT_ID.name)
        if node.how == "sum" and isinstance(node.of, q.Increase):
            return self._growth(node.of.of, node.of.window_s, by)
        rows = as_table(self.value(node.of))
        fold = _FOLDS[node.how]

        def grouped(context: Context) -> dict[Pairs, Number]:
            groups: dict[Pairs, list[float]] = {}
            for key, number in rows(context).items():
                if number is not None:
                    groups.setdefault(tuple(pair for pair in key if pair[0] in by), []).append(number)
            return {key: fold(numbers) for key, numbers in groups.items()}

        if by:
            return Table(grouped)
        return Scalar((), lambda context: grouped(context).get(()))

    def _growth(self, select: q.Select, window: float, by: tuple[str, ...]) -> Compiled:
        by = tuple(name for name in by if name != AGENT_ID.name)
        fixed = {match.label for match in select.where if len(match.values) == 1 and not match.negated}
        if set(by) <= fixed:
            by = ()
        step = window / STEPS
        name = self._name("growth", select, window, by)
        self._follow(select, by)[name] = step
        keepers = self._keepers(select)
        if not by and self._own(select):

            def own(context: Context) -> Number:
                track = context.tracks.growth.get(name)
                return track.growth(context.now, step) if track is not None and track.grown else 0.0

            return Scalar((), own)
        if not by:

            def one(context: Context) -> Number:
                tracks = [keeper.growth.get(name) for keeper in keepers(context)]
                return sum(track.growth(context.now, step) for track in tracks if track is not None)

            return Scalar((), one)
        start = f"{name}|"

        def rows(context: Context) -> dict[Pairs, Number]:
            found: dict[Pairs, Number] = {}
            for keeper in keepers(context):
                for place, track in keeper.growth.items():
                    if place.startswith(start):
                        key = _key(place, by)
                        found[key] = (found.get(key) or 0.0) + track.growth(context.now, step)
            return found

        return Table(rows)

    def _follow(self, select: q.Select, by: tuple[str, ...]) -> dict[str, float]:
        """The windows in which a sum of counters is followed: step by name. One look serves all of them."""
        agents_keep = kept_by_agents(select)
        followed = self._name("counter", select, 0.0, by)
        windows = self.windows.get(followed)
        if windows is None:
            windows = self.windows[followed] = {}
            book = growing(followed, windows, cumulative(select, by, fleet=not agents_keep))
            watches = self.of_agents if agents_keep else self.of_fleet
            watches[followed] = Watch(followed, frozenset({select.metric}), book, tally_of(select))
        return windows

    def _keepers(self, select: q.Select) -> Callable[[Context], Iterable[Tracks]]:
        """Whose tracks hold the past of what is selected: the agent looked at, the fleet, or every agent."""
        if not kept_by_agents(select):
            return lambda context: (context.fleet.tracks,)
        if self._own(select):
            return lambda context: (context.tracks,)
        return lambda context: [agent.tracks for agent in context.fleet.agents.values()]

    def _own(self, select: q.Select) -> bool:
        """Whether the past of what is selected is with whoever is looked at."""
        if self.fleet:
            return not kept_by_agents(select)
        return AGENT_ID in metric_of(select).labels

    def _spread(self, select: q.Select, window: float) -> Callable[[Context], list[int]]:
        step = window / STEPS
        name = self._name("spread", select, window, ())
        self._observe(select)[name] = step
        keepers = self._keepers(select)

        def counts(context: Context) -> list[int]:
            found = [keeper.spreads.get(name) for keeper in keepers(context)]
            held = [spread.counts(context.now, step) for spread in found if spread is not None]
            return [sum(column) for column in zip(*filter(None, held), strict=True)]

        return counts

    def _observe(self, select: q.Select) -> dict[str, float]:
        """The windows in which a histogram is followed: step by name. One look serves all of them."""
        agents_keep = kept_by_agents(select)
        followed = self._name("histogram", select, 0.0, ())
        windows = self.windows.get(followed)
        if windows is None:
            windows = self.windows[followed] = {}
            book = spreading(windows, observed(select, fleet=not agents_keep))
            watches = self.of_agents if agents_keep else self.of_fleet
            watches[followed] = Watch(followed, frozenset({select.metric}), book, tally_of(select))
        return windows

    def _quantile(self, share: float, select: q.Select, window: float) -> Compiled:
        counts, bounds = self._spread(select, window), metric_of(select).buckets
        return Scalar((), lambda context: histogram_quantile(share, bounds, counts(context)))

    def _within(self, select: q.Select, bound: float, window: float) -> Compiled:
        counts, place = self._spread(select, window), metric_of(select).buckets.index(bound) + 1

        def share(context: Context) -> Number:
            found = counts(context)
            total = sum(found)
            return sum(found[:place]) / total if total else None

        return Scalar((), share)

    def _over_time(self, how: str, of: q.Value, window: float, step: float) -> Compiled:
        value = self.value(of)
        if not isinstance(value, Scalar):
            raise TypeError("only one number an agent can be followed over time; sum it first")
        read, key = value.read, value.key
        name = self._name(how, of, window, ())
        fold = _FOLDS[how]

        def book(context: Context, _: float) -> None:
            number = read(context)
            if number is not None:
                samples = context.tracks.samples.get(name)
                if samples is None:
                    samples = context.tracks.samples[name] = Samples()
                samples.book(number, context.now, step, window, how)

        (self.of_fleet if self.fleet else self.of_agents)[name] = Watch(name, frozenset(metrics_in(of)), book)

        # Steps in which growth was not looked at had none: an agent that begins with a loop has no usual rate to hide in.
        counts = any(isinstance(one, q.Increase) for one in walk(of)) or BUSIEST_MINUTE.name in metrics_in(of)
        whole = int(window // step) if how == "median" and counts else 0
        few = whole - whole // 2 - 1

        def over(context: Context) -> Number:
            samples = context.tracks.samples.get(name)
            found = samples.values(context.now, step, window) if samples is not None else []
            if not found:
                return None
            if len(found) <= few and min(found) >= 0.0:
                return 0.0  # most steps had none, and so had the one in the middle
            return fold([*found, *[0.0] * (whole - len(found))])

        return Scalar(key, over)

    def _ratio(self, numerator: q.Value, denominator: q.Value, minimum: q.Threshold | None) -> Compiled:
        over, under = self.value(numerator), self.value(denominator)
        if minimum is not None:
            under = joined(under, self.value(minimum), _at_least)
        return joined(_filled(over, under), under, _divided)

    def _name(self, what: str, of: q.Value, window: float, by: tuple[str, ...]) -> str:
        told = f"{what}:{plain(of)}:{window}:{by}"
        return hashlib.sha256(told.encode()).hexdigest()[:10]


def metrics_in(node: q.Value | q.Condition) -> set[str]:
    """Names of the metrics that a tree asks for."""
    return {one.metric for one in walk(node) if isinstance(one, q.Select)}


def histogram_quantile(share: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """The quantile as Prometheus estimates it: linear within the bucket, the last bound when it lies beyond.

    Args:
        share: 0..1.
        bounds: upper bounds, ascending.
        counts: observations a bucket, not cumulative; one more than there are bounds.

    Returns:
        None without an observation.
    """
    total = sum(counts)
    if not total:
        return None
    rank, seen = share * total, 0
    edges = (0.0, *bounds)
    for (low, high), count in zip(pairwise(edges), counts, strict=False):
        if count and seen + count >= rank:
            return low + (high - low) * (rank - seen) / count
        seen += count
    return bounds[-1]


def _filled(of: Compiled, like: Compiled) -> Compiled:
    if isinstance(of, Scalar):
        # One number that is None is unknown, and unknown is not 0; growth of what never happened is 0 by itself.
        return of
    ours, theirs = as_table(of), as_table(like)

    def filled(context: Context) -> dict[Pairs, Number]:
        found = ours(context)
        return {**dict.fromkeys(theirs(context), 0.0), **found}

    return Table(filled)


def _key(place: str, by: tuple[str, ...]) -> Pairs:
    return tuple(zip(sorted(by), place.split("|")[1:], strict=True))


def _median(numbers: Sequence[float]) -> float:
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _divided(over: Number, under: Number) -> Number:
    return None if over is None or not under else over / under


def _at_least(count: Number, least: Number) -> Number:
    return None if count is None or count < (least or 0.0) else count


def _sharpe_bound(ratio: Number, count: Number) -> Number:
    return None if count is None else ratios.sharpe_upper_bound(ratio, int(count), HOURS_A_YEAR)


def _wilson_bound(share: Number, count: Number) -> Number:
    if share is None or not count:
        return None
    interval = ratios.wilson_interval(round(share * count), int(count))
    return None if interval is None else interval[1]


_FOLDS: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "avg": lambda numbers: sum(numbers) / len(numbers),
    "median": _median,
}


def _both(operation: Callable[[float, float], float]) -> Callable[[Number, Number], Number]:
    return lambda left, right: None if left is None or right is None else operation(left, right)


_OPERATIONS: Final = {
    "+": _both(lambda left, right: left + right),
    "-": _both(lambda left, right: left - right),
    "*": _both(lambda left, right: left * right),
}
