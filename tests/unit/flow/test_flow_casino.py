"""The casino's ledger: what each row does to play, flows and equity."""

import pytest

from fleawatch.events import (
    BalanceRead,
    ChallengeSettled,
    GameTotal,
    GameTotals,
    LedgerEntry,
    Tick,
)
from fleawatch.flow.fold.flows import WITHDRAWN_KEPT
from fleawatch.testing.belt import Belt


@pytest.fixture
def belt():
    """One agent with 100 USD, deposited."""
    belt = Belt()
    belt.watch("a-1")
    belt.row("a-1", "deposit", 100)
    return belt


def test_a_stake_in_flight_is_still_the_agents(belt):
    """Between stake and outcome the equity does not move."""
    belt.row("a-1", "stake", -10)
    assert belt["a-1"].equity == 100
    assert belt["a-1"].casino.open_stake == 10
    assert belt["a-1"].casino.settled_bets == 0


def test_a_payout_right_after_its_stake_settles_it(belt):
    """The result of a bet is payout minus stake, whatever the platform calls it."""
    belt.row("a-1", "stake", -10)
    belt.row("a-1", "payout", 2)
    agent = belt["a-1"]
    assert (agent.equity, agent.casino.net, agent.casino.losses) == (92, -8, 1)
    assert (agent.casino.wagered, agent.casino.paid, agent.casino.settled_bets) == (10, 2, 1)


def test_a_stake_is_lost_by_the_next_row(belt):
    """A lost bet writes no second row: the next row that is not its payout says so."""
    belt.row("a-1", "stake", -10)
    belt.row("a-1", "stake", -5)
    agent = belt["a-1"]
    assert (agent.equity, agent.casino.net, agent.casino.open_stake) == (90, -10, 5)


def test_a_last_stake_is_lost_when_the_platform_counts_it_settled(belt):
    """At the end of the ledger the platform's own count decides, and only that."""
    belt.row("a-1", "stake", -10)
    belt.end("a-1", settled=0)
    assert belt["a-1"].casino.open_stake == 10
    belt.end("a-1", settled=None)
    assert belt["a-1"].casino.open_stake == 10
    belt.end("a-1", settled=1)
    assert (belt["a-1"].equity, belt["a-1"].casino.losses) == (90, 1)


def test_equal_stake_and_payout_is_a_push(belt):
    """Money back is neither won nor lost."""
    belt.bet("a-1", 10, 10)
    assert (belt["a-1"].casino.pushes, belt["a-1"].casino.net) == (1, 0)


def test_a_payout_whose_stake_was_taken_for_lost_is_money_but_no_bet(belt):
    """Two bets that overlap count as two, and their money adds up."""
    belt.row("a-1", "stake", -10)
    belt.row("a-1", "stake", -10)
    belt.row("a-1", "payout", 20)
    belt.row("a-1", "payout", 20)
    casino = belt["a-1"].casino
    assert (casino.settled_bets, casino.net, casino.paid) == (2, 20, 40)
    assert belt.fleet.ignored == {"payout_without_stake": 1}


def test_a_parlay_counts_as_one_bet(belt):
    """A parlay's stake is in flight until its payout, and is counted under its own name."""
    belt.row("a-1", "parlay_stake", -3)
    assert belt["a-1"].equity == 100
    belt.row("a-1", "parlay_payout", 9)
    casino = belt["a-1"].casino
    assert (casino.parlays, casino.parlay, casino.net, casino.settled_bets) == (1, (1, 3, 9), 6, 0)


def test_a_parlay_without_a_payout_is_lost_at_the_end_of_the_ledger(belt):
    """Both rows of a parlay are written at once, so a missing one says that it was lost."""
    belt.row("a-1", "parlay_stake", -3)
    belt.end("a-1")
    assert (belt["a-1"].equity, belt["a-1"].casino.parlay) == (97, (1, 3, 0))


def test_a_refunded_parlay_is_a_push(belt):
    """A refund returns the stake and nothing is won or lost."""
    belt.row("a-1", "parlay_stake", -3)
    belt.row("a-1", "parlay_refund", 3)
    assert (belt["a-1"].casino.pushes, belt["a-1"].equity) == (1, 100)


def test_a_challenge_is_held_until_it_ends(belt):
    """Its stake is the agent's own until then; the winner gets both."""
    belt.row("a-1", "challenge_stake", -5, "ch_1")
    belt.row("a-1", "challenge_stake", -7, "ch_2")
    assert belt["a-1"].equity == 100
    belt.row("a-1", "challenge_payout", 10, "ch_1")
    belt.row("a-1", "challenge_refund", 7, "ch_2")
    assert (belt["a-1"].equity, belt["a-1"].casino.net) == (105, 5)


def test_a_lost_challenge_ends_when_somebody_says_so(belt):
    """No ledger row tells of a lost challenge; the fact does, once."""
    belt.row("a-1", "challenge_stake", -5, "ch_1")
    for _ in range(2):
        belt.say(ChallengeSettled, "a-1", challenge_id="ch_1", stake=5, payout=0)
    assert (belt["a-1"].equity, belt["a-1"].casino.net) == (95, -5)


def test_a_tournament_entry_is_an_expense_at_once(belt):
    """A prize is a gain of the day it comes."""
    belt.row("a-1", "tournament_entry", -20)
    assert (belt["a-1"].equity, belt["a-1"].casino.net) == (80, -20)
    belt.row("a-1", "tournament_prize", 50)
    assert belt["a-1"].casino.net == 30


@pytest.mark.parametrize(
    ("entry", "amount", "source"),
    [("deposit", 5, "deposit"), ("faucet", 1, "faucet"), ("bonus", 2, "bonus"), ("payment_received", 3, "payment")],
)
def test_money_that_comes_in_is_a_flow_and_no_gain(belt, entry, amount, source):
    """It raises the equity, leaves the NAV, and is counted by where it came from."""
    belt.row("a-1", entry, amount)
    agent = belt["a-1"]
    assert (agent.equity, agent.flows, agent.performance.nav.value) == (100 + amount, 100 + amount, 1.0)
    expected = amount + (100 if source == "deposit" else 0)
    assert agent.tallies.get("pf_wallet_deposits_usdc_total", (source,)) == expected
    assert agent.income == {}


def test_a_payment_that_leaves_is_a_flow_and_no_loss(belt):
    """It lowers the equity and leaves NAV and drawdown."""
    belt.row("a-1", "payment_sent", -30)
    agent = belt["a-1"]
    assert (agent.equity, agent.flows, agent.withdrawals) == (70, 70, 30)
    assert agent.performance.nav.value == 1.0
    assert agent.performance.summary("all_time").drawdown_max == 0.0


def test_a_withdrawal_leaves_at_its_hold_and_only_its_fee_is_a_loss(belt):
    """Hold, return of the hold, charge: the flow is the amount, the P&L the fee."""
    belt.row("a-1", "withdrawal_hold", "-20.5", "wd_1")
    assert (belt["a-1"].equity, belt["a-1"].flows) == (79.5, 79.5)
    belt.row("a-1", "withdrawal_release", "20.5", "wd_1")
    belt.row("a-1", "withdrawal", "-20.5", "wd_1", fee="0.5")
    agent = belt["a-1"]
    assert (agent.equity, agent.flows, agent.withdrawals) == (79.5, 80, 20)
    assert agent.income == {"fees": -0.5}
    assert agent.tallies.get("pf_wallet_withdrawals_usdc_total", ("withdrawal",)) == 20
    assert 1 - agent.performance.nav.value == pytest.approx(0.5 / 100)


def withdraw(belt, amount, fee="0.5"):
    """Hold, return of the hold, charge."""
    total = float(amount) + float(fee)
    belt.row("a-1", "withdrawal_hold", -total)
    belt.row("a-1", "withdrawal_release", total)
    belt.row("a-1", "withdrawal", -total, fee=fee)


def test_a_refunded_withdrawal_returns_its_fee(belt):
    """The platform sends a failed withdrawal back fee and all, so nothing was lost and nothing has left."""
    withdraw(belt, 20)
    belt.row("a-1", "withdrawal_refund", "20.5")
    agent = belt["a-1"]
    assert (agent.equity, agent.flows, agent.withdrawals, agent.income) == (100, 100, 0, {"fees": 0})
    assert agent.performance.nav.value == pytest.approx(1.0, abs=1e-12)
    assert agent.performance.changes.total == 0
    assert agent.casino.withdrawn == []


def test_a_refund_without_the_fee_leaves_it_lost(belt):
    """What comes back is compared with what left: the rest is the fee that was paid."""
    withdraw(belt, 20)
    belt.row("a-1", "withdrawal_refund", 20)
    agent = belt["a-1"]
    assert (agent.equity, agent.flows, agent.withdrawals, agent.income) == (99.5, 100, 0, {"fees": -0.5})


def test_a_refund_belongs_to_the_newest_withdrawal_of_its_amount(belt):
    """Others keep their fees, and each comes back once."""
    for amount, fee in ((20, "0.5"), (20.5, "0"), (30, "0.5")):
        withdraw(belt, amount, fee)
    belt.row("a-1", "withdrawal_refund", "20.5")
    assert belt["a-1"].income == {"fees": -1.0}
    belt.row("a-1", "withdrawal_refund", "20.5")
    assert belt["a-1"].income == {"fees": -0.5}
    belt.row("a-1", "withdrawal_refund", "20.5")
    agent = belt["a-1"]
    assert agent.income == {"fees": -0.5}
    assert agent.casino.withdrawn == [(30, 0.5)]
    assert agent.equity - agent.flows == pytest.approx(-0.5)


def test_withdrawals_that_may_come_back_are_bounded(belt):
    """A refund of one that is forgotten is a flow, fee and all."""
    belt.row("a-1", "deposit", 1000)
    withdraw(belt, 7)
    for _ in range(WITHDRAWN_KEPT):
        withdraw(belt, 5)
    belt.row("a-1", "withdrawal_refund", "7.5")
    agent = belt["a-1"]
    assert len(agent.casino.withdrawn) == WITHDRAWN_KEPT
    assert agent.income["fees"] == pytest.approx(-0.5 * (WITHDRAWN_KEPT + 1))


def test_a_refused_withdrawal_is_undone(belt):
    """A hold that comes back leaves no trace in flows."""
    belt.row("a-1", "withdrawal_hold", "-20.5", "wd_1")
    belt.row("a-1", "withdrawal_release", "20.5", "wd_1")
    assert (belt["a-1"].equity, belt["a-1"].flows, belt["a-1"].performance.nav.value) == (100, 100, 1.0)


def test_a_flow_after_a_lost_stake_meets_the_equity_that_the_loss_left(belt):
    """P&L that a row reveals is booked before the flow of the same row: the loss is of the money that was there."""
    belt.row("a-1", "stake", -10)
    belt.row("a-1", "deposit", 90)
    agent = belt["a-1"]
    assert agent.equity == 180
    assert agent.performance.nav.value == pytest.approx(0.9, abs=1e-12)
    assert agent.performance.summary("all_time").drawdown == pytest.approx(0.1, abs=1e-12)


def test_referral_income_is_pnl_by_service_and_level(belt):
    """Commissions raise the NAV; they are no trade and no flow."""
    belt.row("a-1", "referral", 2, level=2)
    belt.row("a-1", "escrow_referral", 1)
    agent = belt["a-1"]
    assert agent.income == {"referral": 3}
    assert agent.performance.nav.value == pytest.approx(1.03)
    assert agent.tallies.get("pf_referral_income_usdc_total", ("casino", "2")) == 2
    assert agent.tallies.get("pf_referral_income_usdc_total", ("escrow", "1")) == 1
    assert agent.tallies.total("pf_trades_total") == 0


def test_a_row_of_unknown_meaning_is_pnl_under_its_own_name(belt):
    """Nothing that moved the balance is left out."""
    belt.row("a-1", "adjustment", -4)
    assert (belt["a-1"].equity, belt["a-1"].income) == (96, {"adjustment": -4})


def test_a_row_that_is_booked_already_changes_nothing(belt):
    """A ledger that is read again from its beginning adds nothing."""
    rows = [fact for fact in belt.facts if isinstance(fact, LedgerEntry)]
    belt.fold(*rows)
    assert (belt["a-1"].equity, belt["a-1"].flows) == (100, 100)
    assert belt.fleet.ignored == {"ledger_row_again": len(rows)}


def test_rows_of_another_book_are_checked_and_mean_nothing_to_the_casino(belt):
    """A ledger in another currency never passes for the balance in dollars."""
    for position, amount in enumerate((5, 7)):
        belt.say(
            LedgerEntry, "a-1", service="wallet", currency="ETH", position=position, amount=amount,
            balance_after=5 + 7 * position, entry="deposit",
        )  # fmt: skip
    assert belt["a-1"].equity == 100
    assert belt["a-1"].books["wallet:ETH"].conservation.residual() == 0.0


def test_a_balance_off_the_chain_is_unknown_until_the_ledger_is_read(belt):
    """A differing balance is no residual yet; the next ledger read explains it or does not."""
    belt.balance("a-1", 101)
    book = belt["a-1"].books["casino:USD"]
    assert book.conservation.residual() is None
    belt.end("a-1")
    assert book.conservation.residual() == 1.0
    assert [notice.event for notice in belt.outputs][-1] == "unexplained_money"
    told = len(belt.outputs)
    belt.balance("a-1", 101)
    belt.end("a-1")
    assert len(belt.outputs) == told


def test_a_balance_read_alone_never_moves_the_equity(belt):
    """Where the ledger is read, it alone moves the books."""
    belt.balance("a-1", 55)
    belt.read("a-1")
    assert belt["a-1"].equity == 100
    assert belt["a-1"].casino.read_balance == 55


def test_an_older_balance_does_not_replace_a_newer_one(belt):
    """Readings that arrive out of order leave the newest."""
    belt.balance("a-1", 100)
    belt.balance("a-1", 7, at=belt.now - 60)
    assert belt["a-1"].casino.read_balance == 100


def test_totals_by_game_only_grow_and_share_the_place_of_unknown_games(belt):
    """An older reading is refused; games beyond the bound are summed under `other`, not the largest of them."""
    rows = tuple(GameTotal(game=name, bets=1, wagered=10, paid=5) for name in ("dice", "BAD GAME", "ALSO BAD"))
    belt.say(GameTotals, "a-1", games=rows, bets=3)
    agent = belt["a-1"]
    assert agent.casino.games["other"] == (2, 20, 10)
    assert agent.tallies.get("pf_casino_wagered_usdc_total", ("other",)) == 20
    belt.say(GameTotals, "a-1", games=(), bets=2)
    assert belt.fleet.ignored == {"game_totals_older": 1}


def test_a_faucet_claim_is_told_once(belt):
    """The row counts the claim and gives people one line to read."""
    belt.row("a-1", "faucet", 1, reason="faucet_claim: x")
    assert belt["a-1"].tallies.get("pf_faucet_claims_total", ("success",)) == 1
    assert [notice.event for notice in belt.outputs].count("faucet_claim") == 1


def test_losing_everything_ends_the_epoch(belt):
    """Equity of nothing by P&L is a total loss; the next money opens a new epoch."""
    belt.bet("a-1", 100, 0)
    agent = belt["a-1"]
    assert (agent.equity, agent.performance.nav.value, agent.performance.nav.total_losses) == (0, 0.0, 1)
    assert "large_loss" in [notice.event for notice in belt.outputs]
    belt.row("a-1", "deposit", 10)
    assert (agent.performance.nav.value, agent.performance.nav.epoch) == (1.0, 2)


def test_an_agent_emptied_by_a_flow_resumes_where_it_was(belt):
    """Taking everything out freezes the NAV; money that returns meets it unchanged."""
    belt.bet("a-1", 20, 0)
    belt.row("a-1", "payment_sent", -80)
    assert belt["a-1"].performance.nav.frozen
    belt.row("a-1", "deposit", 40)
    assert belt["a-1"].performance.nav.value == pytest.approx(0.8)
    assert belt["a-1"].performance.nav.epoch == 1


def test_a_fact_about_nobody_is_counted_and_books_nothing(belt):
    """An empty name is never an agent."""
    belt.say(BalanceRead, "", service="casino", currency="USD", amount=1, value_usd=1)
    belt.say(Tick)
    assert list(belt.fleet.agents) == ["a-1"]
    assert belt.fleet.ignored == {"no_agent": 1}
