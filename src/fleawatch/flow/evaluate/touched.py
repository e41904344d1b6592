"""Which metrics a fact may change at once. Rules over other metrics are asked at the next Tick.

The table only saves work: whatever it lacks is judged up to one Tick later, never not at all. Growth that it lacks is
booked at the time of that Tick.
"""

from __future__ import annotations

from typing import Final

from fleawatch.catalog import agent, api, escrow, gate, orders, performance, platform, trading, wallet
from fleawatch.catalog.spec import Metric


def _names(*metrics: Metric) -> frozenset[str]:
    return frozenset(metric.name for metric in metrics)


VALUED: Final = _names(
    performance.DRAWDOWN, performance.DRAWDOWN_MAX, performance.DAILY_LOSS, performance.DAY_START, performance.EPOCHS,
    wallet.EQUITY_STATE_NOW,
)  # fmt: skip
"""Metrics that change only when the agent is valued: rules over nothing else are asked only when a value changed."""
_NAV: Final = VALUED
_TRADES: Final = _names(trading.PROFIT, trading.LOSS, trading.FEES, performance.ANOMALIES)
_CASH: Final = _names(wallet.SPENDABLE, wallet.WITHDRAWALS)
_SHOWN: Final = _names(orders.BUSIEST_MINUTE, orders.ORDER_REPEATS, orders.AGAINST_SIGNAL)
"""What the platform shows of orders; attempts, latencies and refusals are told by agents."""
_ORDERS: Final = _SHOWN | _names(orders.ORDERS, orders.REJECTIONS, orders.ORDER_LATENCY)
_STAKES: Final = frozenset({"pf_stake_equity_ratio", "pf_stake_escalations"})
_ESCROW: Final = _names(escrow.TRANSITIONS, escrow.SETTLED, escrow.OPEN, escrow.NEXT_EXPIRY)
_SOURCE: Final = _names(api.KEY_ACCEPTED, platform.COLLECTOR_SUCCESS)

TOUCHED: Final[dict[str, frozenset[str]]] = {
    "source_read": _NAV,
    "source_unavailable": _SOURCE,
    "ledger_entry": _NAV | _CASH | _STAKES | _TRADES | _names(orders.BUSIEST_MINUTE),
    "ledger_read": _NAV | _TRADES | _STAKES | _names(wallet.SPENDABLE),
    "bet_settled": _NAV | _TRADES | _STAKES | _names(orders.BUSIEST_MINUTE),
    "parlay_settled": _NAV | _TRADES | _STAKES | _names(orders.BUSIEST_MINUTE),
    "challenge_settled": _NAV | _TRADES,
    "order_placed": _ORDERS,
    "order_filled": _NAV | _TRADES | _SHOWN | _names(wallet.DIFFERENCES),
    "position_opened": _NAV | _SHOWN,
    "position_closed": _NAV | _TRADES,
    "funding_paid": _NAV | _names(trading.FUNDING),
    "signal_computed": _names(orders.SIGNALS, orders.AGAINST_SIGNAL, agent.LAST_ACTION),
    "payment_moved": _NAV | _CASH,
    "withdrawal_changed": _NAV | _CASH,
    "deposit_credited": _NAV | _CASH,
    "faucet_claimed": _NAV | _CASH,
    "bonus_granted": _NAV | _CASH,
    "balance_read": _NAV | _names(wallet.SPENDABLE),
    "swapped": _NAV,
    "escrow_created": _NAV | _ESCROW,
    "escrow_completed": _ESCROW,
    "escrow_released": _NAV | _ESCROW,
    "escrow_refunded": _NAV | _ESCROW,
    "escrow_disputed": _NAV | _ESCROW,
    "escrow_failed": _ESCROW,
    "capital_reported": _NAV,
    "collateral_moved": _NAV,
    "api_call": _names(api.REQUESTS),
    "health_read": _names(agent.UP, agent.CHECKS, agent.LAST_ACTION, agent.MEMORY, agent.CPU),
    "heartbeat": _names(agent.UP, agent.LAST_ACTION),
    "clock_read": _names(agent.CLOCK_OFFSET),
    "span_errors": _names(agent.SPAN_ERRORS),
    "slow_span": _names(agent.SLOW_SPANS),
    "market_tick": _names(orders.MARKET_DATA_AGE),
    "gate_changed": _names(gate.STATE),
    "lease_granted": _names(gate.LEASE_EXPIRY),
    "limits_in_force": _names(gate.LIMITS_DIFFERING),
    "limits_declared": _names(gate.LIMITS_DIFFERING),
    "halt_probed": _names(gate.READY),
    "halt_confirmed": _names(gate.READY),
    "resumed": _names(gate.READY),
    "delivered": _names(platform.NOTIFICATIONS),
    "amended": _NAV | _TRADES | _CASH | _SHOWN | _ESCROW | _names(wallet.DIFFERENCES),
}
"""By kind of fact."""
