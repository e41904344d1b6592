"""What the agent tells and what the platform shows, folded: each counts once, by the platform's word where it is read."""

from __future__ import annotations

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import (
    AgentDeclared,
    Amended,
    BetSettled,
    EscrowCompleted,
    FaucetClaimed,
    OrderFilled,
    OrderPlaced,
    merge,
)
from fleawatch.flow.fold import misreports, slippage
from fleawatch.flow.outputs import AlertChange
from fleawatch.flow.policy import Policy
from fleawatch.testing.belt import Belt

READ = ("casino", "bets", "trading")


@pytest.fixture
def belt():
    belt = Belt()
    belt.watch("a-1", READ, capital_usd=1000, trades=True)
    belt.read("a-1", "bets")
    return belt


def fill(belt, trade_id="t1", order_id="o1", source="trading", **fields):
    given = {"side": "buy", "notional_usd": 1000, "price": 101, "fee_usd": 1, "realized_pnl_usd": 0, **fields}
    return belt.make(
        OrderFilled, "a-1", fact_id=f"trading:order_filled:{trade_id}", source=source, trade_id=trade_id, order_id=order_id,
        market="BTC-USD", **given,
    )  # fmt: skip


def told(belt, order_id="o1", **fields):
    """As an agent tells that knows its order's id only."""
    return fill(belt, order_id, order_id, "sdk", **{"expected_price": 100, **fields})


@pytest.mark.parametrize("first", ["told", "shown"])
def test_slippage_is_measured_though_the_agent_knows_the_order_alone(belt, first):
    """Its report and the platform's row of the same order are joined in either order, once, on the platform's numbers."""
    facts = [told(belt, notional_usd=5, price=7), fill(belt)]
    for fact in facts if first == "told" else reversed(facts):
        belt.fold(fact)
    agent = belt["a-1"]
    assert agent.tallies.counters["pf_trade_slippage_cost_usdc_total"] == {
        ("steady", "BTC", "adverse"): pytest.approx(10)
    }
    assert (agent.trading.fees, agent.trading.markets["BTC-USD"].notional) == (1, 1000)
    assert agent.trading.expected == agent.trading.unmeasured == {}


def test_what_waits_to_be_joined_is_bounded(belt):
    """An agent that reports only, or a platform of whose rows nobody reports, fills no memory."""
    for number in range(slippage.WAITING_KEPT + 10):
        belt.fold(told(belt, f"x{number}"), fill(belt, f"t{number}", f"o{number}"))
    trading = belt["a-1"].trading
    assert len(trading.expected) == len(trading.unmeasured) == slippage.WAITING_KEPT
    assert trading.fees == slippage.WAITING_KEPT + 10


def test_a_fill_that_both_tell_is_one_order(belt):
    """The agent's report of a fill says nothing about what the platform shows: its attempt is counted by itself."""
    belt.say(
        OrderPlaced, "a-1", source="sdk", order_id="o1", market="BTC-USD", side="buy", order_type="market", status="success",
        endpoint="trade/open", notional_usd=1000, latency_s=0.1,
    )  # fmt: skip
    report = fill(belt, source="sdk")
    belt.fold(report)
    shown = fill(belt)
    belt.say(Amended, "a-1", source="trading", before=report, after=merge(report, shown))
    orders = belt["a-1"].orders
    assert (orders.seen.count(belt.now), orders.reported.count(belt.now)) == (1, 1)


@pytest.mark.parametrize("lie", [{"fee_usd": 0.5}, {"realized_pnl_usd": 30}])
def test_a_fill_that_is_told_otherwise_is_named(belt, lie):
    """Under the order's id as under the fill's own; what an agent leaves at 0 is not told."""
    belt.fold(told(belt, **lie), fill(belt))
    belt.fold(told(belt, "o2", fee_usd=0), fill(belt, "t2", "o2"))
    assert {(name, one.field) for name, one in belt["a-1"].misreported.items()} == {
        ("trading:order_filled:t1", next(iter(lie)))
    }
    named = [notice for notice in belt.outputs if getattr(notice, "event", "") == "report_differs"]
    assert [(one.agent_id, one.level, one.fields["report_field"]) for one in named] == [
        ("a-1", "warning", next(iter(lie)))
    ]


def test_a_lie_is_counted_and_told_until_it_is_old(belt):
    """Once a fact, under the number that differs; the alert ends half an hour after the last one."""
    belt.policy = Policy(alerts=(CATALOG.alerts["PFReportDiffers"],))
    belt.fold(told(belt, fee_usd=9), fill(belt), told(belt, "o2", realized_pnl_usd=9), fill(belt, "t2", "o2"))
    belt.fold(told(belt, "o3"), fill(belt, "t3", "o3"))
    assert belt["a-1"].tallies.counters["pf_report_differences_total"] == {("fee_usd",): 1, ("realized_pnl_usd",): 1}
    belt.wait(1_700)
    changes = [(one.change, dict(one.labels)["report_field"]) for one in belt.outputs if isinstance(one, AlertChange)]
    assert changes == [("fired", "fee_usd"), ("fired", "realized_pnl_usd")]
    belt.wait(200)
    assert [one.change for one in belt.outputs if isinstance(one, AlertChange)] == [
        "fired",
        "fired",
        "resolved",
        "resolved",
    ]


def test_what_is_remembered_of_lies_is_bounded(belt):
    """The newest of them."""
    for number in range(misreports.KEPT + 5):
        belt.fold(told(belt, f"o{number}", fee_usd=9), fill(belt, f"t{number}", f"o{number}"))
    assert len(belt["a-1"].misreported) == misreports.KEPT


def test_a_bet_counts_when_the_platform_tells_it_where_bets_are_read(belt):
    """Until then the history is still read for it: the agent's word takes no place of the platform's."""
    report = belt.make(BetSettled, "a-1", fact_id="b1", source="sdk", bet_id="b1", game="dice", stake=1, payout=9)
    belt.fold(report)
    agent = belt["a-1"]
    assert (agent.casino.seen_rounds, agent.attribution.whole.count) == (0, 0)
    shown = belt.make(BetSettled, "a-1", fact_id="b1", source="casino", bet_id="b1", game="dice", stake=1, payout=0)
    belt.say(Amended, "a-1", source="casino", before=report, after=merge(report, shown))
    assert (agent.casino.seen_rounds, agent.casino.last_bet_ids, agent.attribution.whole.net) == (1, ["b1"], -1)
    assert agent.tallies.counters["pf_casino_rounds_total"] == {("dice", "loss"): 1}


def test_an_amendment_between_two_kinds_changes_nothing(belt):
    """What is no amendment of one fact is none."""
    bet = belt.make(BetSettled, "a-1", source="sdk", bet_id="b1", game="dice", stake=1, payout=9)
    belt.say(Amended, "a-1", before=bet, after=fill(belt))
    assert (belt["a-1"].trading.fees, belt["a-1"].attribution.whole.count) == (0, 0)


def test_an_escrow_is_completed_once(belt):
    """Told by the agent and then by the platform, it is one transition."""
    report = belt.make(EscrowCompleted, "a-1", source="sdk", escrow_id="e1")
    belt.fold(report)
    belt.say(
        Amended,
        "a-1",
        source="escrow",
        before=report,
        after=belt.make(EscrowCompleted, "a-1", source="escrow", escrow_id="e1"),
    )
    assert belt["a-1"].tallies.counters["pf_escrow_transitions_total"] == {("completed",): 1}


def test_an_agent_whose_keys_come_later_starts_anew_and_keeps_what_only_it_knows():
    """Declared or not: what its ledger tells is not counted beside its own reports of the same."""
    belt = Belt()
    belt.declare("a-1", ())
    belt.say(BetSettled, "a-1", source="sdk", bet_id="b", game="dice", stake=10, payout=0)
    belt.say(FaucetClaimed, "a-1", source="sdk", status="rejected", amount_usd=0)
    belt.say(FaucetClaimed, "a-1", source="sdk", status="success", amount_usd=1)
    belt.say(
        OrderPlaced, "a-1", source="sdk", order_id="o1", market="CASINO", side="buy", order_type="bet", status="success",
        endpoint="games/play", notional_usd=10, latency_s=0.1,
    )  # fmt: skip
    belt.declare("a-1", ("casino", "bets"))
    belt.row("a-1", "deposit", 100)
    belt.row("a-1", "faucet", 1)
    belt.bet("a-1", 10, 0)
    agent = belt["a-1"]
    assert (agent.casino.net, agent.casino.settled_bets) == (-10, 1)
    assert agent.tallies.counters["pf_faucet_claims_total"] == {("rejected",): 1, ("success",): 1}
    assert agent.tallies.total("pf_orders_total") == 1
    assert agent.tallies.distributions["pf_order_latency_seconds"]


def test_an_agent_whose_keys_are_away_for_a_while_goes_on():
    """What was read once is not told again: nothing of it is forgotten when the keys come back."""
    belt = Belt()
    belt.watch("a-1")
    belt.row("a-1", "deposit", 100)
    belt.bet("a-1", 10, 0)
    belt.declare("a-1", ())
    belt.declare("a-1", ("casino",))
    assert (belt["a-1"].casino.net, belt["a-1"].books["casino:USD"].rows) == (-10, 2)
    assert isinstance(belt.facts[-1], AgentDeclared)
