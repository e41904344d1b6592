"""The idempotency key of an order: the same decision gives the same key, so that a retry cannot become a second order."""

from __future__ import annotations

import hashlib


def idempotency_key(agent_id: str, decision: str) -> str:
    """32 hexadecimal digits for a decision of an agent.

    The epoch is not part of it: an order that timed out before a halt and is sent again after the resume is the same
    order.
    """
    if not decision:
        raise ValueError("decision was empty; name the decision, such as the id of its cycle and the market")
    return hashlib.sha256(f"{agent_id}\0{decision}".encode()).hexdigest()[:32]
