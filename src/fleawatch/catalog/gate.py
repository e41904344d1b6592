"""The trading gate: its state as confirmed, whether a halt could be delivered now, and how far a halt has come."""

from __future__ import annotations

from fleawatch.catalog.declare import LATENCY, alert, by_monitor, gauge, histogram
from fleawatch.catalog.labels import AGENT_ID, GATE_STATE, HALT_REASON, HALT_STEP
from fleawatch.catalog.query import Age, event

_GATE = by_monitor("halt orders, leases and what agents acknowledge")

HALTED = gauge(
    "pf_trading_halted",
    "1",
    (AGENT_ID, HALT_REASON),
    "1 while trading is halted for this reason.",
    _GATE,
    doc="Latched: a cleared alert never resumes trading, only a recorded resume does.",
)
STATE = gauge(
    "pf_gate_state",
    "1",
    (AGENT_ID, GATE_STATE),
    "1 for the state the gate is in.",
    _GATE,
    doc="`active` may open and close, `reducing` may only close, `halted` sends nothing.",
)
READY = gauge(
    "pf_halt_ready", "1", (AGENT_ID,), "1 when the halt path answered its last probe.", _GATE,
    doc="0 also while a halt is overdue and not confirmed. Absent when the last probe is too long ago to say anything about now.",
)  # fmt: skip
HALT_STEP_DURATION = histogram(
    "pf_halt_step_duration_seconds",
    "seconds",
    (AGENT_ID, HALT_STEP),
    "Time from ordering a halt to each step of it.",
    _GATE,
    buckets=LATENCY,
    doc="`confirmed` is reached when the platform's own facts show no new order and, if asked for, flat positions.",
)
LEASE_EXPIRY = gauge(
    "pf_gate_lease_expiry_timestamp_seconds",
    "seconds",
    (AGENT_ID,),
    "Unix time at which the agent's permission to trade runs out unless it is renewed.",
    _GATE,
)
LIMITS_DIFFERING = gauge(
    "pf_limits_differing",
    "1",
    (AGENT_ID,),
    "Limits in force at the agent that differ from those declared for it.",
    _GATE,
    doc="A limit key that the agent does not know counts too.",
)

METRICS = (HALTED, STATE, READY, HALT_STEP_DURATION, LEASE_EXPIRY, LIMITS_DIFFERING)

STOPPED = STATE.where(state="halted").max("agent_id").equals(1) | HALTED.where().max("agent_id").equals(1)
"""The agent's gate is shut, or it is halted. Of an agent without a gate nothing says so: it may trade, for nothing stops it."""

ALERTS = (
    alert(
        "PFLimitDrift",
        "critical",
        LIMITS_DIFFERING.where() > 0,
        family="gate",
        summary="{agent_id} does not run with its declared limits: {value:number} differ",
        description="Limits read back from {agent_id} differ from the declared ones, or it does not know one of them, so what is "
        "written down does not protect it.",
    ),
    alert(
        "PFGateLeaseLost",
        "warning",
        (Age(LEASE_EXPIRY.where()) > 0).unless(STOPPED),
        family="gate",
        summary="{agent_id} has not renewed its lease for {value:duration}",
        description="No renewal arrived within the lease's time. The agent's own gate is already reducing; what is lost is our view "
        "of it.",
    ),
    alert(
        "PFUnhaltable",
        "critical",
        READY.where().equals(0) | event("halt_overdue"),
        family="gate",
        channels="every",
        summary="{agent_id} could not be halted now",
        description="The last probe of the halt path of {agent_id} failed, or a halt was not confirmed within its deadline. Be ready "
        "to stop it by other means: its process, its key, its money.",
    ),
)
