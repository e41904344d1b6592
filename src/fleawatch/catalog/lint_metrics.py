"""Rules about metrics by themselves: names, units, types, labels, buckets, windows, aliases."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.findings import Finding
from fleawatch.catalog.query import Match
from fleawatch.catalog.spec import Metric

SERIES_BUDGET: Final = 30_000
"""Most series of one metric per agent if every combination of labels occurred, buckets included.

A real agent uses a small part of it: each endpoint has one method, and each agent few markets.
"""

_NAME: Final = re.compile(r"(?:pf|fleawatch|process|python)_[a-z0-9]+(?:_[a-z0-9]+)*")
_LABEL_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_RESERVED: Final = ("_count", "_sum", "_bucket", "_created", "_info")
_SUFFIX: Final = {
    "usdc": "_usdc",
    "usd": "_usd",
    "native": "_native",
    "seconds": "_seconds",
    "bytes": "_bytes",
    "ratio": "_ratio",
    "info": "_info",
}
_MEASURES: Final = ("_usdc", "_usd", "_seconds", "_bytes")
_CONSTANT: Final = re.compile(r"[$€]\s*\d|\d+(?:\.\d+)?\s*%|\d+\.\d+|\d{2,}|\b[2-9]\b")


def _where(metric: Metric) -> str:
    return f"metric {metric.name}"


def names(catalog: Catalog) -> Iterator[Finding]:
    """A name is lower case with a known prefix, and ends as its type and unit ask."""
    for metric in catalog.metrics.values():
        where = _where(metric)
        stem = metric.name.removesuffix("_total")
        if _NAME.fullmatch(metric.name) is None:
            yield Finding("metric-name", where, "write lower_snake_case after pf_, fleawatch_, process_ or python_")
        if (metric.type == "counter") != metric.name.endswith("_total"):
            yield Finding(
                "counter-suffix", where, f"it is a {metric.type}; _total is the ending of counters, and only theirs"
            )
        wanted = _SUFFIX.get(metric.unit)
        if wanted is not None and not stem.endswith(wanted):
            yield Finding("unit-suffix", where, f"its unit is {metric.unit}; end the name with {wanted}")
        if wanted is None and stem.endswith(_MEASURES):
            yield Finding("unit-suffix", where, "its unit is 1, but its name ends with a unit")
        if metric.name.endswith(_RESERVED) and not (metric.unit == "info" and metric.name.endswith("_info")):
            yield Finding(
                "reserved-ending", where, f"{_RESERVED} belong to the exposition format; choose another ending"
            )


def labels(catalog: Catalog) -> Iterator[Finding]:
    """Labels come from the dictionary, once each, and their combinations stay within the budget."""
    known = set(catalog.labels)
    for metric in catalog.metrics.values():
        where = _where(metric)
        for label in metric.labels:
            if label not in known:
                yield Finding("unknown-label", where, f"label {label.name} is not in the dictionary; declare it there")
            if _LABEL_NAME.fullmatch(label.name) is None or label.name in {"le", "quantile"}:
                yield Finding("label-name", where, f"label {label.name} is not a usable name; write lower_snake_case")
            if not label.values and not label.pattern:
                yield Finding("label-open", where, f"label {label.name} allows nothing; give it values or a pattern")
        for name, times in Counter(metric.label_names).items():
            if times > 1:
                yield Finding("label-twice", where, f"label {name} stands there {times} times; keep one")
        series = worst_case_series(metric)
        if series > SERIES_BUDGET:
            yield Finding(
                "cardinality",
                where,
                f"{series} series per agent are possible, the budget is {SERIES_BUDGET}; drop a label",
            )


def worst_case_series(metric: Metric) -> int:
    """Series of `metric` per agent if every combination of its labels occurred; a histogram has one per bucket and 3."""
    combinations = math.prod(label.limit for label in metric.labels if label.name != "agent_id")
    return combinations * (len(metric.buckets) + 3 if metric.type == "histogram" else 1)


def buckets(catalog: Catalog) -> Iterator[Finding]:
    """Histograms have buckets, in strictly rising finite order; nothing else has any."""
    for metric in catalog.metrics.values():
        where = _where(metric)
        if metric.type == "histogram" and not metric.buckets:
            yield Finding("no-buckets", where, "a histogram needs buckets; choose a set from declare.py")
        if metric.type != "histogram" and metric.buckets:
            yield Finding("stray-buckets", where, f"a {metric.type} has no buckets; remove them")
        if any(low >= high for low, high in zip(metric.buckets, metric.buckets[1:], strict=False)):
            yield Finding("unsorted-buckets", where, "bucket bounds must rise strictly; sort them and drop doubles")
        if not all(math.isfinite(bound) for bound in metric.buckets):
            yield Finding("infinite-bucket", where, "the last bucket is implied; remove bounds that are not finite")


def windows(catalog: Catalog) -> Iterator[Finding]:
    """A window belongs to a gauge with the `window` label, and the label to a metric that says which windows it has."""
    for metric in catalog.metrics.values():
        where = _where(metric)
        labelled = "window" in metric.label_names
        if metric.type == "counter" and (metric.windows or labelled):
            yield Finding("counter-window", where, "a counter has no window; readers choose theirs with increase()")
        elif labelled != bool(metric.windows):
            yield Finding(
                "window-label", where, "the window label and the list of windows go together; give both or none"
            )


def helps(catalog: Catalog) -> Iterator[Finding]:
    """The help line is one sentence that stays true when an operator or the platform changes a number."""
    for metric in catalog.metrics.values():
        where = _where(metric)
        if not metric.help or "\n" in metric.help or not metric.help.endswith("."):
            yield Finding("help-form", where, "write one line that ends with a full stop")
        constant = _CONSTANT.search(metric.help)
        if constant:
            yield Finding(
                "help-constant", where, f"the help says {constant.group()!r}; say it in words, the number may change"
            )
        if not metric.source:
            yield Finding("no-source", where, "say where the number comes from")


def aliases(catalog: Catalog) -> Iterator[Finding]:
    """An alias is nobody's canonical name, is given once, and has no label that its metric lacks."""
    seen: dict[str, str] = {}
    for metric in catalog.metrics.values():
        for alias in metric.aliases:
            where = f"alias {alias.name}"
            if alias.name in catalog.metrics:
                yield Finding("alias-collision", where, "it is a canonical name as well; drop the alias")
            if alias.name in seen:
                yield Finding("alias-collision", where, f"{seen[alias.name]} and {metric.name} both claim it; keep one")
            seen[alias.name] = metric.name
            if not alias.schemes:
                yield Finding("alias-scheme", where, "say which guide knows it")
            for label in alias.labels:
                if label not in metric.label_names:
                    yield Finding("alias-label", where, f"{metric.name} has no label {label}; it cannot be derived")
            yield from _dropped_labels(metric, where, alias.labels, alias.how.aggregate, alias.how.where)


def _dropped_labels(
    metric: Metric, where: str, kept: tuple[str, ...], aggregate: str, fixed: tuple[Match, ...]
) -> Iterator[Finding]:
    pinned = {match.label for match in fixed}
    dropped = set(metric.label_names) - set(kept) - pinned
    if dropped and aggregate == "none" and metric.type != "histogram":
        yield Finding(
            "alias-merge", where, f"{', '.join(sorted(dropped))} of {metric.name} is dropped; aggregate or filter it"
        )


def kept_names(catalog: Catalog) -> Iterator[Finding]:
    """A kept name of a guide is a metric that has at least the guide's labels."""
    for kept in catalog.kept:
        metric = catalog.metrics.get(kept.name)
        if metric is None:
            yield Finding("unknown-metric", f"kept name {kept.name}", "no such metric; declare it or make it an alias")
        elif not set(kept.labels) <= set(metric.label_names):
            yield Finding("kept-label", f"kept name {kept.name}", f"{metric.name} lacks a label that the guide has")


METRIC_RULES: Final = (names, labels, buckets, windows, helps, aliases, kept_names)
