"""Every number that an alert compares with, under a name, with its default.

An operator changes a limit by its name in the configuration, for the fleet, a strategy or one agent. `X_CLEAR` is the
level at which an alert that fires at `X` resolves; it lies on the safe side, so that a value that trembles around the
threshold does not page twice. Ratios are 0..1, money is USD, times are seconds.
"""

from __future__ import annotations

import math
from typing import Final, Literal

from fleawatch.catalog.spec import Limit


def _above(name: str, default: float | None, unit: str, says: str) -> Limit:
    return Limit(name=name, default=default, unit=unit, direction="above", help=says)


def _below(name: str, default: float | None, unit: str, says: str) -> Limit:
    return Limit(name=name, default=default, unit=unit, direction="below", help=says)


def _parameter(name: str, default: float, unit: Literal["1", "ratio", "seconds", "usdc"], says: str) -> Limit:
    return Limit(name=name, default=default, unit=unit, direction="none", help=says)


DRAWDOWN_WARNING = _above("drawdown_warning", 0.10, "ratio", "Current drawdown of the flow-adjusted index: look at it.")
DRAWDOWN_WARNING_CLEAR = _above("drawdown_warning_clear", 0.08, "ratio", "Clears drawdown_warning.")
DRAWDOWN_CRITICAL = _above("drawdown_critical", 0.15, "ratio", "Current drawdown: only reduce positions.")
DRAWDOWN_CRITICAL_CLEAR = _above("drawdown_critical_clear", 0.12, "ratio", "Clears drawdown_critical.")
DRAWDOWN_HALT = _above("drawdown_halt", 0.20, "ratio", "Current drawdown: halt trading.")
DRAWDOWN_STOP = _above("drawdown_stop", 0.25, "ratio", "Maximum drawdown within 30 days: stop the agent.")
DRAWDOWN_FAST = _above("drawdown_fast", 0.05, "ratio", "Growth of the drawdown within ten minutes.")
AGENTS_AT_RISK = _above("agents_at_risk", 0.10, "ratio", "Current drawdown from which an agent counts as at risk.")

DAILY_LOSS_RATIO = _above("daily_loss_ratio", 0.10, "ratio", "Loss since midnight UTC as a share of the equity then.")
DAILY_LOSS_RATIO_CLEAR = _above(
    "daily_loss_ratio_clear", 0.0, "ratio", "Clears daily_loss_ratio: a new day, or all of it won back."
)
DAILY_LOSS_USDC = _above(
    "daily_loss_usdc", None, "usdc", "Loss since midnight UTC in USD; judges agents of unknown equity."
)
DAILY_LOSS_USDC_CLEAR = _above(
    "daily_loss_usdc_clear", 0.0, "usdc", "Clears daily_loss_usdc: a new day, or all of it won back."
)

BALANCE_LOW = _below("balance_low", 100, "usdc", "Spendable balance: top up soon.")
BALANCE_LOW_CLEAR = _below("balance_low_clear", 120, "usdc", "Clears balance_low.")
BALANCE_CRITICAL = _below("balance_critical", 50, "usdc", "Spendable balance: top up now.")
BALANCE_CRITICAL_CLEAR = _below("balance_critical_clear", 60, "usdc", "Clears balance_critical.")
BALANCE_EXHAUSTED = _below("balance_exhausted", 25, "usdc", "Spendable balance below what the agent needs to act.")
BALANCE_EXHAUSTED_CLEAR = _below("balance_exhausted_clear", 30, "usdc", "Clears balance_exhausted.")
BALANCE_SKIP = _below("balance_skip", 10, "usdc", "Spendable balance below which decision cycles are skipped.")
RESIDUAL = _above("residual", 0.01, "usdc", "Unexplained money, either sign.")
OUTFLOW_SHARE = _above("outflow_share", 0.10, "ratio", "Money sent away within an hour as a share of equity before it.")

SHARPE_LOW = _below("sharpe_low", 0.5, "1", "Upper confidence bound of the annualised Sharpe ratio over 30 days.")
SHARPE_LOW_CLEAR = _below("sharpe_low_clear", 0.7, "1", "Clears sharpe_low.")
SHARPE_RETURNS = _parameter("sharpe_returns", 500, "1", "Hourly returns below which a Sharpe ratio is not judged.")
WIN_RATIO_SHORTFALL = _below(
    "win_ratio_shortfall", 0.0, "ratio", "Upper confidence bound of the win ratio minus the break-even win ratio."
)
WIN_RATIO_SHORTFALL_CLEAR = _below("win_ratio_shortfall_clear", 0.05, "ratio", "Clears win_ratio_shortfall.")
PROFIT_FACTOR_LOW = _below("profit_factor_low", 1.0, "1", "Gross profit over gross loss within seven days.")
PROFIT_FACTOR_LOW_CLEAR = _below("profit_factor_low_clear", 1.1, "1", "Clears profit_factor_low.")
TRADES_JUDGED = _parameter(
    "trades_judged", 50, "1", "Decided trades below which win ratio and profit factor are not judged."
)
CALMAR_LOW = _below("calmar_low", 0.5, "1", "Growth over maximum drawdown within 30 days.")
CALMAR_LOW_CLEAR = _below("calmar_low_clear", 0.7, "1", "Clears calmar_low.")

ANOMALY_Z = _below(
    "anomaly_z", -6.0, "1", "Robust z-score of a return that is an anomaly, together with anomaly_return."
)
ANOMALY_RETURN = _below("anomaly_return", -0.02, "ratio", "Return that is an anomaly, together with anomaly_z.")
ANOMALY_TRADE = _above(
    "anomaly_trade", 0.05, "ratio", "Loss of one trade as a share of equity that is an anomaly by itself."
)
ANOMALY_REPEATS = _above("anomaly_repeats", 3, "1", "Anomalies within ten minutes that make the alert critical.")
REGIME_VARIANCE = _above("regime_variance", math.log(4.0), "1", "Absolute log ratio of the variances before and after.")
REGIME_VARIANCE_CLEAR = _above("regime_variance_clear", math.log(4.0) / 2, "1", "Clears regime_variance.")
REGIME_MEAN = _above("regime_mean", 4.0, "1", "Welch t of the means before and after.")
REGIME_MEAN_CLEAR = _above("regime_mean_clear", 2.0, "1", "Clears regime_mean.")
LARGE_RESULT = _above(
    "large_result", 0.05, "ratio", "Share of equity from which one win or loss is marked on the boards."
)

ORDER_LATENCY_HIGH = _above("order_latency_high", 0.5, "seconds", "Slowest hundredth of order acknowledgements.")
ORDER_LATENCY_HIGH_CLEAR = _above("order_latency_high_clear", 0.4, "seconds", "Clears order_latency_high.")
ORDER_LATENCY_CRITICAL = _above("order_latency_critical", 1.0, "seconds", "Slowest hundredth: execution is broken.")
ORDER_LATENCY_CRITICAL_CLEAR = _above("order_latency_critical_clear", 0.8, "seconds", "Clears order_latency_critical.")
ORDERS_JUDGED = _parameter("orders_judged", 20, "1", "Orders within five minutes below which execution is not judged.")
REJECTION_SHARE = _above("rejection_share", 0.10, "ratio", "Rejected orders as a share of attempts.")
REJECTION_SHARE_CLEAR = _above("rejection_share_clear", 0.05, "ratio", "Clears rejection_share.")
ORDER_RATE_FACTOR = _above("order_rate_factor", 3.0, "1", "Order rate as a multiple of the agent's own median hour.")
ORDER_RATE = _above("order_rate", 30, "1", "Orders a minute, together with order_rate_factor.")
ORDER_NOTIONAL = _above("order_notional", None, "usdc", "Size of one order; enforced by the agent's gate.")
NOTIONAL_RATE = _above("notional_rate", None, "usdc", "Size of all orders of a minute; enforced by the agent's gate.")
ORDER_REPEATS = _above("order_repeats", 10, "1", "The same order within one minute.")
STAKE_FACTOR = _above("stake_factor", 2.0, "1", "Stake after a loss as a multiple of the stake before.")
STAKE_ESCALATIONS = _above(
    "stake_escalations", 3, "1", "Escalations in a row: stakes raised to stake_factor times the one before, or more."
)
STAKE_SHARE = _above("stake_share", 0.25, "ratio", "One stake as a share of equity.")
AGAINST_SIGNAL = _above("against_signal", 0.80, "ratio", "Recent orders opposite to their signal.")
AGAINST_SIGNAL_CLEAR = _above("against_signal_clear", 0.50, "ratio", "Clears against_signal.")
AGAINST_SIGNAL_ORDERS = _parameter("against_signal_orders", 20, "1", "Latest orders with a signal that are looked at.")
FUNDING_BLEED = _above("funding_bleed", 0.01, "ratio", "Fees and funding of a day as a share of equity.")
MARKET_DATA_AGE = _above("market_data_age", 60, "seconds", "Age of the agent's price feed while it trades.")

API_ERRORS_ELEVATED = _above("api_errors_elevated", 0.02, "ratio", "Share of calls that failed: take note.")
API_ERRORS_ELEVATED_CLEAR = _above("api_errors_elevated_clear", 0.01, "ratio", "Clears api_errors_elevated.")
API_ERRORS_HIGH = _above("api_errors_high", 0.05, "ratio", "Share of calls that failed: look at it.")
API_ERRORS_HIGH_CLEAR = _above("api_errors_high_clear", 0.03, "ratio", "Clears api_errors_high.")
API_ERRORS_CRITICAL = _above(
    "api_errors_critical", 0.20, "ratio", "Share of calls that failed: the platform is failing."
)
API_ERRORS_CRITICAL_CLEAR = _above("api_errors_critical_clear", 0.10, "ratio", "Clears api_errors_critical.")
CALLS_JUDGED = _parameter("calls_judged", 20, "1", "Calls within the window below which the error share is not judged.")
BURN_ERRORS = _parameter(
    "burn_errors", 5, "1", "Failed calls within the long window below which no error budget is judged."
)
KEY_REFUSALS = _above("key_refusals", 2, "1", "Answers 401 or 403 within five minutes.")

SLOW_TRADE = _above("slow_trade", 2.0, "seconds", "Duration of a trade span that is slow.")
SLOW_BALANCE = _above("slow_balance", 0.5, "seconds", "Duration of a balance check span that is slow.")
SLOW_ESCROW = _above("slow_escrow", 3.0, "seconds", "Duration of an escrow creation span that is slow.")
SLOW_SIGNAL = _above("slow_signal", 0.1, "seconds", "Duration of a signal span that is slow.")
SLOW_MEDIANS = _above(
    "slow_medians", 10, "1", "Duration of a span over the median of the latest of its name that is slow."
)
SLOW_MEDIAN_SPANS = _parameter(
    "slow_median_spans", 50, "1", "Spans of a name below which none is compared with their median."
)
SLOW_SPANS = _above("slow_spans", 10, "1", "Slow spans within ten minutes that make the alert a warning.")
SPAN_ERRORS = _above("span_errors", 0.05, "ratio", "Failed spans among the last financial ones.")
SPAN_ERRORS_CLEAR = _above("span_errors_clear", 0.03, "ratio", "Clears span_errors.")
SPAN_ERRORS_SPANS = _parameter("span_errors_spans", 20, "1", "Spans below which no share is published.")
SPAN_ERRORS_WINDOW = _parameter(
    "span_errors_window", 100, "1", "Latest financial spans that are looked at, of all names and of each."
)

ESCROW_EXPIRY = _below("escrow_expiry", 1800, "seconds", "Time left until the soonest escrow is refunded by itself.")
ESCROW_EXPIRY_CLEAR = _below("escrow_expiry_clear", 2100, "seconds", "Clears escrow_expiry.")
ESCROW_FAILURES = _above("escrow_failures", 5, "1", "Failed escrow creations within ten minutes.")
ESCROW_FAILURES_CLEAR = _above("escrow_failures_clear", 2, "1", "Clears escrow_failures.")

SILENCE = _above(
    "silence", 90, "seconds", "Time without a sign of life until an agent that sends heartbeats counts as down."
)
HEARTBEAT_AGE = _above(
    "heartbeat_age", 300, "seconds", "Time since the agent last did something useful while it may trade."
)
HEARTBEAT_AGE_CLEAR = _above("heartbeat_age_clear", 120, "seconds", "Clears heartbeat_age.")
MEMORY = _above("memory", 0.90, "ratio", "Memory in use as a share of what the agent may use.")
MEMORY_CLEAR = _above("memory_clear", 0.85, "ratio", "Clears memory.")
CLOCK_OFFSET = _above("clock_offset", 5.0, "seconds", "Distance of the agent's clock from ours.")
CLOCK_OFFSET_CLEAR = _above("clock_offset_clear", 2.0, "seconds", "Clears clock_offset.")
COLLECT_INTERVAL = _parameter("collect_interval", 15, "seconds", "How often a source is read.")
COLLECT_MISSES = _above("collect_misses", 3, "1", "Collection intervals without a success.")

BURN_1H = _above("burn_1h", 14.4, "1", "Speed at which the error budget is spent, over an hour and five minutes.")
BURN_6H = _above("burn_6h", 6.0, "1", "Speed at which the error budget is spent, over six hours and half an hour.")
BURN_1D = _above("burn_1d", 3.0, "1", "Speed at which the error budget is spent, over a day and two hours.")
BURN_3D = _above("burn_3d", 1.0, "1", "Speed at which the error budget is spent, over three days and six hours.")

LIMITS: Final[tuple[Limit, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Limit))
"""Every limit; collected, so that a declaration above cannot be forgotten."""
