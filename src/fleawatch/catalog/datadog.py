"""The names under which the same numbers are sent to Datadog, as that guide has them.

Tags are lower case. `env`, `service` and `version` come from the Datadog settings and `agent_id`, `strategy` are on
everything. A name is only ever sent as one type; ratios are made from counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from fleawatch.catalog.query import Match, matches


@dataclass(frozen=True, slots=True, kw_only=True)
class DatadogMetric:
    """One Datadog metric and where its value comes from.

    Attributes:
        metric: canonical name, or empty for the heartbeat, which is always 1.
        where: series that are sent.
        scale: factor on the value, so that the unit in the name is right.
        tags: pairs (tag, label); the base tags are not repeated.
        values: triples (tag, label value, tag value) where the guide writes a value differently.
    """

    name: str
    type: Literal["gauge", "count", "distribution"]
    metric: str
    tags: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str, str], ...] = ()
    where: tuple[Match, ...] = ()
    scale: float = 1.0
    help: str = ""


BASE_TAGS: Final = ("agent_id", "strategy")

DATADOG: Final[tuple[DatadogMetric, ...]] = (
    DatadogMetric(
        name="agent.trade.pnl_usd",
        type="gauge",
        metric="pf_market_pnl_usdc",
        tags=(("market", "market"), ("realized", "pnl_type")),
        values=(("realized", "realized", "true"), ("realized", "unrealized", "false")),
        help="`realized:true` is cumulative.",
    ),
    DatadogMetric(
        name="agent.risk.max_drawdown_pct",
        type="gauge",
        metric="pf_drawdown_ratio",
        where=matches({"window": "all_time"}),
        scale=100.0,
        help="Current drawdown in percent, in spite of its name: that is what the guide computes.",
    ),
    DatadogMetric(
        name="agent.risk.drawdown_max_pct",
        type="gauge",
        metric="pf_drawdown_max_ratio",
        tags=(("window", "window"),),
        scale=100.0,
        help="Maximum drawdown in percent.",
    ),
    DatadogMetric(
        name="agent.positions.open_count", type="gauge", metric="pf_open_positions", tags=(("market", "market"),)
    ),
    DatadogMetric(
        name="agent.order.latency_ms",
        type="distribution",
        metric="pf_order_latency_seconds",
        tags=(("market", "market"), ("order_type", "order_type"), ("status", "status")),
        scale=1_000.0,
        help="Percentiles over all hosts; the market comes from the order itself.",
    ),
    DatadogMetric(
        name="agent.signal.compute_seconds",
        type="distribution",
        metric="pf_signal_compute_duration_seconds",
        tags=(("model_version", "model_version"),),
    ),
    DatadogMetric(
        name="agent.order.executions_total",
        type="count",
        metric="pf_orders_total",
        tags=(("market", "market"), ("status", "status"), ("error_type", "reason")),
        help="`error_type` is a bounded error code of the service.",
    ),
    DatadogMetric(
        name="agent.wallet.balance_usd",
        type="gauge",
        metric="pf_wallet_balance_usd",
        tags=(("currency", "currency"), ("wallet_type", "wallet_type")),
        help="Not sent while unknown.",
    ),
    DatadogMetric(
        name="agent.api.requests_total",
        type="count",
        metric="pf_api_requests_total",
        tags=(
            ("endpoint", "endpoint"),
            ("method", "method"),
            ("status_code", "status_code"),
            ("success", "outcome"),
        ),
        values=(("success", "ok", "true"), ("success", "error", "false")),
        help="Calls without an answer included.",
    ),
    DatadogMetric(
        name="agent.escrow.transactions_total",
        type="count",
        metric="pf_escrow_transitions_total",
        tags=(("status", "status"),),
    ),
    DatadogMetric(
        name="agent.escrow.amount_usd",
        type="distribution",
        metric="pf_escrow_amount_usdc",
        tags=(("status", "status"),),
    ),
    DatadogMetric(
        name="agent.faucet.claims_total", type="count", metric="pf_faucet_claims_total", tags=(("status", "status"),)
    ),
    DatadogMetric(
        name="agent.heartbeat", type="gauge", metric="", help="1 at every collection; its absence is the news."
    ),
    DatadogMetric(name="agent.equity_usd", type="gauge", metric="pf_equity_usdc"),
    DatadogMetric(name="agent.escrow.open", type="gauge", metric="pf_escrow_open", tags=(("role", "role"),)),
    DatadogMetric(
        name="agent.escrow.locked_usd", type="gauge", metric="pf_escrow_locked_usdc", tags=(("role", "role"),)
    ),
    DatadogMetric(
        name="agent.referral.income_usd",
        type="count",
        metric="pf_referral_income_usdc_total",
        tags=(("pf_service", "pf_service"), ("referral_tier", "referral_tier")),
    ),
    DatadogMetric(
        name="agent.casino.rounds",
        type="count",
        metric="pf_casino_rounds_total",
        tags=(("game_type", "game_type"), ("outcome", "outcome")),
    ),
    DatadogMetric(
        name="agent.errors_total",
        type="count",
        metric="pf_agent_errors_total",
        tags=(("component", "component"),),
        help="Parts of the agent and operations that failed.",
    ),
    DatadogMetric(name="agent.trades", type="count", metric="pf_trades_total", tags=(("outcome", "outcome"),)),
)

OPERATIONS: Final = (
    ("pf.signal.analysis", "agent.signal.compute"),
    ("pf.trade.execute", "agent.order.execute"),
    ("pf.wallet.balance_check", "agent.wallet.balance_fetch"),
    ("pf.escrow.create", "agent.escrow.create"),
)
"""Span names and the operation names they have when the Datadog tracer is the backend."""

TAGS_FROM_THE_FACT: Final = frozenset({"market", "reason"})
"""Tags that come from the order or position itself, although the Prometheus metric has no such label."""
