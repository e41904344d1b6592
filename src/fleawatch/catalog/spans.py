"""Traces: the operations of an agent that become spans, their attributes, events and resource."""

from __future__ import annotations

from typing import Final, Literal

from fleawatch.catalog import limits
from fleawatch.catalog.spec import Attribute, Span

_Type = Literal["string", "bool", "int", "double", "string[]"]
_Privacy = Literal["plain", "hashed", "off"]


def _attribute(
    name: str, kind: _Type, says: str, *aliases: str, unit: str = "", privacy: _Privacy = "plain"
) -> Attribute:
    return Attribute(name=name, type=kind, help=says, unit=unit, aliases=aliases, privacy=privacy)


ATTRIBUTES: Final[tuple[Attribute, ...]] = (
    _attribute("pf.agent_id", "string", "The agent; on every span.", "agent_id"),
    _attribute("pf.strategy", "string", "The agent's strategy.", "strategy"),
    _attribute("pf.asset", "string", "Base asset."),
    _attribute("pf.market", "string", "Market symbol.", "market"),
    _attribute("pf.side", "string", "buy or sell.", "side"),
    _attribute("pf.quantity", "double", "Quantity asked for, in units of the asset.", "size"),
    _attribute("pf.fill_quantity", "double", "Quantity filled; absent when not reported."),
    _attribute("pf.fill_price", "double", "Price of the fill; absent when not reported.", unit="usd"),
    _attribute("pf.expected_price", "double", "Price at the decision; absent when there was none.", unit="usd"),
    _attribute("pf.slippage_bps", "double", "Fill against expected price; positive is worse.", unit="basis points"),
    _attribute("pf.fee_usd", "double", "Fee paid.", unit="usd"),
    _attribute("pf.amount_usd", "double", "Amount of the agreement, or of the claim.", "amount_usd", unit="usd"),
    _attribute("pf.released_amount_usd", "double", "Amount the worker received.", "pf.released_amount", unit="usd"),
    _attribute("pf.balance_usd", "double", "Balance that was read.", unit="usd"),
    _attribute("pf.pnl_usd", "double", "Net result; negative is a loss.", unit="usd"),
    _attribute("pf.order_id", "string", "The service's id of the order."),
    _attribute("pf.escrow_id", "string", "The service's id of the escrow."),
    _attribute("pf.cycle_id", "string", "Id of the decision cycle, unique over restarts."),
    _attribute("pf.cycle_outcome", "string", "How the cycle ended."),
    _attribute("pf.order_type", "string", "How the order is executed.", "order_type"),
    _attribute("pf.order_status", "string", "How the attempt ended.", "pf.status"),
    _attribute("pf.signal_confidence", "double", "Confidence of the signal, 0..1.", "pf.confidence", unit="ratio"),
    _attribute("pf.signal_type", "string", "Kind of the signal."),
    _attribute("pf.signal_value", "double", "Value of the signal.", "signal_value"),
    _attribute("pf.action", "string", "What the signal asked for."),
    _attribute("pf.price_count", "int", "Prices the signal was computed from.", "price_count"),
    _attribute("pf.model_version", "string", "Release of the model."),
    _attribute("pf.model_latency_ms", "double", "Derived; the span's duration is authoritative.", unit="milliseconds"),
    _attribute(
        "pf.api_latency_ms",
        "double",
        "Derived; duration of the client's span where the order was one call of a watched client, else of the order.",
        "latency_ms",
        unit="milliseconds",
    ),
    _attribute("pf.wallet_id", "string", "Wallet that was read.", privacy="hashed"),
    _attribute("pf.cache_hit", "bool", "Whether the answer came from a cache."),
    _attribute("pf.cache_age_s", "double", "Age of the cached answer.", unit="seconds"),
    _attribute("pf.assets_count", "int", "Assets in the wallet."),
    _attribute("pf.poll_count", "int", "How often a confirmation was asked for."),
    _attribute("pf.game_type", "string", "Casino game."),
    _attribute("pf.counterparty", "string", "The other party.", "counterparty", privacy="hashed"),
    _attribute("pf.conditions", "string", "Conditions of an escrow, free text.", privacy="off"),
    _attribute("pf.task", "string", "What is to be done, free text.", privacy="off"),
    _attribute("pf.release_reason", "string", "Why an escrow was released, free text.", privacy="off"),
    _attribute("pf.timeout_hours", "int", "Time until an escrow expires.", unit="hours"),
    _attribute("pf.hold_duration_s", "double", "Time the money was held.", unit="seconds"),
    _attribute("pf.escrow_status", "string", "State of the escrow."),
    _attribute("pf.claim_status", "string", "How a claim at the faucet ended."),
    _attribute("pf.requester_agent_id", "string", "Agent that asked for the task; validated before it is recorded."),
    _attribute("pf.task_type", "string", "Kind of the task."),
    _attribute("http.request.method", "string", "Method of a call."),
    _attribute("http.response.status_code", "int", "Status of the answer.", "pf.http_status", "status_code"),
    _attribute("http.request.resend_count", "int", "How often the call was made before; absent on a first attempt."),
    _attribute("url.full", "string", "Address of a call, without ids, queries and credentials."),
    _attribute("server.address", "string", "Host that was called."),
    _attribute("error.type", "string", "Class of a failure; absent on success."),
    _attribute(
        "exception.type", "string", "Class of the error that ended the span, with its module; of the event `exception`."
    ),
    _attribute(
        "exception.message", "string", "Its message without secrets, cut to a length; of the event `exception`."
    ),
)
"""Every attribute a span may carry."""

_ORDER = (
    "pf.agent_id", "pf.strategy", "pf.asset", "pf.market", "pf.side", "pf.quantity", "pf.fill_quantity",
    "pf.fill_price", "pf.expected_price", "pf.slippage_bps", "pf.fee_usd", "pf.pnl_usd", "pf.order_id",
    "pf.order_type", "pf.order_status", "pf.api_latency_ms", "error.type",
)  # fmt: skip
_ESCROW = (
    "pf.agent_id", "pf.escrow_id", "pf.amount_usd", "pf.fee_usd", "pf.escrow_status", "pf.hold_duration_s",
    "pf.counterparty", "error.type",
)  # fmt: skip

SPANS: Final[tuple[Span, ...]] = (
    Span(
        name="pf.decision_cycle",
        kind="internal",
        parent="root",
        help="One pass from observing to acting.",
        attributes=("pf.agent_id", "pf.strategy", "pf.cycle_id", "pf.market", "pf.cycle_outcome", "error.type"),
        aliases=("agent.decision_cycle",),
    ),
    Span(
        name="pf.wallet.balance_check",
        kind="internal",
        parent="child",
        help="Reading a balance before acting.",
        attributes=(
            "pf.agent_id",
            "pf.wallet_id",
            "pf.cache_hit",
            "pf.cache_age_s",
            "pf.balance_usd",
            "pf.assets_count",
            "error.type",
        ),
        aliases=("agent.wallet.balance_fetch",),
        slow=limits.SLOW_BALANCE.name,
    ),
    Span(
        name="pf.signal.analysis",
        kind="internal",
        parent="child",
        help="Computing a signal.",
        attributes=(
            "pf.agent_id",
            "pf.strategy",
            "pf.asset",
            "pf.signal_type",
            "pf.signal_confidence",
            "pf.signal_value",
            "pf.action",
            "pf.model_version",
            "pf.model_latency_ms",
            "pf.price_count",
            "error.type",
        ),
        aliases=("agent.signal.compute",),
        slow=limits.SLOW_SIGNAL.name,
    ),
    Span(
        name="pf.trade.execute",
        kind="internal",
        parent="child",
        help="Sending an order and waiting for its acknowledgement.",
        attributes=_ORDER,
        aliases=("agent.order.execute",),
        slow=limits.SLOW_TRADE.name,
    ),
    Span(
        name="pf.trade.confirmation_poll",
        kind="internal",
        parent="child",
        help="Asking until an order is confirmed.",
        attributes=("pf.agent_id", "pf.order_id", "pf.poll_count", "pf.order_status", "error.type"),
    ),
    Span(
        name="pf.bet.place",
        kind="internal",
        parent="child",
        help="Placing a bet.",
        attributes=("pf.agent_id", "pf.strategy", "pf.game_type", "pf.amount_usd", "pf.pnl_usd", "error.type"),
    ),
    Span(
        name="pf.faucet.claim",
        kind="internal",
        parent="child",
        help="Asking the faucet for its one payment.",
        attributes=("pf.agent_id", "pf.amount_usd", "pf.claim_status", "error.type"),
    ),
    Span(
        name="pf.escrow.create",
        kind="internal",
        parent="linked",
        help="Funding an escrow.",
        attributes=(*_ESCROW, "pf.timeout_hours", "pf.conditions", "pf.task"),
        aliases=("agent.escrow.create",),
        slow=limits.SLOW_ESCROW.name,
    ),
    Span(
        name="pf.escrow.complete",
        kind="internal",
        parent="linked",
        help="The worker says that the work is done.",
        attributes=_ESCROW,
    ),
    Span(
        name="pf.escrow.release",
        kind="internal",
        parent="linked",
        help="The creator pays the worker.",
        attributes=(*_ESCROW, "pf.released_amount_usd", "pf.release_reason"),
    ),
    Span(
        name="pf.escrow.dispute",
        kind="internal",
        parent="linked",
        help="A party disputes an escrow.",
        attributes=_ESCROW,
    ),
    Span(
        name="pf.escrow.timeout",
        kind="internal",
        parent="linked",
        help="An escrow was refunded after its time.",
        attributes=_ESCROW,
    ),
    Span(
        name="pf.task.create",
        kind="producer",
        parent="child",
        help="Handing a task to another agent.",
        attributes=("pf.agent_id", "pf.task_type", "pf.escrow_id", "pf.counterparty", "error.type"),
        aliases=("agent_a.create_task",),
    ),
    Span(
        name="pf.task.execute",
        kind="consumer",
        parent="linked",
        help="Doing a task for another agent: a trace of its own, linked to the request.",
        attributes=("pf.agent_id", "pf.requester_agent_id", "pf.task_type", "pf.escrow_id", "error.type"),
        aliases=("agent_b.task_execution",),
    ),
    Span(
        name="pf.http.request",
        kind="client",
        parent="child",
        help="One HTTP call to the platform.",
        attributes=(
            "pf.agent_id",
            "http.request.method",
            "http.response.status_code",
            "http.request.resend_count",
            "url.full",
            "server.address",
            "error.type",
        ),
    ),
)
"""Every span. The escrow spans are traces of their own, linked by the context of the creation: hours lie between them."""

FINANCIAL: Final = frozenset(
    span.name
    for span in SPANS
    if span.name.startswith("pf.escrow.") or span.name in ("pf.trade.execute", "pf.bet.place")
)
"""Spans that move money: orders, bets and every step of an escrow. What only reads or decides is none."""
ALL_FINANCIAL: Final = "financial"
"""Stands for all of them together where the name of a span is asked for."""

SPAN_EVENTS: Final = (
    "order_filled",
    "escrow_initiated",
    "escrow_created",
    "escrow_released",
    "insufficient_balance",
    "low_confidence_skip",
    "exception",
)
"""Events within a span."""

RESOURCE: Final[tuple[Attribute, ...]] = (
    _attribute("service.name", "string", "Name of the service, `purpleflea-trading-agent` unless set."),
    _attribute("service.namespace", "string", "`purpleflea`."),
    _attribute("service.version", "string", "Release of the agent's package."),
    _attribute("service.instance.id", "string", "Random id of the process."),
    _attribute("deployment.environment.name", "string", "Deployment environment.", "pf.environment"),
    _attribute("cloud.region", "string", "Where it runs.", "deployment.region"),
    _attribute("pf.agent_id", "string", "The agent."),
    _attribute("pf.services", "string[]", "Services of the platform that the agent uses."),
)
"""What a trace says about the process it comes from. The older names are read, never written."""
