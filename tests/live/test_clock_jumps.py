"""Somebody sets a clock by hours, the service's or an agent's: leases go by a pace that nobody can set."""

from __future__ import annotations

import asyncio
import time

import pytest
from live_agents import Member, disobedient, until

from fleawatch import Gate, Order
from fleawatch.sdk.timing import SystemTiming
from fleawatch.service.acts import Order as Halt
from fleawatch.service.acts import RefusedActError, Release
from fleawatch.testing.lease_server import LeaseServer

pytestmark = pytest.mark.live

HOURS = 6 * 3_600.0
TTL_S = 3.0
TERMS = {"alerts": False, "margin_s": 4.0}
OFF = dict.fromkeys(("drawdown_warning", "drawdown_critical", "drawdown_halt", "drawdown_stop", "daily_loss_ratio"))
SMALL = Order(notional_usd=1)


class SetClock:
    """A clock that somebody sets by `by` seconds."""

    def __init__(self, inner):
        self._inner, self.by = inner, 0.0

    def now(self):
        return self._inner.now() + self.by

    def wall(self, seconds):
        return self._inner.wall(seconds)


class SetTiming(SystemTiming):
    """The time of day of an agent, set by `by` seconds; its pace is the machine's."""

    by = 0.0

    def now(self):
        return super().now() + self.by


async def set_by(directory, jump):
    """The service's clock is set while two agents trade; one is then halted, the other dies. What was seen."""
    seen = {}
    held, dead = Member("held", "obedient", stake=0.5), Member("dead", "obedient", stake=0.5)
    async with disobedient(
        directory, [held, dead], lease_ttl_s=TTL_S, limits=OFF, actuate=TERMS, interval_s=5.0, clock=SetClock
    ) as world:
        for member in (held, dead):
            world.start(member)
        await until(lambda: all(world.accepted(one.name) for one in (held, dead)))
        await until(lambda: not world.service.readiness(), 30)
        world.clock.by = jump
        told = len(held.said)
        await asyncio.sleep(2 * TTL_S)
        seen["after the jump"] = held.said[told:]
        seen["complaints"] = [str(one) for one in world.service.readiness()]
        await world.service.control.acts.halt(Halt("agent", "held", "halt", "manual", "ann"))
        await until(lambda: held.said[-1]["state"] == "halted", 5, "the halt did not reach its gate")
        told = len(held.said)
        dead.kill()
        await asyncio.sleep(2 * TTL_S)
        alerts = world.service.monitor.state.alerts
        await until(lambda: "PFGateLeaseLost" in alerts.get("dead", {}), 45, "nobody missed the dead agent's gate")
        seen["halted"] = held.said[told:]
        world.clock.by = 0.0
        told = len(held.said)
        await asyncio.sleep(2 * TTL_S)
        seen["set right"] = held.said[told:]
        seen["resumed"] = await world.facts("resumed")
        seen["confirmed"] = [one.at for one in await world.facts("halt_confirmed")]
        seen["orders"] = world.accepted("held", world.sandbox.clock.now() - 5 * TTL_S)
        try:
            await world.service.control.acts.resume(Release("agent", "held", "ann", "over"))
        except RefusedActError as error:
            seen["refused"] = [str(one) for one in error.problems]
        else:
            await until(lambda: held.trading, 15, "the resumed agent did not trade")
    return seen


@pytest.mark.parametrize("jump", [HOURS, -HOURS], ids=["forward", "back"])
def test_a_service_whose_clock_is_set_keeps_leases_and_halts(tmp_path, jump):
    """Who may trade goes on, a halt arrives and holds, a gate that is lost is missed, and no clock resumes anybody."""
    seen = asyncio.run(set_by(tmp_path, jump))
    assert seen["after the jump"]
    assert {(one["state"], one["reason"]) for one in seen["after the jump"]} == {("active", "ok")}
    assert any("was set back" in one for one in seen["complaints"]) == (jump < 0)
    for part in ("halted", "set right"):
        assert seen[part]
        assert {(one["state"], one["sent"]) for one in seen[part]} == {("halted", False)}
    assert (seen["resumed"], seen["orders"]) == ([], [])


@pytest.mark.parametrize("jump", [HOURS, -HOURS], ids=["forward", "back"])
def test_an_agent_whose_clock_is_set_keeps_its_lease_and_loses_it_in_time(jump):
    """Its wall clock lengthens no lease, ends none, and opens nothing that has run out."""
    timing = SetTiming()

    def wait(condition, seconds):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        return condition()

    with (
        LeaseServer("a-1", ttl_s=1.5) as server,
        Gate("a-1", service=server.url, state_file="memory:", timing=timing) as gate,
    ):
        assert wait(lambda: gate.may_open(SMALL).allowed, 10)
        timing.by = jump
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            assert gate.may_open(SMALL)
            time.sleep(0.02)
        server.change(mood="deaf")
        timing.by = -jump
        assert wait(lambda: not gate.may_open(SMALL).allowed, 3.0)
        for by in (0.0, jump, -jump, 2 * jump):
            timing.by = by
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                answer = gate.may_open(SMALL)
                assert (answer.allowed, answer.state, answer.reason) == (False, "reducing", "lease_lost")
                time.sleep(0.01)
        timing.by = 0.0
        server.change(mood="well")
        assert wait(lambda: gate.may_open(SMALL).allowed, 20)
        server.halt("h-1")
        assert wait(lambda: not gate.may_close(SMALL), 5)
        timing.by = jump
        time.sleep(2.0)
        assert gate.may_open(SMALL).state == "halted"
