"""Money that goes to somebody who is not on an agent's list.

Only facts that name a recipient are judged: a ledger row of a payment does not, the platform's list of withdrawals and
the agent's own reports do. What was sent before an agent was first watched is history.
"""

from __future__ import annotations

import hashlib
from typing import Final

from fleawatch.flow.fold.equity import remember
from fleawatch.flow.state import AgentState, FleetState, Happening

TOLD_KEPT: Final = 32
"""Withdrawals and payments that are remembered, because several facts tell of each."""


def judge_recipient(
    fleet: FleetState, agent: AgentState, at: float, recipient: str, amount: float, movement: str
) -> None:
    """Tell, once a `movement` (its id), when `amount` USD went to a `recipient` who is not on the agent's list."""
    allowed = agent.profile.recipients
    if allowed is None or not recipient or _plain(recipient) in {_plain(one) for one in allowed}:
        return
    if movement and not remember(agent.orders.told, movement, TOLD_KEPT):
        return
    name = hashlib.sha256(recipient.encode()).hexdigest()[:12]
    fleet.happened.append(
        Happening(
            what="unlisted_recipient",
            agent_id=agent.agent_id,
            at=at,
            amount=-abs(amount),
            subject=name,
            fields={"recipient": name},
        )
    )


def _plain(recipient: str) -> str:
    """An address in hexadecimal is the same in upper and lower case; any other id is as it is written."""
    return recipient.lower() if recipient[:2] in {"0x", "0X"} else recipient
