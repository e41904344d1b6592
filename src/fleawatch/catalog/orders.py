"""Orders, signals and decisions: how an agent executes, as its own process knows it best, and what the platform shows of it."""

from __future__ import annotations

from fleawatch.catalog import limits
from fleawatch.catalog.declare import (
    COMPUTE,
    FILLED,
    LATENCY,
    SLIPPAGE,
    alert,
    alias,
    by_agent,
    by_monitor,
    clears_at,
    counter,
    gauge,
    histogram,
)
from fleawatch.catalog.gate import STOPPED
from fleawatch.catalog.labels import (
    AGENT_ID,
    CYCLE_RESULT,
    ENDPOINT,
    MARKET,
    MODEL_VERSION,
    ORDER_REASON,
    ORDER_TYPE,
    SIGNAL_ACTION,
    SIGNAL_RESULT,
    STATUS_ORDER,
    STRATEGY,
)
from fleawatch.catalog.query import OverTime, Quantile
from fleawatch.catalog.spec import Minimum, Transform
from fleawatch.catalog.wallet import SPENDABLE
from fleawatch.units import HOUR, MINUTE

_SDK = by_agent("the agent's own order and signal calls")
_BOTH = by_monitor("fills and stakes that the platform shows, and orders that the agent reports")

ORDERS = counter(
    "pf_orders_total",
    "1",
    (AGENT_ID, MARKET, ORDER_TYPE, STATUS_ORDER),
    "Order attempts, however they ended.",
    _SDK,
    doc="A timed-out order is `timeout`: whether it exists is found out by reading, never by sending it again.",
)
REJECTIONS = counter(
    "pf_order_rejections_total", "1", (AGENT_ID, ORDER_REASON), "Orders that the service refused.", _SDK
)
ORDER_LATENCY = histogram(
    "pf_order_latency_seconds",
    "seconds",
    (AGENT_ID, ENDPOINT, ORDER_TYPE, STATUS_ORDER),
    "Time from sending an order to its acknowledgement or failure.",
    _SDK,
    buckets=LATENCY,
    aliases=(
        alias(
            "pf_order_latency_ms",
            ("agent_id", "endpoint", "order_type"),
            "prometheus",
            "grafana",
            kind="histogram",
            how=Transform(
                aggregate="sum",
                scale=1_000.0,
                take="distribution",
                buckets=(2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0),
            ),
        ),
    ),
    doc="Failures and timeouts are observed too: without them the slowest orders would be invisible.",
)
FILL = histogram(
    "pf_order_fill_ratio", "ratio", (AGENT_ID, ORDER_TYPE), "Share of the requested quantity that was filled.", _SDK,
    buckets=FILLED,
)  # fmt: skip
BUSIEST_MINUTE = gauge(
    "pf_orders_busiest_minute",
    "1",
    (AGENT_ID,),
    "Orders and bets in the busiest minute of the last few.",
    _BOTH,
    doc="Counted by when they happened. What the platform shows and what the agent reports are counted apart, and the larger counts. "
    "Known for agents that report nothing, too.",
)
ORDER_REPEATS = gauge(
    "pf_order_repeats",
    "1",
    (AGENT_ID,),
    "Most orders within one of the last few minutes that ask for the same thing.",
    _BOTH,
    doc="The same market, side, size and type. Bets are left out: a flat stake repeats itself by design.",
)
AGAINST_SIGNAL = gauge(
    "pf_orders_against_signal_ratio",
    "ratio",
    (AGENT_ID,),
    "Share of the latest orders that went against their signal.",
    _SDK,
    doc="Over the last `against_signal_orders` orders that raised exposure and had a signal to buy or sell; absent until there are that many.",
)
SIGNAL_DURATION = histogram(
    "pf_signal_compute_duration_seconds",
    "seconds",
    (AGENT_ID, STRATEGY, MODEL_VERSION),
    "Time to compute a signal.",
    _SDK,
    buckets=COMPUTE,
)
SIGNALS = counter(
    "pf_signals_total",
    "1",
    (AGENT_ID, STRATEGY, SIGNAL_ACTION, SIGNAL_RESULT),
    "Signals and what became of them.",
    _SDK,
)
CYCLE_DURATION = histogram(
    "pf_decision_cycle_duration_seconds",
    "seconds",
    (AGENT_ID, CYCLE_RESULT),
    "Time from observing to acting.",
    _SDK,
    buckets=LATENCY,
)
MARKET_DATA_AGE = gauge(
    "pf_market_data_age_seconds",
    "seconds",
    (AGENT_ID,),
    "Age of the newest price the agent decides on.",
    by_agent("the agent's price feed"),
)
SLIPPAGE_RATIO = histogram(
    "pf_trade_slippage_ratio",
    "ratio",
    (AGENT_ID, MARKET),
    "Adverse slippage of fills against the price at the decision.",
    _SDK,
    buckets=SLIPPAGE,
    doc="An improvement counts as zero here and is booked in `pf_trade_slippage_cost_usdc_total`.",
)

METRICS = (
    ORDERS, REJECTIONS, ORDER_LATENCY, FILL, BUSIEST_MINUTE, ORDER_REPEATS, AGAINST_SIGNAL, SIGNAL_DURATION, SIGNALS, CYCLE_DURATION,
    MARKET_DATA_AGE, SLIPPAGE_RATIO,
)  # fmt: skip

ORDERS_5M = ORDERS.where().increase(5 * MINUTE).sum("agent_id")
ENOUGH_ORDERS = Minimum(of=ORDERS_5M, at_least=limits.ORDERS_JUDGED.name)
P99_AGENT = Quantile(0.99, ORDER_LATENCY.where(), 5 * MINUTE, ("agent_id",))
P99_FLEET = Quantile(0.99, ORDER_LATENCY.where(), 5 * MINUTE)
UNUSUAL_RATE = OverTime("median", BUSIEST_MINUTE.where(), HOUR) * limits.ORDER_RATE_FACTOR
ALERTS = (
    alert(
        "PFOrderLatencyHigh",
        "warning",
        P99_AGENT > limits.ORDER_LATENCY_HIGH,
        family="latency",
        hold_s=5 * MINUTE,
        clear=clears_at((limits.ORDER_LATENCY_HIGH, limits.ORDER_LATENCY_HIGH_CLEAR)),
        minimum=ENOUGH_ORDERS,
        summary="Orders of {agent_id} are slow: {value:duration} at the 99th percentile",
        description="One order in a hundred of {agent_id} took longer than {value:duration} over five minutes, failures included. "
        "Prices move meanwhile: compare slippage before blaming the strategy.",
    ),
    alert(
        "PFOrderLatencyCritical",
        "critical",
        P99_AGENT > limits.ORDER_LATENCY_CRITICAL,
        family="latency",
        hold_s=5 * MINUTE,
        clear=clears_at((limits.ORDER_LATENCY_CRITICAL, limits.ORDER_LATENCY_CRITICAL_CLEAR)),
        minimum=ENOUGH_ORDERS,
        summary="Orders of {agent_id} take {value:duration}",
        description="The 99th percentile of order latency of {agent_id} has been above {limit:order_latency_critical} for five "
        "minutes. Orders that time out are unknown, not failed: reconcile before anything is sent again.",
    ),
    alert(
        "PFFleetOrderLatencyCritical",
        "critical",
        P99_FLEET > limits.ORDER_LATENCY_CRITICAL,
        family="latency",
        scope="fleet",
        hold_s=5 * MINUTE,
        clear=clears_at((limits.ORDER_LATENCY_CRITICAL, limits.ORDER_LATENCY_CRITICAL_CLEAR)),
        minimum=Minimum(of=ORDERS.where().increase(5 * MINUTE).sum(), at_least=limits.ORDERS_JUDGED.name),
        summary="Orders of the whole fleet take {value:duration}",
        description="The 99th percentile of order latency over all agents is above {limit:order_latency_critical}, so the cause is "
        "shared: the platform, the network, or the host.",
    ),
    alert(
        "PFOrderRejectionsHigh",
        "warning",
        REJECTIONS.where().increase(5 * MINUTE).sum("agent_id").over(ORDERS_5M) > limits.REJECTION_SHARE,
        family="orders",
        hold_s=5 * MINUTE,
        clear=clears_at((limits.REJECTION_SHARE, limits.REJECTION_SHARE_CLEAR)),
        minimum=ENOUGH_ORDERS,
        summary="{value:percent} of the orders of {agent_id} are rejected",
        description="The service refuses orders of {agent_id}. The rejection reasons tell whether it is size, balance, limits or a "
        "malformed request.",
    ),
    alert(
        "PFOrderLoop",
        "critical",
        ((BUSIEST_MINUTE.where() > UNUSUAL_RATE) & (BUSIEST_MINUTE.where() > limits.ORDER_RATE))
        | (ORDER_REPEATS.where() > limits.ORDER_REPEATS),
        family="orders",
        keep_firing_s=10 * MINUTE,
        action="reduce",
        summary="{agent_id} sends orders in a loop: {value:number} in a minute",
        description="{agent_id} sends far more orders or bets than is usual for it, or repeats the same order. Its gate is told "
        "to allow closing only, until a person has resumed it.",
    ),
    alert(
        "PFDirectionAgainstSignal",
        "critical",
        AGAINST_SIGNAL.where() >= limits.AGAINST_SIGNAL,
        family="orders",
        clear=clears_at((limits.AGAINST_SIGNAL, limits.AGAINST_SIGNAL_CLEAR)),
        action="reduce",
        summary="{agent_id} trades against its own signals: {value:percent} of its latest orders",
        description="Most of the latest orders of {agent_id} went the other way than their signal. A flipped sign or side is more "
        "likely than a bad strategy; its gate is told to allow closing only.",
    ),
    alert(
        "PFMarketDataStale",
        "critical",
        (MARKET_DATA_AGE.where() > limits.MARKET_DATA_AGE).unless(STOPPED),
        family="liveness",
        hold_s=MINUTE,
        clear=clears_at(good_s=2 * MINUTE),
        action="reduce",
        summary="{agent_id} trades on prices that are {value:duration} old",
        description="The price feed of {agent_id} has stopped while nothing keeps it from trading. Its gate is told to "
        "allow closing only; that ends with a resume, not when the feed is back.",
    ),
    alert(
        "PFTradeSkippedLowBalance",
        "info",
        (SPENDABLE.where() < limits.BALANCE_SKIP)
        & (SIGNALS.where(result="low_balance").increase(5 * MINUTE).sum("agent_id") > 0),
        family="balance",
        hold_s=5 * MINUTE,
        summary="{agent_id} skips trades for want of money",
        description="Signals of {agent_id} are not acted on because its spendable balance is below {limit:balance_skip}.",
    ),
)
