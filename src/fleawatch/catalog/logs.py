"""Structured log events: their levels and fields, and which of them are drawn on boards."""

from __future__ import annotations

from typing import Final, Literal

from fleawatch.catalog.spec import LogEvent

_Level = Literal["debug", "info", "warning", "error", "critical"]

COMMON_FIELDS: Final = (
    "timestamp", "level", "logger", "message", "service", "env", "version", "agent_id", "strategy", "event", "trace_id",
    "span_id", "error.kind", "error.message", "error.stack",
)  # fmt: skip
"""What every line may carry: time of the record (RFC 3339, milliseconds), and trace ids as 32 and 16 hex digits."""

RESERVED_FIELDS: Final = ("status", "host", "source")
"""Names that a log store takes for itself; never used at the top level."""


def _event(name: str, levels: tuple[_Level, ...], says: str, *fields: str, annotation: bool = False) -> LogEvent:
    return LogEvent(name=name, levels=levels, help=says, fields=fields, annotation=annotation)


_INFO: Final[tuple[_Level, ...]] = ("info",)
_WARNING: Final[tuple[_Level, ...]] = ("warning",)
_ERROR: Final[tuple[_Level, ...]] = ("error",)
_CRITICAL: Final[tuple[_Level, ...]] = ("critical",)
_BY_SEVERITY: Final[tuple[_Level, ...]] = ("info", "warning", "critical")
_ALERT = ("alertname", "severity", "fingerprint", "channel")

LOG_EVENTS: Final[tuple[LogEvent, ...]] = (
    _event(
        "trade_executed", _INFO, "An order was filled.",
        "market", "side", "size", "price", "latency_ms", "order_id", "fee_usd", "slippage_bps",
    ),
    _event(
        "order_failed", _ERROR, "An order attempt failed.", "market", "side", "size", "error.kind", "status_code", "latency_ms"
    ),
    _event("signal_generated", _INFO, "A signal was computed.", "market", "signal_value", "strategy", "confidence"),
    _event(
        "escrow_transaction", ("info", "error"), "An escrow changed its state; an error when it failed.",
        "escrow.status", "escrow_id", "amount_usd", "counterparty", "role",
    ),
    _event(
        "unexplained_money", _WARNING, "The books of a service do not explain a change of its balance.",
        "amount_usd", "subject", "reason",
    ),
    _event(
        "report_differs", _WARNING, "An agent told other money of a bet or fill than the platform, whose word counts.",
        "subject", "report_field", "told_usd", "shown_usd",
    ),
    _event("collector_recovered", _INFO, "A source is read again after it failed.", "subject", "reason"),
    _event("balance_alert", _WARNING, "A balance passed a limit.", "currency", "balance_usd", "threshold_usd", "tier"),
    _event("alert_fired", _BY_SEVERITY, "An alert began to fire.", *_ALERT),
    _event("alert_resolved", _BY_SEVERITY, "An alert resolved.", *_ALERT),
    _event("alert_suppressed", _BY_SEVERITY, "An alert was not sent, and why.", *_ALERT, "reason"),
    _event("notification_failed", _BY_SEVERITY, "A channel did not accept a notification.", *_ALERT, "reason"),
    _event(
        "slow_span", _WARNING, "A span took longer than its limit.",
        "span_name", "duration_ms", "threshold_ms", "overage_pct", "trace_id", "asset", "order_id",
    ),
    _event("high_error_rate", _ERROR, "Many spans of one name failed.", "span_name", "error_rate", "samples"),
    _event("snapshot", ("info", "warning"), "An agent was read.", "balance_usd", "latency_ms", "alive", "age_s"),
    _event(
        "anomaly_detected", _WARNING, "A return stands out.",
        "return", "z_score", "score", "baseline_mean", "baseline_std", "direction", "detector",
    ),
    _event("trading_halted", _CRITICAL, "Trading was halted.", "reason", "actor", annotation=True),
    _event("trading_resumed", _INFO, "Trading was resumed.", "reason", "actor", annotation=True),
    _event("halt_overdue", _CRITICAL, "A halt was not confirmed within its deadline.", "reason", "step", "age_s"),
    _event("order_after_halt", _CRITICAL, "An order was sent after the halt was in force.", "subject", "reason"),
    _event("unlisted_recipient", _CRITICAL, "Money went to a recipient that is not on the list.", "amount_usd", "recipient"),
    _event(
        "agent_error", ("warning", "error"), "A part of the agent or one of its operations failed; a warning when it was cancelled.",
        "component", "outcome", "error.kind", "error.message",
    ),
    _event("api_call_failed", _WARNING, "A call failed.", "endpoint", "status_code", "reason", "attempt"),
    _event("schema_error", _WARNING, "An answer did not have the form it should.", "endpoint", "field", "reason"),
    _event("collector_error", _WARNING, "A reading failed.", "collector", "reason", "status_code"),
    _event(
        "faucet_claim", ("info", "error"), "The faucet was asked; an error when it neither paid nor refused.",
        "amount_usd", "claim.status", annotation=True,
    ),
    _event("referral_income", _INFO, "A referral commission was booked.", "amount_usd", "pf_service", annotation=True),
    _event("strategy_switch", _INFO, "The agent changed its strategy.", "before", "after", "reason", annotation=True),
    _event("deployment", _INFO, "Another version of the agent was declared.", "before", "after", annotation=True),
    _event("large_win", _INFO, "One result was a large win.", "pnl_usd", "strategy", annotation=True),
    _event("large_loss", _INFO, "One result was a large loss.", "pnl_usd", "strategy", annotation=True),
    _event("wallet_top_up", _INFO, "Money arrived from outside.", "amount_usd", "flow", annotation=True),
    _event("escrow_settled", _INFO, "An escrow was released.", "escrow_id", "amount_usd", annotation=True),
)  # fmt: skip
"""Every event. Counterparties and recipients are hashed; secrets are removed by key and by pattern before writing."""
