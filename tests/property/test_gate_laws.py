"""Laws of the gate: what may never happen, whatever comes in whatever order."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fleawatch.events import BalanceRead, BetSettled, DepositCredited
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import step
from fleawatch.sdk.gate.admission import Admission
from fleawatch.sdk.gate.answer import SEVERITY, Order
from fleawatch.sdk.gate.control import Control, Permission
from fleawatch.sdk.gate.core import Core
from fleawatch.sdk.gate.guard import Baseline, Guard
from fleawatch.sdk.gate.statefile import Saved, StateFile
from fleawatch.sdk.lease.document import Baselines, HaltOrder, Lease
from fleawatch.sdk.timing import ManualTiming

TTL_S = 60.0
ORDER = Order(notional_usd=1.0)


@given(
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 100)), max_size=200),
    st.integers(1, 20),
    st.floats(1, 500),
)
def test_no_minute_holds_more_than_its_limits(orders, rate, notional):
    """Over every stretch of sixty seconds, wherever it begins."""
    admission = Admission()
    admission.limit({"order_rate": rate, "notional_rate": notional})
    now, sent = 1_000.0, []
    for pause, size in orders:
        now += pause
        if admission.admit(now, size) is None:
            sent.append((now, size))
    for begin, _ in sent:
        minute = [size for at, size in sent if begin <= at <= begin + 60.0]
        assert len(minute) <= rate
        assert sum(minute) <= notional * (1 + 1e-9)


@given(
    st.lists(
        st.tuples(st.sampled_from(["balance", "deposit", "bet"]), st.integers(1, 2_000), st.booleans()), max_size=60
    )
)
def test_the_gate_has_the_numbers_of_the_monitor(steps):
    """The same facts give the same drawdown and daily loss in the agent and in the monitor, flows included."""
    guard, fleet, at = Guard("a-1"), empty_fleet(), 1_800_057_600.0
    for number, (kind, amount, up) in enumerate(steps):
        at += 60.0
        common = {"fact_id": f"t:{number}", "agent_id": "a-1", "at": at, "seen_at": at, "source": "sdk"}
        if kind == "balance":
            money = Decimal(amount)
            fact = BalanceRead(**common, service="casino", currency="USDC", amount=money, value_usd=money)
        elif kind == "deposit":
            fact = DepositCredited(**common, service="casino", amount_usd=Decimal(amount))
        else:
            payout = Decimal(amount if up else 0)
            fact = BetSettled(**common, bet_id=f"b{number}", game="dice", stake=Decimal(amount) / 2, payout=payout)
        guard.take(fact, at)
        fleet, _ = step(fleet, fact, Policy())
        performance = fleet.agents["a-1"].performance
        assert guard.daily_loss() == performance.daily.loss()
        if performance.nav.total_losses:
            assert guard.drawdown() == 1.0
            return
        drawdown = performance.drawdowns["all_time"].current()
        assert guard.drawdown() == (None if drawdown is None else pytest.approx(drawdown))


class GateMachine(RuleBasedStateMachine):
    """A gate, its service, an operator, an enemy on the line, kills, and clocks that jump.

    The model knows only acts: which closings the service had heard of when it resumed, and when permission ends.
    """

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "gate.json"
        self.timing = ManualTiming()
        self.numbers = count(1)
        self.service_epoch, self.service_state, self.issued_at = 1, "active", 0.0
        self.closings, self.known_to_service = 0, 0
        self.leases, self.permitted_until = [], -1.0
        self.taken_epoch, self.authorised = 0, {}
        self.delivered = []
        self.core = None
        self.latched = "active"

    @initialize()
    def start(self):
        self.load()

    def load(self):
        file = StateFile(self.path, "a-1")
        saved = file.load() or Saved(agent_id="a-1", control=Control(), baseline=Baseline())
        self.core = Core(saved, {}, Permission("reducing", needed=True), file, self.timing)
        self.permitted_until = -1.0

    def teardown(self):
        self.folder.cleanup()

    def issue(self, *, rebase=False):
        self.issued_at += 1.0
        halt = HaltOrder("h", "halt") if self.service_state == "halted" else None
        base = Baselines(peak_nav=1.0, nav=1.0) if rebase else None
        lease = Lease(
            agent_id="a-1", epoch=self.service_epoch, state=self.service_state, issued_at=self.issued_at, ttl_s=TTL_S,
            halt=halt, baselines=base,
        )  # fmt: skip
        self.leases.append(lease)
        return lease

    def deliver(self, lease, asked, *, pushed):
        newest = max((one.issued_at for one in self.delivered), default=0.0)
        outcome = self.core.take_lease(lease, asked, pushed=pushed)
        if lease.issued_at > newest and outcome != "lapsed":
            self.permitted_until = asked + TTL_S
            self.taken_epoch = max(self.taken_epoch, lease.epoch)
            self.delivered.append(lease)
        self.note_closing()
        return outcome

    def note_closing(self):
        """Count a closing that this gate decided by itself."""
        state = self.core.control.latch.state
        if SEVERITY[state] > SEVERITY[self.latched]:
            self.closings += 1
        self.latched = state

    @rule()
    def renew(self):
        self.deliver(self.issue(), self.timing.elapsed(), pushed=False)

    @rule(late=st.floats(0, 120))
    def renew_slowly(self, late):
        asked = self.timing.elapsed()
        lease = self.issue()
        self.timing.advance(late)
        self.deliver(lease, asked, pushed=False)

    @rule()
    def push(self):
        self.deliver(self.issue(), self.timing.elapsed(), pushed=True)

    @rule(state=st.sampled_from(["reducing", "halted"]), heard=st.booleans())
    def service_halts(self, state, heard):
        self.service_epoch += 1
        self.service_state = state
        if heard:
            self.deliver(self.issue(), self.timing.elapsed(), pushed=True)

    @rule(heard=st.booleans())
    def operator_resumes(self, heard):
        self.service_epoch += 1
        self.service_state = "active"
        self.authorised[self.service_epoch] = self.known_to_service
        lease = self.issue(rebase=True)
        if heard:
            self.deliver(lease, self.timing.elapsed(), pushed=False)

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), pushed=st.booleans())
    def enemy_replays(self, data, pushed):
        newest = max((one.issued_at for one in self.delivered), default=0.0)
        lease = data.draw(st.sampled_from(self.leases))
        if lease.issued_at <= newest:
            before = self.core.may_open(ORDER).allowed
            self.core.take_lease(lease, self.timing.elapsed(), pushed=pushed)
            assert self.core.may_open(ORDER).allowed <= before
            self.note_closing()

    @rule()
    def report_arrives(self):
        with self.core.lock:
            latch = self.core.control.latch
        self.known_to_service = self.closings
        self.core.heard(latch, self.service_epoch)
        self.deliver(self.issue(), self.timing.elapsed(), pushed=False)

    @rule(amount=st.sampled_from([1000, 990, 900, 840, 790, 500, 2000]))
    def balance(self, amount):
        self.timing.advance(0.5)
        at = self.timing.now()
        self.core.record(
            BalanceRead(
                fact_id=f"t:{next(self.numbers)}",
                agent_id="a-1",
                at=at,
                seen_at=at,
                source="sdk",
                service="trading",
                currency="USDC",
                amount=Decimal(amount),
                value_usd=Decimal(amount),
            )
        )
        self.note_closing()

    @rule()
    def somebody_halts(self):
        with self.core.lock:
            self.core.close("halted", "manual")
        self.note_closing()

    @rule(seconds=st.floats(0, 200))
    def time_passes(self, seconds):
        self.timing.advance(seconds)

    @rule(seconds=st.floats(-1e6, 1e6))
    def wall_clock_jumps(self, seconds):
        self.timing.at = max(0.0, self.timing.at + seconds)

    @rule()
    def saves(self):
        self.core.save()

    @rule()
    def killed_and_started(self):
        self.core.file.close()
        before = self.core.control.latch.state
        self.load()
        assert SEVERITY[self.core.control.latch.state] >= SEVERITY[before]
        self.latched = self.core.control.latch.state
        self.delivered = [one for one in self.delivered if one.issued_at <= self.core.control.issued_at]

    @invariant()
    def active_only_by_right(self):
        """Active means: permission runs, whoever resumed last knew of every closing, and the newest word is active.

        The order is asked about first: any other question would bring the gate up to date.
        """
        if self.core is None or not self.core.may_open(ORDER).allowed:
            return
        assert self.timing.elapsed() < self.permitted_until
        known = max((number for epoch, number in self.authorised.items() if epoch <= self.taken_epoch), default=0)
        assert known >= self.closings
        newest = max(self.delivered, key=lambda one: (one.epoch, one.issued_at))
        assert newest.state == "active"
        assert self.core.may_close().allowed


def test_a_closing_after_a_resume_is_not_taken_for_the_one_before():
    """Closed, resumed, closed again as strictly, and killed before the state was written: the second closing counts."""
    machine = GateMachine()
    machine.start()
    machine.somebody_halts()
    machine.report_arrives()
    machine.saves()
    machine.operator_resumes(heard=False)
    machine.push()
    assert machine.core.may_open(ORDER).allowed
    machine.somebody_halts()
    machine.killed_and_started()
    machine.renew_slowly(late=0.0)
    assert not machine.core.may_open(ORDER).allowed
    machine.teardown()


GateMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestGateMachine = GateMachine.TestCase
