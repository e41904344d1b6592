"""The one free dollar of an agent whose balance is low: asked for once, where that was allowed, and never again once it came."""

from __future__ import annotations

from typing import Final

from fleawatch.events import Event, LedgerEntry
from fleawatch.flow.halting.resume import stale
from fleawatch.flow.outputs import TopUp
from fleawatch.flow.policy import Policy
from fleawatch.flow.samples.wallet import cash
from fleawatch.flow.state import AgentState
from fleawatch.units import DAY

COOL_S: Final = DAY
"""Seconds between two requests: the faucet gives an address one claim a day."""


def seen(agent: AgentState, event: Event) -> None:
    """Note that the faucet has paid, whoever asked it: it pays an agent once."""
    if isinstance(event, LedgerEntry) and event.entry == "faucet":
        agent.control.topped = True


def topup(agent: AgentState, now: float, policy: Policy) -> list[TopUp]:
    """The request that is due at `now`: the balance is known, fresh and low, the agent is not halted, and it was not paid yet."""
    control = agent.control
    if agent.agent_id not in policy.halting.topup or control.topped or control.state == "halted":
        return []
    if control.topup_at is not None and now - control.topup_at < COOL_S:
        return []
    casino_id = agent.profile.platform_ids.get("casino")
    limit, balance = policy.limit("balance_low", agent.agent_id, agent.profile.strategy), cash(agent)
    if casino_id is None or limit is None or balance is None or balance >= limit or stale(agent, now):
        return []
    control.topup_at = now
    return [
        TopUp(
            key=f"topup:{agent.agent_id}:{now:.3f}",
            agent_id=agent.agent_id,
            at=now,
            casino_id=casino_id,
            balance_usd=balance,
        )
    ]
