"""Rules travel in a fact: what a configuration means is what a replay judges by."""

from __future__ import annotations

import pytest

from fleawatch.events import LimitsOf, RulesDeclared
from fleawatch.flow.policy import Policy
from fleawatch.flow.routing.settings import Channel, MaintenanceWindow, RoutingPolicy
from fleawatch.flow.rules import RulesInForce, policy_of, routing_text
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import step

ROUTING = RoutingPolicy(
    channels=(Channel(name="oncall", kind="pagerduty"), Channel(name="team", kind="slack")),
    maintenance=(
        MaintenanceWindow(name="sunday", days=(6,), start_s=3_600.0, duration_s=7_200.0, matchers={"agent_id": "a-*"}),
    ),
    escalate_after_s=300.0,
)


def rules(**fields):
    """A declaration."""
    return RulesDeclared(fact_id="rules", agent_id="", at=1.0, seen_at=1.0, source="config", **fields)


def test_a_routing_policy_survives_its_text():
    """What is written is read back equal, and the same policy gives the same text."""
    assert policy_of(rules(routing=routing_text(ROUTING))).routing == ROUTING
    assert routing_text(ROUTING) == routing_text(policy_of(rules(routing=routing_text(ROUTING))).routing)


def test_limits_of_each_scope_are_in_force():
    """The fleet's, a strategy's and an agent's, and those that are off."""
    declared = rules(
        limits=(
            LimitsOf(scope="fleet", limits={"drawdown_halt": 0.3}),
            LimitsOf(scope="strategy", target="grid", off=("drawdown_halt",)),
            LimitsOf(scope="agent", target="a", limits={"drawdown_halt": 0.1}),
        )
    )
    policy = policy_of(declared)
    assert policy.limit("drawdown_halt", "b", "other") == 0.3
    assert policy.limit("drawdown_halt", "b", "grid") is None
    assert policy.limit("drawdown_halt", "a", "grid") == 0.1


def test_an_alert_of_another_release_is_left_out():
    """What this release does not know it cannot judge."""
    policy = policy_of(rules(alerts=("PFDrawdownHalt", "PFFromTomorrow")))
    assert [alert.name for alert in policy.alerts] == ["PFDrawdownHalt"]


def test_the_newest_declaration_is_in_force():
    """Before the first one nothing is judged."""
    state, in_force = empty_fleet(), RulesInForce()
    assert in_force.policy(state).alerts == ()
    state, _ = step(state, rules(alerts=("PFDrawdownHalt",)), Policy())
    assert len(in_force.policy(state).alerts) == 1
    assert in_force.policy(state) is in_force.policy(state)


def test_a_routing_of_another_shape_is_refused():
    """It is never half understood."""
    with pytest.raises(ValueError, match="channels"):
        policy_of(rules(routing='{"channels": 3}'))
