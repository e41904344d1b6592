"""The state as bytes and back: one body for each agent and one, under the empty name, for the fleet.

A restart thaws the newest snapshot and folds the facts after it; what comes out is what would have been there without
the restart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from fleawatch.flow.state import AgentState, FleetState

FLEET: Final = ""

_agent: Final = msgspec.msgpack.Decoder(AgentState)
_fleet: Final = msgspec.msgpack.Decoder(FleetState)
_encode: Final = msgspec.msgpack.Encoder().encode


def freeze(state: FleetState) -> dict[str, bytes]:
    """Every part of the state, encoded, by agent id; the fleet's own part under `FLEET`."""
    bodies = {agent_id: _encode(agent) for agent_id, agent in state.agents.items()}
    bodies[FLEET] = _encode(msgspec.structs.replace(state, agents={}, happened=[], repeated=0))
    return bodies


def thaw(bodies: Mapping[str, bytes]) -> FleetState:
    """The state that `freeze` encoded.

    Raises:
        ValueError: the bodies are not of this release's shape.
    """
    try:
        state = _fleet.decode(bodies[FLEET])
        state.agents = {name: _agent.decode(body) for name, body in sorted(bodies.items()) if name != FLEET}
    except (KeyError, msgspec.DecodeError) as error:
        raise ValueError(f"the snapshot was of another shape: {error}") from None
    _complete(state)
    return state


def _complete(state: FleetState) -> None:
    """Say what earlier releases left unsaid; fields that they did not have are as in a new state."""
    for escrow_id in state.in_transit:
        state.in_transit_since.setdefault(escrow_id, state.at)
    for agent in state.agents.values():
        control = agent.control
        if not control.epoch and control.lease_until is None and control.limits is None:
            control.epoch = None
