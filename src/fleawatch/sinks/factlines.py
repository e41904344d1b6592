"""What a fact says as a line of the log: its event in the catalog, its level and its fields. Pure.

A kind that is missing here has no line: nobody looks for it. Money is a float of USD; parties are hashed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from fleawatch.catalog import limits
from fleawatch.events import (
    AgentError,
    ApiCall,
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowFailed,
    EscrowRefunded,
    EscrowReleased,
    Event,
    FaucetClaimed,
    OrderFilled,
    OrderPlaced,
    ReferralIncome,
    SignalComputed,
    SlowSpan,
    SpanErrors,
    StrategySwitched,
)
from fleawatch.events.span import SpanRecord

Level = Literal["info", "warning", "error", "critical"]
Line = tuple[str, Level, dict[str, Any]]
"""Event of the catalog, level, fields; a field that is None or empty is left out."""

_FAILED_FROM: Final = 400
_Role = Literal["creator", "counterparty", ""]


def told(fact: Event, span: SpanRecord | None) -> Line | None:
    """What a fact tells; `span` is the operation it happened in. None when it is no news."""
    teller = _TELLERS.get(type(fact))
    return None if teller is None else teller(fact, span)


def party(name: str) -> str:
    """Another party, so that a reader can follow it and nobody can name it: 12 hex digits; empty stays empty."""
    return hashlib.sha256(name.encode()).hexdigest()[:12] if name else ""


def _of(span: SpanRecord | None, *names: str) -> Any:
    """The first of these attributes that the span has."""
    found = {} if span is None else span.attributes
    return next((found[name] for name in names if name in found), None)


def _filled(fact: OrderFilled, span: SpanRecord | None) -> Line:
    fields = {
        "market": fact.market, "side": fact.side, "size": float(fact.notional_usd), "price": float(fact.price),
        "latency_ms": _of(span, "pf.api_latency_ms"), "order_id": fact.order_id, "fee_usd": float(fact.fee_usd),
        "slippage_bps": _slippage(fact), "strategy": fact.strategy,
    }  # fmt: skip
    return "trade_executed", "info", fields


def _slippage(fact: OrderFilled) -> float | None:
    if not fact.expected_price:
        return None
    moved = float(fact.price) / float(fact.expected_price) - 1.0
    return moved * 10_000 * (1 if fact.side == "buy" else -1)


def _placed(fact: OrderPlaced, span: SpanRecord | None) -> Line | None:
    if fact.status == "success":
        return None  # its fill tells of it
    status_code, latency_ms = _of(span, "http.response.status_code", "pf.http_status"), _of(span, "pf.api_latency_ms")
    fields = {
        "market": fact.market, "side": fact.side, "size": float(fact.notional_usd), "error.kind": fact.reason or fact.status,
        "status_code": fact.status if status_code is None else str(status_code), "latency_ms": fact.latency_s * 1000 if latency_ms is None else latency_ms,
        "order_id": fact.order_id, "strategy": fact.strategy,
    }  # fmt: skip
    return "order_failed", "error", fields


def _signal(fact: SignalComputed, span: SpanRecord | None) -> Line:
    fields = {
        "market": fact.market, "signal_value": _of(span, "pf.signal_value"), "strategy": fact.strategy,
        "confidence": fact.confidence, "action": fact.action,
    }  # fmt: skip
    return "signal_generated", "info", fields


def _escrow(status: str, role: _Role, **more: Callable[[Any], Any]) -> Callable[[Any, Any], Line]:
    """`role` is the part of whoever may take that step; empty where both may."""
    level: Level = "error" if status in ("failed", "unknown") else "info"

    def tell(fact: Any, _: SpanRecord | None) -> Line:
        fields = {"escrow.status": status, "escrow_id": fact.escrow_id, "role": role}
        return "escrow_transaction", level, {**fields, **{name: read(fact) for name, read in more.items()}}

    return tell


def _not_created(fact: EscrowFailed, span: SpanRecord | None) -> Line:
    tell = _escrow("unknown" if fact.unknown else "failed", "creator", amount_usd=lambda one: float(one.amount_usd))
    return tell(fact, span)


def _call(fact: ApiCall, _: SpanRecord | None) -> Line | None:
    if fact.status_code.isdigit() and int(fact.status_code) < _FAILED_FROM:
        return None
    return (
        "api_call_failed",
        "warning",
        {
            "endpoint": fact.endpoint,
            "status_code": fact.status_code,
            "attempt": fact.attempt,
        },
    )


def _failed(fact: AgentError, span: SpanRecord | None) -> Line:
    fields = {
        "component": fact.component, "outcome": fact.outcome, "error.kind": fact.error_type, "error.message": fact.message,
        "trace_id": fact.trace_id if span is None else None,
    }  # fmt: skip
    return "agent_error", "warning" if fact.outcome == "cancelled" else "error", fields


def _slow(fact: SlowSpan, span: SpanRecord | None) -> Line:
    fields = {
        "span_name": fact.span_name, "duration_ms": fact.duration_s * 1000, "threshold_ms": fact.threshold_s * 1000,
        "overage_pct": 100 * (fact.duration_s / fact.threshold_s - 1) if fact.threshold_s else None, "trace_id": fact.trace_id,
        "asset": _of(span, "pf.asset", "pf.market"), "order_id": _of(span, "pf.order_id"),
    }  # fmt: skip
    return "slow_span", "warning", fields


def _failing(fact: SpanErrors, _: SpanRecord | None) -> Line | None:
    limit = limits.SPAN_ERRORS.default
    if not fact.samples or limit is None or fact.errors / fact.samples <= limit:
        return None
    fields = {"span_name": fact.span_name, "error_rate": fact.errors / fact.samples, "samples": fact.samples}
    return "high_error_rate", "error", fields


def _income(fact: ReferralIncome, _: SpanRecord | None) -> Line:
    return "referral_income", "info", {"amount_usd": float(fact.amount_usd), "pf_service": fact.service}


def _claimed(fact: FaucetClaimed, _: SpanRecord | None) -> Line:
    level: Level = "info" if fact.status in ("success", "rejected") else "error"
    return "faucet_claim", level, {"amount_usd": float(fact.amount_usd), "claim.status": fact.status}


def _switched(fact: StrategySwitched, _: SpanRecord | None) -> Line:
    fields = {"before": fact.before, "after": fact.after, "reason": fact.reason, "strategy": fact.after}
    return "strategy_switch", "info", fields


_TELLERS: Final[Mapping[type[Event], Callable[[Any, SpanRecord | None], Line | None]]] = {
    OrderFilled: _filled,
    OrderPlaced: _placed,
    SignalComputed: _signal,
    EscrowCreated: _escrow(
        "created", "creator", amount_usd=lambda fact: float(fact.amount_usd), counterparty=lambda fact: party(fact.counterparty)
    ),
    EscrowCompleted: _escrow("completed", "counterparty"),
    EscrowReleased: _escrow("released", "creator", amount_usd=lambda fact: float(fact.net_usd)),
    EscrowRefunded: _escrow("refunded", "creator", amount_usd=lambda fact: float(fact.refund_usd)),
    EscrowDisputed: _escrow("disputed", ""),
    EscrowFailed: _not_created,
    AgentError: _failed,
    ApiCall: _call,
    SlowSpan: _slow,
    SpanErrors: _failing,
    FaucetClaimed: _claimed,
    ReferralIncome: _income,
    StrategySwitched: _switched,
}  # fmt: skip
