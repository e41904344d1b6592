"""One agent in several processes: what each of them says, as one exposition, by a stated rule a metric.

Every process knows what it did itself. What adds up over processes is added: counters, histograms, realised P&L. It
stays when its process ends. What a reading said is taken from whoever read last; one by a process that has ended is shown
for a while, and no older one after it. What only the whole history of the agent's money tells, such as a drawdown or a
ratio, no process knows that has lived beside another one that acted: it is absent, and a Fleawatch service is who can say
it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import AGENT_ID, OTHER
from fleawatch.catalog.spec import Metric
from fleawatch.flow.samples import Sample
from fleawatch.flow.tally import Distribution, Labels
from fleawatch.sinks.wire import Family, fill, histogram_template, line

Rule = Literal["added", "newest", "largest", "smallest", "alone"]
"""What becomes of a gauge of several living processes. Of those that have ended, readings and the last action are left."""

RULES: Final[Mapping[str, Rule]] = {
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
"""Every other gauge is told by an agent that lives in one process, and absent otherwise: that of marked positions too, for
several processes may have marked the same one. Booked P&L is a gauge that is added."""

SILENT_S: Final = 30.0
"""Seconds after which a process that has written nothing, though it lives, is no witness of the present."""
READING_S: Final = 300.0
"""Seconds for which a reading is shown whose process has ended; then it is unknown, until somebody reads anew."""

MOST_READINGS: Final = 1_000
"""Readings of ended processes that are kept; labels are bounded, so an agent has far fewer."""

_READ_BY: Final[Mapping[str, str]] = {
    "pf_agent_info": "strategy_switched",
    "pf_wallet_balance_native": "balance_read",
    "pf_wallet_balance_usd": "balance_read",
    "pf_wallet_spendable_usdc": "balance_read@casino",
    "pf_limits_differing": "limits_in_force",
}
_OUTLIVING: Final = frozenset(_READ_BY) - {"pf_agent_info"}
"""Readings of something outside the process: they are as true once it has ended as they were before."""
_LAST_ACTION: Final = "pf_agent_last_action_timestamp_seconds"
_BOOKED: Final = frozenset({"pf_trade_pnl_usdc", "pf_market_pnl_usdc"})
_REALIZED: Final = "realized"
_AGENT: Final = AGENT_ID.name

Shown = float | tuple[list[int], float, float]
"""A number, or a distribution: counts, sum, last value."""
Series = tuple[str, Labels, Shown]


class Sheet(msgspec.Struct, frozen=True, array_like=True):
    """What one process says.

    Attributes:
        agent_id: whose process it is.
        acted: whether it did more than show signs of life.
        heard: when facts came last, unix seconds, by kind; of balances also by `kind:currency:wallet_type` and
            `kind@service`.
        series: every sample, with complete label values.
        written: when it said so, unix seconds; 0 of a release that did not say.
        began: when it was first told something.
        acted_at: when it did something last; 0 before.
    """

    agent_id: str
    acted: bool
    heard: dict[str, float]
    series: list[Series]
    written: float = 0.0
    began: float = 0.0
    acted_at: float = 0.0


class Ended(msgspec.Struct, frozen=True, array_like=True):
    """What those processes did that have ended.

    Attributes:
        names: of processes that are in it and whose own files may still be there.
        series: sums over them.
        acted_at: by agent, when one of them did something last, unix seconds.
        readings: the newest of each series that outlives its process, with when it was read.
    """

    names: list[str] = []
    series: list[Series] = []
    acted_at: dict[str, float] = {}
    readings: list[tuple[str, Labels, float, float]] = []


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
    return metric.type != "gauge" or (metric.name in _BOOKED and labels[-1] == _REALIZED)


def ended(before: Ended, names: Sequence[str], sheets: Iterable[Sheet]) -> Ended:
    """`before`, and the lasting part of these sheets."""
    total = _Total()
    total.add(before.series)
    acted_at = dict(before.acted_at)
    readings = {(name, labels): (value, at) for name, labels, value, at in before.readings}
    for sheet in sheets:
        total.add(one for one in sheet.series if one[0] in CATALOG.metrics and stays(CATALOG.metrics[one[0]], one[1]))
        acted_at[sheet.agent_id] = max(acted_at.get(sheet.agent_id, 0.0), sheet.acted_at)
        for name, labels, value in sheet.series:
            if isinstance(value, tuple) or (name not in _OUTLIVING and name != _LAST_ACTION):
                continue
            at = value if name == _LAST_ACTION else _read_at(sheet, name, labels)
            if at >= readings.get((name, labels), (0.0, float("-inf")))[1]:
                readings[name, labels] = (value, at)
    series: list[Series] = [
        (name, labels, (value.counts, value.total, value.last) if isinstance(value, Distribution) else value)
        for name, found in total.found.items()
        for labels, value in found.items()
    ]
    newest = sorted(readings.items(), key=lambda one: -one[1][1])[:MOST_READINGS]
    return Ended([*before.names, *names], series, acted_at, [(name, labels, *told) for (name, labels), told in newest])


def merged(living: Sequence[Sheet], gone: Ended, at: float) -> Merged:
    """What all processes say together at `at`, unix seconds. Series that this release does not know are left out."""
    total = _Total()
    total.add(gone.series)
    newest: dict[tuple[str, Labels], float] = {}
    for name, labels, told, read_at in gone.readings:
        if name == _LAST_ACTION or at - read_at <= READING_S:
            total.found.setdefault(name, {})[labels] = told
        if name != _LAST_ACTION:
            newest[name, labels] = read_at
    acting = Counter(sheet.agent_id for sheet in living if sheet.acted)
    for sheet in living:
        silent = sheet.written > 0.0 and at - sheet.written > SILENT_S
        alone = acting[sheet.agent_id] <= int(sheet.acted) and gone.acted_at.get(sheet.agent_id, 0.0) <= sheet.began
        for name, labels, value in sheet.series:
            rule = _rule(name, labels, silent=silent, alone=alone)
            if rule == "added":
                total.add(((name, labels, value),))
            elif rule is not None and not isinstance(value, tuple):
                _choose(total.found.setdefault(name, {}), newest, rule, (name, labels, float(value)), sheet)
    return total.found


def _rule(name: str, labels: Labels, *, silent: bool, alone: bool) -> Rule | None:
    """What becomes of a series of a living process; None when it is left out."""
    metric = CATALOG.metrics.get(name)
    if metric is None:
        return None
    if stays(metric, labels):
        return "added"
    rule = RULES.get(name, "alone")
    lasting = rule == "newest" or name == _LAST_ACTION
    return None if (silent and not lasting) or (rule == "alone" and not alone) else rule


class _Total:
    """Sums by metric and labels. A label whose bound the processes exceed together says `other`: nothing is lost."""

    def __init__(self) -> None:
        self.found: Merged = {}
        self._values: dict[tuple[str, str, str], set[str]] = {}

    def add(self, series: Iterable[Series]) -> None:
        """Add what has the shape that the catalog gives it."""
        for name, told, value in series:
            metric = CATALOG.metrics.get(name)
            if metric is None or len(told) != len(metric.labels):
                continue
            found = self.found.setdefault(name, {})
            labels = told if told in found else self._bounded(metric, told)
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

    def _bounded(self, metric: Metric, labels: Labels) -> Labels:
        agent = labels[0] if metric.label_names[:1] == (_AGENT,) else ""
        found = []
        for label, value in zip(metric.labels, labels, strict=True):
            if label.values or label.name == _AGENT or value == OTHER:
                found.append(value)
                continue
            known = self._values.setdefault((metric.name, agent, label.name), set())
            if len(known) < label.limit:
                known.add(value)
            found.append(value if value in known else OTHER)
        return tuple(found)


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
    heard = sheet.heard.get(":".join((kind, *labels[1:])))
    return sheet.heard.get(kind.partition("@")[0], 0.0) if heard is None else heard


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
