"""How well an agent does and how much it has lost: the index, drawdowns, ratios, and returns that stand out."""

from __future__ import annotations

from fleawatch.catalog import limits
from fleawatch.catalog.declare import BY_HAND, EVERY_WINDOW, alert, alias, by_monitor, clears_at, counter, gauge
from fleawatch.catalog.labels import AGENT_ID, ANOMALY_DIRECTION, DETECTOR, REGIME, RETURN_REJECTED, WINDOW
from fleawatch.catalog.query import Firing, OverTime, UpperBound, matches
from fleawatch.catalog.spec import Clear, Escalation, Minimum, Transform
from fleawatch.units import DAY, HOUR, MINUTE

_INDEX = by_monitor("the flow-adjusted index of the agent's equity")
_RETURNS = by_monitor("hourly returns of the index")
_RESULTS = by_monitor("closed trades and settled bets")

_ALL_TIME = Transform(where=matches({"window": "all_time"}))
_ALL_TIME_PERCENT = Transform(where=matches({"window": "all_time"}), scale=100.0)

INDEX = gauge(
    "pf_equity_index_ratio",
    "ratio",
    (AGENT_ID,),
    "Value of one unit of the agent: equity with all flows taken out.",
    _INDEX,
    doc="Starts at one with the first equity and again after a total loss. Deposits and withdrawals leave it where it is.",
)
EPOCHS = counter("pf_equity_epochs_total", "1", (AGENT_ID,), "Total losses so far.", _INDEX)
COVERAGE = gauge(
    "pf_reading_coverage_ratio",
    "ratio",
    (AGENT_ID, WINDOW),
    "Share of the hourly grid for which equity was known.",
    _INDEX,
    windows=EVERY_WINDOW,
    doc="Ratios are absent while it is too low.",
)
DRAWDOWN = gauge(
    "pf_drawdown_ratio",
    "ratio",
    (AGENT_ID, WINDOW),
    "Fall of the index from its highest value in the window.",
    _INDEX,
    windows=EVERY_WINDOW,
    aliases=(
        alias("pf_drawdown_fraction", ("agent_id", "window"), "prometheus"),
        alias("pf_drawdown_pct", ("agent_id",), "grafana", how=_ALL_TIME),
    ),
    doc="Current: it returns to zero when the loss is made good. A total loss is one.",
)
DRAWDOWN_MAX = gauge(
    "pf_drawdown_max_ratio",
    "ratio",
    (AGENT_ID, WINDOW),
    "Deepest fall of the index within the window.",
    _INDEX,
    windows=EVERY_WINDOW,
    aliases=(alias("purpleflea_max_drawdown_pct", ("agent_id",), "monitoring", how=_ALL_TIME_PERCENT),),
    doc="For `all_time` it never decreases.",
)
DAILY_LOSS = gauge(
    "pf_daily_loss_usdc",
    "usdc",
    (AGENT_ID,),
    "Trading and casino loss since midnight UTC, marked positions included.",
    by_monitor("trading and casino results"),
    doc="Zero on a day in profit. Income from elsewhere does not hide it.",
)
DAY_START = gauge("pf_day_start_equity_usdc", "usdc", (AGENT_ID,), "Equity at midnight UTC.", _INDEX)

SHARPE = gauge(
    "pf_sharpe_ratio",
    "1",
    (AGENT_ID, WINDOW),
    "Mean over deviation of hourly returns, annualised.",
    _RETURNS,
    windows=("7d", "30d", "all_time"),
    aliases=(alias("purpleflea_sharpe_ratio", ("agent_id",), "monitoring", how=_ALL_TIME),),
    doc="Absent while there are too few returns, or none that differ.",
)
RETURNS = gauge(
    "pf_returns_in_window",
    "1",
    (AGENT_ID, WINDOW),
    "Hourly returns on which the ratios of the window rest.",
    _RETURNS,
    windows=EVERY_WINDOW,
)
CALMAR = gauge(
    "pf_calmar_ratio",
    "1",
    (AGENT_ID, WINDOW),
    "Annual growth over maximum drawdown.",
    _RETURNS,
    windows=("30d", "all_time"),
    doc="Absent while the history is too short or nothing was lost.",
)
VOLATILITY = gauge(
    "pf_return_volatility_ratio",
    "ratio",
    (AGENT_ID, WINDOW),
    "Standard deviation of hourly returns.",
    _RETURNS,
    windows=EVERY_WINDOW,
)
PROFIT_FACTOR = gauge(
    "pf_profit_factor",
    "1",
    (AGENT_ID, WINDOW),
    "Gross profit over gross loss.",
    _RESULTS,
    windows=EVERY_WINDOW,
    doc="Absent while nothing was lost.",
)
WIN_RATIO = gauge(
    "pf_win_ratio",
    "ratio",
    (AGENT_ID, WINDOW),
    "Wins as a share of wins and losses.",
    _RESULTS,
    windows=EVERY_WINDOW,
    aliases=(alias("purpleflea_win_rate_pct", ("agent_id",), "monitoring", how=_ALL_TIME_PERCENT),),
    doc="Results of exactly zero are neither. Absent while there are too few.",
)
DECIDED = gauge(
    "pf_trades_in_window",
    "1",
    (AGENT_ID, WINDOW),
    "Wins and losses on which the win ratio of the window rests.",
    _RESULTS,
    windows=EVERY_WINDOW,
)
BREAK_EVEN = gauge(
    "pf_break_even_win_ratio",
    "ratio",
    (AGENT_ID, WINDOW),
    "Win ratio at which the agent's wins pay for its losses.",
    _RESULTS,
    windows=EVERY_WINDOW,
    doc="Average loss over the sum of average win and average loss. Absent without a win and a loss.",
)

ANOMALIES = counter(
    "pf_anomalies_total", "1", (AGENT_ID, DETECTOR, ANOMALY_DIRECTION), "Returns and results that stand out.", _RETURNS,
    doc="`robust_z`: an hour beyond `anomaly_z` and `anomaly_return`, a loss while the hour still runs. `absolute_loss`: one result "
    "beyond `anomaly_trade`. `mean_shift` and `variance_shift`: a score of `pf_regime_change_score` passed its limit.",
)  # fmt: skip
ZSCORE = gauge(
    "pf_return_zscore",
    "1",
    (AGENT_ID,),
    "Robust z-score of the latest return.",
    _RETURNS,
    doc="Of the latest hour that is over, against the hours of a week before it. Absent before a day of them.",
)
BASELINE_MEAN = gauge(
    "pf_return_baseline_mean_ratio", "ratio", (AGENT_ID,), "Median of the returns it is held against.", _RETURNS
)
BASELINE_STDDEV = gauge(
    "pf_return_baseline_stddev_ratio",
    "ratio",
    (AGENT_ID,),
    "Deviation of the returns it is held against.",
    _RETURNS,
    doc="From the median absolute deviation, scaled to the standard deviation of a normal sample. Where many returns are equal, from a "
    "higher quantile of the absolute deviations; never below one basis point.",
)
REGIME_SCORE = gauge(
    "pf_regime_change_score",
    "1",
    (AGENT_ID, REGIME),
    "How much the latest returns differ from those before.",
    _RETURNS,
    doc="The latest day of returns against the rest of a week. `variance`: absolute log ratio of the variances, wild returns drawn in. "
    "`mean`: absolute t of Welch's test.",
)
REJECTED = counter(
    "pf_returns_rejected_total", "1", (AGENT_ID, RETURN_REJECTED), "Returns that were refused.", _RETURNS,
    doc="`zero_equity`: an hour that began with nothing, or in which all was lost and new money came.",
)  # fmt: skip

METRICS = (
    INDEX, EPOCHS, COVERAGE, DRAWDOWN, DRAWDOWN_MAX, DAILY_LOSS, DAY_START, SHARPE, RETURNS, CALMAR, VOLATILITY,
    PROFIT_FACTOR, WIN_RATIO, DECIDED, BREAK_EVEN, ANOMALIES, ZSCORE, BASELINE_MEAN, BASELINE_STDDEV, REGIME_SCORE,
    REJECTED,
)  # fmt: skip

CURRENT = DRAWDOWN.where(window="all_time")
SHARPE_BOUND = UpperBound("lo", SHARPE.where(window="30d"), RETURNS.where(window="30d"))
WIN_BOUND = UpperBound("wilson", WIN_RATIO.where(window="7d"), DECIDED.where(window="7d"))
WIN_MARGIN = WIN_BOUND - BREAK_EVEN.where(window="7d")
ENOUGH_TRADES = Minimum(of=DECIDED.where(window="7d"), at_least=limits.TRADES_JUDGED.name)
LOSS_ANOMALIES = ANOMALIES.where(detector=("absolute_loss", "robust_z"), direction="loss")
ANOMALIES_10M = LOSS_ANOMALIES.increase(10 * MINUTE).sum("agent_id")

ALERTS = (
    alert(
        "PFDrawdownWarning",
        "warning",
        CURRENT > limits.DRAWDOWN_WARNING,
        family="drawdown",
        hold_s=MINUTE,
        clear=clears_at((limits.DRAWDOWN_WARNING, limits.DRAWDOWN_WARNING_CLEAR)),
        action="notify_agent",
        summary="{agent_id} is {value:percent} below its peak",
        description="The flow-adjusted index of {agent_id} fell by more than {limit:drawdown_warning} from its highest value. The "
        "agent is told, so that it can reduce its size or switch strategy.",
    ),
    alert(
        "PFDrawdownCritical",
        "critical",
        CURRENT > limits.DRAWDOWN_CRITICAL,
        family="drawdown",
        hold_s=MINUTE,
        clear=clears_at((limits.DRAWDOWN_CRITICAL, limits.DRAWDOWN_CRITICAL_CLEAR)),
        action="reduce",
        summary="{agent_id} is {value:percent} below its peak, past where it must only reduce",
        description="The drawdown of {agent_id} is above {limit:drawdown_critical}. A gate allows closing, not opening; at "
        "{limit:drawdown_halt} the agent is to be halted. Without a gate or a configured means nothing stops it.",
    ),
    alert(
        "PFDrawdownHalt",
        "critical",
        CURRENT > limits.DRAWDOWN_HALT,
        family="drawdown",
        clear=BY_HAND,
        action="halt",
        summary="{agent_id} is to be halted: its drawdown is {value:percent}",
        description="The drawdown of {agent_id} passed {limit:drawdown_halt}. Its gate is told to halt; without a gate or a "
        "configured means nothing stops it. Once halted it trades again only after an explicit resume.",
    ),
    alert(
        "PFMaxDrawdownStop",
        "critical",
        DRAWDOWN_MAX.where(window="30d") > limits.DRAWDOWN_STOP,
        family="drawdown",
        clear=BY_HAND,
        action="halt",
        summary="{agent_id} lost {value:percent} from a peak within a month",
        description="The deepest fall of {agent_id} within thirty days is above {limit:drawdown_stop}, whatever it has recovered "
        "since. The strategy is to be reviewed before it runs again.",
    ),
    alert(
        "PFDrawdownFast",
        "critical",
        (CURRENT - OverTime("min", CURRENT, 10 * MINUTE)) > limits.DRAWDOWN_FAST,
        family="drawdown",
        keep_firing_s=30 * MINUTE,
        action="reduce",
        summary="{agent_id} lost {value:percent} within ten minutes",
        description="The drawdown of {agent_id} grew by more than {limit:drawdown_fast} within ten minutes. Its gate is told to allow "
        "closing only; that ends with a resume, not when the alert does.",
    ),
    alert(
        "PFTotalLoss",
        "critical",
        EPOCHS.where().increase(10 * MINUTE) > 0,
        family="drawdown",
        clear=BY_HAND,
        action="halt",
        summary="{agent_id} lost everything",
        description="The equity of {agent_id} was brought to nothing by losses, not by a withdrawal. Its gate is told to halt; money "
        "that arrives now starts a new record.",
    ),
    alert(
        "PFDailyLossLimit",
        "critical",
        (DAILY_LOSS.where().over(DAY_START.where()) > limits.DAILY_LOSS_RATIO)
        | (DAILY_LOSS.where() > limits.DAILY_LOSS_USDC),
        family="drawdown",
        clear=clears_at(
            (limits.DAILY_LOSS_RATIO, limits.DAILY_LOSS_RATIO_CLEAR),
            (limits.DAILY_LOSS_USDC, limits.DAILY_LOSS_USDC_CLEAR),
        ),
        action="halt",
        summary="{agent_id} reached its loss limit of the day and is to be halted",
        description="Trading and casino losses of {agent_id} since midnight UTC passed its daily limit. The alert ends with the day; "
        "trading needs an explicit resume.",
    ),
    alert(
        "PFSharpeLow",
        "warning",
        SHARPE_BOUND < limits.SHARPE_LOW,
        family="quality",
        hold_s=6 * HOUR,
        clear=clears_at((limits.SHARPE_LOW, limits.SHARPE_LOW_CLEAR)),
        minimum=Minimum(of=RETURNS.where(window="30d"), at_least=limits.SHARPE_RETURNS.name),
        summary="{agent_id} is not paid for its risk: Sharpe ratio at most {value:number}",
        description="Even the upper confidence bound of the Sharpe ratio of {agent_id} over thirty days is below "
        "{limit:sharpe_low}, so chance alone does not explain it.",
    ),
    alert(
        "PFWinRatioLow",
        "warning",
        WIN_MARGIN < limits.WIN_RATIO_SHORTFALL,
        family="quality",
        hold_s=6 * HOUR,
        clear=clears_at((limits.WIN_RATIO_SHORTFALL, limits.WIN_RATIO_SHORTFALL_CLEAR)),
        minimum=ENOUGH_TRADES,
        summary="{agent_id} wins too rarely for what its wins pay: {value:percent} short",
        description="Even the upper confidence bound of the win ratio of {agent_id} over seven days is below the ratio at which its "
        "average win pays for its average loss.",
    ),
    alert(
        "PFProfitFactorLow",
        "warning",
        PROFIT_FACTOR.where(window="7d") < limits.PROFIT_FACTOR_LOW,
        family="quality",
        hold_s=6 * HOUR,
        clear=clears_at((limits.PROFIT_FACTOR_LOW, limits.PROFIT_FACTOR_LOW_CLEAR)),
        minimum=ENOUGH_TRADES,
        summary="{agent_id} earns {value:number} for each dollar it loses",
        description="Over seven days the losing results of {agent_id} outweigh its winning ones.",
    ),
    alert(
        "PFCalmarLow",
        "warning",
        CALMAR.where(window="30d") < limits.CALMAR_LOW,
        family="quality",
        hold_s=DAY,
        clear=clears_at((limits.CALMAR_LOW, limits.CALMAR_LOW_CLEAR)),
        summary="{agent_id} grows too little for its drawdowns: {value:number}",
        description="The annualised growth of {agent_id} over thirty days is below {limit:calmar_low} times its deepest fall.",
    ),
    alert(
        "PFAnomalyLoss",
        "warning",
        LOSS_ANOMALIES.increase(5 * MINUTE).sum("agent_id") > 0,
        family="anomaly",
        keep_firing_s=30 * MINUTE,
        escalation=Escalation(
            severity="critical",
            when=(ANOMALIES_10M >= limits.ANOMALY_REPEATS) | Firing("PFDrawdownWarning"),
        ),
        summary="{agent_id} lost in a way it does not usually lose",
        description="A return of {agent_id} was far outside its own recent range and large against its equity, or one result cost more "
        "than {limit:anomaly_trade} of it. It is critical when it repeats or comes with a drawdown.",
    ),
    alert(
        "PFRegimeChange",
        "warning",
        (REGIME_SCORE.where(kind="variance") > limits.REGIME_VARIANCE)
        | (REGIME_SCORE.where(kind="mean") > limits.REGIME_MEAN),
        family="anomaly",
        hold_s=HOUR,
        clear=Clear(
            levels=(
                (limits.REGIME_VARIANCE.name, limits.REGIME_VARIANCE_CLEAR.name),
                (limits.REGIME_MEAN.name, limits.REGIME_MEAN_CLEAR.name),
            )
        ),
        summary="The returns of {agent_id} have changed their {kind}",
        description="The latest returns of {agent_id} differ from those before in size or in spread for an hour. What the strategy was "
        "tested on may no longer hold.",
    ),
)
