"""May an agent trade again? A resume is refused while what it was halted for still holds, or is not known.

A rebase sets a new baseline, so it answers drawdown and the day's loss. It answers nothing else: an alert that is still
breached for another cause would not fire again, and nobody would stop the agent a second time.
"""

from __future__ import annotations

from typing import Final, Literal

from fleawatch.flow.halting import guard
from fleawatch.flow.halting.evidence import witnesses
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import AgentState, FleetState

Reason = Literal["ok", "unknown_agent", "not_halted", "inputs_stale", "drawdown", "daily_loss", "alert_breached"]

REMEDIES: Final[dict[Reason, str]] = {
    "ok": "",
    "unknown_agent": "name an agent that is watched",
    "not_halted": "nothing to do",
    "inputs_stale": "wait until its collectors read it again, or mend them",
    "drawdown": "wait until it recovers, or resume with rebase: a new baseline for the guard, NAV now",
    "daily_loss": "wait for midnight UTC, or resume with rebase: the loss until now then counts no more",
    "alert_breached": "mend what the alert tells of; it must clear first",
}

_REBASED: Final = frozenset({"drawdown"})
"""Families whose alerts a rebase answers."""
_ACTS: Final = frozenset({"reduce", "halt", "freeze_payments"})


def may_resume(fleet: FleetState, agent_id: str, policy: Policy, *, rebase: bool = False) -> Reason:
    """Whether a resume of an agent is allowed now: `ok`, or why not."""
    agent = fleet.agents.get(agent_id)
    if agent is None:
        return "unknown_agent"
    if agent.control.halt is None:
        return "not_halted"
    if stale(agent, fleet.at):
        return "inputs_stale"
    if not rebase and (reason := _breached(agent, policy)) is not None:
        return reason
    return "alert_breached" if breached_alerts(fleet, agent_id, policy, rebase=rebase) else "ok"


def stale(agent: AgentState, at: float) -> dict[str, str]:
    """Collectors whose numbers a decision would rest on and that are not fresh, with the reason."""
    found = {}
    for collector in sorted(witnesses(agent)):
        status = agent.sources.get(collector)
        if status is None or not status.fresh(at):
            found[collector] = (status.reason if status is not None else "not_read_yet") or "stale"
    return found


def breached_alerts(fleet: FleetState, agent_id: str, policy: Policy, *, rebase: bool) -> tuple[str, ...]:
    """Alerts with an action about the agent whose condition held when it was last looked at."""
    declared = {alert.name: alert for alert in policy.alerts}
    found = set()
    for name, places in fleet.alerts.get(agent_id, {}).items():
        alert = declared.get(name)
        if alert is None or alert.action not in _ACTS or (rebase and alert.family in _REBASED):
            continue
        if any(one.fired_at is not None and one.breached_at >= fleet.at for one in places.values()):
            found.add(name)
    return tuple(sorted(found))


def _breached(agent: AgentState, policy: Policy) -> Reason | None:
    strategy = agent.profile.strategy

    def over(value: float | None, name: str) -> bool:
        limit = policy.limit(name, agent.agent_id, strategy)
        return value is not None and limit is not None and value > limit

    if over(guard.drawdown(agent), "drawdown_critical") or over(guard.drawdown(agent), "drawdown_halt"):
        return "drawdown"
    loss, equity = guard.daily_loss(agent), guard.day_start_equity(agent)
    share = loss / equity if loss is not None and equity else None
    if over(loss, "daily_loss_usdc") or over(share, "daily_loss_ratio"):
        return "daily_loss"
    return None
