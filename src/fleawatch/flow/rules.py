"""The policy that a state carries: rules are declared by a fact, so live, restart and replay judge by the same ones."""

from __future__ import annotations

import msgspec

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import RulesDeclared
from fleawatch.flow.halting.settings import halting_policy
from fleawatch.flow.policy import Limits, Policy
from fleawatch.flow.routing.settings import RoutingPolicy
from fleawatch.flow.state import FleetState

_WATCHING = Policy()
_routing = msgspec.json.Decoder(RoutingPolicy)


class RulesInForce:
    """Gives the policy of a state, made anew only when other rules were declared."""

    def __init__(self) -> None:
        self._rules: RulesDeclared | None = None
        self._policy = _WATCHING

    def policy(self, fleet: FleetState) -> Policy:
        """What the fleet is judged by now: nothing before any rules were declared."""
        if fleet.rules is not self._rules:
            self._rules = fleet.rules
            self._policy = _WATCHING if fleet.rules is None else policy_of(fleet.rules)
        return self._policy


def policy_of(rules: RulesDeclared) -> Policy:
    """The policy that a declaration means. Alerts that this release does not know are left out.

    Raises:
        ValueError: a limit is not in the catalog, or the routing is not of this release's shape.
    """
    changed: dict[str, dict[str, Limits]] = {"fleet": {}, "strategy": {}, "agent": {}}
    for one in rules.limits:
        changed[one.scope][one.target] = {**one.limits, **dict.fromkeys(one.off)}
    return Policy(
        alerts=tuple(CATALOG.alerts[name] for name in rules.alerts if name in CATALOG.alerts),
        limits=changed["fleet"].get("", {}),
        strategy_limits=changed["strategy"],
        agent_limits=changed["agent"],
        routing=_routing.decode(rules.routing) if rules.routing else RoutingPolicy(),
        halting=halting_policy(rules.halting),
    )


def routing_text(routing: RoutingPolicy) -> str:
    """A routing policy as the text that a declaration carries; the same policy gives the same text."""
    return msgspec.json.encode(routing, enc_hook=dict, order="sorted").decode()
