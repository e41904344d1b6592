"""The limits by which the fold itself counts: what is an anomaly, a raised stake, a large result.

The operator declares them for an agent as a fact (`LimitsDeclared`), so that a replay counts as the service did; what is
not declared is as the catalog has it. An agent has no part in them: they are none of those it is held to.
"""

from __future__ import annotations

from typing import Final

from fleawatch.catalog import limits
from fleawatch.catalog.spec import Limit
from fleawatch.flow.state import AgentState

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
    )
)
"""Names of those limits."""

_DEFAULTS: Final = {limit.name: limit.default for limit in limits.LIMITS if limit.default is not None}


def limit_of(agent: AgentState, limit: Limit) -> float:
    """A limit as it is declared for the agent, else as the catalog has it."""
    declared = agent.control.declared
    if declared is not None and limit.name in declared:
        return declared[limit.name]
    return _DEFAULTS[limit.name]


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
