"""When a source has nothing to ask because the casino's ledger, which names what it reads, is itself not known yet.

Escrows and bets are found through the ledger. Before that was read once, "none is wanted" is no statement about the
agent, and a reading that succeeded without a call would say that a service is up which nobody has called.
"""

from __future__ import annotations

from fleawatch.errors import SourceError
from fleawatch.flow.state import AgentState


class LedgerUnreadError(SourceError):
    """A reading waits for the casino's ledger. No call was made, so no service failed and none needs to be spared."""

    def __init__(self) -> None:
        super().__init__("upstream", "waits for the casino's ledger")


def need_ledger(known: AgentState) -> None:
    """Let a reading that found nothing to ask be one that says so.

    An agent whose ledger nobody reads reports what it has itself; its word is all there will ever be.

    Raises:
        LedgerUnreadError: a collector is to read the agent's ledger and never has.
    """
    status = known.sources.get("casino")
    if (status is None and not known.self_reported) or (status is not None and status.read_at is None):
        raise LedgerUnreadError
