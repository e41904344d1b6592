"""Whether an agent lives, and since when it has done nothing useful: one answer for metrics, rules and pages."""

from __future__ import annotations

from typing import Final

from fleawatch.flow.state import AgentState

PROBE: Final = "probe"
"""The collector that asks agents for their health page."""


def alive(agent: AgentState, at: float) -> bool | None:
    """Whether the agent lives at `at`, as far as anybody knows.

    A sign of life that still holds says yes, unless the health page was asked since it and did not answer: an agent whose page is
    broken proves by its next sign that it lives. Without a sign the page says, while it was asked lately. An agent that has
    promised signs of life and gives none any more lives no longer. None: nothing tells.
    """
    health = agent.health
    page = agent.sources.get(PROBE)
    asked = page is not None and page.usable(at) and health.up is not None
    if asked and health.page_failed_at is not None and (health.heard_at or 0.0) < health.page_failed_at:
        return False
    if health.alive_until is not None and at <= health.alive_until:
        return True
    return health.up if asked else None if health.alive_until is None else False


def useful_at(agent: AgentState) -> float | None:
    """Unix time of the newest order, bet, escrow, signal or decision; before the first, when the agent was first heard.

    None of an agent of which nothing was ever heard.
    """
    return max(agent.health.last_action_at or 0.0, agent.last_fact_at) or agent.health.first_heard_at
