"""Whether the fleet's money is conserved, as numbers that say how far they can be trusted."""

from __future__ import annotations

import math

import msgspec

from fleawatch.flow.conservation import BOOKKEEPERS, fleet_residual
from fleawatch.flow.state import FleetState
from fleawatch.web.number import Number, Standing, partly
from fleawatch.web.standing import Standings


class Conserved(msgspec.Struct, frozen=True):
    """Money of the fleet that no fact explains, USD: 0 on clean books, positive = money appeared.

    Attributes:
        residual: both others as one.
        books: the agents' own residuals as one.
        between_agents: what two sides of payments and escrows inside the fleet do not agree on.
        in_transit: what the fleet's NAV adds to its agents' equity for escrows of which one side was seen.
    """

    residual: Number
    books: Number
    between_agents: Number
    in_transit: Number


def conserved(state: FleetState, at: float, max_age_s: float) -> Conserved:
    """The residual of the fleet at `at`. Unknown while a book is, and as last read while one was not read anew."""
    found = fleet_residual(state)
    standing = _standing(state, at, max_age_s)
    why = "; ".join(found.reasons[:_NAMED]) + (f" and {more} more" if (more := len(found.reasons) - _NAMED) > 0 else "")
    return Conserved(
        residual=standing.number(found.total, why),
        books=standing.number(found.books, why),
        between_agents=standing.number(found.between, why),
        in_transit=standing.number(math.fsum(state.in_transit.values())),
    )


_NAMED = 3


def _standing(state: FleetState, at: float, max_age_s: float) -> Standing:
    """How far all books together can be trusted: as far as the oldest of them."""
    oldest, stale = math.inf, []
    for agent_id, agent in sorted(state.agents.items()):
        standings = Standings(agent, at, max_age_s)
        for service in BOOKKEEPERS:
            if service in agent.profile.collectors:
                one = standings.collector(service)
                if one.as_of is not None:
                    oldest = min(oldest, one.as_of)
                    stale += [agent_id] if one.freshness != "fresh" else []
    reason = partly(stale, [])
    return Standing("fleet", None if oldest == math.inf else oldest, "stale" if reason else "fresh", reason)
