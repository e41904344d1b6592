"""One agent in several processes: what each of them says, as one exposition, by a stated rule a metric.

Every process knows what it did itself. What adds up over processes is added: counters, histograms, realised P&L. It
stays when its process ends. What a reading said is taken from whoever read last. What only the whole history of the
agent's money tells, such as a drawdown or a ratio, no process knows while several live: it is absent, and a Fleawatch
service is who can say it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.spec import Metric
from fleawatch.flow.samples import Sample
from fleawatch.flow.tally import Distribution, Labels
from fleawatch.sinks.wire import Family, fill, histogram_template, line

Rule = Literal["added", "newest", "largest", "smallest", "alone"]
"""What becomes of a gauge of several living processes. Those that have ended have no gauges."""

RULES: Final[Mapping[str, Rule]] = {
    "pf_trade_pnl_usdc": "added",
    "pf_agent_memory_ratio": "added",
    "pf_agent_cpu_ratio": "added",
    "process_resident_memory_bytes": "added",
    "process_virtual_memory_bytes": "added",
    "process_open_fds": "added",
    "process_max_fds": "smallest",
    "process_start_time_seconds": "smallest",
    "pf_market_data_age_seconds": "smallest",
    "pf_agent_up": "largest",
    "pf_agent_last_action_timestamp_seconds": "largest",
    "fleawatch_build_info": "largest",
    "python_info": "largest",
    "pf_agent_info": "newest",
    "pf_wallet_balance_native": "newest",
    "pf_wallet_balance_usd": "newest",
    "pf_wallet_spendable_usdc": "newest",
    "pf_limits_differing": "newest",
}
"""Every other gauge is told by an agent that lives in one process, and absent otherwise."""

_READ_BY: Final[Mapping[str, str]] = {
    "pf_agent_info": "strategy_switched",
    "pf_wallet_balance_native": "balance_read",
    "pf_wallet_balance_usd": "balance_read",
    "pf_wallet_spendable_usdc": "balance_read",
    "pf_limits_differing": "limits_in_force",
}
_REALIZED: Final = "realized"

Shown = float | tuple[list[int], float, float]
"""A number, or a distribution: counts, sum, last value."""
Series = tuple[str, Labels, Shown]


class Sheet(msgspec.Struct, frozen=True, array_like=True):
    """What one process says.

    Attributes:
        agent_id: whose process it is.
        acted: whether it did more than show signs of life.
        heard: when facts came last, unix seconds, by kind; of balances also by `kind:currency:wallet_type`.
        series: every sample, with complete label values.
    """

    agent_id: str
    acted: bool
    heard: dict[str, float]
    series: list[Series]


class Ended(msgspec.Struct, frozen=True, array_like=True):
    """What those processes did that have ended.

    Attributes:
        names: of processes that are in it and whose own files may still be there.
        series: sums over them.
    """

    names: list[str] = []
    series: list[Series] = []


Merged = dict[str, dict[Labels, float | Distribution]]


def shown(samples: Iterable[Sample]) -> list[Series]:
    """Samples as a sheet holds them."""
    return [
        (one.metric.name, one.labels, (one.value.counts, one.value.total, one.value.last))
        if isinstance(one.value, Distribution)
        else (one.metric.name, one.labels, one.value)
        for one in samples
    ]


def stays(metric: Metric, labels: Labels) -> bool:
    """Whether a series outlives its process: what was done stays done."""
    return metric.type != "gauge" or (metric.name == "pf_trade_pnl_usdc" and labels[-1] == _REALIZED)


def ended(before: Ended, names: Sequence[str], sheets: Iterable[Sheet]) -> Ended:
    """`before`, and the lasting part of these sheets."""
    total: Merged = {}
    _add(total, before.series)
    for sheet in sheets:
        _add(
            total, (one for one in sheet.series if one[0] in CATALOG.metrics and stays(CATALOG.metrics[one[0]], one[1]))
        )
    series: list[Series] = [
        (name, labels, (value.counts, value.total, value.last) if isinstance(value, Distribution) else value)
        for name, found in total.items()
        for labels, value in found.items()
    ]
    return Ended([*before.names, *names], series)


def merged(living: Sequence[Sheet], gone: Ended) -> Merged:
    """What all processes say together. Series that this release does not know are left out."""
    total: Merged = {}
    _add(total, gone.series)
    acting: dict[str, int] = {}
    for sheet in living:
        acting[sheet.agent_id] = acting.get(sheet.agent_id, 0) + sheet.acted
    newest: dict[tuple[str, Labels], float] = {}
    for sheet in living:
        alone = acting[sheet.agent_id] <= int(sheet.acted)
        for one in sheet.series:
            name, labels, value = one
            metric = CATALOG.metrics.get(name)
            if metric is None:
                continue
            rule: Rule = "added" if metric.type != "gauge" else RULES.get(name, "alone")
            if rule == "added":
                _add(total, (one,))
            elif isinstance(value, float | int) and (rule != "alone" or alone):
                _choose(total.setdefault(name, {}), newest, rule, (name, labels, float(value)), sheet)
    return total


def _add(total: Merged, series: Iterable[Series]) -> None:
    for name, labels, value in series:
        metric = CATALOG.metrics.get(name)
        if metric is None or len(labels) != len(metric.labels):
            continue
        found = total.setdefault(name, {})
        if not isinstance(value, tuple):
            before = found.get(labels, 0.0)
            if metric.type != "histogram" and not isinstance(before, Distribution):
                found[labels] = before + value
            continue
        counts, amount, last = value
        if metric.type != "histogram" or len(counts) != len(metric.buckets) + 1:
            continue
        known = found.get(labels)
        if isinstance(known, Distribution):
            counts = [mine + theirs for mine, theirs in zip(known.counts, counts, strict=True)]
            amount, last = known.total + amount, max(known.last, last)
        found[labels] = Distribution(list(counts), amount, last)


def _choose(
    found: dict[Labels, float | Distribution],
    newest: dict[tuple[str, Labels], float],
    rule: Rule,
    one: tuple[str, Labels, float],
    sheet: Sheet,
) -> None:
    name, labels, value = one
    if rule == "newest":
        when = _read_at(sheet, name, labels)
        key = (name, labels[:1]) if name == "pf_agent_info" else (name, labels)
        if when < newest.get(key, float("-inf")):
            return
        newest[key] = when
        if name == "pf_agent_info":
            for other in [other for other in found if other[:1] == labels[:1]]:
                del found[other]
        found[labels] = value
        return
    before = found.get(labels)
    if not isinstance(before, float):
        found[labels] = value
    elif rule in ("largest", "smallest"):
        found[labels] = max(before, value) if rule == "largest" else min(before, value)


def _read_at(sheet: Sheet, name: str, labels: Labels) -> float:
    kind = _READ_BY[name]
    return sheet.heard.get(":".join((kind, *labels[1:])), sheet.heard.get(kind, 0.0))


def rendered(total: Merged, *, openmetrics: bool) -> bytes:
    """The body of a scrape, families by name, lines by labels."""
    parts: list[bytes] = []
    for name in sorted(total):
        family = Family.of(CATALOG.metrics[name])
        lines = [
            fill(histogram_template(family, labels, by_agent=False), value, None)
            if isinstance(value, Distribution)
            else line(family, labels, value)
            for labels, value in sorted(total[name].items(), key=lambda item: item[0])
        ]
        if lines:
            parts += [family.header(openmetrics=openmetrics), *lines]
    if openmetrics:
        parts.append(b"\n# EOF")
    return b"".join(parts)[1:] + b"\n" if parts else b""
