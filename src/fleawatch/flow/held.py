"""What guards and people decided about an agent: how its gate stands, the halt that holds it, what guards measure from.

Plain values; `fold` and the stage that halts change them.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Halt(msgspec.Struct):
    """A halt in force, and how far it has come.

    Attributes:
        ordered_at: when it was ordered for this agent.
        steps: when it was delivered, acknowledged and confirmed.
        commanded: by path (`gate`, `process`, `platform`, `flatten`): when it was last taken.
        reached: by path: when it worked.
        attempts: how often closing positions was asked for.
        seen: by collector: when the newest reading began that shows no order since.
        orders: orders after it that the platform shows; `last_order_at` the newest, `marks` the newest few.
        lied: an order was sent after the agent said that it had stopped.
        overdue_at: when it was found not to be confirmed in time.
    """

    halt_id: str
    mode: str
    reason: str
    actor: str
    ordered_at: float
    scope: str = "agent"
    target: str = ""
    steps: dict[str, float] = msgspec.field(default_factory=dict)
    commanded: dict[str, float] = msgspec.field(default_factory=dict)
    reached: dict[str, float] = msgspec.field(default_factory=dict)
    attempts: int = 0
    seen: dict[str, float] = msgspec.field(default_factory=dict)
    orders: int = 0
    last_order_at: float | None = None
    marks: list[str] = msgspec.field(default_factory=list)
    lied: bool = False
    overdue_at: float | None = None


class Standing(msgspec.Struct):
    """A halt of a strategy or the fleet, which also holds who comes later. `freed` are agents that were resumed."""

    halt_id: str
    mode: str
    scope: str
    target: str
    reason: str
    actor: str
    ordered_at: float
    freed: dict[str, None] = msgspec.field(default_factory=dict)


class Ramp(msgspec.Struct):
    """After a resume: no order above `max_notional_usd` until `until`."""

    until: float
    max_notional_usd: float


class Baseline(msgspec.Struct):
    """What guards measure from after a rebase at `at`, in place of the true peak and the day's beginning.

    Attributes:
        nav, peak: NAV then, and the highest since; `worst` the deepest fall since, 0..1.
        epoch: epoch of the NAV it belongs to.
        day_ends: midnight until which `day_opening` (P&L) and `day_equity` stand in for those of the day, USD.
    """

    at: float
    nav: float
    peak: float
    epoch: int
    day_ends: float
    day_opening: float | None
    day_equity: float | None
    worst: float = 0.0


class Control(msgspec.Struct):
    """What guards and people decided about an agent.

    Attributes:
        gate, gate_reason: as the agent's gate says it stands; None where nobody said.
        limits: what the agent says it enforces, told at `limits_at`.
        declared: what the operator wants, declared at `declared_at`.
        probe_ok: whether the halt path answered its last probe, at `probe_at`.
        state: what it is allowed, as ordered: closes by orders, opens by a resume only.
        frozen: it may send no money away.
        epoch: rises with every halt and resume; None before the first and before anybody said.
        halt: the halt in force.
        ramp: what caps its orders after a resume.
        baseline: what its guards measure from after a rebase.
        topped: whether the faucet has paid it; `topup_at` when it was last asked to.
    """

    gate: Literal["active", "reducing", "halted"] | None = None
    gate_reason: str = ""
    lease_until: float | None = None
    epoch: int | None = None
    limits: dict[str, float] | None = None
    limits_at: float = 0.0
    declared: dict[str, float] | None = None
    declared_at: float = 0.0
    probe_ok: bool | None = None
    probe_at: float = 0.0
    state: Literal["active", "reducing", "halted"] = "active"
    frozen: bool = False
    halt: Halt | None = None
    ramp: Ramp | None = None
    baseline: Baseline | None = None
    topped: bool = False
    topup_at: float | None = None
