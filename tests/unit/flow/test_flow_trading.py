"""Trading equity: capital, results and marks add up without a jump; fees, slippage and amendments are counted once."""

import pytest

from fleawatch.events import (
    AgentDeclared,
    Amended,
    CapitalReported,
    CollateralMoved,
    FundingPaid,
    OrderFilled,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    PositionsRead,
    StrategySwitched,
    merge,
)
from fleawatch.flow.fold.trading import IDS_KEPT, VANISHED_KEPT
from fleawatch.testing.belt import Belt


class Desk(Belt):
    """A belt with one trader `t-1`, and its facts in short form."""

    def opened(self, key="p1", **fields):
        self.say(
            PositionOpened, "t-1", position_id=key, market="BTC-USD", side="buy", notional_usd=1000, quantity=0.01,
            entry_price=100_000, leverage=5, margin_usd=200, **fields,
        )  # fmt: skip

    def mark(self, unrealized, key="p1", **fields):
        self.say(
            PositionMarked, "t-1", position_id=key, market="BTC-USD", price=1, unrealized_pnl_usd=unrealized, **fields
        )

    def fill(self, key, fee=0.5, **fields):
        given = {"side": "buy", "notional_usd": 1000, "price": 100, "realized_pnl_usd": 0, **fields}
        fact = self.make(
            OrderFilled, "t-1", fact_id=f"trading:order_filled:{key}", trade_id=key, order_id="o", market="BTC-USD",
            fee_usd=fee, **given,
        )  # fmt: skip
        self.fold(fact)
        return fact

    def closed(self, realized, key="p1", fee=1, **fields):
        fact = self.make(
            PositionClosed, "t-1", fact_id=f"trading:position_closed:{key}", position_id=key, market="BTC-USD",
            side="buy", notional_usd=1000, entry_price=100_000, realized_pnl_usd=realized, fee_usd=fee,
            opened_at=self.now - 60, **fields,
        )  # fmt: skip
        self.fold(fact)
        return fact

    def listed(self, *ids, marked=True):
        self.say(PositionsRead, "t-1", open_ids=ids, marked=marked)

    @property
    def agent(self):
        return self["t-1"]


@pytest.fixture
def desk():
    """A trader with 1,000 USD of declared capital that reports itself: every fact is valued at once."""
    desk = Desk()
    desk.declare("t-1", (), capital_usd=1000, trades=True)
    desk.wait(15)
    desk.listed()
    return desk


@pytest.fixture
def polled():
    """The same trader, read by a collector: valued when a reading ends."""
    desk = Desk()
    desk.watch("t-1", ("trading",), capital_usd=1000, trades=True)
    return desk


def test_equity_is_capital_and_results(desk):
    """Opening costs the fee, a mark moves the equity, closing turns the mark into a result."""
    desk.opened()
    assert desk.agent.equity == 1000
    desk.fill("f1")
    assert desk.agent.equity == 999.5
    desk.mark(40)
    assert desk.agent.equity == 1039.5
    desk.closed(40)
    assert desk.agent.equity == 1039.5
    desk.fill("f2")
    assert (desk.agent.equity, desk.agent.trading.fees, desk.agent.trading.net) == (1039, 1, 39)


def test_opening_moves_the_nav_only_by_fee_and_mark(desk):
    """Margin is part of the capital and never added."""
    desk.opened()
    assert desk.agent.performance.nav.value == 1.0
    desk.fill("f1", fee=1)
    assert desk.agent.performance.nav.value == pytest.approx(0.999)


def test_a_polled_trader_is_valued_when_the_reading_ends(polled):
    """Marks of one reading are one mark of the equity: between two positions there is no drawdown."""
    polled.opened("p1")
    polled.opened("p2")
    polled.mark(-300, "p1")
    polled.mark(300, "p2")
    polled.listed("p1", "p2")
    assert polled.agent.equity == 1000
    polled.wait(15)
    polled.read("t-1", "trading")
    assert polled.agent.performance.summary("all_time").drawdown_max == 0.0


def test_without_capital_the_equity_is_unknown_by_design():
    """Such an agent is judged in USD: it has P&L and a daily loss, no equity and no NAV, and is no outage."""
    desk = Desk()
    desk.watch("t-1", ("trading",), trades=True)
    desk.opened()
    desk.mark(-25)
    desk.listed("p1")
    desk.wait(15)
    desk.read("t-1", "trading")
    summary = desk.agent.performance.summary("24h")
    assert (desk.agent.equity, desk.agent.performance.nav.value, desk.agent.unknown) == (None, None, {})
    assert (summary.pnl, summary.daily_loss) == (-25, 25)
    assert "trading" in desk.agent.by_design


def test_capital_that_is_declared_later_comes_in_as_a_flow():
    """Knowing the collateral at last is neither gain nor loss, and the P&L goes on from where it was."""
    desk = Desk()
    desk.watch("t-1", ("casino", "trading"), trades=True)
    desk.row("t-1", "deposit", 100)
    desk.opened()
    desk.mark(-25)
    desk.wait(15)
    desk.read("t-1", "trading")
    desk.say(AgentDeclared, "t-1", strategy="steady", collectors=("casino", "trading"), trades=True, capital_usd=900)
    assert (desk.agent.equity, desk.agent.by_design) == (975, {})
    assert desk.agent.performance.changes.total == -25
    desk.mark(-50)
    desk.wait(15)
    desk.read("t-1", "trading")
    assert desk.agent.performance.changes.total == -50
    assert desk.agent.performance.nav.value == pytest.approx(950 / 975)


@pytest.mark.parametrize("capital", [3000, 400, None])
def test_declaring_another_capital_is_a_flow(desk, capital):
    """The operator's correction moves the equity and leaves NAV, drawdown and P&L."""
    desk.wait(15)
    desk.say(AgentDeclared, "t-1", strategy="steady", trades=True, capital_usd=capital)
    assert desk.agent.equity == capital
    assert (desk.agent.performance.nav.value, desk.agent.performance.changes.total) == (1.0, 0)
    desk.wait(15)
    assert desk.fleet.performance.nav.value == 1.0


def test_a_reported_capital_replaces_the_declared_one_without_a_jump(desk):
    """What the exchange knows better is a flow; from then on its reports are the books."""
    desk.opened()
    desk.mark(50)
    desk.wait(15)
    desk.say(CapitalReported, "t-1", capital_usd=5000)
    assert (desk.agent.equity, desk.agent.performance.nav.value) == (5050, pytest.approx(1.05))
    desk.wait(15)
    desk.closed(50)
    assert desk.agent.equity == 5050
    desk.say(CapitalReported, "t-1", capital_usd=5050)
    assert (desk.agent.equity, desk.agent.performance.nav.value) == (5050, pytest.approx(1.05))


def test_a_result_that_the_reported_capital_holds_already_is_not_added_again(desk):
    """A fill or closing told after the report that followed it changes counts, not the equity."""
    desk.say(CapitalReported, "t-1", capital_usd=1000)
    then = desk.now
    desk.wait(30)
    desk.say(CapitalReported, "t-1", capital_usd=1030)
    desk.closed(30, at=then + 10)
    desk.fill("f1", fee=2, at=then + 10)
    desk.say(FundingPaid, "t-1", at=then + 10, market="BTC-USD", amount_usd=1)
    assert (desk.agent.equity, desk.agent.trading.trades, desk.agent.trading.net) == (1030, 1, 27)
    desk.say(CapitalReported, "t-1", at=then + 1, capital_usd=7)
    assert desk.agent.equity == 1030


@pytest.mark.parametrize("reported", [False, True])
@pytest.mark.parametrize("amount", [500, -500])
def test_collateral_is_a_flow_whoever_tells_the_capital(desk, amount, reported):
    """It moves the equity at once and for good, and never the NAV."""
    if reported:
        desk.say(CapitalReported, "t-1", capital_usd=1000)
        desk.wait(15)
    desk.say(CollateralMoved, "t-1", amount_usd=amount)
    desk.wait(15)
    desk.listed()
    assert (desk.agent.equity, desk.agent.flows) == (1000 + amount, amount)
    assert desk.agent.performance.nav.value == pytest.approx(1.0)


def test_collateral_told_after_the_report_that_shows_it_takes_the_gain_back(desk):
    """Money that looked like a gain turns out to be a flow: the NAV returns to what it was."""
    desk.say(CapitalReported, "t-1", capital_usd=1000)
    then = desk.now
    desk.wait(30)
    desk.say(CapitalReported, "t-1", capital_usd=1500)
    desk.say(CollateralMoved, "t-1", at=then + 10, amount_usd=500)
    assert desk.agent.equity == 1500
    assert desk.agent.performance.nav.value == pytest.approx(1.0)


def test_funding_is_paid_or_received(desk):
    """Paid funding lowers the equity, received raises it, and both are counted apart."""
    desk.say(FundingPaid, "t-1", market="BTC-USD", amount_usd=3)
    desk.say(FundingPaid, "t-1", market="BTC-USD", amount_usd=-1)
    assert desk.agent.equity == 998
    counted = desk.agent.tallies.counters["pf_trade_funding_usdc_total"]
    assert counted == {("steady", "BTC", "paid"): 3, ("steady", "BTC", "received"): 1}


def test_a_protective_exit_without_a_trade_row_counts_its_result(desk):
    """A closed position is a trade whether or not a fill tells of its end."""
    desk.opened()
    desk.fill("f1")
    desk.closed(-20, fee=0.5)
    assert (desk.agent.equity, desk.agent.trading.trades) == (979.5, 1)
    assert desk.agent.tallies.get("pf_trades_total", ("steady", "loss")) == 1


def test_fills_and_closings_count_once(desk):
    """The same id again is the same fact, however often the platform lists it."""
    desk.opened()
    for _ in range(3):
        desk.fill("f1")
        desk.closed(10)
        desk.opened()
    trading = desk.agent.trading
    assert (trading.fees, trading.realized, trading.trades, trading.positions) == (0.5, 10, 1, {})


def test_a_position_that_vanished_is_held_at_its_last_mark_until_its_end_is_seen(desk):
    """Between the list of open positions and that of closed ones no money disappears."""
    desk.opened()
    desk.mark(40)
    desk.listed()
    assert (desk.agent.equity, desk.agent.trading.positions) == (1040, {})
    desk.closed(37)
    assert (desk.agent.equity, desk.agent.trading.vanished) == (1037, {})
    assert desk.fleet.ignored["position_vanished"] == 1


def test_without_the_exchange_marks_are_unknown_and_nothing_vanishes(polled):
    """An answer from the platform's own table takes no position away and makes the part unknown."""
    polled.opened()
    polled.mark(40)
    polled.wait(15)
    polled.read("t-1", "trading")
    polled.wait(15)
    polled.listed(marked=False)
    polled.read("t-1", "trading")
    assert (polled.agent.equity, polled.agent.unknown) == (1040, {"trading": "unmarked"})
    polled.wait(15)
    polled.listed("p1")
    polled.read("t-1", "trading")
    assert polled.agent.unknown == {}


def test_an_older_mark_does_not_replace_a_newer_one(desk):
    """Marks that arrive out of order leave the newest."""
    desk.opened()
    desk.mark(40)
    desk.mark(-99, at=desk.now - 30)
    assert desk.agent.trading.unrealized == 40


def test_slippage_is_measured_when_the_expected_price_becomes_known(desk):
    """The platform tells the fill, the agent the price it expected; it counts once."""
    booked = desk.fill("f1", price=101)
    assert "pf_trade_slippage_ratio" not in desk.agent.tallies.distributions
    better = merge(booked, desk.make(OrderFilled, "t-1", **{
        name: getattr(booked, name) for name in booked.__struct_fields__ if name not in ("agent_id", "expected_price", "v")
    }, expected_price=100))  # fmt: skip
    for number in range(2):
        desk.say(Amended, "t-1", fact_id=f"amended:{number}", before=booked if not number else better, after=better)
    cost = desk.agent.tallies.counters["pf_trade_slippage_cost_usdc_total"]
    assert cost == {("steady", "BTC", "adverse"): pytest.approx(10)}


def test_an_amended_trade_moves_from_strategy_to_strategy(desk):
    """Attribution takes it out as it was booked, also after the agent switched, and puts it in as it is."""
    booked = desk.closed(30)
    desk.wait(15)
    desk.say(StrategySwitched, "t-1", before="steady", after="wild")
    known = merge(booked, desk.make(PositionClosed, "t-1", **{
        name: getattr(booked, name) for name in booked.__struct_fields__ if name not in ("agent_id", "strategy", "v")
    }, strategy="mine"))  # fmt: skip
    desk.say(Amended, "t-1", fact_id="amended:1", before=booked, after=known)
    parts = {name: (part.count, part.net) for name, part in desk.agent.attribution.strategy.items() if part.count}
    assert parts == {"mine": (1, 29)}


def test_a_position_keeps_the_strategy_it_was_opened_with(desk):
    """What the closing fact does not say the opening one did; amending it finds the same part again."""
    desk.opened(strategy="mine")
    booked = desk.closed(30)
    desk.say(Amended, "t-1", fact_id="amended:1", before=booked, after=merge(booked, booked))
    parts = {name: part.count for name, part in desk.agent.attribution.strategy.items() if part.count}
    assert parts == {"mine": 1}
    assert desk.agent.tallies.get("pf_trades_total", ("mine", "win")) == 1


def test_nobody_amends_the_trades_of_another(desk):
    """An amendment under a wrong name moves nothing."""
    booked = desk.closed(30)
    desk.say(Amended, "b-1", fact_id="amended:1", before=booked, after=booked)
    assert desk["b-1"].attribution.whole.count == 0


def test_a_trade_from_before_a_switch_belongs_to_the_strategy_of_its_time(desk):
    """A trade seen late is booked under what the agent followed when it happened."""
    then = desk.now
    desk.wait(60)
    desk.say(StrategySwitched, "t-1", before="steady", after="wild")
    desk.closed(5, "p1", at=then + 30)
    desk.wait(15)
    desk.closed(5, "p2")
    parts = {name: part.count for name, part in desk.agent.attribution.strategy.items()}
    assert parts == {"steady": 1, "wild": 1}


def test_what_is_kept_of_closed_positions_is_bounded(desk):
    """Ids, strategies and estimates of the past have a bound; the money stays."""
    for number in range(IDS_KEPT + 20):
        desk.opened(f"p{number}", strategy="mine")
        desk.fill(f"f{number}", fee=0)
        desk.closed(1, f"p{number}", fee=0)
    for number in range(VANISHED_KEPT + 5):
        desk.opened(f"v{number}")
        desk.mark(1, f"v{number}")
        desk.listed()
    trading = desk.agent.trading
    assert len(trading.closed_ids) == len(trading.fill_ids) == len(trading.strategies) == IDS_KEPT
    assert len(trading.vanished) == VANISHED_KEPT
    assert desk.agent.equity == 1000 + IDS_KEPT + 20 + VANISHED_KEPT + 5


def test_the_money_of_a_fill_is_the_platforms_where_the_platform_is_read(polled):
    """What the agent tells first is an order; its fee counts when the platform tells it, once, and as the platform says."""
    told = polled.fill("f1", fee=99, source="sdk")
    assert (polled.agent.trading.fees, polled.agent.trading.fill_ids) == (0, [])
    shown = polled.make(OrderFilled, "t-1", **{
        name: getattr(told, name) for name in told.__struct_fields__ if name not in ("agent_id", "fee_usd", "source", "v")
    }, fee_usd=1, source="trading")  # fmt: skip
    for number in range(2):
        polled.say(Amended, "t-1", fact_id=f"amended:{number}", before=told, after=merge(told, shown))
    assert (polled.agent.trading.fees, polled.agent.trading.markets["BTC-USD"].notional) == (1, 1000)
