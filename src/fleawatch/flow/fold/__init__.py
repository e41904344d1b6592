"""Fold one fact into the state: the only place where state changes.

Each family of facts has a module; this one finds the handler of a fact by its type. Handlers get the fleet, the agent
and the fact, and change what they own. A fact that changes nothing is counted under the reason why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fleawatch.events import Event
from fleawatch.flow.fold import conduct, control, escrow, ledger, play, profile, readings, trading, wallet
from fleawatch.flow.fold.profile import agent_of
from fleawatch.flow.state import AgentState, FleetState

Handler = Callable[[FleetState, AgentState, Any], None]

_AGENT_HANDLERS: Final[dict[type[Event], Handler]] = {
    **ledger.HANDLERS,
    **play.HANDLERS,
    **trading.HANDLERS,
    **escrow.HANDLERS,
    **wallet.HANDLERS,
    **readings.HANDLERS,
    **conduct.HANDLERS,
    **control.HANDLERS,
}


def fold(fleet: FleetState, event: Event) -> FleetState:
    """Book one fact. Deterministic; changes `fleet` in place and returns it.

    `fleet.happened` afterwards holds what this fact brought to light.
    """
    if fleet.happened:
        fleet.happened.clear()
    kind = type(event)
    name = kind.__struct_config__.tag
    fleet.facts[name] = fleet.facts.get(name, 0) + 1  # type: ignore[index, arg-type]  # every kind has a text tag
    fleet_handler = profile.HANDLERS.get(kind) or readings.FLEET_HANDLERS.get(kind)
    if fleet_handler is not None:
        fleet_handler(fleet, event)
        return fleet
    agent = fleet.agents.get(event.agent_id) or agent_of(fleet, event)
    if agent is None:
        return fleet
    agent.seen_at = max(agent.seen_at, event.seen_at)
    handler = _AGENT_HANDLERS.get(kind)
    if handler is not None:
        handler(fleet, agent, event)
    return fleet
