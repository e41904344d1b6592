"""The limits by which the fold itself counts: what is an anomaly, a raised stake, a large result.

The rules in force tell them (`RulesDeclared`), by the same precedence as for alerts: the agent's own, those declared for it by
themselves (`LimitsDeclared`), its strategy's, the fleet's, the catalog's. All are facts, so that a replay counts as the
service did. An agent has no part in them: they are none of those it is held to.
"""

from __future__ import annotations

from typing import Final

from fleawatch.catalog import limits
from fleawatch.catalog.spec import Limit
from fleawatch.flow.state import AgentState, FleetState

COUNTED_BY: Final = frozenset(
    limit.name
    for limit in (
        limits.ANOMALY_Z,
        limits.ANOMALY_RETURN,
        limits.ANOMALY_TRADE,
        limits.REGIME_VARIANCE,
        limits.REGIME_VARIANCE_CLEAR,
        limits.REGIME_MEAN,
        limits.REGIME_MEAN_CLEAR,
        limits.LARGE_RESULT,
        limits.STAKE_FACTOR,
        limits.AGAINST_SIGNAL_ORDERS,
        limits.SILENCE,
    )
)
"""Names of those limits."""

_DEFAULTS: Final = {limit.name: limit.default for limit in limits.LIMITS if limit.default is not None}


def limit_of(fleet: FleetState, agent: AgentState, limit: Limit) -> float | None:
    """A limit as it is in force for the agent. None: it is switched off, and nothing counts by it."""
    return fleet.limits.limit(limit.name, agent.agent_id, agent.profile.strategy, agent.control.declared)


def differing(agent: AgentState) -> int | None:
    """How many limits the agent enforces otherwise than declared. None until both have been told.

    One that is declared and that the agent does not name differs; one that only the agent names differs unless it is
    as the catalog has it.
    """
    declared, enforced = agent.control.declared, agent.control.limits
    if declared is None or enforced is None:
        return None
    names = (declared.keys() | enforced.keys()) - COUNTED_BY
    return sum(not _same(declared.get(name, _DEFAULTS.get(name)), enforced.get(name)) for name in names)


def _same(wanted: float | None, enforced: float | None) -> bool:
    if wanted is None or enforced is None:
        return False
    return abs(wanted - enforced) <= 1e-9 * max(abs(wanted), abs(enforced))
