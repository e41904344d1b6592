"""The state as bytes and back: one body for each agent and one, under the empty name, for the fleet.

A restart thaws the newest snapshot and folds the facts after it; what comes out is what would have been there without
the restart. The fleet's body also names every field that the snapshot holds, so that a release with other fields
refuses it rather than starting some sum at 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from fleawatch.flow.limitbook import LimitBook, book_of
from fleawatch.flow.shape import shape_of
from fleawatch.flow.state import AgentState, FleetState

FLEET: Final = ""

_SHAPE: Final = shape_of(FleetState)
_HELD: Final = sorted(_SHAPE)
_NAMED: Final = 3

_agent: Final = msgspec.msgpack.Decoder(AgentState)
_fleet: Final = msgspec.msgpack.Decoder(FleetState)
_marked: Final = msgspec.msgpack.Decoder(tuple[frozenset[str], list[str], msgspec.Raw])
_encode: Final = msgspec.msgpack.Encoder().encode


def freeze(state: FleetState) -> dict[str, bytes]:
    """Every part of the state, encoded, by agent id; the fleet's own part and the shape of it all under `FLEET`."""
    bodies = {agent_id: _encode(agent) for agent_id, agent in state.agents.items()}
    # The order in which agents came decides the order of what follows from a Tick, so it must survive a restart.
    kept = msgspec.structs.replace(state, agents={}, happened=[], repeated=0, refused={}, limits=LimitBook())
    bodies[FLEET] = _encode((_HELD, list(state.agents), kept))
    return bodies


def thaw(bodies: Mapping[str, bytes], *, exact: bool = False) -> FleetState:
    """The state that `freeze` encoded.

    A field that an older release did not have yet starts at its default, unless `exact` refuses that as well: facts
    that are folded again from there would be counted from another moment than they were live.

    Raises:
        ValueError: the bodies hold something that this release does not, or lack what it needs.
    """
    try:
        held, order, body = _marked.decode(bodies[FLEET])
        _compare(held, exact=exact)
        state = _fleet.decode(body)
        state.limits = book_of(state.rules)
        state.agents = {name: _agent.decode(bodies[name]) for name in order}
    except (KeyError, msgspec.DecodeError) as error:
        raise ValueError(f"the snapshot was of another shape: {error}") from None
    return state


def _compare(held: frozenset[str], *, exact: bool) -> None:
    if held - _SHAPE:
        raise ValueError(f"the snapshot was of another shape: it holds {_named(held - _SHAPE)}, this release does not")
    if exact and _SHAPE - held:
        raise ValueError(f"the snapshot was of another shape: it lacks {_named(_SHAPE - held)}")


def _named(lines: Iterable[str]) -> str:
    names = sorted(lines)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
