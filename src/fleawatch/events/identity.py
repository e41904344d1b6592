"""The one id of a fact, computed alike by every party that can report it.

`service:kind:platform id`. Ledger rows that carry no id of their own use the agent and their position in the whole
ledger. Readings are of a moment, so their id holds the moment.
"""

from __future__ import annotations


def fact_id(service: str, kind: str, platform_id: str) -> str:
    """Id of a fact that the platform itself names: `casino:bet_settled:bet_42`."""
    return f"{service}:{kind}:{platform_id}"


def ledger_id(service: str, agent_id: str, position: int) -> str:
    """Id of a ledger row without an id of its own: its place in the agent's whole ledger."""
    return f"{service}:ledger_entry:{agent_id}:{position}"


def reading_id(collector: str, kind: str, agent_id: str, at: float) -> str:
    """Id of a reading: who read what about whom, and when (to the millisecond)."""
    return f"{collector}:{kind}:{agent_id}:{at:.3f}"
