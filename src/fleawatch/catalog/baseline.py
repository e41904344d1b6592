"""The alert rules of the platform's public guides, as data: what a fleet has that follows them to the letter.

They are somebody else's words, kept here because the catalog is where rules are declared and nothing else is: no rule
of ours is derived from them, no page is rendered from them, and no service judges them. They are the baseline that
`flow.backtest.baseline` runs over the same facts as our own rules. Where a guide contradicts itself, the rule that it
would install (a rule file, a monitor resource, the code) counts before the text that describes it; a rule that stands
in the text alone is taken as written, and fires at once when no waiting time is named. A gauge that a guide declares and
its code never sets (the drawdown of two of them) is taken as set from the balance, which is what they say it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from fleawatch.units import HOUR, MINUTE

Guide = Literal["prometheus", "grafana", "monitoring", "datadog", "opentelemetry"]
"""Prometheus rules, Grafana alerts with an exporter beside the agent, a monitor loop, Datadog monitors, traces."""

Signal = Literal[
    "drawdown",
    "worst_drawdown",
    "balance",
    "escrow_expiry",
    "unreachable",
    "fleet_error_share",
    "status_error_share",
    "call_error_ratio",
    "latency",
    "fleet_latency",
    "trade_span",
    "escrow_failures",
    "referral_income",
    "degraded",
    "slow_span",
    "span_errors",
]
"""What a rule compares; `flow.backtest.readers` says how each is read from what the guide exports."""

LATENCY_BOUNDS_MS: Final = (2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0)
"""Buckets of the guides' latency histogram, milliseconds."""

SLOW_SPANS_S: Final = {
    "pf.trade.execute": 2.0,
    "pf.wallet.balance_check": 0.5,
    "pf.escrow.create": 3.0,
    "pf.signal.analysis": 0.1,
}
"""Seconds above which a span is told of, by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideRule:
    """One rule of a guide.

    Attributes:
        name: as the guide calls it.
        signal: what is compared; ratios 0..1, money in USD, latencies in milliseconds, times in seconds.
        threshold: it breaches above this, or below it with `below`.
        hold_s: how long it must breach before it fires.
        every_s: how often it is evaluated. 15 s where the guide names no interval: a favour, the default of Prometheus
            is a minute.
        window_s: how far back it looks; 0 for the newest sample.
        delay_s: how old the newest sample is that it looks at.
        reduce: what counts of the samples in the window.
        quantile: of latencies, 0..1.
        group_wait_s: from firing until somebody is told, where the guide says so.
        halts: whether the guide routes it to a halt.
    """

    guide: Guide
    name: str
    severity: Literal["critical", "warning", "info"]
    signal: Signal
    threshold: float
    below: bool = False
    hold_s: float = 0.0
    every_s: float = 15.0
    window_s: float = 0.0
    delay_s: float = 0.0
    reduce: Literal["last", "max", "min"] = "last"
    quantile: float = 0.0
    group_wait_s: float = 0.0
    halts: bool = False


_PROMETHEUS: Final = (
    GuideRule(
        guide="prometheus", name="AgentDrawdownBreachCritical", severity="critical", signal="drawdown", threshold=0.20,
        hold_s=MINUTE, group_wait_s=10.0, halts=True,
    ),
    GuideRule(
        guide="prometheus", name="AgentDrawdownWarning", severity="warning", signal="drawdown", threshold=0.10,
        hold_s=5 * MINUTE, group_wait_s=10.0,
    ),
    GuideRule(
        guide="prometheus", name="WalletBalanceCriticallyLow", severity="critical", signal="balance", threshold=25.0,
        below=True, group_wait_s=10.0,
    ),
    GuideRule(
        guide="prometheus", name="WalletBalanceLow", severity="warning", signal="balance", threshold=100.0, below=True,
        group_wait_s=10.0,
    ),
    GuideRule(
        guide="prometheus", name="HighAPIErrorRate", severity="warning", signal="fleet_error_share", threshold=0.05,
        window_s=5 * MINUTE, every_s=30.0, hold_s=2 * MINUTE, group_wait_s=10.0,
    ),
    GuideRule(
        guide="prometheus", name="OrderLatencyP99Critical", severity="critical", signal="fleet_latency",
        threshold=1000.0, quantile=0.99, window_s=5 * MINUTE, every_s=30.0, hold_s=5 * MINUTE, group_wait_s=10.0,
    ),
)  # fmt: skip

_GRAFANA: Final = (
    GuideRule(
        guide="grafana", name="Agent Drawdown Breach", severity="critical", signal="drawdown", threshold=0.15,
        hold_s=2 * MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="grafana", name="Wallet Balance Below Minimum", severity="critical", signal="balance", threshold=50.0,
        below=True, every_s=MINUTE,
    ),
    GuideRule(
        guide="grafana", name="Escrow Timeout Approaching", severity="warning", signal="escrow_expiry",
        threshold=30 * MINUTE, below=True, every_s=MINUTE,
    ),
    GuideRule(
        guide="grafana", name="High Trade Latency", severity="warning", signal="latency", threshold=500.0,
        quantile=0.99, window_s=5 * MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="grafana", name="New Referral Fee Earned", severity="info", signal="referral_income", threshold=0.0,
        window_s=HOUR, every_s=MINUTE,
    ),
    GuideRule(
        guide="grafana", name="API Error Rate Spike", severity="warning", signal="status_error_share", threshold=0.05,
        window_s=2 * MINUTE, every_s=MINUTE,
    ),
)  # fmt: skip

_MONITORING: Final = (
    GuideRule(
        guide="monitoring", name="Agent Unreachable", severity="critical", signal="unreachable", threshold=0.0,
        every_s=30.0,
    ),
    GuideRule(
        guide="monitoring", name="Max Drawdown Exceeded", severity="critical", signal="worst_drawdown", threshold=0.15,
        every_s=30.0,
    ),
)  # fmt: skip

_DATADOG: Final = (
    GuideRule(
        guide="datadog", name="High Drawdown (Critical)", severity="critical", signal="drawdown", threshold=0.15,
        reduce="max", window_s=5 * MINUTE, delay_s=MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="datadog", name="High Drawdown (Warning)", severity="warning", signal="drawdown", threshold=0.08,
        reduce="max", window_s=5 * MINUTE, delay_s=MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="datadog", name="Wallet Balance Critical", severity="critical", signal="balance", threshold=50.0,
        below=True, reduce="min", window_s=2 * MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="datadog", name="Wallet Balance Warning", severity="warning", signal="balance", threshold=200.0,
        below=True, reduce="min", window_s=2 * MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="datadog", name="API Error Rate High", severity="critical", signal="call_error_ratio", threshold=0.05,
        window_s=5 * MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="datadog", name="API Error Rate Warning", severity="warning", signal="call_error_ratio", threshold=0.02,
        window_s=5 * MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="datadog", name="Order Latency P95 High", severity="critical", signal="latency", threshold=1000.0,
        quantile=0.95, window_s=5 * MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="datadog", name="Order Latency P95 Warning", severity="warning", signal="latency", threshold=500.0,
        quantile=0.95, window_s=5 * MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="datadog", name="Escrow Failure Spike", severity="critical", signal="escrow_failures", threshold=5.0,
        window_s=10 * MINUTE, every_s=MINUTE,
    ),
    GuideRule(
        guide="datadog", name="Agent Degraded State", severity="critical", signal="degraded", threshold=0.0,
        quantile=0.95, window_s=5 * MINUTE, every_s=MINUTE,
    ),
)  # fmt: skip

_OPENTELEMETRY: Final = (
    GuideRule(
        guide="opentelemetry", name="SLOW_SPAN_ALERT", severity="warning", signal="slow_span", threshold=0.0,
    ),
    GuideRule(
        guide="opentelemetry", name="HIGH_ERROR_RATE", severity="warning", signal="span_errors", threshold=0.05,
    ),
    GuideRule(
        guide="opentelemetry", name="Trade Execution P95", severity="warning", signal="trade_span", threshold=2000.0,
        quantile=0.95, window_s=5 * MINUTE,
    ),
)  # fmt: skip

GUIDE_RULES: Final = (*_PROMETHEUS, *_GRAFANA, *_MONITORING, *_DATADOG, *_OPENTELEMETRY)
"""Every rule that facts can answer."""

DEGRADED: Final = (0.05, 1000.0)
"""The composite monitor's two parts: error ratio of calls, and latency in milliseconds; both must be above."""

SPAN_WINDOW: Final = 100
"""How many spans of one name the guide's error monitor remembers."""

REMIND_S: Final = 5 * MINUTE
"""A rule about single spans is not counted again before it was quiet for so long: a favour, the guide tells each one."""

LEAST_POLLS: Final = 10
"""The monitor loop judges a drawdown when it has more polls than this."""

NOT_EVALUATED: Final = {
    "prometheus: absence of an agent's metrics": "the text speaks of such alerts; the guide's rule file has none",
    "monitoring: Sharpe Ratio < 0.5": "a threshold in a table: no code of the guide alerts on it",
    "monitoring: Max Drawdown > 25%": "a threshold in a table: no code of the guide alerts on it (its 15 % rule is evaluated)",
    "monitoring: Win Rate < 35%": "a threshold in a table; the guide's monitor never fills its list of trades",
    "monitoring: Profit Factor < 1.0": "a threshold in a table; the guide's monitor never fills its list of trades",
    "monitoring: Calmar Ratio < 0.5": "a threshold in a table: no code of the guide alerts on it",
    "monitoring: Anomaly z-score > 3": "the guide's monitor makes the detector and never gives it a return",
    "monitoring: health check wallet, heartbeat, memory": "parts of the answer of /health, which its monitor does not read",
    "datadog: SLO 99 % of calls in 30 days": "the guide names the objective and no alert on its budget",
    "datadog: Watchdog": "the vendor's own detection, without a rule",
}
"""Rules that are not run, each with the reason."""
