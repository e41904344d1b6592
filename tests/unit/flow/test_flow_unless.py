"""Conditions with a bar: what is known to be barred does not hold, and silence bars nothing."""

from __future__ import annotations

import pytest

from fleawatch.catalog import gate, orders
from fleawatch.catalog.api import REQUESTS
from fleawatch.catalog.declare import alert
from fleawatch.catalog.describe import describe
from fleawatch.catalog.tree import relax, walk
from fleawatch.events import ApiCall, GateChanged, MarketTick
from fleawatch.flow.lifecycle import firing
from fleawatch.flow.policy import Policy
from fleawatch.testing.belt import Belt

AGENT = "a-1"
OLD = orders.MARKET_DATA_AGE.where() > 60.0
HALTED = gate.STATE.where(state="halted").equals(1)
CALLS = REQUESTS.where().increase(300).sum("agent_id", "endpoint") > 2.0


def belt_with(condition):
    judged = alert("PFTest", "warning", condition, family="liveness", summary="s", description="d")
    return Belt(policy=Policy(alerts=(judged,)))


def stale(condition, gate_state):
    """Whether the condition holds of an agent with old prices whose gate is in this state, or was never heard of."""
    belt = belt_with(condition)
    belt.say(MarketTick, AGENT, market="BTC-USD", price=1)
    if gate_state:
        belt.say(GateChanged, AGENT, before="active", after=gate_state, reason="limit")
    belt.wait(61)
    return bool(list(firing(belt.fleet)))


@pytest.mark.parametrize(("state", "holds"), [("", True), ("active", True), ("reducing", True), ("halted", False)])
def test_only_a_bar_that_is_known_to_hold_bars(state, holds):
    """Missing and false are alike; a bar with labels of its own bars what shares the others."""
    assert stale(OLD.unless(HALTED), state) is holds


def test_a_bar_of_many_series_bars_those_that_it_names():
    """Series are joined on the labels that both sides have."""
    busy = REQUESTS.where(status_code="500").increase(300).sum("agent_id", "endpoint") > 2.0
    belt = belt_with(CALLS.unless(busy))
    belt.say(ApiCall, AGENT, endpoint="trade/open", method="POST", status_code="200", duration_s=0.1)
    for endpoint, code in (("trade/open", "500"), ("trade/close", "200")):
        for _ in range(3):
            belt.say(ApiCall, AGENT, endpoint=endpoint, method="POST", status_code=code, duration_s=0.1)
    belt.wait(15)
    assert [dict(one.labels)["endpoint"] for _, one in firing(belt.fleet)] == ["trade/close"]


def test_a_bar_is_part_of_the_tree():
    """It is walked, relaxed and told like any other part."""
    condition = OLD.unless(HALTED)
    assert HALTED in list(walk(condition))
    assert relax(condition, {}) == condition
    assert describe(condition) == f"{describe(OLD)} unless {describe(HALTED)}"
    assert describe((OLD & HALTED).unless(OLD | HALTED)).count("(") == 2
