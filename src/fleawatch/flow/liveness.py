"""Whether an agent lives, and since when it has done nothing useful: one answer for metrics, rules and pages."""

from __future__ import annotations

from typing import Final

from fleawatch.flow.state import AgentState

PROBE: Final = "probe"
"""The collector that asks agents for their health page."""


def alive(agent: AgentState, at: float) -> bool | None:
    """Whether the agent lives at `at`, as far as anybody knows.

    A sign of life that still holds says yes, whatever else is silent. Otherwise the health page says, while it was asked
    lately. An agent that has promised signs of life and gives none any more lives no longer. None: nothing tells.
    """
    health = agent.health
    if health.alive_until is not None and at <= health.alive_until:
        return True
    page = agent.sources.get(PROBE)
    if page is not None and page.usable(at) and health.up is not None:
        return health.up
    return None if health.alive_until is None else False


def useful_at(agent: AgentState) -> float | None:
    """Unix time of the newest order, bet, escrow, signal or decision; before the first, when the agent was first heard.

    None of an agent of which nothing was ever heard.
    """
    return max(agent.health.last_action_at or 0.0, agent.last_fact_at) or agent.health.first_heard_at
