"""What an agent told otherwise than the platform: named once a fact, while the platform's word counts."""

from __future__ import annotations

from typing import Final

from fleawatch.events import Amendable, differences
from fleawatch.flow.state import AgentState, FleetState, Happening

KEPT: Final = 64
"""Facts of an agent that are remembered as told otherwise."""


def compare(fleet: FleetState, agent: AgentState, told: Amendable, shown: Amendable, at: float) -> None:
    """Name the first number of an agent's report that is not the platform's, once for each of the facts remembered.

    Args:
        fleet: learns of it.
        agent: who told.
        told: its report.
        shown: what the platform says of the same.
        at: when this is booked, unix seconds.
    """
    found = differences(told, shown)
    if not found or shown.fact_id in agent.misreported:
        return
    first = agent.misreported[shown.fact_id] = found[0]
    agent.tallies.add("pf_report_differences_total", (first.field,))
    if len(agent.misreported) > KEPT:
        del agent.misreported[next(iter(agent.misreported))]
    fleet.happened.append(
        Happening(
            what="report_differs",
            agent_id=agent.agent_id,
            at=at,
            amount=first.told - first.shown,
            subject=shown.fact_id,
            reason=first.field,
            fields={"report_field": first.field, "told_usd": first.told, "shown_usd": first.shown},
        )
    )
