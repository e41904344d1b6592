"""Trades, positions and what they cost: results, volume, fees, funding, slippage."""

from __future__ import annotations

from fleawatch.catalog import limits
from fleawatch.catalog.declare import (
    EVERY_WINDOW,
    alert,
    alias,
    by_monitor,
    counter,
    gauge,
)
from fleawatch.catalog.labels import (
    AGENT_ID,
    ASSET,
    FEE_BASIS,
    FUNDING_DIRECTION,
    MARKET,
    OUTCOME_TRADE,
    PNL_TYPE,
    SERVICE,
    SIDE,
    SLIPPAGE_DIRECTION,
    STRATEGY,
    WINDOW,
)
from fleawatch.catalog.query import event, matches
from fleawatch.catalog.spec import Transform
from fleawatch.catalog.wallet import EQUITY
from fleawatch.units import DAY, HOUR

_LEDGERS = by_monitor("bets, trades and positions read from the platform")

PNL = gauge(
    "pf_trade_pnl_usdc",
    "usdc",
    (AGENT_ID, STRATEGY, PNL_TYPE),
    "Net trading and casino profit or loss: booked since it is known, and marked now.",
    _LEDGERS,
    aliases=(
        alias(
            "pf_trade_pnl_usdc_total",
            ("agent_id", "strategy"),
            "grafana",
            how=Transform(where=matches({"pnl_type": "realized"})),
        ),
    ),
    doc="Net of fees. `realized` counts from `pf_pnl_since_timestamp_seconds`. The sum over `pnl_type` is trading plus casino P&L.",
)
MARKET_PNL = gauge(
    "pf_market_pnl_usdc",
    "usdc",
    (AGENT_ID, MARKET, PNL_TYPE),
    "The same profit or loss by market; the market of a bet is its game.",
    _LEDGERS,
    doc="Over all markets the sums are those of `pf_trade_pnl_usdc`. `other` holds what belongs to no single result: funding, fees of "
    "open positions, bets that only the ledger has seen, and markets beyond the first ones.",
)
PROFIT = counter(
    "pf_trade_profit_usdc_total", "usdc", (AGENT_ID, STRATEGY, ASSET), "Sum of winning results.", _LEDGERS,
    doc="Each closed trade or settled bet with a net result above zero adds it here.",
)  # fmt: skip
LOSS = counter(
    "pf_trade_loss_usdc_total", "usdc", (AGENT_ID, STRATEGY, ASSET), "Sum of losing results, as a positive amount.", _LEDGERS,
)  # fmt: skip
PNL_WINDOW = gauge(
    "pf_pnl_window_usdc",
    "usdc",
    (AGENT_ID, WINDOW),
    "Change of total profit or loss within the window.",
    by_monitor("equity, less flows"),
    windows=EVERY_WINDOW,
    aliases=(
        alias("purpleflea_pnl_24h_usd", ("agent_id",), "monitoring", how=Transform(where=matches({"window": "24h"}))),
    ),
)
TRADES = counter(
    "pf_trades_total",
    "1",
    (AGENT_ID, STRATEGY, OUTCOME_TRADE),
    "Closed trades: settled bets and positions that went from flat to flat.",
    _LEDGERS,
    doc="The outcome is the sign of the net result; the platform's own `won` flag is not used.",
)
VOLUME = counter(
    "pf_trade_volume_usdc_total", "usdc", (AGENT_ID, STRATEGY, ASSET, SIDE), "Notional that was filled.", _LEDGERS
)
FEES = counter(
    "pf_trade_fees_usdc_total", "usdc", (AGENT_ID, STRATEGY, ASSET), "Fees, as the service reports them.", _LEDGERS
)
FUNDING = counter(
    "pf_trade_funding_usdc_total",
    "usdc",
    (AGENT_ID, STRATEGY, ASSET, FUNDING_DIRECTION),
    "Funding of open positions, paid and received apart.",
    _LEDGERS,
    doc="Two counters instead of one signed number, because a counter cannot fall.",
)
SLIPPAGE_COST = counter(
    "pf_trade_slippage_cost_usdc_total",
    "usdc",
    (AGENT_ID, STRATEGY, ASSET, SLIPPAGE_DIRECTION),
    "What slippage cost, and what it gained, as positive amounts.",
    by_monitor("fills with an expected price"),
    doc="Shown beside P&L, never subtracted from it: the fill price already contains it.",
)
POSITIONS = gauge(
    "pf_open_positions",
    "1",
    (AGENT_ID, MARKET),
    "Open positions.",
    by_monitor("positions at the exchange"),
    aliases=(alias("purpleflea_open_positions", ("agent_id",), "monitoring", how=Transform(aggregate="sum")),),
    doc="Stays at zero for configured markets.",
)
FEE_DRAG = gauge(
    "pf_fee_drag_ratio", "ratio", (AGENT_ID, FEE_BASIS), "Fees as a share of what was traded for.", _LEDGERS,
    doc="Basis is the sum of absolute gross results, or the notional. Absent while the basis is zero.",
)  # fmt: skip
PNL_SINCE = gauge(
    "pf_pnl_since_timestamp_seconds",
    "seconds",
    (AGENT_ID, SERVICE),
    "Unix time from which on profit and loss are known.",
    by_monitor("ledgers, trades and balances read from the platform"),
    doc="Of the casino and of escrows since the ledger begins, of trading since the oldest trade that the platform's short history "
    "still showed, on chain and of domains since the first balance. Of an agent that reports itself, since its first report.",
)

METRICS = (
    PNL, MARKET_PNL, PROFIT, LOSS, PNL_WINDOW, TRADES, VOLUME, FEES, FUNDING, SLIPPAGE_COST, POSITIONS, FEE_DRAG, PNL_SINCE,
)  # fmt: skip

DAY_COST = (
    FEES.where().increase(DAY).sum("agent_id").filled(EQUITY.where())
    + FUNDING.where(direction="paid").increase(DAY).sum("agent_id").filled(EQUITY.where())
    - FUNDING.where(direction="received").increase(DAY).sum("agent_id").filled(EQUITY.where())
)
DAY_PROFIT = PROFIT.where().increase(DAY).sum("agent_id").filled(EQUITY.where())

ALERTS = (
    alert(
        "PFFundingBleed",
        "warning",
        (DAY_COST > DAY_PROFIT) & (DAY_COST.over(EQUITY.where()) > limits.FUNDING_BLEED),
        family="costs",
        hold_s=HOUR,
        summary="Fees and funding eat the profits of {agent_id}: {value:money} in a day",
        description="Over a day {agent_id} paid more in fees and funding than its winning trades earned, and more than "
        "{limit:funding_bleed} of its equity.",
    ),
    alert(
        "PFLargeWin",
        "info",
        event("large_win"),
        family="results",
        kind="annotation",
        summary="{agent_id} won {value:money}",
        description="One result of {agent_id} was above {limit:large_result} of its equity.",
    ),
    alert(
        "PFLargeLoss",
        "info",
        event("large_loss"),
        family="results",
        kind="annotation",
        summary="{agent_id} lost {value:money}",
        description="One result of {agent_id} was a loss above {limit:large_result} of its equity.",
    ),
    alert(
        "PFStrategySwitch",
        "info",
        event("strategy_switch"),
        family="results",
        kind="annotation",
        summary="{agent_id} switched from {before} to {after}",
        description="{agent_id} changed its strategy. Results before and after belong to different strategies.",
    ),
)
