"""External flows as ledger rows tell them: deposits, payments, withdrawals, and withdrawals that came back.

A flow is neither gain nor loss; the fee inside a withdrawal is a loss. The platform sends a failed withdrawal back in
one row that does not name it, fee and all, so what comes back is compared with what left.
"""

from __future__ import annotations

from typing import Final

from fleawatch.events import LedgerEntry
from fleawatch.flow.fold.equity import settle, transfer
from fleawatch.flow.fold.recipients import judge_recipient
from fleawatch.flow.fold.transit import payment
from fleawatch.flow.state import AgentState, FleetState, Happening
from fleawatch.risk.conservation import TOLERANCE

INFLOW: Final = {
    "deposit": "deposit",
    "faucet": "faucet",
    "bonus": "bonus",
    "payment_received": "payment",
    "withdrawal_release": "",
    "withdrawal_refund": "",
}
OUTFLOW: Final = {"payment_sent": "payment", "withdrawal_hold": "", "withdrawal": "withdrawal"}
"""Rows that are flows, and what the money that they bring or take is counted as; empty where they undo another row."""

WITHDRAWN_KEPT: Final = 16
"""Withdrawals that may still come back. The platform tries to send each one at once."""


def flow(fleet: FleetState, agent: AgentState, row: LedgerEntry, amount: float, at: float) -> None:
    """A ledger row moved money in or out."""
    fee = -_fee_returned(agent, row, amount) if row.entry == "withdrawal_refund" else float(row.fee)
    moved = amount + fee
    if row.recipient and _has_been_read(agent):
        judge_recipient(fleet, agent, at, row.recipient, moved, row.reference or f"row {row.position}")
    transfer(agent, "casino", moved, shown=True)
    if fee < 0:
        # The fee was lost before the money left, so it is won back after the money returned: then NAV is as it was.
        agent.parts["casino"] = float(row.balance_after) + fee + agent.casino.in_flight
        settle(fleet, agent, at, read="casino")
    if fee:
        agent.income["fees"] = agent.income.get("fees", 0.0) - fee
    if row.entry == "withdrawal":
        agent.casino.withdrawn = [*agent.casino.withdrawn[1 - WITHDRAWN_KEPT :], (-moved, fee)]
    elif row.entry in {"payment_sent", "payment_received"}:
        payment(fleet, agent, row, amount)
    if row.entry in INFLOW:
        _count_inflow(fleet, agent, row, moved, at)
    elif kind := OUTFLOW[row.entry]:
        agent.withdrawals -= moved
        agent.tallies.add("pf_wallet_withdrawals_usdc_total", (kind,), max(0.0, -moved))


def _count_inflow(fleet: FleetState, agent: AgentState, row: LedgerEntry, moved: float, at: float) -> None:
    source = INFLOW[row.entry]
    if source:
        agent.deposits += moved
        agent.tallies.add("pf_wallet_deposits_usdc_total", (source,), max(0.0, moved))
    if row.entry == "faucet":
        agent.tallies.add("pf_faucet_claims_total", ("success",))
    elif row.entry == "withdrawal_refund":
        agent.withdrawals -= moved
    fleet.happened.append(
        Happening(
            what=row.entry,
            agent_id=agent.agent_id,
            at=at,
            amount=moved,
            subject=row.reason,
            fields={"flow": row.entry},
        )
    )


def _has_been_read(agent: AgentState) -> bool:
    """Whether the ledger was read before: what its first reading shows is history."""
    status = agent.sources.get("casino")
    return status is not None and status.read_at is not None


def _fee_returned(agent: AgentState, row: LedgerEntry, amount: float) -> float:
    """The fee inside a refund: that of the newest withdrawal which took as much with it, 0 where none did."""
    withdrawn = agent.casino.withdrawn
    for with_fee in (True, False):
        for place in range(len(withdrawn) - 1, -1, -1):
            left, fee = withdrawn[place]
            if abs(left + fee * with_fee - amount) <= TOLERANCE:
                agent.casino.withdrawn = withdrawn[:place] + withdrawn[place + 1 :]
                return fee if with_fee else 0.0
    return float(row.fee)
