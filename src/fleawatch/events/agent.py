"""What an agent is and does apart from its money: declaration, heartbeat, health, calls, signals, decisions, spans."""

from __future__ import annotations

from typing import Literal

import msgspec

from fleawatch.events.base import Amount, Count, Event, Seconds, Service, Time


class AgentDeclared(Event, frozen=True, kw_only=True):
    """The operator watches this agent, with these properties. The newest declaration replaces the one before.

    Attributes:
        strategy: name for attribution; bounded by configuration.
        platform_ids: the agent's id at each service.
        capital_usd: collateral at the exchange, for agents whose account value nobody reports.
        collectors: names of the sources that read it; empty for an agent that only reports itself.
        trades: whether it trades perpetuals: without capital its trading equity is then Unknown by design.
        recipients: platform ids and addresses that it may send money to; None when there is no such list.
    """

    strategy: str
    environment: str = ""
    version: str = ""
    platform_ids: dict[str, str] = msgspec.field(default_factory=dict)
    capital_usd: Amount | None = None
    collectors: tuple[str, ...] = ()
    trades: bool = False
    recipients: tuple[str, ...] | None = None


class AgentIdentified(Event, frozen=True, kw_only=True):
    """A service told under which id it knows the agent; escrows and payments name parties by it."""

    service: Service
    platform_id: str


class AgentRetired(Event, frozen=True, kw_only=True):
    """The operator no longer watches this agent; its series end."""


class Heartbeat(Event, frozen=True, kw_only=True):
    """The agent's process is alive. `last_action_at` is when it last did something useful (unix seconds)."""

    last_action_at: Time | None = None


class Check(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One dependency check of an agent's health page."""

    name: str
    ok: bool


class HealthRead(Event, frozen=True, kw_only=True):
    """An agent's own health page and figures were read.

    Attributes:
        up: whether it answered as a living agent.
        checks: its dependency checks.
        last_action_at: when it last acted, or None when not told.
        balance_usd, pnl_24h_usd, open_positions: its own word, kept for comparison and never used for money.
        memory_ratio, cpu_ratio: 0..1.
    """

    up: bool
    checks: tuple[Check, ...] = ()
    last_action_at: Time | None = None
    balance_usd: Amount | None = None
    pnl_24h_usd: float | None = None
    open_positions: Count | None = None
    memory_ratio: float | None = None
    cpu_ratio: float | None = None


class ApiCall(Event, frozen=True, kw_only=True):
    """One attempt to call the platform ended.

    Attributes:
        endpoint: route template, never a raw path.
        status_code: three digits, or `timeout`, `network`, `cancelled`, `invalid_body`.
        duration_s: until the answer or the failure. None where a client repeated a call by itself and only the whole was
            measured: that is the duration of the last attempt.
        attempt: 1 for the first, more for a call that was made again.
    """

    endpoint: str
    method: str
    status_code: str
    duration_s: Seconds | None
    trace_id: str | None = None
    attempt: Count = 1


class SignalComputed(Event, frozen=True, kw_only=True):
    """A strategy computed a signal. `result` is `acted`, `low_confidence`, `low_balance`, `error`, `timeout` or `cancelled`."""

    strategy: str
    action: str
    result: str
    duration_s: Seconds
    market: str = ""
    model_version: str = ""
    confidence: float | None = None


class DecisionCycle(Event, frozen=True, kw_only=True):
    """One pass from observing to acting ended with `result`."""

    cycle_id: str
    result: str
    duration_s: Seconds
    trace_id: str | None = None


class StrategySwitched(Event, frozen=True, kw_only=True):
    """The agent changed its strategy."""

    before: str
    after: str
    reason: str = ""


class AgentError(Event, frozen=True, kw_only=True):
    """A component of the agent failed.

    Attributes:
        component: a bounded word; for an operation the name of its span without `pf.`.
        message: scrubbed text for people.
        outcome: whether time was up, or somebody ended it from outside. What was sent and not answered is a `timeout`.
        error_type: a bounded word, the class of the error; empty when it is not known.
    """

    component: str
    message: str = ""
    outcome: Literal["error", "timeout", "cancelled"] = "error"
    error_type: str = ""
    trace_id: str | None = None


class ClockRead(Event, frozen=True, kw_only=True):
    """The agent's clock was compared with ours: positive = the agent is ahead."""

    offset_s: float


class SlowSpan(Event, frozen=True, kw_only=True):
    """A span took longer than its threshold; `spans` is how many did since this was last told of its name, the worst is here."""

    span_name: str
    duration_s: Seconds
    threshold_s: Seconds
    trace_id: str | None = None
    spans: Count = 1


class SpanErrors(Event, frozen=True, kw_only=True):
    """Error ratio of the last spans of one name, or of all that move money (`financial`); `samples` is how many."""

    span_name: str
    errors: Count
    samples: Count
