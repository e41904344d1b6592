"""The casino's books: what is read when, and what an answer becomes."""

from decimal import Decimal

import pytest

from fleawatch.events import (
    AgentIdentified,
    BalanceRead,
    ChallengeSettled,
    GameTotals,
    LedgerEntry,
    LedgerRead,
    ReferralTotals,
    SchemaSurprise,
)
from fleawatch.units import iso

D = Decimal
BALANCE, LEDGER, STATS = "/api/v1/auth/balance", "/api/v1/kelly/history", "/api/v1/stats/me"
WITHDRAWALS, NEWEST = "/api/v1/auth/withdrawals", "/api/v1/auth/ledger"


def grow(double, row, change, reason, at, bets=0):
    """Write one more row, as the platform would."""
    answers = double.answers
    balance = round(answers[BALANCE]["balance_usd"] + change, 8)
    answers[LEDGER]["bankroll_curve"].append(row(change, balance, reason, at))
    answers[BALANCE]["balance_usd"] = balance
    answers[STATS]["lifetime"]["total_bets"] += bets


def test_a_first_reading_brings_the_whole_ledger_between_balance_and_totals(with_bench):
    """Balance first, ledger second, totals third, and nothing but the books of the agent."""

    async def scenario(bench):
        facts = await bench.read("casino")
        assert [type(fact) for fact in facts] == [
            BalanceRead, LedgerEntry, LedgerEntry, LedgerEntry, LedgerEntry, LedgerRead, GameTotals, ReferralTotals,
        ]  # fmt: skip
        balance, *rows = facts[:5]
        assert (balance.service, balance.currency, balance.amount, balance.wallet_type) == (
            "casino",
            "USD",
            D("97.5"),
            "hot",
        )
        assert [fact.entry for fact in rows] == ["deposit", "stake", "payout", "escrow_lock"]
        assert [fact.position for fact in rows] == [0, 1, 2, 3]
        assert rows[0].fact_id == "casino:ledger_entry:a-1:0"
        assert facts[5].rows == 4
        assert facts[5].settled_bets == 1
        paths = bench.double.paths()
        assert paths.index(BALANCE) < paths.index(LEDGER) < paths.index(STATS)
        assert bench.state.parts["casino"] == 97.5

    with_bench(scenario)


def test_an_unchanged_balance_costs_one_call_and_one_fact(with_bench):
    """While the balance answers the same to the byte, nothing else is asked."""

    async def scenario(bench):
        await bench.read("casino")
        bench.double.requests.clear()
        facts = await bench.read("casino")
        assert bench.double.paths() == [BALANCE]
        assert [type(fact) for fact in facts] == [BalanceRead]

    with_bench(scenario)


def test_a_changed_balance_brings_only_the_new_rows(with_bench, row):
    """Rows that are booked are not told again."""

    async def scenario(bench):
        await bench.read("casino")
        grow(bench.double, row, -2.0, "reservation", bench.clock.now(), bets=1)
        facts = await bench.read("casino")
        (entry,) = [fact for fact in facts if isinstance(fact, LedgerEntry)]
        assert (entry.position, entry.entry, entry.amount) == (4, "stake", D(-2))
        assert bench.state.casino.staked_bets == bench.state.casino.settled_bets == 2

    with_bench(scenario)


def test_a_reading_that_was_never_booked_is_made_again_in_full(with_bench):
    """When the commit failed, the next reading brings the same facts under the same ids."""

    async def scenario(bench):
        first = await bench.read("casino", book=False)
        again = await bench.read("casino")
        ids = [fact.fact_id for fact in first if isinstance(fact, LedgerEntry)]
        assert ids == [fact.fact_id for fact in again if isinstance(fact, LedgerEntry)]
        assert len(ids) == 4

    with_bench(scenario)


def test_after_a_failure_the_books_are_read_again_even_if_the_balance_is_the_same(with_bench, fail_with):
    """A failed ledger read leaves nothing that the next reading may build on."""

    async def scenario(bench):
        await bench.read("casino")
        healthy = bench.double.answers[BALANCE]
        bench.double.answers[BALANCE] = fail_with(500)
        assert (await bench.fail("casino")).reason == "http_5xx"
        bench.double.answers[BALANCE] = healthy
        bench.double.requests.clear()
        await bench.read("casino")
        assert LEDGER in bench.double.paths()

    with_bench(scenario)


def test_after_a_restart_old_rows_are_understood_but_not_told_again(with_bench, row):
    """A new adapter over a known state classes with the whole ledger and tells the new rows alone."""

    async def scenario(bench):
        await bench.read("casino")
        fresh = type(bench.sources["casino"])("a-1", bench.platform.client("casino", "sk_live_x"))
        bench.sources["casino"] = fresh
        grow(bench.double, row, -1.0, "payment_sent", bench.clock.now())
        facts = await bench.read("casino")
        assert [fact.position for fact in facts if isinstance(fact, LedgerEntry)] == [4]

    with_bench(scenario)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_ledger_that_shrank_or_changed_its_past_was_replaced(with_bench, row, restarted):
    """Another database behind the same address is refused instead of being booked on top."""

    async def scenario(bench):
        await bench.read("casino")
        if restarted:
            bench.sources["casino"] = type(bench.sources["casino"])("a-1", bench.platform.client("casino", "k"))
        curve = bench.double.answers[LEDGER]["bankroll_curve"]
        bench.double.answers[BALANCE]["balance_usd"] = 1.0
        kept = curve.pop()
        error = await bench.fail("casino")
        assert (error.reason, "replaced" in str(error)) == ("schema", True)
        curve.append(kept | {"balance": 11.0})
        assert "replaced" in str(await bench.fail("casino"))

    with_bench(scenario)


def test_an_unchanged_balance_is_checked_against_the_ledger_now_and_then(with_bench):
    """After a quarter of an hour the ledger is read although nothing seems to have changed."""

    async def scenario(bench):
        await bench.read("casino")
        bench.double.requests.clear()
        await bench.read("casino", after=901)
        assert LEDGER in bench.double.paths()

    with_bench(scenario)


def test_a_pending_withdrawal_is_no_bet_even_when_a_bet_looks_like_it(with_bench, row):
    """With references of the newest rows, two equal reservations of one second are told apart."""

    async def scenario(bench):
        await bench.read("casino")
        at = int(bench.clock.now())
        grow(bench.double, row, -10.5, "reservation", at)
        grow(bench.double, row, -10.5, "reservation", at, bets=1)
        curve = bench.double.answers[LEDGER]["bankroll_curve"]
        bench.double.answers[WITHDRAWALS] = {
            "withdrawals": [
                {"id": "w1", "amount": 10.0, "fee": 0.5, "createdAt": at, "status": "reviewing", "address": "0xa"}
            ]
        }
        bench.double.answers[NEWEST] = {
            "entries": [
                {
                    "reason": "reservation",
                    "amount": 10.5,
                    "balanceAfter": one["balance"],
                    "createdAt": at,
                    "reference": name,
                }
                for one, name in zip(curve[-2:], ("w1", "bet_7"), strict=True)
            ]
        }
        facts = await bench.read("casino")
        rows = [fact for fact in facts if isinstance(fact, LedgerEntry)]
        assert [(one.entry, one.reference, one.recipient) for one in rows] == [
            ("withdrawal_hold", "w1", "0xa"), ("stake", "bet_7", ""),
        ]  # fmt: skip
        assert bench.state.casino.staked_bets == 2

    with_bench(scenario)


def test_more_stakes_than_settled_bets_are_reported(with_bench, row):
    """When the platform counts fewer bets than the ledger seems to have, the reading says so."""

    async def scenario(bench):
        grow(bench.double, row, -3.0, "reservation", bench.clock.now())
        facts = await bench.read("casino")
        assert [fact.field for fact in facts if isinstance(fact, SchemaSurprise)] == ["reservation"]

    with_bench(scenario)


def staked(bench, row):
    at = bench.clock.now()
    grow(bench.double, row, -2.0, "challenge_escrow:chl_1", at)
    bench.double.answers["/api/v1/challenges"] = {"outgoing": [{"id": "chl_1", "created_at": int(at)}]}


def test_a_lost_challenge_ends_although_no_row_says_so(with_bench, row):
    """A staked challenge that is no longer pending and brought nothing back is lost."""

    async def scenario(bench):
        staked(bench, row)
        await bench.read("casino")
        equity = bench.state.parts["casino"]
        assert await bench.read("casino")
        assert bench.state.casino.challenge_stakes == {"chl_1": 2.0}
        bench.double.answers["/api/v1/challenges"] = {"outgoing": []}
        facts = await bench.read("casino")
        (lost,) = [fact for fact in facts if isinstance(fact, ChallengeSettled)]
        assert (lost.challenge_id, lost.stake, lost.payout) == ("chl_1", D("2.0"), 0)
        assert bench.state.parts["casino"] == pytest.approx(equity - 2)

    with_bench(scenario)


@pytest.mark.parametrize("reason", ["challenge_win", "challenge_refund", "challenge_escrow_return"])
def test_a_challenge_that_came_back_is_told_by_its_row_alone(with_bench, row, reason):
    """A win, a refusal and an expiry have a row; none of them is a loss."""

    async def scenario(bench):
        staked(bench, row)
        await bench.read("casino")
        bench.double.answers["/api/v1/challenges"] = {"outgoing": []}
        grow(bench.double, row, 2.0, f"{reason}:chl_1", bench.clock.now())
        facts = await bench.read("casino")
        assert not any(isinstance(fact, ChallengeSettled) for fact in facts)
        assert bench.state.casino.challenge_stakes == {}

    with_bench(scenario)


def test_the_platforms_own_id_of_an_agent_is_told_when_it_is_not_known(with_bench):
    """Escrows name agents by an id that the operator may not have configured."""

    async def scenario(bench):
        bench.state.profile.platform_ids.clear()
        facts = await bench.read("casino")
        (told,) = [fact for fact in facts if isinstance(fact, AgentIdentified)]
        assert (told.service, told.platform_id) == ("casino", "ag_000000000001")
        assert not any(isinstance(fact, AgentIdentified) for fact in await bench.read("casino"))

    with_bench(scenario)


def test_a_balance_a_little_below_zero_is_zero_and_one_far_below_is_refused(with_bench):
    """Doubles that were added and taken leave dust; a debt is not dust."""

    async def scenario(bench):
        bench.double.answers[BALANCE]["balance_usd"] = -2.7e-17
        facts = await bench.read("casino", book=False)
        assert facts[0].amount == 0
        bench.double.answers[BALANCE]["balance_usd"] = -0.01
        assert (await bench.fail("casino")).reason == "schema"

    with_bench(scenario)


@pytest.mark.parametrize("number", [b"1e400", b"123456789012345678901", b'"NaN"', b'"Infinity"'])
def test_an_impossible_amount_costs_the_reading(with_bench, number):
    """Well-formed nonsense is refused at the door."""

    async def scenario(bench):
        bench.double.answers[BALANCE] = b'{"agent_id": "ag_000000000001", "balance_usd": ' + number + b"}"
        assert (await bench.fail("casino")).reason == "schema"

    with_bench(scenario)


def test_nothing_happens_after_it_was_learned(with_bench):
    """A platform whose clock runs ahead cannot date a fact into our future."""

    async def scenario(bench):
        rows = bench.double.answers[LEDGER]["bankroll_curve"]
        rows[-1]["at"] = iso(bench.clock.now() + 5_000)
        facts = await bench.read("casino")
        assert all(fact.at <= fact.seen_at for fact in facts)

    with_bench(scenario)


def test_a_time_that_is_none_costs_the_reading(with_bench):
    """A row without a readable time is not booked at a guess."""

    async def scenario(bench):
        bench.double.answers[LEDGER]["bankroll_curve"][1]["at"] = "yesterday"
        error = await bench.fail("casino")
        assert (error.reason, "/api/v1/kelly/history" in str(error)) == ("schema", True)

    with_bench(scenario)
