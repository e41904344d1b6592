"""A gate with a service: what leases allow, what opens the gate again, and what never does."""

from __future__ import annotations

import pytest

from fleawatch import Order
from fleawatch.sdk.gate.control import Latch
from fleawatch.sdk.lease.document import Ramp

ORDER = Order(notional_usd=100)


def reason(gate):
    return gate.may_open(ORDER).reason


def report(gate, epoch):
    """The service hears how the gate stands, and answers with its epoch."""
    told, latch = gate.standing()
    gate.heard(latch, epoch)
    return told


def test_before_the_first_lease_the_gate_only_closes(bench):
    """Nobody has said yet that it may trade."""
    gate = bench.leased()
    assert reason(gate) == "no_lease_yet"
    assert gate.may_close(ORDER)
    assert bench.grant(gate) == "adopted"
    assert reason(gate) == "ok"
    assert gate.epoch == 1


@pytest.mark.parametrize(("lost", "closing"), [("reducing", True), ("halted", False)])
def test_a_lease_that_runs_out_closes_the_gate_by_itself(bench, lost, closing):
    """Counted on the pace clock: whatever happens to the wall clock, and with nothing else running."""
    gate = bench.leased(lease_lost=lost)
    bench.grant(gate, ttl_s=60.0)
    bench.timing.at -= 1e6
    bench.timing.passed += 59.9
    assert reason(gate) == "ok"
    bench.timing.passed += 0.1
    answer = gate.may_open(ORDER)
    assert (answer.reason, answer.state) == ("lease_lost", lost)
    assert gate.may_close(ORDER).allowed is closing
    bench.grant(gate)
    assert reason(gate) == "ok"


def test_time_counts_from_the_question(bench):
    """An answer that took long is no longer permission."""
    gate = bench.leased()
    asked = gate.elapsed()
    bench.timing.advance(100.0)
    gate.take_lease(bench.lease(), asked, pushed=False)
    assert reason(gate) == "lease_lost"


def test_a_lease_is_believed_ten_minutes_at_most(bench):
    """Whatever it says."""
    gate = bench.leased()
    bench.grant(gate, ttl_s=1e9)
    bench.timing.advance(600.0)
    assert reason(gate) == "lease_lost"


def test_what_was_pushed_to_a_sleeping_process_renews_nothing(bench):
    """After a gap the line has to ask anew."""
    gate = bench.leased()
    bench.grant(gate)
    bench.timing.advance(61.0)
    assert bench.grant(gate, pushed=True) == "lapsed"
    assert reason(gate) == "lease_lost"
    assert bench.grant(gate) == "renewed"
    assert bench.grant(gate, pushed=True) == "renewed"


def test_leases_of_an_older_epoch_or_sent_again_are_ignored(bench):
    """They neither open a gate nor keep it open."""
    gate = bench.leased()
    old = bench.lease(epoch=3)
    gate.take_lease(old, gate.elapsed(), pushed=False)
    bench.grant(gate, epoch=4, state="halted", halt="halt")
    assert gate.take_lease(old, gate.elapsed(), pushed=False) == "older_epoch"
    resumed = bench.lease(epoch=5)
    gate.take_lease(resumed, gate.elapsed(), pushed=False)
    bench.timing.advance(61.0)
    assert gate.take_lease(resumed, gate.elapsed(), pushed=False) == "replayed"
    assert reason(gate) == "lease_lost"


@pytest.mark.parametrize(
    ("mode", "state", "opens", "closes", "pays"),
    [
        ("reduce", "reducing", False, True, True),
        ("halt", "halted", False, False, False),
        ("flatten", "halted", False, True, False),
        ("freeze_payments", "active", True, True, False),
    ],
)
def test_each_mode_of_a_halt(bench, mode, state, opens, closes, pays):
    """What the service orders is obeyed, even if the lease's state is laxer than its halt."""
    gate = bench.leased()
    bench.grant(gate, epoch=2, halt=mode)
    answers = [gate.may_open(ORDER), gate.may_close(ORDER), gate.may_pay()]
    assert [answer.allowed for answer in answers] == [opens, closes, pays]
    assert gate.status().state == state
    assert gate.standing()[0].halt_id == "h-1"


def test_an_order_of_the_service_grows_only_stricter_within_an_epoch(bench):
    """Opening takes a newer epoch."""
    gate = bench.leased()
    bench.grant(gate, epoch=2, state="reducing")
    bench.grant(gate, epoch=2, state="active")
    assert reason(gate) == "ordered"
    bench.grant(gate, epoch=2, state="halted")
    assert gate.may_close(ORDER).reason == "ordered"
    bench.grant(gate, epoch=3, state="active")
    assert reason(gate) == "ok"


def test_a_resume_opens_only_what_the_service_knew_of(bench):
    """A resume that was on its way when the gate closed by itself does not open it."""
    gate = bench.leased()
    bench.grant(gate, epoch=1)
    gate.halt("me")
    assert bench.grant(gate, epoch=2) == "adopted"
    assert reason(gate) == "manual"
    assert report(gate, epoch=2).state == "halted"
    assert bench.grant(gate, epoch=2) == "renewed"
    assert reason(gate) == "manual"
    assert bench.grant(gate, epoch=3) == "resumed"
    assert reason(gate) == "ok"


def test_a_report_of_an_older_closing_is_no_report_of_the_newer_one(bench):
    """What the service heard must be what is latched now."""
    gate = bench.leased()
    bench.grant(gate, epoch=1)
    with gate._core.lock:
        gate._core.close("reducing", "belt_error")
    _, latch = gate.standing()
    gate.halt("me")
    gate.heard(latch, 1)
    assert bench.grant(gate, epoch=2) == "adopted"
    assert reason(gate) == "manual"
    gate.heard(Latch(), 9)
    assert bench.grant(gate, epoch=3) == "adopted"


def test_a_resumed_gate_closes_again_while_the_limit_is_breached(bench):
    """Limits are levels: only a rebase, which the lease's peak shows, measures from here."""
    gate = bench.leased()
    bench.grant(gate, epoch=1)
    for amount in (1000, 790):
        gate.record(bench.balance(amount))
    report(gate, epoch=1)
    assert bench.grant(gate, epoch=2, peak=1.0, nav=0.79) == "resumed"
    assert reason(gate) == "drawdown_halt"
    report(gate, epoch=2)
    assert bench.grant(gate, epoch=3, peak=0.79, nav=0.79) == "resumed"
    assert reason(gate) == "ok"
    assert gate.status().drawdown == 0.0


def test_only_the_service_resumes_a_gate_that_has_one(bench):
    """A local resume is refused with the reason why."""
    gate = bench.leased()
    bench.grant(gate)
    gate.halt("me")
    assert gate.resume("try", "me").reason == "service_decides"


def test_a_peak_from_before_the_agent_was_started_travels_in_the_lease(bench):
    """A young belt does not forget a drawdown that the service knows."""
    gate = bench.leased()
    bench.grant(gate, peak=2.0, nav=1.8)
    gate.record(bench.balance(1000))
    assert gate.status().drawdown == pytest.approx(0.1)
    gate.record(bench.balance(880))
    assert gate.status().drawdown == pytest.approx(1 - 0.9 * 0.88)
    assert reason(gate) == "drawdown_halt"


def test_the_services_numbers_are_anchored_once(bench):
    """Later the two belts are read at different moments, and a peak must not creep up by that."""
    gate = bench.leased()
    gate.record(bench.balance(1000))
    bench.grant(gate, peak=1.0, nav=1.0)
    gate.record(bench.balance(1100))
    gate.record(bench.balance(1050))
    bench.grant(gate, peak=1.1, nav=0.9)
    assert gate.status().drawdown == pytest.approx(1 - 1050 / 1100)


def test_the_days_equity_of_the_service_is_used_until_the_agent_has_its_own(bench):
    """A loss before the first balance is a share of something; the first result is what the day is counted from."""
    gate = bench.leased()
    bench.grant(gate, day_start=1000.0)
    gate.record(bench.bet(-10))
    gate.record(bench.bet(-101))
    assert reason(gate) == "daily_loss_ratio"


def test_limits_of_the_lease_are_in_force_and_the_agents_own_are_bounds(bench):
    """The service replaces defaults; what the agent named it can tighten and not loosen."""
    gate = bench.leased(limits={"order_notional": 500.0, "balance_exhausted": 50.0, "order_rate": None})
    limits = {
        "drawdown_halt": 0.5,
        "order_notional": 900.0,
        "balance_exhausted": 80.0,
        "order_rate": 7,
        "notional_rate": None,
    }
    bench.grant(gate, limits=limits)
    found = gate.status().limits
    assert found["drawdown_halt"] == 0.5
    assert found["order_notional"] == 500.0
    assert found["balance_exhausted"] == 80.0
    assert found["order_rate"] == 7.0
    assert "notional_rate" not in found
    assert gate.standing()[0].limits == found


@pytest.mark.parametrize(
    "limits", [{"sharpe_low": 1.0}, {"drawdown_halt": -1}, {"drawdown_halt": "x"}, {"order_rate": True}]
)
def test_an_unknown_limit_reduces_until_it_is_gone(bench, limits):
    """A limit that is believed to hold and does not is worse than none: it is refused, reported, and not applied."""
    gate = bench.leased()
    bench.grant(gate, limits={**limits, "drawdown_warning": 0.05})
    assert reason(gate) == "unknown_limit"
    told, _ = gate.standing()
    assert told.unknown_limits == tuple(limits)
    assert told.limits["drawdown_warning"] == 0.05
    bench.grant(gate, limits={})
    assert reason(gate) == "ok"


def test_a_ramp_caps_orders_for_a_period(bench):
    """Measured from the lease's own time, on the pace clock."""
    gate = bench.leased()
    bench.grant(gate, ttl_s=600.0, issued_at=50.0, ramp=Ramp(until=150.0, max_notional_usd=20.0))
    assert reason(gate) == "ramp"
    assert gate.may_open(Order(notional_usd=20))
    bench.timing.advance(100.0)
    assert reason(gate) == "ok"


def test_a_restart_keeps_orders_epoch_and_limits_and_waits_for_a_lease(bench):
    """What the service said survives; permission does not."""
    gate = bench.leased()
    bench.grant(gate, epoch=7, state="halted", halt="halt", limits={"order_rate": 3})
    gate.close()
    gate = bench.leased()
    assert (gate.epoch, gate.may_close(ORDER).reason) == (7, "ordered")
    assert gate.status().limits["order_rate"] == 3.0
    assert bench.grant(gate, epoch=6) == "older_epoch"
    assert bench.grant(gate, epoch=7) == "renewed"
    assert gate.may_close(ORDER).reason == "ordered"
    assert bench.grant(gate, epoch=8) == "adopted"
    assert reason(gate) == "ok"


def test_a_state_that_cannot_be_read_needs_a_resume_by_the_service(bench):
    """The first lease of a gate that knows no epoch is no resume."""
    bench.path.write_text("{")
    gate = bench.leased()
    assert bench.grant(gate, epoch=9) == "adopted"
    assert gate.may_close(ORDER).reason == "state_unreadable"
    report(gate, epoch=9)
    assert bench.grant(gate, epoch=10) == "resumed"
    assert reason(gate) == "ok"
