"""Escrows: money promised between agents, how long it is held, and how the promise ends.

The service says funded or completed (here: open), released (`settled`), refunded after its time (`timeout`), disputed
(`disputed`, from which no call leads out); a creation that was refused is `failed`.
"""

from __future__ import annotations

from fleawatch.catalog import limits
from fleawatch.catalog.declare import AMOUNT, HOLDING, alert, alias, by_monitor, clears_at, counter, gauge, histogram
from fleawatch.catalog.labels import AGENT_ID, OUTCOME_ESCROW, ROLE, STATUS_ESCROW
from fleawatch.catalog.query import Age, Until, event
from fleawatch.catalog.spec import Transform
from fleawatch.units import HOUR, MINUTE

_SERVICE = by_monitor("escrows read from the service, found through the agents' ledgers")

OPEN = gauge(
    "pf_escrow_open",
    "1",
    (AGENT_ID, ROLE),
    "Escrows that are funded or completed and not yet ended.",
    _SERVICE,
    aliases=(alias("pf_escrow_open_count", ("agent_id",), "grafana", how=Transform(aggregate="sum")),),
    doc="The service lists no escrows: as counterparty only those of creators in the fleet, or reported ones, are known.",
)
LOCKED = gauge(
    "pf_escrow_locked_usdc",
    "usdc",
    (AGENT_ID, ROLE),
    "Money in open escrows.",
    _SERVICE,
    aliases=(alias("pf_escrow_volume_usdc", ("agent_id",), "grafana", how=Transform(aggregate="sum")),),
    doc="A stock; for the flow see `pf_escrow_initiated_usdc_total`.",
)
AT_RISK = gauge(
    "pf_escrow_at_risk_usdc",
    "usdc",
    (AGENT_ID,),
    "The agent's own money in disputed escrows.",
    _SERVICE,
    doc="Already booked as a loss; the loss is reversed if money returns.",
)
INITIATED = counter("pf_escrow_initiated_total", "1", (AGENT_ID,), "Escrows the agent funded.", _SERVICE)
INITIATED_USDC = counter(
    "pf_escrow_initiated_usdc_total", "usdc", (AGENT_ID,), "Money the agent put into escrow.", _SERVICE
)
SETTLED = counter(
    "pf_escrow_settled_total", "1", (AGENT_ID, OUTCOME_ESCROW), "Escrows that ended or were disputed.", _SERVICE
)
TRANSITIONS = counter(
    "pf_escrow_transitions_total", "1", (AGENT_ID, STATUS_ESCROW), "States that escrows entered.", _SERVICE
)
AMOUNTS = histogram(
    "pf_escrow_amount_usdc",
    "usdc",
    (AGENT_ID, STATUS_ESCROW),
    "Amount of an escrow when it entered the state.",
    _SERVICE,
    buckets=AMOUNT,
    doc="Observed at creation and at completion.",
)
HOLD_DURATION = histogram(
    "pf_escrow_hold_duration_seconds",
    "seconds",
    (AGENT_ID, OUTCOME_ESCROW),
    "Time from funding to the end.",
    _SERVICE,
    buckets=HOLDING,
)
NEXT_EXPIRY = gauge(
    "pf_escrow_next_expiry_timestamp_seconds",
    "seconds",
    (AGENT_ID,),
    "Unix time at which the soonest open escrow is refunded by itself.",
    _SERVICE,
    aliases=(alias("pf_escrow_seconds_to_expiry", ("agent_id",), "grafana", how=Transform(take="until")),),
    doc="Absent while none is open. The service sweeps now and then, so it may lie a little in the past.",
)
FEES = counter("pf_escrow_fees_usdc_total", "usdc", (AGENT_ID,), "Commission the service charged on escrows.", _SERVICE)

METRICS = (
    OPEN, LOCKED, AT_RISK, INITIATED, INITIATED_USDC, SETTLED, TRANSITIONS, AMOUNTS, HOLD_DURATION, NEXT_EXPIRY, FEES,
)  # fmt: skip

ANY_OPEN = OPEN.where().sum("agent_id") > 0

ALERTS = (
    alert(
        "PFEscrowExpiringSoon",
        "warning",
        (Until(NEXT_EXPIRY.where()) < limits.ESCROW_EXPIRY) & (Until(NEXT_EXPIRY.where()) > 0) & ANY_OPEN,
        family="escrow",
        clear=clears_at((limits.ESCROW_EXPIRY, limits.ESCROW_EXPIRY_CLEAR)),
        summary="An escrow of {agent_id} expires in {value:duration}",
        description="The soonest escrow of {agent_id} is refunded to its creator when it expires, even if the work is done. The "
        "creator should release it, or the worker ask for that.",
    ),
    alert(
        "PFEscrowExpired",
        "critical",
        (Age(NEXT_EXPIRY.where()) > 0) & ANY_OPEN,
        family="escrow",
        hold_s=10 * MINUTE,
        summary="An escrow of {agent_id} is {value:duration} past its expiry and still open",
        description="The service should have refunded it by now. Its sweep may have stopped, and the money of {agent_id} with it.",
    ),
    alert(
        "PFEscrowFailures",
        "critical",
        TRANSITIONS.where(status="failed").increase(10 * MINUTE).sum("agent_id") > limits.ESCROW_FAILURES,
        family="escrow",
        clear=clears_at((limits.ESCROW_FAILURES, limits.ESCROW_FAILURES_CLEAR)),
        summary="{value:number} escrow creations of {agent_id} failed within ten minutes",
        description="The service refuses escrows of {agent_id}: its balance, the counterparty's id, or the rate limit.",
    ),
    alert(
        "PFEscrowDisputed",
        "warning",
        SETTLED.where(outcome="disputed").increase(HOUR).sum("agent_id") > 0,
        family="escrow",
        summary="An escrow of {agent_id} is disputed",
        description="Disputed money cannot be moved by any call of the platform. It has been booked as a loss of {agent_id}.",
    ),
    alert(
        "PFEscrowSettled",
        "info",
        event("escrow_settled"),
        family="escrow",
        kind="annotation",
        summary="An escrow of {agent_id} over {value:money} was settled",
        description="The creator released it and the worker was paid, less the commission.",
    ),
)
