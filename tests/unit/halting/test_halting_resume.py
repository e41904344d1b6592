"""When an agent may trade again, what a rebase changes and what it does not, and what is known before a halt."""

from decimal import Decimal

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import PositionOpened, PositionsRead
from fleawatch.events.trading import RestingOrder
from fleawatch.flow.halting import guard
from fleawatch.flow.halting.preflight import preflight, told
from fleawatch.flow.halting.resume import REMEDIES, Reason, may_resume
from fleawatch.flow.halting.settings import HaltingPolicy
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import AlertInstance
from fleawatch.testing.halted import HaltBelt


@pytest.fixture
def belt():
    """An agent that lost a quarter of its money today and is halted for it."""
    belt = HaltBelt(Policy(alerts=(), halting=HaltingPolicy()))
    belt.watch("a-1")
    belt.row("a-1", "deposit", 100)
    belt.wait(86_400)
    lose(belt, 25)
    belt.halt("a-1")
    return belt


def lose(belt, amount):
    belt.row("a-1", "stake", -amount)
    belt.end("a-1", settled=belt["a-1"].casino.staked_bets)
    belt.read("a-1")
    belt.wait(1)


def win(belt, amount):
    belt.row("a-1", "payout", amount)
    belt.end("a-1", settled=belt["a-1"].casino.staked_bets)
    belt.read("a-1")
    belt.wait(1)


def rebase(belt):
    belt.resume("a-1", rebase=True)


def test_while_the_limit_is_breached_a_resume_is_refused(belt):
    """Only a rebase gives it a new beginning; every refusal has a remedy."""
    assert may_resume(belt.fleet, "a-1", belt.policy) == "drawdown"
    assert may_resume(belt.fleet, "a-1", belt.policy, rebase=True) == "ok"
    assert set(REMEDIES) == set(Reason.__args__)


def test_a_day_of_losses_is_refused_until_midnight(belt):
    """Drawdown limits off, the day's loss still speaks; the next day it does not."""
    belt.policy = Policy(limits={"drawdown_critical": None, "drawdown_halt": None})
    assert may_resume(belt.fleet, "a-1", belt.policy) == "daily_loss"
    belt.wait(86_400)
    belt.read("a-1")
    assert may_resume(belt.fleet, "a-1", belt.policy) == "ok"


def test_nobody_is_resumed_on_old_numbers(belt):
    """Neither with nor without a rebase: what is not known is not well."""
    belt.fail("a-1")
    assert may_resume(belt.fleet, "a-1", belt.policy, rebase=True) == "inputs_stale"
    belt.read("a-1")
    belt.wait(3_600)
    assert may_resume(belt.fleet, "a-1", belt.policy, rebase=True) == "inputs_stale"


def test_who_is_not_halted_is_not_resumed(belt):
    """Nor who is not watched."""
    assert may_resume(belt.fleet, "nobody", belt.policy) == "unknown_agent"
    rebase(belt)
    assert may_resume(belt.fleet, "a-1", belt.policy) == "not_halted"


@pytest.mark.parametrize(
    ("name", "ago", "rebase", "reason"),
    [
        ("PFOrderLoop", 0, False, "alert_breached"),
        ("PFOrderLoop", 0, True, "alert_breached"),
        ("PFOrderLoop", 30, True, "ok"),
        ("PFDrawdownHalt", 0, True, "ok"),
        ("PFSharpeLow", 0, True, "ok"),
    ],
)
def test_an_alert_that_still_holds_would_not_fire_again(belt, name, ago, rebase, reason):
    """So it must clear first, unless a rebase answers it, or nothing is done because of it."""
    if not rebase:
        win(belt, 25)
    belt.policy = Policy(alerts=tuple(CATALOG.alerts.values()))
    alert = CATALOG.alerts[name]
    at = belt.fleet.at - ago
    belt.fleet.alerts["a-1"] = {
        name: {"": AlertInstance(alert=name, labels=(), since=at, severity=alert.severity, fired_at=at, breached_at=at)}
    }
    limits_off = {"daily_loss_ratio": None}
    policy = Policy(alerts=belt.policy.alerts, limits=limits_off)
    assert may_resume(belt.fleet, "a-1", policy, rebase=rebase) == reason


class TestRebase:
    def test_the_guard_forgets_and_the_metrics_do_not(self, belt):
        """The fall is 0 for the guard and a quarter for everybody else; so is the day's loss."""
        rebase(belt)
        agent = belt["a-1"]
        assert guard.drawdown(agent) == 0
        assert guard.daily_loss(agent) == 0
        assert guard.day_start_equity(agent) == 75
        assert agent.performance.drawdowns["all_time"].current() == pytest.approx(0.25)
        assert agent.performance.daily.loss() == 25

    def test_the_guard_measures_from_there(self, belt):
        """A new fall counts from the new peak, which follows what is won."""
        rebase(belt)
        win(belt, 25)
        lose(belt, 10)
        agent = belt["a-1"]
        assert guard.drawdown(agent) == pytest.approx(0.1)
        assert guard.worst(agent) == pytest.approx(0.1)
        assert guard.peak_nav(agent) == pytest.approx(1.0)

    def test_money_that_comes_or_goes_moves_no_baseline(self, belt):
        """A flow alone is neither a fall nor a gain."""
        rebase(belt)
        belt.row("a-1", "deposit", 100)
        belt.row("a-1", "withdrawal", -50)
        belt.read("a-1")
        assert guard.drawdown(belt["a-1"]) == pytest.approx(0, abs=1e-12)

    def test_the_day_ends_at_midnight(self, belt):
        """From then on the day's loss is the day's loss."""
        rebase(belt)
        belt.wait(86_400)
        lose(belt, 5)
        assert guard.daily_loss(belt["a-1"]) == 5
        assert guard.day_start_equity(belt["a-1"]) == 75

    def test_a_total_loss_ends_it(self, belt):
        """What begins then is a new record with its own peak."""
        rebase(belt)
        lose(belt, 75)
        belt.row("a-1", "deposit", 50)
        belt.read("a-1")
        assert belt["a-1"].control.baseline is None

    def test_a_resume_without_it_keeps_the_one_there_is(self, belt):
        """A baseline is set by a rebase only."""
        rebase(belt)
        before = belt["a-1"].control.baseline
        belt.halt("a-1", halt_id="h2")
        belt.resume("a-1", "h2")
        assert belt["a-1"].control.baseline is before

    def test_without_a_baseline_guards_see_what_everybody_sees(self, belt):
        """The true peak and the true day."""
        agent = belt["a-1"]
        assert guard.drawdown(agent) == agent.performance.drawdowns["all_time"].current()
        assert guard.worst(agent) == agent.performance.drawdowns["30d"].max()
        assert guard.peak_nav(agent) == agent.performance.drawdowns["all_time"].high()
        assert guard.daily_loss(agent) == agent.performance.daily.loss()


def position(belt, name):
    """A position opens."""
    belt.say(
        PositionOpened, "a-1", source="trading", position_id=name, market="BTC-USD", side="buy", notional_usd=250, quantity=1,
        entry_price=250, leverage=5, margin_usd=50,
    )  # fmt: skip


def order(kind):
    """An order that rests; all but limit entries are of position p1."""
    return RestingOrder(
        order_id=kind, order_type=kind, market="BTC-USD", side="sell", price=Decimal(230), notional_usd=Decimal(250),
        position_id=None if kind == "limit" else "p1",
    )  # fmt: skip


class TestPreflight:
    def trader(self):
        belt = HaltBelt(flatten=frozenset({"a-1"}))
        belt.watch("a-1", collectors=("casino", "trading"), capital_usd=500)
        belt.row("a-1", "deposit", 100)
        belt.row("a-1", "escrow_lock", -5, "esc_1")
        return belt

    def test_it_refuses_to_flatten_what_it_does_not_know(self):
        """Positions that are not read may be other ones; who did not opt in is told where to."""
        belt = self.trader()
        assert preflight(belt.fleet, "a-1", "flatten", belt.policy).refused == ()
        belt.fail("a-1", "trading")
        found = preflight(belt.fleet, "a-1", "flatten", belt.policy)
        assert found.stale == {"trading": "timeout"}
        assert found.flatten_cost_usd is None
        assert len(found.refused) == 1
        assert len(preflight(belt.fleet, "a-1", "flatten", Policy()).refused) == 2
        assert preflight(belt.fleet, "a-1", "halt", Policy()).refused == ()

    def test_what_was_not_read_is_unknown_and_not_none(self):
        """Without a reading of resting orders there is no saying that there are none."""
        found = preflight(self.trader().fleet, "a-1", "halt", Policy())
        assert found.open_orders is None
        assert "open orders: unknown" in told(found)
        assert any("unknown, not 0" in line for line in found.keeps_running)

    @pytest.mark.parametrize(
        ("resting", "known", "count", "protected"),
        [
            (("stop_loss", "limit"), "whole", 2, True),
            (("take_profit",), "whole", 1, False),
            ((), "whole", 0, False),
            (("stop_loss",), "part", None, True),
            (("limit",), "part", None, None),
            ((), "unread", None, None),
        ],
    )
    def test_a_stop_that_rests_protects_its_position(self, resting, known, count, protected):
        """A target does not; where the list is cut or was not read, nobody says that there is none."""
        belt = self.trader()
        position(belt, "p1")
        orders = tuple(order(kind) for kind in resting)
        belt.say(PositionsRead, "a-1", source="trading", open_ids=("p1",), resting=orders, resting_known=known)
        found = preflight(belt.fleet, "a-1", "halt", Policy())
        assert (found.open_orders, found.positions[0].protected) == (count, protected)
        assert any("resting orders" in line for line in found.keeps_running) is (count != 0)
        belt.fail("a-1", "trading")
        stale = preflight(belt.fleet, "a-1", "halt", Policy())
        assert (stale.open_orders, stale.orders, stale.positions[0].protected) == (None, (), None)

    def test_a_position_without_an_id_is_not_called_bare(self):
        """The platform lost sight of it, so no order could name it."""
        belt = self.trader()
        position(belt, "BTC:long:250")
        belt.say(PositionsRead, "a-1", source="trading", open_ids=("BTC:long:250",), resting_known="whole")
        assert preflight(belt.fleet, "a-1", "halt", Policy()).positions[0].protected is None

    def test_an_escrow_is_named_with_its_time(self):
        """And what becomes of it while the agent is halted."""
        found = preflight(self.trader().fleet, "a-1", "halt", Policy())
        assert [(one.escrow_id, one.role, one.amount_usd) for one in found.escrows] == [("esc_1", "creator", 5.0)]
        assert any("refunded" in line for line in found.keeps_running)

    def test_nobody_is_known_of_an_unknown_agent(self):
        """The caller is told by name."""
        with pytest.raises(KeyError):
            preflight(self.trader().fleet, "nobody", "halt", Policy())


def test_ramp_amounts_are_money():
    """A resume's cap is a decimal in its fact."""
    belt = HaltBelt()
    belt.watch("a-1")
    belt.halt("a-1")
    belt.resume("a-1", ramp_s=60, ramp_notional_usd="2.50")
    assert belt.facts[-1].ramp_notional_usd == Decimal("2.50")


def test_after_a_rebase_rules_that_halt_judge_from_the_new_baseline():
    """They resolve, the warning goes on, and a new fall from the new peak fires them again."""
    names = ("PFDrawdownHalt", "PFDrawdownWarning", "PFDailyLossLimit")
    belt = HaltBelt(Policy(alerts=tuple(CATALOG.alerts[name] for name in names)))
    belt.watch("a-1")
    belt.gate("a-1", "active", "ok", before="reducing")
    belt.row("a-1", "deposit", 100)
    belt.wait(86_400)
    lose(belt, 25)
    for _ in range(60):
        belt.wait(15)
        belt.read("a-1")
    assert belt.held("a-1").actor in names

    def firing():
        places = belt.fleet.alerts.get("a-1", {})
        return {name for name, one in places.items() if any(instance.fired_at for instance in one.values())}

    assert firing() == set(names)
    belt.resume("a-1", belt.held("a-1").halt_id, rebase=True)
    for _ in range(5):
        belt.wait(15)
        belt.read("a-1")
    assert (firing(), belt["a-1"].control.state) == ({"PFDrawdownWarning"}, "active")
    lose(belt, 20)
    assert "PFDrawdownHalt" in firing()
    assert belt["a-1"].control.state == "halted"
