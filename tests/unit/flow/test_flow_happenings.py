"""What alerts wait for: each event of the catalog comes out of the fold, about an agent, with what its text needs."""

import pytest

from fleawatch.catalog import query as q
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.tree import walk
from fleawatch.events import (
    Amended,
    BetSettled,
    BonusGranted,
    CollateralMoved,
    EscrowCreated,
    EscrowDisputed,
    EscrowReleased,
    PaymentMoved,
    ReferralIncome,
    ReferralTotals,
    SlowSpan,
    StrategySwitched,
    WithdrawalChanged,
)
from fleawatch.flow.project import event_of, labels_of, value_of
from fleawatch.flow.snapshot import freeze
from fleawatch.testing.belt import Belt

ADDRESS = "0x" + "ab" * 20


@pytest.fixture(name="belt")
def _belt():
    belt = Belt()
    belt.watch("a-1", recipients=("ag_friend", ADDRESS))
    belt.row("a-1", "deposit", 100)
    belt.read("a-1")
    belt.declare("s-1", (), recipients=("ag_friend",))
    belt.balance("s-1", 100)
    belt.now += 1
    return belt


def told(belt, event):
    """Notices of one event."""
    return [notice for notice in belt.outputs if notice.event == event]


def escrow(belt, end, **fields):
    belt.row("a-1", "escrow_lock", -10, "e1")
    belt.say(EscrowCreated, "a-1", escrow_id="e1", creator="ag_a-1", counterparty="x", amount_usd=10, commission_usd=1,
             expires_at=belt.now + 60)  # fmt: skip
    belt.say(end, "a-1", escrow_id="e1", **fields)


def withdraw(belt):
    belt.row("a-1", "withdrawal_hold", -10, "w1", recipient="0xdead")
    belt.row("a-1", "withdrawal_release", 10, "w1")
    belt.row("a-1", "withdrawal", -10, "w1", recipient="0xdead")


def misreport(belt):
    report = belt.make(BetSettled, "a-1", fact_id="b1", source="sdk", bet_id="b1", game="dice", stake=1, payout=9)
    shown = belt.make(BetSettled, "a-1", fact_id="b1", source="casino", bet_id="b1", game="dice", stake=1, payout=2)
    belt.say(Amended, "a-1", source="casino", before=report, after=shown)


EVENTS = {
    "large_win": lambda belt: belt.bet("a-1", 10, 30),
    "large_loss": lambda belt: belt.bet("a-1", 10, 0),
    "strategy_switch": lambda belt: belt.say(StrategySwitched, "a-1", before="x", after="y"),
    "wallet_top_up": lambda belt: belt.row("a-1", "payment_received", 5),
    "referral_income": lambda belt: belt.row("a-1", "referral", 5, level=1),
    "escrow_settled": lambda belt: escrow(belt, EscrowReleased, net_usd=9, commission_usd=1),
    "slow_span": lambda belt: belt.say(SlowSpan, "a-1", span_name="pf.trade.execute", duration_s=3, threshold_s=2),
    "unlisted_recipient": withdraw,
    "report_differs": misreport,
}


VALUES = {
    "large_win": 20.0, "large_loss": 10.0, "wallet_top_up": 5.0, "referral_income": 5.0, "escrow_settled": 10.0,
    "slow_span": 3.0, "unlisted_recipient": 10.0, "report_differs": 7.0,
}  # fmt: skip
"""What the text of an alert about it shows: USD, or seconds."""
LABELS = {
    "slow_span": (("span_name", "pf.trade.execute"),),
    "strategy_switch": (("after", "y"), ("before", "x")),
    "report_differs": (("report_field", "payout"),),
}


def test_every_event_that_an_alert_waits_for_is_here():
    """But an overdue halt, which no fact tells: it is found by whoever halts."""
    waited = {
        node.kind for alert in CATALOG.alerts.values() for node in walk(alert.condition) if isinstance(node, q.Event)
    }
    assert waited - {"halt_overdue"} == EVENTS.keys()


@pytest.mark.parametrize("event", EVENTS)
def test_it_happens_to_an_agent_with_what_its_text_needs(belt, event):
    """Once, under its name in the catalog, with the fields that are declared for it."""
    before, seen = len(belt.outputs), []
    fold = belt.fold

    def watched(*facts):
        last = fold(*facts)
        seen.extend(one for one in belt.fleet.happened if event_of(belt.fleet, one) == event)
        return last

    belt.fold = watched
    EVENTS[event](belt)
    (happened,) = seen
    (notice,) = [one for one in belt.outputs[before:] if one.event == event]
    assert happened.agent_id == notice.agent_id == "a-1"
    assert value_of(happened) == VALUES.get(event)
    assert labels_of(event, happened) == LABELS.get(event, ())
    declared = {*CATALOG.log_events[event].fields, "amount_usd", "subject", "reason"}
    assert notice.fields.keys() <= declared
    assert notice.level in CATALOG.log_events[event].levels


def test_an_anomaly_is_told_with_the_fields_of_its_event(belt):
    """Which detector, which side, how large."""
    belt.bet("a-1", 10, 0)
    (notice,) = told(belt, "anomaly_detected")
    assert notice.fields["detector"] == "absolute_loss"
    assert notice.fields["return"] == pytest.approx(-0.1)
    assert notice.fields.keys() <= {*CATALOG.log_events["anomaly_detected"].fields, "amount_usd", "subject"}


def test_a_disputed_escrow_is_not_settled(belt):
    """Its end is told under another name."""
    escrow(belt, EscrowDisputed)
    assert told(belt, "escrow_settled") == []
    assert [notice.fields["reason"] for notice in told(belt, "escrow_transaction")] == ["disputed"]


def test_money_that_comes_in_is_told_whoever_reports_it(belt):
    """By the ledger, by the agent itself, or as a change on chain; moving collateral is no income."""
    belt.row("a-1", "bonus", 1)
    belt.say(PaymentMoved, "s-1", payment_id="p", direction="received", amount_usd=2)
    belt.say(BonusGranted, "s-1", bonus="daily", amount_usd=3)
    belt.declare("w-1", ("wallet",))
    belt.balance("w-1", 4, "wallet", currency="USDC")
    belt.read("w-1", "wallet")
    belt.balance("w-1", 10, "wallet", currency="USDC")
    belt.say(CollateralMoved, "s-1", amount_usd=7)
    found = [(one.agent_id, one.fields["amount_usd"]) for one in told(belt, "wallet_top_up")]
    assert found == [("a-1", 100.0), ("a-1", 1.0), ("s-1", 2.0), ("s-1", 3.0), ("w-1", 6.0)]


def test_referral_income_is_told_whoever_reports_it(belt):
    """A single payment, and the growth of a lifetime total; the first total is history."""
    belt.say(ReferralIncome, "s-1", service="casino", amount_usd=2, level=1)
    belt.say(ReferralTotals, "a-1", service="trading", earned_usd=5)
    belt.say(ReferralTotals, "a-1", service="trading", earned_usd=8)
    assert [one.fields["amount_usd"] for one in told(belt, "referral_income")] == [2.0, 3.0]


class TestRecipients:
    def test_only_money_to_others_is_told_and_only_once(self, belt):
        """The list is held against ids and addresses; a withdrawal has several facts."""
        belt.say(PaymentMoved, "s-1", payment_id="p1", direction="sent", amount_usd=2, counterparty="ag_friend")
        belt.say(PaymentMoved, "s-1", payment_id="p2", direction="sent", amount_usd=2, counterparty="ag_thief")
        belt.say(PaymentMoved, "a-1", payment_id="p3", direction="sent", amount_usd=3, counterparty="ag_thief")
        for status in ("pending", "completed"):
            belt.say(WithdrawalChanged, "a-1", service="casino", withdrawal_id="w", amount_usd=4, fee_usd=0,
                     status=status, recipient="0xdead")  # fmt: skip
        belt.row("a-1", "withdrawal", -4, "w", recipient="0xdead")
        belt.row("a-1", "withdrawal", -5, "w2", recipient=ADDRESS.upper().replace("X", "x"))
        found = [(one.agent_id, one.fields["amount_usd"]) for one in told(belt, "unlisted_recipient")]
        assert found == [("s-1", -2.0), ("a-1", -3.0), ("a-1", -4.0)]

    def test_a_recipient_is_hashed(self, belt):
        """People can tell two apart, and nobody can read an address; the state keeps none either."""
        belt.say(PaymentMoved, "s-1", payment_id="p", direction="sent", amount_usd=2, counterparty="ag_thief")
        (notice,) = told(belt, "unlisted_recipient")
        assert notice.fields["recipient"] == notice.fields["subject"] != "ag_thief"
        assert "ag_thief" not in str(notice)
        assert all(b"ag_thief" not in body for body in freeze(belt.fleet).values())

    def test_without_a_list_nobody_is_unlisted_and_with_an_empty_one_everybody_is(self):
        """None is no list; an empty list allows nobody."""
        belt = Belt()
        for name, allowed in (("n-1", None), ("e-1", ())):
            belt.declare(name, (), recipients=allowed)
            belt.say(PaymentMoved, name, payment_id=name, direction="sent", amount_usd=2, counterparty="ag_x")
        assert [one.agent_id for one in told(belt, "unlisted_recipient")] == ["e-1"]

    def test_who_is_not_named_is_not_judged_and_history_neither(self):
        """A bare payment row says nothing of its recipient; what the first reading shows was sent before."""
        belt = Belt()
        belt.declare("a-1", recipients=())
        belt.row("a-1", "deposit", 100)
        belt.row("a-1", "withdrawal", -5, "w1", recipient="0xdead")
        belt.read("a-1")
        belt.row("a-1", "payment_sent", -5)
        assert told(belt, "unlisted_recipient") == []
