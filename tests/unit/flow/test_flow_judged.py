"""What the fold judges of an agent's conduct: returns, results, stakes, orders, signals, limits, probes."""

import math

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import (
    BetSettled,
    HaltProbed,
    LimitsDeclared,
    LimitsInForce,
    OrderFilled,
    OrderPlaced,
    ParlaySettled,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    SignalComputed,
)
from fleawatch.flow.fold.limits import COUNTED_BY, differing
from fleawatch.flow.samples import READERS, AgentView
from fleawatch.testing.belt import Belt
from fleawatch.units import HOUR

ANOMALIES = "pf_anomalies_total"


def played(deposit=1000):
    """A belt with an agent whose ledger is read and has money."""
    belt = Belt()
    belt.watch("a-1")
    belt.row("a-1", "deposit", deposit)
    belt.read("a-1")
    return belt


def gauge(belt, name, agent_id="a-1"):
    """The first value of a metric, now."""
    reader = READERS[name]
    places = [metric.name for metric, labels in reader.parts for _ in labels]
    return reader.read(AgentView(belt[agent_id], belt.now))[places.index(name)]


def anomalies(belt, agent_id="a-1"):
    return dict(belt[agent_id].tallies.counters.get(ANOMALIES, {}))


def hours(belt, count, swing=1.0):
    """Hours of small results in turn, each read when it ends."""
    for number in range(count):
        belt.now += HOUR - 60
        belt.row("a-1", "adjustment", swing * math.sin(number + 1))
        belt.read("a-1")
        belt.wait(60.5)
        belt.now -= 0.5
    return belt


class TestReturns:
    def test_a_falling_hour_is_counted_once_and_before_it_is_over(self):
        """At the next Tick after the loss, not again while it runs, and not when it closes."""
        belt = hours(played(), 30)
        belt.row("a-1", "adjustment", -40)
        belt.wait(15)
        assert anomalies(belt) == {("robust_z", "loss"): 1}
        for _ in range(3):
            belt.row("a-1", "adjustment", -5)
            belt.wait(60)
        hours(belt, 2)
        assert anomalies(belt) == {("robust_z", "loss"): 1}
        assert [notice.event for notice in belt.outputs].count("anomaly_detected") == 1

    def test_a_gain_is_counted_when_its_hour_is_over(self):
        """What rises within an hour may fall again in it."""
        belt = hours(played(), 30)
        belt.row("a-1", "adjustment", 40)
        belt.wait(15)
        assert anomalies(belt) == {}
        hours(belt, 1)
        assert anomalies(belt) == {("robust_z", "gain"): 1}

    def test_what_is_far_outside_but_small_is_no_anomaly(self):
        """An agent that hardly moves loses one in a hundred: far below its usual, and not much."""
        belt = hours(played(), 30, swing=0.01)
        belt.row("a-1", "adjustment", -10)
        hours(belt, 1)
        assert gauge(belt, "pf_return_zscore") < -50
        assert anomalies(belt) == {}

    def test_there_is_nothing_to_say_before_a_day_of_hours(self):
        """A loss in the first hours is left to the other detectors."""
        belt = hours(played(), 10)
        belt.row("a-1", "adjustment", -100)
        hours(belt, 1)
        assert anomalies(belt) == {}
        assert gauge(belt, "pf_return_zscore") is None
        assert gauge(belt, "pf_return_baseline_mean_ratio") is None

    def test_a_flow_is_no_return(self):
        """Sending half away moves no index and stands out nowhere."""
        belt = hours(played(), 30)
        belt.row("a-1", "payment_sent", -500)
        hours(belt, 2, swing=0.5)
        assert anomalies(belt) == {}

    def test_total_loss_stands_out_and_the_next_epoch_begins_quietly(self):
        """All lost is a return of -1; the hour in which new money comes is refused."""
        belt = hours(played(), 30)
        belt.row("a-1", "adjustment", -float(belt.balances["a-1"]))
        belt.wait(15)
        assert anomalies(belt) == {("robust_z", "loss"): 1}
        hours(belt, 1, swing=0.0)
        belt.row("a-1", "deposit", 500)
        hours(belt, 3, swing=0.0)
        assert anomalies(belt) == {("robust_z", "loss"): 1}
        assert belt["a-1"].tallies.total("pf_returns_rejected_total") >= 1

    def test_a_steady_loss_is_one_change_of_regime(self):
        """Counted when the score passes its limit, and not again while it stays high."""
        belt = hours(played(), 110)
        for _ in range(24):
            belt.row("a-1", "adjustment", -3)
            hours(belt, 1)
        found = anomalies(belt)
        assert found["mean_shift", "loss"] == 1
        assert belt["a-1"].returns.mean_score < -4.0
        assert gauge(belt, "pf_regime_change_score") >= 0.0

    def test_declared_limits_are_counted_by(self):
        """The operator's limit, declared for the agent, takes the place of the catalog's."""
        belt = hours(played(), 30)
        belt.say(LimitsDeclared, "a-1", limits={"anomaly_return": -0.5, "anomaly_trade": 0.5})
        belt.row("a-1", "adjustment", -100)
        belt.wait(15)
        belt.bet("a-1", 300, 0)
        assert anomalies(belt) == {}


class TestResults:
    def test_one_bet_that_costs_a_tenth_is_an_anomaly(self):
        """At once, and told; one that costs a hundredth is not."""
        belt = played()
        belt.bet("a-1", 10, 0)
        assert anomalies(belt) == {}
        belt.bet("a-1", 99, 0)
        assert anomalies(belt) == {("absolute_loss", "loss"): 1}
        large = next(one for one in belt.outputs if one.event == "large_loss")
        assert (large.agent_id, large.fields["pnl_usd"], large.fields["strategy"]) == ("a-1", -99.0, "steady")

    def test_a_large_win_is_told_and_is_no_anomaly(self):
        """With its amount."""
        belt = played()
        belt.bet("a-1", 40, 200)
        assert anomalies(belt) == {}
        assert [(one.event, one.fields["amount_usd"]) for one in belt.outputs][-1] == ("large_win", 160.0)

    def test_a_ledger_that_is_read_for_the_first_time_is_history(self):
        """Losses from before the agent was watched count nowhere."""
        belt = Belt()
        belt.declare("a-1")
        belt.row("a-1", "deposit", 100)
        belt.bet("a-1", 50, 0)
        belt.read("a-1")
        assert anomalies(belt) == {}
        assert gauge(belt, "pf_stake_equity_ratio") is None

    @pytest.mark.parametrize(("collectors", "capital"), [(("trading",), 1000), ((), 1000)])
    @pytest.mark.parametrize(("loss", "counted"), [(45, 0), (60, 1)])
    def test_a_position_is_judged_against_the_equity_without_it(self, collectors, capital, loss, counted):
        """What its mark has shown already is not taken off twice."""
        belt = Belt()
        belt.watch("a-1", collectors, trades=True, capital_usd=capital)
        shape = {"market": "BTC-USD", "side": "buy", "notional_usd": 500, "entry_price": 100}
        belt.say(PositionOpened, "a-1", position_id="p", quantity=5, leverage=1, margin_usd=500, **shape)
        belt.say(PositionMarked, "a-1", position_id="p", market="BTC-USD", price=90, unrealized_pnl_usd=-loss)
        if collectors:
            belt.read("a-1", "trading")
        belt.say(PositionClosed, "a-1", position_id="p", realized_pnl_usd=-loss, fee_usd=0, opened_at=belt.now, **shape)
        assert anomalies(belt).get(("absolute_loss", "loss"), 0) == counted


class TestStakes:
    def test_doubling_after_losses_is_seen_in_one_reading(self):
        """Several bets that one reading brings are judged in the order of the ledger; lost ones write one row."""
        belt = played()
        for stake in (5, 10, 20, 40):
            belt.row("a-1", "stake", -stake)
        assert gauge(belt, "pf_stake_escalations") == 3
        belt.row("a-1", "payout", 80)
        belt.row("a-1", "stake", -5)
        belt.row("a-1", "stake", -1)
        assert gauge(belt, "pf_stake_escalations") == 3
        assert belt["a-1"].stakes.raised == 0
        belt.wait(11 * 60)
        belt.read("a-1")
        assert gauge(belt, "pf_stake_escalations") == 0

    def test_single_bets_of_the_history_do_not_count_beside_the_ledger(self):
        """The ledger settles stakes; the same bets, seen one by one, are no more stakes."""
        belt = played()
        for number, stake in enumerate((5, 10, 20, 40)):
            belt.row("a-1", "stake", -stake)
            belt.say(BetSettled, "a-1", bet_id=str(number), game="dice", stake=stake, payout=0)
        assert gauge(belt, "pf_stake_escalations") == 3
        assert gauge(belt, "pf_orders_busiest_minute") == 4

    def test_an_agent_that_reports_itself_is_judged_by_its_bets(self):
        """Each report has stake and outcome; parlays are bets."""
        belt = Belt()
        belt.declare("s-1", ())
        belt.balance("s-1", 1000)
        belt.now += 1
        for number, stake in enumerate((5, 10, 20)):
            belt.say(BetSettled, "s-1", bet_id=str(number), game="dice", stake=stake, payout=0)
        belt.say(ParlaySettled, "s-1", parlay_id="p", legs=2, stake=40, payout=0)
        assert gauge(belt, "pf_stake_escalations", "s-1") == 3
        assert gauge(belt, "pf_stake_equity_ratio", "s-1") == pytest.approx(40 / 965)

    def test_the_largest_stake_is_a_share_of_the_equity_before_it(self):
        """Flows and results before it are in that; a challenge counts as a stake, not as a raise."""
        belt = played(100)
        belt.row("a-1", "stake", -1)
        belt.row("a-1", "deposit", 101)
        belt.row("a-1", "challenge_stake", -50, "c1")
        assert gauge(belt, "pf_stake_equity_ratio") == pytest.approx(0.25)
        assert gauge(belt, "pf_stake_escalations") == 0


def order(belt, **fields):
    defaults = {
        "order_id": str(len(belt.facts)), "market": "BTC-USD", "side": "buy", "order_type": "market", "status": "success",
        "endpoint": "trade/open", "notional_usd": 100, "latency_s": 0.1,
    }  # fmt: skip
    belt.say(OrderPlaced, "a-1", **{**defaults, **fields})


def fill(belt, **fields):
    defaults = {
        "trade_id": str(len(belt.facts)), "order_id": "", "market": "BTC-USD", "side": "buy", "notional_usd": 100,
        "price": 100, "fee_usd": 0, "realized_pnl_usd": 0,
    }  # fmt: skip
    belt.say(OrderFilled, "a-1", **{**defaults, **fields})


def signal(belt, action="buy", **fields):
    defaults = {"strategy": "steady", "result": "acted", "duration_s": 0.1, "market": "BTC-USD"}
    belt.say(SignalComputed, "a-1", action=action, **{**defaults, **fields})


@pytest.fixture(name="trader")
def _trader():
    belt = Belt()
    belt.watch("a-1", ("trading",), trades=True, capital_usd=10_000)
    return belt


class TestOrders:
    def test_an_order_that_is_reported_and_seen_is_one(self, trader):
        """Both tell of the same orders; the larger count of the two is the rate."""
        for number in range(12):
            order(trader)
            fill(trader, order_id=str(number))
            trader.now += 2
        trader.read("a-1", "trading")
        assert gauge(trader, "pf_orders_busiest_minute") == 12
        assert gauge(trader, "pf_order_repeats") == 12

    def test_orders_of_an_agent_that_reports_nothing_are_seen(self, trader):
        """Fills that the poller reads count when they happened; different sizes are different orders."""
        for number in range(12):
            fill(trader, at=trader.now - 11 + number, notional_usd=100 + number % 2)
        assert gauge(trader, "pf_orders_busiest_minute") == 12
        assert gauge(trader, "pf_order_repeats") == 6

    def test_a_reading_that_catches_up_is_no_loop(self, trader):
        """Two hours of orders in one reading are the rate of two hours ago."""
        for number in range(100):
            fill(trader, at=trader.now - 7200 + number * 60)
        assert gauge(trader, "pf_orders_busiest_minute") == 0
        assert gauge(trader, "pf_order_repeats") == 0

    def test_bets_count_as_orders_and_never_as_repeats(self):
        """A flat bettor repeats its stake by design; a stuck one is told by its rate."""
        belt = played()
        for _ in range(40):
            belt.row("a-1", "stake", -1)
            belt.now += 1
        assert gauge(belt, "pf_orders_busiest_minute") == 40
        assert gauge(belt, "pf_order_repeats") == 0

    def test_orders_against_their_signals(self, trader):
        """Of the last twenty orders that answered one; nothing before there are twenty."""
        for number in range(20):
            assert gauge(trader, "pf_orders_against_signal_ratio") is None
            signal(trader, "buy")
            trader.now += 1
            order(trader, side="sell" if number >= 4 else "buy", opens=True)
        assert gauge(trader, "pf_orders_against_signal_ratio") == 0.8

    def test_what_answers_no_signal_is_not_counted(self, trader):
        """Closings, orders without a signal, late ones, other markets and strategies, and a second order on one signal."""
        signal(trader, "buy")
        order(trader, side="sell", opens=False)
        order(trader, side="sell", market="ETH-USD", opens=True)
        order(trader, side="sell", strategy="other", opens=True)
        order(trader, side="sell", order_type="stop_loss")
        trader.now += 301
        order(trader, side="sell", opens=True)
        signal(trader, "hold")
        order(trader, side="sell", opens=True)
        signal(trader, "buy", result="low_confidence")
        order(trader, side="sell", opens=True)
        assert trader["a-1"].orders.against == []
        signal(trader, "buy")
        order(trader, side="buy", opens=True)
        order(trader, side="sell", opens=True)
        assert trader["a-1"].orders.against == [False]

    @pytest.mark.parametrize(
        ("opens", "realized", "answered"), [(None, 0, 1), (None, 5, 0), (True, 0, 1), (False, 0, 0)]
    )
    def test_a_fill_that_closes_answers_no_signal(self, trader, opens, realized, answered):
        """Also when it came out even: what is told of the position counts before the result."""
        signal(trader, "buy")
        fill(trader, side="sell", opens=opens, realized_pnl_usd=realized)
        assert len(trader["a-1"].orders.against) == answered

    def test_an_order_that_shrinks_a_position_goes_against_nothing(self, trader):
        """Where the reporter cannot tell, the open positions do."""
        trader.say(
            PositionOpened, "a-1", position_id="p", market="BTC-USD", side="buy", notional_usd=100, quantity=1,
            entry_price=100, leverage=1, margin_usd=100,
        )  # fmt: skip
        signal(trader, "buy")
        order(trader, side="sell")
        assert trader["a-1"].orders.against == []
        order(trader, side="buy")
        assert trader["a-1"].orders.against == [False]

    def test_fills_answer_signals_where_no_orders_are_reported(self, trader):
        """An agent that reports its signals alone is judged by what the platform shows; closing fills answer none."""
        signal(trader, "buy")
        trader.now += 1
        fill(trader, side="sell", realized_pnl_usd=5)
        fill(trader, side="sell")
        assert trader["a-1"].orders.against == [True]

    def test_signals_that_wait_are_bounded(self, trader):
        """The oldest goes when there are more markets than are kept."""
        for number in range(40):
            signal(trader, "buy", market=f"M{number}-USD")
        assert list(trader["a-1"].orders.signals) == [f"M{number}-USD" for number in range(24, 40)]


class TestControl:
    @pytest.mark.parametrize(
        ("declared", "enforced", "count"),
        [
            ({"drawdown_halt": 0.2}, {"drawdown_halt": 0.2}, 0),
            ({"drawdown_halt": 0.2}, {"drawdown_halt": 0.3}, 1),
            ({"drawdown_halt": 0.2, "order_rate": 30.0}, {"drawdown_halt": 0.2}, 1),
            ({"drawdown_halt": 0.2}, {"drawdown_halt": 0.2, "order_rate": 30.0}, 0),
            ({"drawdown_halt": 0.2}, {"drawdown_halt": 0.2, "order_rate": 300.0}, 1),
            ({"drawdown_halt": 0.2}, {"drawdown_halt": 0.2, "no_such_limit": 1.0}, 1),
            (dict.fromkeys(sorted(COUNTED_BY), 1.0), {}, 0),
        ],
    )
    def test_limits_that_differ_are_counted(self, declared, enforced, count):
        """Another value, one the agent does not know, one nobody declared; not those by which the service counts."""
        belt = played()
        belt.say(LimitsDeclared, "a-1", limits=declared)
        assert differing(belt["a-1"]) is None
        belt.say(LimitsInForce, "a-1", limits=enforced)
        assert gauge(belt, "pf_limits_differing") == count

    def test_an_agent_has_time_to_take_up_new_limits(self):
        """Until it answers, or for two minutes, its old ones do not count as differing."""
        belt = played()
        belt.say(LimitsDeclared, "a-1", limits={"drawdown_halt": 0.2})
        belt.say(LimitsInForce, "a-1", limits={"drawdown_halt": 0.2})
        belt.now += 100
        belt.say(LimitsDeclared, "a-1", limits={"drawdown_halt": 0.1})
        assert gauge(belt, "pf_limits_differing") is None
        belt.now += 121
        assert gauge(belt, "pf_limits_differing") == 1
        belt.say(LimitsInForce, "a-1", limits={"drawdown_halt": 0.1})
        assert gauge(belt, "pf_limits_differing") == 0

    def test_the_halt_path_is_as_ready_as_its_last_probe(self):
        """Nothing before the first, and nothing when the last is long ago; an older answer changes nothing."""
        belt = played()
        assert gauge(belt, "pf_halt_ready") is None
        belt.say(HaltProbed, "a-1", path="gate", ok=True, duration_s=0.1)
        assert gauge(belt, "pf_halt_ready") == 1
        belt.now += 60
        belt.say(HaltProbed, "a-1", path="gate", ok=False, duration_s=5, reason="timeout")
        belt.say(HaltProbed, "a-1", path="gate", ok=True, duration_s=9, at=belt.now - 30)
        assert gauge(belt, "pf_halt_ready") == 0
        belt.now += 16 * 60
        assert gauge(belt, "pf_halt_ready") is None


def test_the_limits_counted_by_are_in_the_catalog():
    """Each has a default, so that it always has a value."""
    assert all(CATALOG.limits[name].default is not None for name in COUNTED_BY)
