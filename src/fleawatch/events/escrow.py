"""Escrow facts. An escrow is funded, then completed by the worker, then released, refunded or disputed.

An escrow without release goes back to the creator when its time runs out, even when the work was completed, and the
platform keeps its commission on that too. A dispute has no way out: the money stays locked.
"""

from __future__ import annotations

from fleawatch.events.base import Amount, Event, Time


class EscrowCreated(Event, frozen=True, kw_only=True):
    """An escrow was funded by its creator.

    Attributes:
        agent_id: the creator when it belongs to the fleet, else the counterparty.
        creator: platform id; `counterparty` alike.
        commission_usd: fee that will be kept on release and on refund.
        expires_at: unix seconds; the platform refunds up to 5 minutes later.
    """

    escrow_id: str
    creator: str
    counterparty: str
    amount_usd: Amount
    commission_usd: Amount
    expires_at: Time


class EscrowCompleted(Event, frozen=True, kw_only=True):
    """The worker says that the work is done; the money is still locked."""

    escrow_id: str


class EscrowReleased(Event, frozen=True, kw_only=True):
    """The creator released the money: `net_usd` went to the worker, the commission to the platform."""

    escrow_id: str
    net_usd: Amount
    commission_usd: Amount


class EscrowRefunded(Event, frozen=True, kw_only=True):
    """Time ran out: `refund_usd` went back to the creator, the commission to the platform."""

    escrow_id: str
    refund_usd: Amount
    commission_usd: Amount


class EscrowDisputed(Event, frozen=True, kw_only=True):
    """Somebody disputed it: the money stays locked, and no call leaves this state."""

    escrow_id: str
    actor: str = ""


class EscrowFailed(Event, frozen=True, kw_only=True):
    """An attempt to create an escrow ended without one that is known.

    Attributes:
        escrow_id: the platform's id, or the agent's own when none was given.
        reason: bounded error code.
        unknown: whether no answer came: the escrow may exist and must be reconciled by reading, and this is no failure.
    """

    escrow_id: str
    amount_usd: Amount
    reason: str = ""
    unknown: bool = False
