"""The shapes of a declaration: label, metric, alias, span, log event, limit, alert, objective, recording.

Everything is frozen and holds only words and numbers, so a declaration can be compared, exported and rendered, and
nothing can happen while it is read. What is wrong with a declaration is found by `lint`, not by its constructor: a
catalog with ten mistakes should report ten.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fleawatch.catalog.query import Condition, Match, Select, Value, matches
from fleawatch.units import Window

MetricType = Literal["counter", "gauge", "histogram"]
Unit = Literal["usdc", "usd", "native", "seconds", "bytes", "ratio", "info", "1"]
"""`native` is the unit that the `currency` label names; `info` is always 1 and carries its news in labels."""

Owner = Literal["agent", "monitor"]
"""Whose process exports it. A metric has one owner, so that no number is exported, and added, twice."""

Scheme = Literal["prometheus", "grafana", "monitoring"]
"""The three naming schemes of the platform's public guides."""

Severity = Literal["critical", "warning", "info", "none"]
Scope = Literal["agent", "fleet"]
Action = Literal["none", "notify_agent", "reduce", "halt", "freeze_payments"]
"""What an alert does beside telling people; the gate turns `reduce` and `halt` into states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A dimension of metrics.

    Attributes:
        name: as exported.
        help: what it says.
        values: every value it can have; empty when `pattern` decides.
        pattern: regular expression the whole value must match; used when `values` is empty.
        limit: most values one metric may carry for it (per agent, for anything but the agent itself).
        case: how a value is folded before it is looked at.
    """

    name: str
    help: str
    limit: int
    values: tuple[str, ...] = ()
    pattern: str = ""
    case: Literal["keep", "upper", "lower"] = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """How a renderer derives an alias from its metric.

    Attributes:
        where: series that take part.
        aggregate: what happens to series that become equal once labels are dropped.
        scale: factor on the value, and on bounds and sum of a histogram.
        take: `value` as it is; `distribution` a whole histogram; `last` the last observation; `until` seconds left.
        buckets: bounds kept, in the alias' unit; empty keeps all.
    """

    where: tuple[Match, ...] = ()
    aggregate: Literal["none", "sum"] = "none"
    scale: float = 1.0
    take: Literal["value", "distribution", "last", "until"] = "value"
    buckets: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name under which a public guide knows a metric. Off by default, derived, never used by our own rules."""

    name: str
    schemes: tuple[Scheme, ...]
    type: MetricType
    labels: tuple[str, ...]
    how: Transform = field(default_factory=Transform)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One exported number.

    Attributes:
        labels: in export order.
        help: one line, as exported.
        source: where the number comes from.
        windows: values of the `window` label that are published.
        since: release that added it.
        doc: what a reader must know beyond the help line (definition, sign, when it is absent).
    """

    name: str
    type: MetricType
    unit: Unit
    labels: tuple[Label, ...]
    help: str
    owner: Owner
    source: str
    buckets: tuple[float, ...] = ()
    windows: tuple[Window, ...] = ()
    aliases: tuple[Alias, ...] = ()
    since: str = "0.1.0"
    doc: str = ""

    def where(self, **labels: str | tuple[str, ...]) -> Select:
        """The series whose labels have these values; without arguments every series."""
        return Select(self.name, matches(labels))

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels in export order."""
        return tuple(label.name for label in self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A threshold that an operator may change. Every number an alert compares with is one of these.

    Attributes:
        default: value when nothing is configured; None means off until configured.
        direction: the side on which it is breached; `none` for a parameter (sample size, span) that is no edge.
    """

    name: str
    default: float | None
    unit: str
    direction: Literal["above", "below", "none"]
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """When a firing alert resolves.

    Attributes:
        levels: pairs (threshold, clearing level) of limit names: the condition is asked again with the first replaced
            by the second, and the alert stays while that still holds. Empty: it stays while the condition holds.
        good_s: how long the clear state must last.
        manual: only a person resolves it.
    """

    levels: tuple[tuple[str, str], ...] = ()
    good_s: float = 0.0
    manual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """The alert has no verdict while `of` is below the limit `at_least`: too little was seen to judge."""

    of: Value
    at_least: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """The alert fires with `severity` instead of its own while `when` holds as well."""

    severity: Severity
    when: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something a person or the gate must hear of.

    `summary` and `description` may hold `{label}` and `{value}`, with a form after a colon: `{value:percent}`,
    `{value:money}`, `{value:duration}`, `{value:number}`; `{limit:NAME}` is a limit's configured value.

    Attributes:
        kind: `annotation` is drawn on boards and logged, never sent.
        hold_s: how long the condition must hold before it fires.
        samples: readings in a row that must agree before it fires.
        keep_firing_s: how long it goes on firing after the condition last held.
        channels: which channels hear of it: those of its severity, every one, or any but the one that failed.
        runbook: slug of its page; the alert's own name.
    """

    name: str
    family: str
    scope: Scope
    severity: Severity
    condition: Condition
    summary: str
    description: str
    runbook: str
    kind: Literal["alert", "annotation"] = "alert"
    hold_s: float = 0.0
    samples: int = 1
    clear: Clear = field(default_factory=Clear)
    keep_firing_s: float = 0.0
    action: Action = "none"
    minimum: Minimum | None = None
    escalation: Escalation | None = None
    channels: Literal["by_severity", "every", "another"] = "by_severity"


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnRate:
    """An objective's budget is spent `factor` (a limit) times too fast over both windows."""

    long_s: float
    short_s: float
    factor: str
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class SLO:
    """A share of good events that is promised over a period.

    Attributes:
        objective: promised share, 0..1; the error budget is the rest.
        period_s: rolling period.
        bad, total: counters whose growth gives the share of bad events.
        good_bound: for a histogram objective, the bucket at or below which an observation is good; else None.
        excluded: series of `bad` and `total` that do not count because the caller was at fault.
    """

    name: str
    objective: float
    period_s: float
    bad: Select
    total: Select
    help: str
    burn_rates: tuple[BurnRate, ...]
    good_bound: float | None = None
    excluded: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A derived series that rules and boards read.

    Attributes:
        copies: names of the public guide that are emitted as scaled copies when asked for, as (name, factor).
    """

    name: str
    expression: Value
    help: str
    copies: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A span attribute.

    Attributes:
        type: as the tracing API knows it.
        unit: or empty.
        aliases: names accepted on input and written for tools that know the public guide.
        privacy: `plain`; `hashed` before it leaves the process; `off` unless the operator asks for it.
    """

    name: str
    type: Literal["string", "bool", "int", "double", "string[]"]
    help: str
    unit: str = ""
    aliases: tuple[str, ...] = ()
    privacy: Literal["plain", "hashed", "off"] = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """An operation that is traced.

    Attributes:
        aliases: names of the same operation in the public guides.
        parent: `root` starts a trace; `child` needs one; `linked` starts a trace that points at its cause.
        attributes: names of the attributes it may carry.
        slow: name of the limit above which it is reported as slow, or empty.
    """

    name: str
    kind: Literal["internal", "client", "producer", "consumer"]
    parent: Literal["root", "child", "linked"]
    help: str
    attributes: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    slow: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """A line of the structured log.

    Attributes:
        levels: the levels it can have.
        fields: payload beside the fields every line has.
        annotation: it is also drawn on boards.
    """

    name: str
    levels: tuple[Literal["debug", "info", "warning", "error", "critical"], ...]
    help: str
    fields: tuple[str, ...] = ()
    annotation: bool = False
