"""The casino's books: bets, batches, parlays, payments, withdrawals, bonuses and what is beside the tables."""

from decimal import Decimal

import pytest

from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.platform import Platform

ADDRESS = "0x" + "ab" * 20


@pytest.fixture(name="platform")
def _platform():
    return Platform(Kernel(7, 1_000_000.0))


def account(platform, name="alpha", funds=200.0, code=None):
    made = platform.bank.register(Person(name=name, character="flat", strategy="s"), code)
    if funds:
        platform.bank.deposit(made, funds)
    return made


def flip(platform, who, amount=1.0):
    return platform.casino.bet(who, "coin_flip", amount, {"side": "heads"})


def reasons(who):
    return [row.reason.partition(":")[0] for row in who.rows]


class TestBank:
    def test_the_first_deposit_brings_a_bonus(self, platform):
        """Ten percent, as a ledger row of its own; the second deposit brings none."""
        who = account(platform)
        platform.bank.deposit(who, 100.0)
        assert reasons(who) == ["deposit", "first_deposit_bonus", "deposit"]
        assert who.balance == 320.0
        assert who.total_deposited == 300.0

    def test_a_small_withdrawal_writes_three_rows(self, platform):
        """Reservation, its release and the withdrawal, with the fee in the amount."""
        who = account(platform)
        record = platform.bank.withdraw(who, 10, ADDRESS)
        assert reasons(who)[-3:] == ["reservation", "reservation_release", "withdrawal"]
        assert [row.change for row in who.rows[-3:]] == [-10.5, 10.5, -10.5]
        assert record["status"] == "completed"
        assert platform.kernel.journal.balance("fees:withdrawal:alpha") == Decimal("0.5")

    def test_a_large_withdrawal_waits_with_the_money_reserved(self, platform):
        """Above 1,000 USD only the reservation is written."""
        who = account(platform, funds=3_000.0)
        record = platform.bank.withdraw(who, 1_500, ADDRESS)
        assert record["status"] == "reviewing"
        assert reasons(who)[-1] == "reservation"
        assert platform.kernel.journal.balance("fees:withdrawal:alpha") == 0

    @pytest.mark.parametrize(
        ("amount", "address", "error"),
        [
            (0.5, ADDRESS, "minimum_withdrawal"),
            (200_000, ADDRESS, "maximum_withdrawal"),
            (10, "nowhere", "invalid_address"),
            (True, ADDRESS, "invalid_amount"),
            (900, ADDRESS, "insufficient_balance"),
        ],
    )
    def test_wrong_withdrawals_are_refused(self, platform, amount, address, error):
        """Nothing is booked then."""
        who = account(platform)
        with pytest.raises(RefusedError) as refused:
            platform.bank.withdraw(who, amount, address)
        assert refused.value.error == error
        assert len(who.rows) == 2

    def test_a_payment_moves_money_between_agents(self, platform):
        """One row each, same amount, nothing lost."""
        payer, payee = account(platform), account(platform, "beta", 0)
        platform.bank.pay(payer, payee.id, 2.5)
        assert (reasons(payer)[-1], reasons(payee)[-1]) == ("payment_sent", "payment_received")
        assert payee.exact == Decimal("2.5")

    def test_payments_to_nobody_or_oneself_are_refused(self, platform):
        """404 for the unknown, 400 for oneself and for too much."""
        who = account(platform)
        cases = (("ag_none", 1, 404, "recipient_not_found"), (who.id, 1, 400, "self_payment"))
        for to, amount, status, error in cases:
            with pytest.raises(RefusedError) as refused:
                platform.bank.pay(who, to, amount)
            assert (refused.value.status, refused.value.error) == (status, error)

    def test_an_unknown_referral_code_is_ignored(self, platform):
        """Registration goes through without a referrer."""
        assert account(platform, code="ref_nothing").referred_by is None


class TestBets:
    def test_a_lost_bet_writes_no_release(self, platform):
        """One row for a loss, two for a win, and the sum of rows is the balance."""
        who = account(platform)
        for _ in range(40):
            before = len(who.rows)
            answer = flip(platform, who)
            assert len(who.rows) - before == (2 if answer["won"] else 1)
        assert sum(row.change for row in who.rows) == pytest.approx(who.balance)
        assert float(who.exact) == pytest.approx(who.balance)

    def test_the_answer_says_amount_bet_and_rounds(self, platform):
        """`amount_bet`, a gross `amount_won` in cents, and no `amount` at all."""
        answer = flip(platform, account(platform), 0.37)
        assert answer["amount_bet"] == 0.37
        assert "amount" not in answer
        assert answer["amount_won"] in (0.0, 0.74)

    def test_a_double_stakes_twice(self, platform):
        """Blackjack `double` reserves two amounts."""
        who = account(platform)
        platform.casino.bet(who, "blackjack", 1.0, {"action": "double"})
        assert who.bets[-1].amount == 2.0

    @pytest.mark.parametrize(
        ("amount", "error"),
        [
            (0, "invalid_amount"),
            ("1", "invalid_amount"),
            (0.001, "minimum_bet"),
            (1_000, "insufficient_balance"),
            (100, "kelly_limit_exceeded"),
        ],
    )
    def test_wrong_amounts_are_refused(self, platform, amount, error):
        """Each with its code; the Kelly error says how much would be allowed."""
        who = account(platform)
        with pytest.raises(RefusedError) as refused:
            flip(platform, who, amount)
        assert refused.value.error == error
        if error == "kelly_limit_exceeded":
            assert refused.value.body["max_bet"] == 27.5
        assert who.bets == []

    def test_referrers_earn_on_three_levels_of_lost_stakes(self, platform):
        """10, 5 and 2.5 % of each lost stake in cents; below a cent nothing; wins and parlays bring nothing."""
        top = account(platform, "top", 0)
        middle = account(platform, "middle", 0, top.referral_code)
        low = account(platform, "low", 0, middle.referral_code)
        player = account(platform, "player", 400.0, low.referral_code)
        while sum(not bet.won for bet in player.bets) < 3:
            flip(platform, player, 0.5)
        assert [row.amount for row in low.rows] == [0.05] * 3
        assert [row.amount for row in middle.rows] == [0.03] * 3
        assert [row.amount for row in top.rows] == [0.01] * 3
        assert {row.reason[:23] for row in top.rows} == {"referral_commission_l3:"}

    def test_batch_reports_the_servers_wrong_summary(self, platform):
        """`total_wagered` is 0 and `net_pnl` the total won; the results tell the truth."""
        who = account(platform)
        answer = platform.casino.batch(who, [{"game": "coin_flip", "amount": 1.0, "side": "heads"}] * 10)
        assert answer["summary"]["total_wagered"] == 0
        assert answer["summary"]["net_pnl"] == answer["summary"]["total_won"]
        assert sum(result["amount_bet"] for result in answer["results"]) == 10.0

    def test_a_batch_of_errors_is_still_an_answer(self, platform):
        """Unknown games and wrong amounts are errors of their own."""
        answer = platform.casino.batch(account(platform), [{"game": "chess", "amount": 1}, {"game": "dice"}, 7])
        assert [result["error"] for result in answer["results"]] == [
            "unknown_game",
            "invalid_direction",
            "unknown_game",
        ]
        assert answer["summary"]["errors"] == 3

    def test_a_parlay_is_one_bet_outside_the_bet_rows(self, platform):
        """It moves balance and lifetime totals, and leaves the games' totals alone."""
        who = account(platform)
        legs = [{"game": "coin_flip", "params": {"side": "heads"}}] * 2
        answers = [platform.casino.parlay(who, legs, 2.0) for _ in range(30)]
        won = [answer for answer in answers if answer["all_won"]]
        assert 0 < len(won) < 30
        assert who.bets == []
        assert who.total_wagered == 60.0
        assert reasons(who).count("parlay_win") == len(won)
        assert won[0]["combined_multiplier"] == pytest.approx(1.99 * 0.99 * 1.99 * 0.99, abs=1e-3)

    @pytest.mark.parametrize(
        ("legs", "amount", "error"),
        [
            ([], 1, "invalid_legs"),
            ([{"game": "slots"}] * 2, 1, "invalid_game"),
            ([{"game": "dice"}] * 2, 11, "invalid_amount"),
        ],
    )
    def test_wrong_parlays_are_refused(self, platform, legs, amount, error):
        """Each with its code."""
        with pytest.raises(RefusedError) as refused:
            platform.casino.parlay(account(platform), legs, amount)
        assert refused.value.error == error


class TestSocial:
    def test_the_daily_bonus_is_once_a_day(self, platform):
        """The second claim is 400 `already_claimed`; the next day pays more."""
        who = account(platform)
        first = platform.social.claim_daily(who)
        with pytest.raises(RefusedError, match="already_claimed"):
            platform.social.claim_daily(who)
        platform.kernel.run_until(platform.kernel.now + 86_400)
        assert platform.social.claim_daily(who)["bonus_usd"] > first["bonus_usd"]
        assert platform.social.daily_state(who)["streak"] == 2

    def test_recovery_needs_a_loss_and_waits_a_day(self, platform):
        """5 % of at least 10 USD lost; a second claim is 429."""
        who = account(platform, funds=2_000.0)
        with pytest.raises(RefusedError, match="not_eligible"):
            platform.social.claim_recovery(who)
        while platform.social.recovery_state(who)["net_loss_24h"] < 10:
            platform.casino.bet(who, "wheel", 5.0, {})
        assert platform.social.claim_recovery(who)["bonus_usd"] >= 0.5
        with pytest.raises(RefusedError) as refused:
            platform.social.claim_recovery(who)
        assert (refused.value.status, refused.value.error) == (429, "already_claimed")

    def test_an_accepted_challenge_pays_one_winner(self, platform):
        """Both stakes less half a percent, in no bet row."""
        one, two = account(platform, "one", 50.0), account(platform, "two", 50.0)
        challenge = platform.social.challenge(one, two.id, 4.0)
        platform.social.accept(two, challenge.id)
        rows = [row for who in (one, two) for row in who.rows if row.reason.startswith("challenge_win:")]
        assert [row.amount for row in rows] == [7.96]
        assert platform.kernel.journal.balance(challenge.pot) == 0
        with pytest.raises(RefusedError, match="not_pending"):
            platform.social.accept(two, challenge.id)

    def test_a_declined_or_forgotten_challenge_gives_the_stake_back(self, platform):
        """`challenge_refund` at once, `challenge_escrow_return` after an hour."""
        one, two = account(platform, "one", 50.0), account(platform, "two", 0)
        platform.social.decline(two, platform.social.challenge(one, two.id, 4.0).id)
        platform.social.challenge(one, two.id, 3.0)
        platform.kernel.run_until(platform.kernel.now + 3_601)
        assert reasons(one)[-3:] == ["challenge_refund", "challenge_escrow", "challenge_escrow_return"]
        assert one.exact == Decimal(55)

    def test_a_tournament_shares_its_entries(self, platform):
        """Seventy percent to the best, thirty to the next; the pool is empty then."""
        players = [account(platform, name, 50.0) for name in ("one", "two", "three")]
        tournament = platform.social.open_tournament(1, 2.0)
        for who in players:
            platform.social.enter(who, tournament.id)
        with pytest.raises(RefusedError, match="already_entered"):
            platform.social.enter(players[0], tournament.id)
        flip(platform, players[1], 5.0)
        platform.kernel.run_until(platform.kernel.now + 1_200)
        assert [prize["prize_usd"] for prize in tournament.prizes] == [4.2, 1.8]
        assert platform.kernel.journal.balance(tournament.pool) == 0
        with pytest.raises(RefusedError, match="tournament_closed"):
            platform.social.enter(players[0], tournament.id)


class TestFaucet:
    def test_one_dollar_once_an_agent_and_address(self, platform):
        """The second claim fails by address first, then by agent."""
        one, two = account(platform, "one", 0), account(platform, "two", 0)
        assert platform.faucet.claim(one.id, "10.0.0.1")["credited"] == 1
        for agent_id, address, status, error in (
            (two.id, "10.0.0.1", 429, "ip_rate_limited"),
            (one.id, "10.0.0.2", 409, "already_claimed"),
            ("ag_unknown", "10.0.0.3", 404, "agent_not_found"),
            (None, "10.0.0.4", 400, "invalid_request"),
        ):
            with pytest.raises(RefusedError) as refused:
                platform.faucet.claim(agent_id, address)
            assert (refused.value.status, refused.value.error) == (status, error)
        assert one.rows[-1].reason.startswith("faucet_claim: ")
        assert platform.faucet.stats()["total_value_usd"] == 1.0
