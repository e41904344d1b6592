"""The label dictionary: every dimension a metric may have, and what each may say.

A label value that is not allowed becomes `other`, so that no text from outside can widen the set of series. Labels that
share a name but not their values (`status` of an order, `status` of a faucet claim) are separate declarations here.
Never labels: counterparty, order, escrow and trace ids, wallet addresses, free text, error messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Final

from fleawatch.catalog.spec import Label
from fleawatch.scrub import scrub
from fleawatch.units import AGENT_ID as AGENT_ID_PATTERN
from fleawatch.units import WINDOWS, looks_like_key

OTHER: Final = "other"
"""What a value becomes that is not allowed."""

_FOLD: Final[dict[str, Callable[[str], str]]] = {"keep": str, "upper": str.upper, "lower": str.lower}
_WORD: Final = r"[a-z0-9][a-z0-9_.-]{0,62}"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,62}"


def _fixed(name: str, says: str, *values: str) -> Label:
    return Label(name=name, help=says, limit=len(values), values=values)


def _open(name: str, says: str, *, limit: int, pattern: str = _WORD) -> Label:
    return Label(name=name, help=says, limit=limit, pattern=pattern)


AGENT_ID = Label(
    name="agent_id",
    help="The fleet's name of the agent. A platform key is refused.",
    limit=10_000,
    pattern=AGENT_ID_PATTERN.pattern.removesuffix(r"\Z"),
)
STRATEGY = _open("strategy", "The agent's strategy, from its configuration.", limit=20)
MARKET = Label(
    name="market",
    help="Market symbol, upper case.",
    limit=300,
    pattern=r"[A-Z0-9][A-Z0-9:._/-]{0,31}",
    case="upper",
)
ASSET = Label(
    name="asset", help="Base asset, upper case.", limit=300, pattern=r"[A-Z0-9][A-Z0-9:._-]{0,31}", case="upper"
)
CURRENCY = Label(
    name="currency", help="Ticker of a currency, upper case.", limit=50, pattern=r"[A-Z0-9]{2,12}", case="upper"
)
WALLET_TYPE = _fixed("wallet_type", "Where a balance is kept.", "hot", "cold", "trading", "escrow")
PNL_TYPE = _fixed("pnl_type", "Whether profit or loss is booked or only marked.", "realized", "unrealized")
WINDOW = _fixed("window", "How far back a statistic looks.", *WINDOWS)
SERVICE = _fixed("pf_service", "Service of the platform.", "casino", "trading", "wallet", "escrow", "faucet", "domains")
SIDE = _fixed("side", "Direction of an order; long is buy, short is sell.", "buy", "sell")
ORDER_TYPE = _fixed("order_type", "How an order is executed.", "market", "limit", "bet", "stop_loss", "take_profit")
GAME_TYPE = _open("game_type", "Casino game, as the platform spells it in its data.", limit=40)
REFERRAL_TIER = _fixed("referral_tier", "Level in the referral chain.", "1", "2", "3")
MODEL_VERSION = _open("model_version", "Release of the signal model.", limit=10, pattern=_NAME)
ROLE = _fixed("role", "The agent's part in an escrow.", "creator", "counterparty")

ENDPOINT = _fixed(
    "endpoint",
    "Route template of a call, never the path with its ids.",
    "auth/account", "auth/balance", "auth/ledger", "auth/deposits", "auth/withdrawals", "auth/withdraw",
    "bets/history", "bets/batch", "games/play", "games/parlay", "kelly/history", "kelly/limits", "stats/me", "stats/pay",
    "referral/stats", "daily/claim", "escrow/create", "escrow/complete", "escrow/release", "escrow/dispute",
    "escrow/get", "faucet/claim", "faucet/stats", "trade/open", "trade/close", "trade/limit", "trade/stop-loss",
    "trade/take-profit", "trade/positions", "trade/history", "trade/portfolio", "trade/risk-settings", "markets/price",
    "wallet/balance", "wallet/swap", "wallet/send", "domains/list", "domains/purchase", "agent/health", "health",
)  # fmt: skip
METHOD = _fixed("method", "HTTP method.", "GET", "POST", "PUT", "PATCH", "DELETE")
STATUS_CODE = _fixed(
    "status_code",
    "HTTP status, or why there was none.",
    "200", "201", "202", "204", "301", "302", "304", "400", "401", "402", "403", "404", "405", "409", "413", "422",
    "429", "500", "502", "503", "504", "timeout", "network", "cancelled", "invalid_body",
)  # fmt: skip
STATUS_API = _fixed("status", "Class of an answer.", "2xx", "3xx", "4xx", "5xx", "timeout", "network", "cancelled")
STATUS_ORDER = _fixed("status", "How an order attempt ended.", "success", "rejected", "error", "timeout", "cancelled")
STATUS_FAUCET = _fixed("status", "How a faucet claim ended.", "success", "rejected", "error", "timeout", "cancelled")
STATUS_ESCROW = _fixed(
    "status", "State an escrow entered.", "created", "completed", "released", "refunded", "disputed", "failed"
)
STATUS_NOTIFICATION = _fixed("status", "How a notification ended.", "ok", "retry", "failed", "suppressed")
STATUS_ANNOTATION = _fixed("status", "How a board annotation ended.", "ok", "failed", "dropped")
OUTCOME_TRADE = _fixed("outcome", "Sign of the net result.", "win", "loss", "push")
OUTCOME_ESCROW = _fixed("outcome", "How an escrow ended.", "settled", "timeout", "disputed", "failed")
OUTCOME_API = _fixed("outcome", "Whether a call did what it was for.", "ok", "error")

SLIPPAGE_DIRECTION = _fixed(
    "direction", "Whether the price was worse or better than expected.", "adverse", "improvement"
)
FUNDING_DIRECTION = _fixed("direction", "Whether the agent paid or received.", "paid", "received")
ANOMALY_DIRECTION = _fixed("direction", "Side of the anomaly.", "loss", "gain", "none")
FEE_BASIS = _fixed("basis", "What fees are divided by.", "gross_pnl_abs", "notional")
INFLOW = _fixed("source", "Where money came from.", "deposit", "faucet", "bonus", "payment", "transfer")
OUTFLOW = _fixed("kind", "How money left.", "withdrawal", "payment", "transfer")
REGIME = _fixed("kind", "What changed.", "variance", "mean")
FACT_KIND = _open("kind", "Kind of a fact.", limit=80)
DETECTOR = _fixed("detector", "What noticed it.", "robust_z", "absolute_loss", "mean_shift", "variance_shift")
RETURN_REJECTED = _fixed("reason", "Why a return was refused.", "nan", "inf", "zero_equity")
HALT_REASON = _fixed("reason", "Why trading is halted.", "drawdown", "balance", "manual", "anomaly", "outflow", "lease")
ORDER_REASON = _open("reason", "Error code of the service.", limit=40)
COLLECT_REASON = _fixed(
    "reason",
    "Why a reading failed.",
    "timeout", "network", "rate_limited", "unauthorized", "http_5xx", "http_4xx", "invalid_body", "schema", "upstream",
)  # fmt: skip
FACT_REFUSED = _fixed("reason", "Why a fact was refused at the door.", "bad_number", "newer_version")
GATE_STATE = _fixed("state", "State of the trading gate.", "active", "reducing", "halted")
EQUITY_STATE = _fixed("state", "How well equity is known.", "known", "partial", "unknown")
HALT_STEP = _fixed("step", "How far a halt has come.", "delivered", "acknowledged", "last_order", "confirmed")
SIGNAL_ACTION = _fixed("action", "What a signal asked for.", "buy", "sell", "hold", "close", "bet")
SIGNAL_RESULT = _fixed(
    "result", "What became of a signal.", "acted", "low_confidence", "low_balance", "error", "timeout", "cancelled"
)
CYCLE_RESULT = _fixed(
    "result",
    "How a decision cycle ended.",
    "acted", "no_action", "low_confidence", "low_balance", "halted", "error", "timeout", "cancelled",
)  # fmt: skip
CHECK = _fixed("check", "What was checked.", "exchange_api", "wallet", "heartbeat", "database", "memory", "cpu")
REPORT_FIELD = _fixed(
    "report_field", "Number of a report that differs.", "stake", "payout", "realized_pnl_usd", "fee_usd"
)
COMPONENT = _open("component", "Part of the agent that failed, or the operation.", limit=30)
ENVIRONMENT = _open("environment", "Deployment environment.", limit=5)
VERSION = _open("version", "Release.", limit=10, pattern=_NAME)
REVISION = _open("revision", "Commit the release was built from.", limit=10, pattern=_NAME)
PYTHON = _open("python", "Release of the interpreter.", limit=10, pattern=_NAME)
COLLECTOR = _open("collector", "Source that is read.", limit=12)
FIELD = _open("field", "Field of an answer.", limit=100, pattern=r"[A-Za-z_][A-Za-z0-9_.\[\]]{0,62}")
ALERTNAME = _open("alertname", "Name of an alert.", limit=100, pattern=r"PF[A-Za-z0-9]{1,62}")
SEVERITY = _fixed("severity", "How urgent an alert is.", "critical", "warning", "info", "none")
CHANNEL = _open("channel", "Where notifications go.", limit=12)
SPAN_NAME = _open("span_name", "Name of a span.", limit=30)
METRIC = _open("metric", "Name of a metric.", limit=200)
LABEL = _open("label", "Name of a label.", limit=60)
IMPLEMENTATION = _open("implementation", "Interpreter.", limit=2, pattern=_NAME)
MAJOR = _open("major", "Major release of the interpreter.", limit=2, pattern=_NAME)
MINOR = _open("minor", "Minor release of the interpreter.", limit=4, pattern=_NAME)
PATCH = _open("patchlevel", "Patch release of the interpreter.", limit=4, pattern=_NAME)

LABELS: Final[tuple[Label, ...]] = tuple(value for value in list(globals().values()) if isinstance(value, Label))
"""Every label that a metric may carry; collected, so that a declaration above cannot be forgotten."""


def bounded(label: Label, value: str, allowed: Collection[str] | None = None) -> str:
    """`value` as `label` may carry it, or `other`.

    Args:
        label: the declaration to hold it against.
        value: text from anywhere.
        allowed: configured allow-list that narrows an open label (strategies, markets, games); None for no list.

    Returns:
        The value, case folded as the label asks. `other` when it is not among the label's values, does not match its
        pattern, is not on the allow-list, or holds a secret. How many different values a metric
        has seen is state, and the business of whoever keeps the metric; `label.limit` is the bound.
    """
    folded = _FOLD[label.case](value)
    if allowed is not None and folded not in allowed:
        return OTHER
    if label.values:
        return folded if folded in label.values else OTHER
    if _compiled(label.pattern).fullmatch(folded) is None or looks_like_key(folded) or scrub(value) != value:
        return OTHER
    return folded


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
