"""Fold one fact into the state: the only place where state changes.

Each family of facts has a module; this one finds the handler of a fact by its type. Handlers get the fleet, the agent,
the fact and the time at which it is booked, and change what they own. A fact that changes nothing is counted under the
reason why.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from fleawatch.events import Event
from fleawatch.flow.fold import amended, conduct, control, escrow, ledger, play, profile, readings, trading, wallet
from fleawatch.flow.fold.equity import ignore, remember
from fleawatch.flow.fold.profile import agent_of
from fleawatch.flow.state import AgentState, FleetState

Handler = Callable[[FleetState, AgentState, Any, float], None]
FleetHandler = Callable[[FleetState, Any], None]

RECENT: Final = 128
"""Facts of an agent that are remembered by id. The store keeps every fact once; this also holds where there is none."""

_FLEET_HANDLERS: Final[dict[type[Event], FleetHandler]] = {
    **profile.HANDLERS,
    **readings.FLEET_HANDLERS,
    **control.FLEET_HANDLERS,
}
_LEVELS: Final[dict[type[Event], Handler]] = {
    **ledger.HANDLERS,
    **trading.LEVEL_HANDLERS,
    **wallet.LEVEL_HANDLERS,
    **play.LEVEL_HANDLERS,
    **readings.HANDLERS,
}
"""Handlers of readings and of facts that know by themselves whether they are booked."""
_ONCE: Final[dict[type[Event], Handler]] = {
    **amended.HANDLERS,
    **play.HANDLERS,
    **trading.HANDLERS,
    **escrow.HANDLERS,
    **wallet.HANDLERS,
    **conduct.HANDLERS,
    **control.HANDLERS,
}
"""Handlers of facts that would count again."""
_AGENT_HANDLERS: Final[dict[type[Event], tuple[Handler, bool]]] = {
    **{kind: (handler, False) for kind, handler in _LEVELS.items()},
    **{kind: (handler, True) for kind, handler in _ONCE.items()},
}


def fold(fleet: FleetState, event: Event) -> FleetState:
    """Book one fact. Deterministic; changes `fleet` in place and returns it.

    `fleet.happened` afterwards holds what this fact brought to light.
    """
    if fleet.happened:
        fleet.happened.clear()
    kind = type(event)
    tag = kind.__struct_config__.tag
    fleet.facts[tag] = fleet.facts.get(tag, 0) + 1  # type: ignore[index, arg-type]  # every kind has a text tag
    found = _AGENT_HANDLERS.get(kind)
    if found is None:
        handler = _FLEET_HANDLERS.get(kind)
        if handler is not None:
            handler(fleet, event)
        return fleet
    agent = fleet.agents.get(event.agent_id) or agent_of(fleet, event)
    if agent is None:
        return fleet
    agent.seen_at = max(agent.seen_at, event.seen_at)
    agent_handler, once = found
    if once and not remember(agent.recent, event.fact_id, RECENT):
        ignore(fleet, "repeated")
        return fleet
    agent_handler(fleet, agent, event, _booked_at(fleet, agent, event))
    return fleet


def _booked_at(fleet: FleetState, agent: AgentState, event: Event) -> float:
    """When to book a fact: when it happened, or, if that grid point is closed already, when it was seen.

    Nothing happens after it was seen: a clock that runs ahead would otherwise age every window.
    """
    at, seen_at = event.at, event.seen_at
    if at > seen_at:
        return seen_at
    grid = agent.performance.grid
    due = grid.due
    if at < due - grid.step and due != math.inf:
        fleet.late += 1
        return seen_at
    return at
