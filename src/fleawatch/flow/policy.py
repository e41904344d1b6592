"""What a fleet is judged by: the alerts in force and the limits they compare with.

A limit is looked up for the agent first, then for its strategy, then for the fleet, then in the catalog. A policy is
made once, when a service starts or a backtest begins, and never changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from fleawatch.catalog import limits as declared
from fleawatch.catalog.spec import Alert
from fleawatch.flow.halting.settings import HaltingPolicy
from fleawatch.flow.routing.settings import RoutingPolicy

Limits = Mapping[str, float | None]
"""Limits by name, in the units of the catalog; None switches one off."""

_NONE: Final[Limits] = MappingProxyType({})
_BY_DEFAULT: Final[Limits] = MappingProxyType({limit.name: limit.default for limit in declared.LIMITS})


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """The rules in force.

    Attributes:
        alerts: those that are evaluated; none means that the fleet is only watched.
        limits: changed for the whole fleet.
        strategy_limits, agent_limits: changed for a strategy, or one agent.
        routing: who hears of alerts, and when.
        halting: how halts are carried out.

    Raises:
        ValueError: a limit is not in the catalog; every such name is listed.
    """

    alerts: tuple[Alert, ...] = ()
    limits: Limits = field(default_factory=lambda: _NONE)
    strategy_limits: Mapping[str, Limits] = field(default_factory=lambda: MappingProxyType({}))
    agent_limits: Mapping[str, Limits] = field(default_factory=lambda: MappingProxyType({}))
    routing: RoutingPolicy = field(default_factory=RoutingPolicy)
    halting: HaltingPolicy = field(default_factory=HaltingPolicy)

    def __post_init__(self) -> None:
        given = (self.limits, *self.strategy_limits.values(), *self.agent_limits.values())
        unknown = sorted({name for one in given for name in one} - set(_BY_DEFAULT))
        if unknown:
            raise ValueError(f"limits named {', '.join(unknown)}, which the catalog does not know")

    def limit(self, name: str, agent_id: str = "", strategy: str = "") -> float | None:
        """The value of a limit for an agent, or for the fleet without one; None while it is off.

        Raises:
            KeyError: the catalog has no such limit.
        """
        for scope in (self.agent_limits.get(agent_id, _NONE), self.strategy_limits.get(strategy, _NONE), self.limits):
            if name in scope:
                return scope[name]
        return _BY_DEFAULT[name]
