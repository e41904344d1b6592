"""What speaks against a halt: the platform's word, and the agent's own."""

from fleawatch.events import Amended, OrderFilled, merge
from fleawatch.testing.halted import HaltBelt


def halted():
    belt = HaltBelt()
    belt.watch("t-1", ("trading",), capital_usd=1000, trades=True)
    belt.halt("t-1", "reduce")
    belt.acknowledge("t-1")
    belt.wait(10)
    return belt


def fill(belt, key, **fields):
    given = {"side": "buy", "notional_usd": 60, "price": 100, "realized_pnl_usd": 0, "fee_usd": 0, **fields}
    return belt.make(
        OrderFilled, "t-1", fact_id=f"trading:order_filled:{key}", trade_id=key, order_id="o", market="BTC-USD", **given
    )  # fmt: skip


def test_an_order_that_the_agent_itself_reports_speaks_against_its_halt():
    """It need not wait until the platform is read: who says that it trades does trade."""
    belt = halted()
    belt.fold(fill(belt, "f1", source="sdk"))
    belt.read("t-1", "trading")
    assert (belt.held("t-1").orders, belt.held("t-1").lied, belt.confirmed("t-1")) == (1, True, False)


def test_a_clock_that_runs_ahead_makes_no_order_later_than_it_came():
    """What was reported before the halt was sent before it, whatever the agent's clock says."""
    belt = HaltBelt()
    belt.watch("t-1", ("trading",), capital_usd=1000, trades=True)
    early = fill(belt, "f1", source="sdk", at=belt.now + 60)
    belt.wait(1)
    belt.halt("t-1", "reduce")
    belt.fold(early)
    assert belt.held("t-1").orders == 0


def test_an_order_that_the_agent_dates_back_is_shown_by_the_platform():
    """The agent's report comes first and lies about the time; the platform's word on the same fill is told once more."""
    belt = halted()
    told = fill(belt, "f1", source="sdk", at=belt.now - 3600)
    belt.fold(told)
    assert belt.held("t-1").orders == 0
    shown = fill(belt, "f1", source="trading")
    belt.say(Amended, "t-1", fact_id="amended:trading:f1", before=told, after=merge(told, shown), source="trading")
    belt.read("t-1", "trading")
    assert (belt.held("t-1").orders, belt.confirmed("t-1")) == (1, False)
