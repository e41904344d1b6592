"""Money outside a ledger: on-chain holdings, the domains account, referral pots, agents that report themselves."""

import pytest

from fleawatch.events import (
    BetSettled,
    BonusGranted,
    ChallengeOpened,
    ChallengeSettled,
    DepositCredited,
    DomainBought,
    FaucetClaimed,
    ParlaySettled,
    PaymentMoved,
    ReferralIncome,
    ReferralTotals,
    Swapped,
    TournamentEntered,
    WithdrawalChanged,
)
from fleawatch.testing.belt import Belt


class Purse(Belt):
    """A belt with one agent `w-1` and its holdings in short form: a reading is a list of (currency, amount, price)."""

    def reading(self, *holdings):
        self.wait(15)
        for currency, amount, price in holdings:
            value = None if price is None else amount * price
            self.balance("w-1", amount, "wallet", currency=currency, value_usd=value, account="base:0x1")
        self.read("w-1", "wallet")

    @property
    def agent(self):
        return self["w-1"]

    @property
    def nav(self):
        return self["w-1"].performance.nav.value


@pytest.fixture
def purse():
    """An agent with 1 ETH at 3,000 USD and 100 USDC."""
    purse = Purse()
    purse.declare("w-1", ("wallet",))
    purse.reading(("ETH", 1, 3000), ("USDC", 100, 1))
    assert purse.agent.equity == purse.agent.first_equity == 3100
    return purse


@pytest.fixture
def solo():
    """An agent that nobody reads, with a balance of 100 USD that it told of itself."""
    solo = Purse()
    solo.balance("w-1", 100)
    solo.wait(1)
    return solo


def test_a_price_that_moves_is_pnl(purse):
    """Quantities stay, the value changes: NAV follows."""
    purse.reading(("ETH", 1, 3310), ("USDC", 100, 1))
    assert (purse.agent.equity, purse.agent.flows) == (3410, 0)
    assert purse.nav == pytest.approx(1.1)


def test_a_quantity_that_moves_is_a_flow(purse):
    """Coins that come or go without a swap leave the NAV."""
    purse.reading(("ETH", 2, 3000), ("USDC", 40, 1))
    assert (purse.agent.equity, purse.agent.flows) == (6040, 2940)
    assert purse.nav == pytest.approx(1.0)
    assert (purse.agent.deposits, purse.agent.withdrawals) == (3000, 60)


def test_a_flow_meets_the_equity_at_the_new_price(purse):
    """Coins that arrive after a rise had no part in it."""
    purse.reading(("ETH", 2, 3310), ("USDC", 100, 1))
    assert purse.agent.flows == 3310
    assert purse.nav == pytest.approx(3410 / 3100)


def test_a_swap_explains_two_changes_and_costs_its_fee(purse):
    """What one holding lost the other gained; only the difference is P&L, and nothing is seen between the two."""
    purse.say(Swapped, "w-1", swap_id="s1", from_currency="ETH", to_currency="USDC", from_amount=0.5, to_amount=1492.5)
    purse.reading(("ETH", 0.5, 3000), ("USDC", 1592.5, 1))
    assert (purse.agent.equity, purse.agent.flows) == (3092.5, 0)
    assert purse.agent.performance.summary("all_time").drawdown_max == pytest.approx(7.5 / 3100)


def test_a_swap_into_a_new_currency_is_no_flow(purse):
    """The holding that it opens did not exist when it was announced."""
    purse.say(Swapped, "w-1", swap_id="s1", from_currency="USDC", to_currency="SOL", from_amount=100, to_amount=1)
    purse.reading(("ETH", 1, 3000), ("USDC", 0, 1), ("SOL", 1, 99))
    assert (purse.agent.equity, purse.agent.flows) == (3099, 0)


def test_a_new_currency_without_a_swap_is_a_flow(purse):
    """Coins that somebody sent are no gain."""
    purse.reading(("ETH", 1, 3000), ("USDC", 100, 1), ("SOL", 2, 100))
    assert (purse.agent.equity, purse.agent.flows, purse.nav) == (3300, 200, pytest.approx(1.0))


def test_a_swap_that_moved_nothing_explains_nothing_a_day_later(purse):
    """A swap that failed on chain does not hide a later deposit."""
    purse.say(Swapped, "w-1", swap_id="s1", from_currency="ETH", to_currency="USDC", from_amount=1, to_amount=50)
    purse.wait(90_000)
    purse.reading(("ETH", 1, 3000), ("USDC", 150, 1))
    assert purse.agent.flows == 50


@pytest.mark.parametrize("status", ["failed", "refunded"])
def test_a_failed_swap_explains_nothing(purse, status):
    """A swap that says so itself is not waited for."""
    purse.say(
        Swapped, "w-1", swap_id="s1", from_currency="ETH", to_currency="USDC", from_amount=1, to_amount=50,
        status=status,
    )  # fmt: skip
    purse.reading(("ETH", 1, 3000), ("USDC", 150, 1))
    assert purse.agent.flows == 50


def test_swaps_from_before_the_first_reading_explain_nothing():
    """Their effect is in the first balances."""
    purse = Purse()
    purse.declare("w-1", ("wallet",))
    purse.say(Swapped, "w-1", swap_id="s1", from_currency="ETH", to_currency="USDC", from_amount=1, to_amount=50)
    purse.reading(("ETH", 1, 3000), ("USDC", 50, 1))
    purse.reading(("ETH", 1, 3000), ("USDC", 100, 1))
    assert purse.agent.flows == 50


def test_a_missing_price_is_unknown_and_not_zero(purse):
    """The holding stays at its last value, the part is named, and a peak cannot rise."""
    purse.reading(("ETH", 1, None), ("USDC", 100, 1))
    assert (purse.agent.equity, purse.agent.unknown) == (3100, {})
    purse.reading(("ETH", 3, None), ("USDC", 400, 1))
    assert (purse.agent.equity, purse.agent.unknown) == (3400, {"wallet": "no_price"})
    assert purse.agent.flows == 300
    purse.reading(("ETH", 3, 3100), ("USDC", 400, 1))
    assert (purse.agent.equity, purse.agent.flows, purse.agent.unknown) == (9700, 6500, {})
    assert purse.nav == pytest.approx((3400 + 100) / 3400)


def test_a_first_price_makes_a_holding_known_without_a_gain(purse):
    """Coins that never had a price come in as a flow when they get one."""
    purse.reading(("ETH", 1, 3000), ("USDC", 100, 1), ("XMR", 4, None))
    assert (purse.agent.equity, purse.agent.unknown) == (3100, {"wallet": "no_price"})
    purse.reading(("ETH", 1, 3000), ("USDC", 100, 1), ("XMR", 4, 150))
    assert (purse.agent.equity, purse.nav) == (3700, pytest.approx(1.0))


def test_an_empty_holding_needs_no_price(purse):
    """Nothing of a coin is worth nothing, with or without a price."""
    purse.reading(("ETH", 1, 3000), ("USDC", 100, 1), ("XMR", 0, None))
    assert purse.agent.unknown == {}


def test_the_domains_account_is_explained_by_deposits_and_purchases():
    """Announced deposits are flows, purchases expenses, and both explain the next balance."""
    belt = Belt()
    belt.declare("w-1", ("domains",))
    belt.say(DepositCredited, "w-1", service="domains", amount_usd=500)
    belt.balance("w-1", 100, "domains")
    belt.read("w-1", "domains")
    agent = belt["w-1"]
    assert (agent.equity, agent.flows) == (100, 0)
    belt.wait(15)
    belt.say(DepositCredited, "w-1", service="domains", amount_usd=50)
    belt.say(DomainBought, "w-1", domain="a.example", price_usd=12, expires_at=belt.now)
    belt.say(ReferralTotals, "w-1", service="domains", earned_usd=0)
    belt.balance("w-1", 138, "domains")
    belt.read("w-1", "domains")
    assert (agent.equity, agent.flows, agent.income["domains"]) == (138, 50, -12)
    assert agent.books["domains:USD"].conservation.residual() == 0.0
    assert agent.performance.nav.value == pytest.approx(0.88)
    belt.say(ReferralTotals, "w-1", service="domains", earned_usd=3)
    belt.balance("w-1", 141, "domains")
    assert agent.income == {"domains": -12, "referral": 3}
    assert agent.books["domains:USD"].conservation.residual() == 0.0


def test_domains_money_that_nobody_announced_is_the_residual_of_that_service():
    """The residual names the domains account and no other."""
    belt = Belt()
    belt.watch("w-1", ("casino", "domains"))
    belt.balance("w-1", 100, "domains")
    belt.balance("w-1", 90, "domains")
    assert belt["w-1"].books["domains:USD"].conservation.residual() == -10
    assert belt["w-1"].books["casino:USD"].conservation.residual() is None
    notice = belt.outputs[-1]
    assert (notice.event, notice.fields["subject"], notice.fields["amount_usd"]) == (
        "unexplained_money",
        "domains",
        -10,
    )


def test_a_referral_pot_is_the_agents_money_until_it_is_withdrawn():
    """New earnings are income; what the pot loses beyond them was moved elsewhere: a flow."""
    belt = Belt()
    belt.watch("w-1", ("wallet",))
    agent = belt["w-1"]
    belt.say(ReferralTotals, "w-1", source="wallet", service="wallet", earned_usd=10, available_usd=10)
    belt.wait(15)
    belt.read("w-1", "wallet")
    assert (agent.equity, agent.flows, agent.income["referral"]) == (10, 10, 0)
    belt.say(ReferralTotals, "w-1", source="wallet", service="wallet", earned_usd=15, available_usd=7)
    belt.wait(15)
    belt.read("w-1", "wallet")
    assert (agent.equity, agent.flows, agent.income["referral"]) == (7, 2, 5)
    assert agent.performance.nav.value == pytest.approx(1.5)


def test_the_casinos_referral_totals_are_no_second_income():
    """Its commissions are rows of the ledger; the totals only say how many agents were referred."""
    belt = Belt()
    belt.watch("w-1")
    belt.row("w-1", "referral", 5, level=2)
    for earned in (5, 9):
        belt.say(ReferralTotals, "w-1", service="casino", earned_usd=earned, referred=(3, 1, 0, 99))
    agent = belt["w-1"]
    assert agent.income == {"referral": 5}
    assert agent.tallies.total("pf_referral_income_usdc_total") == 5
    assert agent.referred == {1: 3, 2: 1, 3: 0}


def bet(stake, payout, **fields):
    return BetSettled, {"bet_id": "b", "game": "dice", "stake": stake, "payout": payout, **fields}


SELF_REPORTED = [
    (*bet(10, 25), 15, 0),
    (ParlaySettled, {"parlay_id": "p", "legs": 2, "stake": 4, "payout": 0}, -4, 0),
    (TournamentEntered, {"tournament_id": "t", "fee": 6}, -6, 0),
    (ReferralIncome, {"service": "casino", "level": 9, "amount_usd": 2}, 2, 0),
    (DepositCredited, {"service": "casino", "amount_usd": 30}, 0, 30),
    (PaymentMoved, {"payment_id": "x", "direction": "sent", "amount_usd": 30}, 0, -30),
    (PaymentMoved, {"payment_id": "x", "direction": "received", "amount_usd": 30}, 0, 30),
    (FaucetClaimed, {"status": "success", "amount_usd": 1}, 0, 1),
    (BonusGranted, {"bonus": "daily", "amount_usd": 2}, 0, 2),
    (WithdrawalChanged, {"service": "casino", "withdrawal_id": "w", "amount_usd": 20, "fee_usd": 0.5, "status": "pending"}, -0.5, -20),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fields", "gain", "flow"), SELF_REPORTED)
def test_a_self_reported_movement_is_pnl_or_flow_before_the_balance_shows_it(solo, kind, fields, gain, flow):
    """The equity follows each report, and the balance read next changes nothing more."""
    solo.say(kind, "w-1", **fields)
    assert (solo.agent.equity, solo.agent.flows) == (pytest.approx(100 + gain + flow), flow)
    assert solo.nav == pytest.approx(1 + gain / 100)
    solo.wait(1)
    solo.balance("w-1", 100 + gain + flow)
    assert solo.nav == pytest.approx(1 + gain / 100)


@pytest.mark.parametrize(("kind", "fields", "gain", "flow"), SELF_REPORTED)
def test_a_self_reported_movement_that_the_balance_showed_already_moves_it_no_more(solo, kind, fields, gain, flow):
    """Told late, a flow takes back what looked like a gain or loss; a result stays as it was seen."""
    solo.wait(10)
    solo.balance("w-1", 100 + gain + flow)
    solo.say(kind, "w-1", at=solo.now - 5, **fields)
    assert (solo.agent.equity, solo.agent.flows) == (pytest.approx(100 + gain + flow), flow)
    assert solo.nav == pytest.approx(1 + gain / 100, abs=1e-9)


def test_a_failed_withdrawal_returns_with_its_fee(solo):
    """Nothing is lost and nothing has left in the end."""
    for status in ("pending", "reviewing", "failed"):
        solo.say(
            WithdrawalChanged, "w-1", service="casino", withdrawal_id="w", amount_usd=20, fee_usd=0.5, status=status
        )
    assert (solo.agent.equity, solo.agent.flows, solo.agent.income["fees"]) == (100, 0, 0)
    assert (solo.agent.withdrawals, solo.nav) == (0, pytest.approx(1.0, abs=1e-12))


def test_a_self_reported_challenge_is_held_and_lost_or_won(solo):
    """Its stake stays the agent's until it ends, whether or not the balance was read meanwhile."""
    for payout, end in ((0, 90), (20, 110)):
        for read in (True, False):
            solo = Purse()
            solo.balance("w-1", 100)
            solo.wait(1)
            solo.say(ChallengeOpened, "w-1", challenge_id="c", game="dice", stake=10)
            assert solo.agent.equity == 100
            if read:
                solo.wait(1)
                solo.balance("w-1", 90)
                assert solo.agent.equity == 100
            solo.wait(1)
            solo.say(ChallengeSettled, "w-1", challenge_id="c", stake=10, payout=payout)
            assert solo.agent.equity == end


def test_an_agent_that_tells_results_and_no_balance_is_judged_in_dollars():
    """Without a balance there is no equity, and still a P&L and a daily loss."""
    solo = Purse()
    kind, fields = bet(10, 0)
    solo.say(kind, "w-1", **fields)
    solo.say(PaymentMoved, "w-1", payment_id="x", direction="sent", amount_usd=30)
    summary = solo.agent.performance.summary("24h")
    assert (solo.agent.equity, summary.pnl, summary.daily_loss) == (None, 0, 0)
    solo.wait(1)
    solo.say(kind, "w-1", **fields)
    summary = solo.agent.performance.summary("24h")
    assert (summary.pnl, summary.daily_loss) == (-10, 10)


def test_reports_of_an_agent_whose_ledger_is_read_count_games_and_no_money():
    """The ledger alone moves the books; single reports say which game it was."""
    belt = Belt()
    belt.watch("w-1")
    belt.row("w-1", "deposit", 100)
    before = (belt["w-1"].equity, belt["w-1"].flows, dict(belt["w-1"].income), belt["w-1"].casino.net)
    for kind, fields, _, _ in SELF_REPORTED:
        belt.say(kind, "w-1", **fields)
    agent = belt["w-1"]
    assert (agent.equity, agent.flows, agent.income, agent.casino.net) == before
    assert agent.casino.seen_rounds == 1
    assert agent.attribution.whole.count == 2
    assert agent.tallies.get("pf_faucet_claims_total", ("success",)) == 0
    assert agent.tallies.get("pf_trades_total", ("steady", "win")) == 0


def test_a_refused_faucet_claim_is_counted_and_moves_nothing(solo):
    """Only the status is news."""
    solo.say(FaucetClaimed, "w-1", status="rejected", amount_usd=0)
    assert solo.agent.tallies.get("pf_faucet_claims_total", ("rejected",)) == 1
    assert solo.agent.equity == 100
