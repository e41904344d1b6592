"""What a lease says: state, limits, baselines and the halt in force of one agent, as the belt knows them now."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from fleawatch.catalog.limits import LIMITS
from fleawatch.events import HaltOrdered
from fleawatch.flow.halting import guard
from fleawatch.flow.halting.obey import STRICTNESS
from fleawatch.flow.policy import Policy
from fleawatch.flow.samples.wallet import cash
from fleawatch.flow.state import AgentState

_CATALOG: Final = {limit.name for limit in LIMITS}
ALWAYS: Final = ("drawdown_warning", "drawdown_critical", "drawdown_halt", "daily_loss_ratio")
"""Limits that every gate enforces, with the catalog's value when nobody set one."""
ENFORCEABLE: Final = tuple(
    name
    for name in (
        *ALWAYS, "daily_loss_usdc", "balance_exhausted", "order_rate", "api_errors_critical", "order_notional", "notional_rate",
    )
    if name in _CATALOG
)  # fmt: skip
"""Limits that a gate can enforce; those that nobody set are left out, but for `ALWAYS`."""

Standing = tuple[object, ...]


def limits_of(agent_id: str, strategy: str, policy: Policy) -> dict[str, float]:
    """The limits that an agent's gate is to enforce, by name."""
    given = (policy.limits, policy.strategy_limits.get(strategy, {}), policy.agent_limits.get(agent_id, {}))
    found: dict[str, float] = {}
    for name in ENFORCEABLE:
        value = policy.limit(name, agent_id, strategy)
        if value is not None and (name in ALWAYS or any(name in limits for limits in given)):
            found[name] = value
    return found


def standing(agent: AgentState) -> Standing:
    """What of a lease is news at once: a change of anything in it is pushed."""
    control = agent.control
    ramp = None if control.ramp is None else (control.ramp.until, control.ramp.max_notional_usd)
    return (
        control.epoch or 0,
        control.state,
        control.frozen,
        None if control.halt is None else control.halt.halt_id,
        ramp,
        None if control.baseline is None else control.baseline.at,
    )


def closed_by(lease: dict[str, Any], order: HaltOrdered) -> None:
    """Close a lease by an order that is not recorded yet: within its epoch a gate can only be closed further."""
    held = lease["halt"]
    if held is None or STRICTNESS[order.mode] > STRICTNESS[held["mode"]]:
        lease["halt"] = {
            "halt_id": order.halt_id,
            "mode": order.mode,
            "reason": order.reason,
            "ordered_at": order.at,
        }
    if order.mode == "freeze_payments":
        lease["payments_frozen"] = True
    elif order.mode != "reduce":
        lease["state"] = "halted"
    elif lease["state"] == "active":
        lease["state"] = "reducing"


def document(
    agent: AgentState,
    policy: Policy,
    *,
    issued_at: float,
    expires_at: float,
    ttl_s: float,
    order: HaltOrdered | None = None,
) -> bytes:
    """The lease of an agent as JSON; `order` is a halt that is told before it is recorded."""
    control = agent.control
    halt, ramp = control.halt, control.ramp
    found: dict[str, Any] = {
        "agent_id": agent.agent_id,
        "epoch": control.epoch or 0,
        "state": control.state,
        "issued_at": issued_at,
        "expires_at": expires_at,
        "ttl_s": ttl_s,
        "limits": limits_of(agent.agent_id, agent.profile.strategy, policy),
        "baselines": {
            "peak_nav": guard.peak_nav(agent),
            "nav": agent.performance.nav.value,
            "day_start_equity": guard.day_start_equity(agent),
            "equity": agent.equity,
            "spendable": cash(agent),
        },
        "halt": None
        if halt is None
        else {"halt_id": halt.halt_id, "mode": halt.mode, "reason": halt.reason, "ordered_at": halt.ordered_at},
        "payments_frozen": control.frozen,
        "ramp": None if ramp is None else {"until": ramp.until, "max_notional_usd": ramp.max_notional_usd},
    }
    if order is not None:
        closed_by(found, order)
    return msgspec.json.encode(found)
