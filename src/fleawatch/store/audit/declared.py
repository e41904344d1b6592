"""Which facts and outputs are audited, with the fields that an entry shows; and why the others are not.

An entry shows these fields, scrubbed, and the SHA-256 of the whole fact or output as it was recorded, so that the row it
came from is bound as well. Every kind stands in exactly one of the two tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from fleawatch.events.base import kind_of
from fleawatch.flow.outputs import AnyOutput, Output
from fleawatch.scrub import scrub, scrub_tree
from fleawatch.store.batch import Ready

_encode: Final = msgspec.json.Encoder().encode
_NUMBERS: Final = (float, int, Decimal)

AUDITED: Final = MappingProxyType(
    {
        "agent_declared": ("strategy", "environment", "version", "capital_usd", "trades"),
        "agent_retired": (),
        "alert_acknowledged": ("fingerprint", "actor", "note"),
        "alert_cleared": ("fingerprint", "actor", "reason"),
        "config_changed": ("actor", "digest", "changed", "settings"),
        "decision_cycle": ("cycle_id", "result", "duration_s", "trace_id"),
        "delivered": ("delivery_id", "channel", "status", "status_code", "receipt", "reason"),
        "gate_changed": ("before", "after", "reason", "epoch"),
        "halt_acknowledged": ("halt_id",),
        "halt_confirmed": ("halt_id", "last_order_at"),
        "halt_delivered": ("halt_id", "path"),
        "halt_ordered": ("halt_id", "mode", "scope", "target", "reason", "actor", "note"),
        "halt_overdue": ("halt_id", "step", "age_s", "orders"),
        "halt_probed": ("path", "ok", "duration_s", "reason"),
        "limits_declared": ("limits",),
        "limits_in_force": ("limits", "epoch"),
        "order_filled": (
            "trade_id", "order_id", "market", "side", "notional_usd", "price", "fee_usd", "realized_pnl_usd", "strategy",
            "trace_id",
        ),
        "order_placed": (
            "order_id", "market", "side", "order_type", "status", "endpoint", "notional_usd", "reason", "strategy", "opens",
            "epoch", "idempotency_key", "trace_id",
        ),
        "resumed": ("halt_id", "actor", "reason", "rebase", "ramp_s", "ramp_notional_usd", "baseline_nav"),
        "rules_declared": ("alerts", "limits", "routing", "halting"),
        "silence_ended": ("silence_id", "actor"),
        "silenced": ("silence_id", "matchers", "starts_at", "ends_at", "author", "comment"),
        "strategy_switched": ("before", "after", "reason"),
    }
)  # fmt: skip
"""Fields that an entry shows of a fact, by kind."""

NOT_AUDITED: Final = MappingProxyType(
    {
        "a reading: how things stood at a moment, forgotten after hours": (
            "balance_read", "capital_reported", "clock_read", "game_totals", "health_read", "heartbeat", "ledger_read",
            "market_tick", "order_book_snapshot", "position_marked", "positions_read", "referral_totals", "schema_surprise",
            "source_read", "source_unavailable", "tick",
        ),
        "money that the platform's own books hold and every reading compares with": (
            "bet_settled", "bonus_granted", "challenge_opened", "challenge_settled", "collateral_moved", "deposit_credited",
            "domain_bought", "escrow_completed", "escrow_created", "escrow_disputed", "escrow_failed", "escrow_refunded",
            "escrow_released", "faucet_claimed", "funding_paid", "ledger_entry", "parlay_settled", "payment_moved",
            "position_closed", "position_opened", "referral_income", "swapped", "tournament_entered", "tournament_paid",
            "withdrawal_changed",
        ),
        "how an agent's software fares": (
            "agent_error", "agent_identified", "api_call", "signal_computed", "slow_span", "span_errors",
        ),
        "renewed every few seconds; what changes with it is gate_changed and limits_in_force": ("lease_granted",),
        "adds what a second reporter knew, never money; both versions stay among the facts": ("amended",),
    }
)  # fmt: skip
"""Kinds of facts that are left out, by the reason."""

AUDITED_OUTPUTS: Final = MappingProxyType(
    {
        "alert_change": (
            "alert", "fingerprint", "change", "severity", "labels", "reason", "summary", "value", "started_at", "action",
        ),
        "halt_command": ("halt_id", "path", "mode", "epoch", "reason", "actor", "positions", "attempt"),
        "top_up": ("casino_id", "balance_usd"),
        "delivery": ("channel", "kind", "group", "severity", "title", "reason", "alerts.fingerprint"),
    }
)  # fmt: skip
"""The same of outputs; `a.b` is the list of the `b` of every one of `a`."""

NOT_AUDITED_OUTPUTS: Final = MappingProxyType({"a line of the log, derived from a fact": ("notice",)})
"""Kinds of outputs that are left out, by the reason."""


class Draft(NamedTuple):
    """An entry before it has its place in the chain. `fact` is the number of the fact that it is of, or follows from."""

    at: float
    kind: str
    agent_id: str
    source: str
    ref: str
    fact: int
    body: str
    sha256: str


def of_facts(batch: Iterable[Ready], last: int) -> list[Draft]:
    """Drafts of the audited ones among facts that are recorded after number `last`."""
    drafts = []
    for seq, (event, body) in enumerate(batch, last + 1):
        kind = event.__struct_config__.tag
        fields = AUDITED.get(str(kind))
        if fields is not None:
            drafts.append(
                Draft(event.at, str(kind), event.agent_id, scrub(event.source), scrub(event.fact_id), seq,
                      shown(event, fields), sha256(body))
            )  # fmt: skip
    return drafts


def is_audited(output: Output) -> bool:
    """Whether an output of this kind makes an entry."""
    return kind_of(type(output).__name__) in AUDITED_OUTPUTS


def of_outputs(outputs: Sequence[tuple[AnyOutput, str]], seq: int) -> list[Draft]:
    """Drafts of the audited ones among new outputs, with their recorded bodies, that follow from fact `seq`."""
    drafts = []
    for output, body in outputs:
        kind = kind_of(type(output).__name__)
        fields = AUDITED_OUTPUTS.get(kind)
        if fields is not None:
            drafts.append(
                Draft(output.at, kind, output.agent_id, "monitor", scrub(output.key), seq,
                      shown(output, fields), sha256(body))
            )  # fmt: skip
    return drafts


def shown(thing: msgspec.Struct, fields: Iterable[str]) -> str:
    """The fields as scrubbed JSON, in the order declared."""
    return _encode({field: _value(thing, field) for field in fields}).decode()


def _value(thing: msgspec.Struct, field: str) -> Any:
    name, _, inner = field.partition(".")
    value = getattr(thing, name)
    if isinstance(value, str):
        return scrub(value)
    if value is None or isinstance(value, _NUMBERS):
        return value
    return scrub_tree(msgspec.to_builtins([getattr(one, inner) for one in value] if inner else value))


def sha256(body: str) -> str:
    """SHA-256 of a recorded body, in hexadecimal."""
    return hashlib.sha256(body.encode()).hexdigest()
