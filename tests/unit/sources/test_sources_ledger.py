"""What a ledger row means, above all whether a bare reservation is a bet or a withdrawal."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.sources.purpleflea.ledger import Carried, Row, Withdrawal, classify, plain

D = Decimal


def row(change, reason, at=0.0, reference=None):
    return Row(D(change), D(100), reason, at, reference)


@pytest.mark.parametrize(
    ("reason", "change", "entry", "reference", "level"),
    [
        ("reservation", "-1", "stake", None, 0),
        ("reservation_release", "2", "payout", None, 0),
        ("parlay_bet", "-1", "parlay_stake", None, 0),
        ("parlay_win", "8", "parlay_payout", None, 0),
        ("parlay_refund", "1", "parlay_refund", None, 0),
        ("challenge_escrow:chl_1", "-1", "challenge_stake", "chl_1", 0),
        ("challenge_win:chl_1", "2", "challenge_payout", "chl_1", 0),
        ("challenge_refund:chl_1", "1", "challenge_refund", "chl_1", 0),
        ("challenge_escrow_return:chl_1", "1", "challenge_refund", "chl_1", 0),
        ("tournament_entry:trn_1", "-1", "tournament_entry", "trn_1", 0),
        ("tournament_prize_2:trn_1", "5", "tournament_prize", "trn_1", 0),
        ("referral_commission_l1:bet_9", "0.1", "referral", "bet_9", 1),
        ("referral_commission_l2:bet_9", "0.1", "referral", "bet_9", 2),
        ("referral_commission_l3:bet_9", "0.1", "referral", "bet_9", 3),
        ("daily_bonus", "0.1", "bonus", None, 0),
        ("loss_recovery_bonus", "1", "bonus", None, 0),
        ("first_deposit_bonus:dep_1", "5", "bonus", "dep_1", 0),
        ("deposit:base:usdc", "50", "deposit", "base:usdc", 0),
        ("withdrawal", "-10.5", "withdrawal", None, 0),
        ("withdrawal_refund", "10.5", "withdrawal_refund", None, 0),
        ("payment_sent", "-3", "payment_sent", None, 0),
        ("payment_received", "3", "payment_received", None, 0),
        ("faucet_claim: welcome bonus", "1", "faucet", "welcome", 0),
        ("escrow_lock: esc_1", "-5", "escrow_lock", "esc_1", 0),
        ("escrow_release: esc_1", "4.95", "escrow_release", "esc_1", 0),
        ("escrow_timeout_refund: esc_1", "4.95", "escrow_refund", "esc_1", 0),
        ("escrow_referral_commission: esc_1", "0.0075", "escrow_referral", "esc_1", 0),
        ("escrow_create_failed_refund: esc_1 (insert failed)", "5", "escrow_lock_undone", "esc_1", 0),
        ("something_new:42", "5", "adjustment", None, 0),
        ("", "5", "adjustment", None, 0),
    ],
)
def test_a_row_is_classed_by_its_reason(reason, change, entry, reference, level):
    """Every reason that the platform writes has one meaning; an unknown one is an adjustment."""
    meaning = plain(reason, D(change))
    assert (meaning.entry, meaning.reference, meaning.level) == (entry, reference, level)


@pytest.mark.parametrize(
    ("reason", "change"),
    [("reservation", "1"), ("deposit:base:usdc", "-1"), ("referral_commission_l1:x", "-1"), ("payment_sent", "1"),
     ("tournament_prize_1:x", "-1")],
)  # fmt: skip
def test_a_row_whose_sign_contradicts_its_reason_is_an_adjustment(reason, change):
    """A reason is not believed against the money: the row is booked as P&L and counted."""
    assert plain(reason, D(change)).entry == "adjustment"


def entries(rows, withdrawals=(), carried=None):
    return [meaning.entry for meaning in classify(rows, withdrawals, carried or Carried())]


def test_bets_alone_are_stakes_and_payouts():
    """Won and lost bets, without any withdrawal."""
    rows = [row(-1, "reservation"), row(2, "reservation_release"), row(-1, "reservation"), row(-1, "reservation")]
    assert entries(rows) == ["stake", "payout", "stake", "stake"]


def test_a_sent_withdrawal_is_hold_release_and_withdrawal_with_its_fee():
    """Three rows of one withdrawal, the fee on the row that charges it."""
    rows = [row("-10.5", "reservation", 5), row("10.5", "reservation_release", 5), row("-10.5", "withdrawal", 5)]
    found = classify(rows, [Withdrawal("w1", D(10), D("0.5"), 5)], Carried())
    assert [one.entry for one in found] == ["withdrawal_hold", "withdrawal_release", "withdrawal"]
    assert [one.fee for one in found] == [0, 0, D("0.5")]
    assert {one.reference for one in found} == {"w1"}


def test_a_pending_withdrawal_is_no_bet():
    """A hold without any later row is recognised by the list of withdrawals."""
    rows = [row("-5", "reservation", 1), row("-2000.5", "reservation", 9), row("-5", "reservation", 11)]
    assert entries(rows, [Withdrawal("w1", D(2000), D("0.5"), 9)]) == ["stake", "withdrawal_hold", "stake"]


def test_a_bet_of_the_same_amount_and_second_as_a_hold_stays_a_bet():
    """Of two equal reservations one is the hold: the one whose return was charged, or which never came back."""
    sent = [Withdrawal("w1", D(10), D("0.5"), 5)]
    rows = [
        row("-10.5", "reservation", 5), row("21", "reservation_release", 5),
        row("-10.5", "reservation", 5), row("10.5", "reservation_release", 5), row("-10.5", "withdrawal", 5),
    ]  # fmt: skip
    assert entries(rows, sent) == ["stake", "payout", "withdrawal_hold", "withdrawal_release", "withdrawal"]
    pending = [row("-10.5", "reservation", 5), row("10.5", "reservation_release", 5), row("-10.5", "reservation", 5)]
    assert entries(pending, sent) == ["stake", "payout", "withdrawal_hold"]


def test_references_decide_where_they_are_known():
    """A reference of a bet makes a stake, any other a hold, whatever the amounts say."""
    rows = [row("-10.5", "reservation", 5, "bet_1"), row("-10.5", "reservation", 5, "6f1c")]
    assert entries(rows, [Withdrawal("6f1c", D(10), D("0.5"), 5)]) == ["stake", "withdrawal_hold"]


def test_a_withdrawal_that_no_list_shows_any_more_still_has_its_hold():
    """Withdrawals older than the platform's list are found from their own rows."""
    rows = [
        row("-3", "reservation"), row("-10.5", "reservation"), row("-1", "payment_sent"),
        row("10.5", "reservation_release"), row("-10.5", "withdrawal"),
    ]  # fmt: skip
    assert entries(rows) == ["stake", "withdrawal_hold", "payment_sent", "withdrawal_release", "withdrawal"]


def test_a_hold_is_remembered_until_its_return_in_a_later_reading():
    """A reviewed withdrawal that is refused comes back as a release without a stake before it."""
    carried = Carried()
    listed = [Withdrawal("w1", D(2000), D("0.5"), 9)]
    assert entries([row("-2000.5", "reservation", 9)], listed, carried) == ["withdrawal_hold"]
    later = [row("-1", "payment_sent", 20), row("2000.5", "reservation_release", 21), row("-1", "reservation", 22)]
    assert entries(later, listed, carried) == ["payment_sent", "withdrawal_release", "stake"]
    assert carried.holds == []


def test_a_payout_in_the_next_reading_belongs_to_the_last_stake():
    """A reading that ends between a stake and its payout classes both rightly."""
    carried = Carried()
    assert entries([row("-1", "reservation")], (), carried) == ["stake"]
    assert entries([row("2", "reservation_release")], (), carried) == ["payout"]


happenings = st.lists(
    st.one_of(
        st.tuples(st.just("bet"), st.integers(1, 3), st.integers(0, 3)),
        st.tuples(st.just("sent"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("review"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("pay"), st.integers(1, 3), st.just(0)),
    ),
    max_size=14,
)


def _play(story):
    """Rows, withdrawals and the number of bets of a story; one second an event, so that times tell them apart."""
    rows, listed, bets = [], [], 0
    for second, (what, amount, multiple) in enumerate(story):
        at = second * 10.0
        if what == "bet":
            bets += 1
            rows.append(row(-amount, "reservation", at))
            if multiple:
                rows.append(row(amount * multiple, "reservation_release", at))
        elif what == "pay":
            rows.append(row(-amount, "payment_sent", at))
        else:
            listed.append(Withdrawal(f"w{second}", D(amount), D(0), at))
            rows.append(row(-amount, "reservation", at))
            if what == "sent":
                rows += [row(amount, "reservation_release", at), row(-amount, "withdrawal", at)]
    return rows, listed, bets


@settings(max_examples=100, deadline=None)
@given(happenings, st.integers(0, 30))
def test_no_bet_is_counted_too_many_or_too_few(story, cut):
    """Whatever happens and wherever two readings part, stakes are bets and holds are withdrawals."""
    rows, listed, bets = _play(story)
    carried = Carried()
    found = classify(rows[:cut], listed, carried) + classify(rows[cut:], listed, carried)
    kinds = [one.entry for one in found]
    assert kinds.count("stake") == bets
    assert kinds.count("withdrawal_hold") == len(listed)
    assert kinds.count("withdrawal_release") == kinds.count("withdrawal")
