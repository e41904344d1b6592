"""The world: an hour of twenty agents, what must happen in it, and what may never."""

import functools
from collections import Counter
from decimal import Decimal

import pytest

from fleawatch.sandbox.characters.base import QUIET_BEFORE_EXPIRY
from fleawatch.sandbox.characters.cast import CAST
from fleawatch.sandbox.faults import KINDS, SERVICES, Fault, FaultPlan
from fleawatch.sandbox.world import World
from fleawatch.units import AGENT_ID


@functools.cache
def hour():
    world = World(7, 20)
    world.advance(3_600.0)
    return world


class TestVolume:
    def test_twenty_agents_do_enough_in_an_hour(self):
        """At least 2,500 bets, closed positions and escrows."""
        world = hour()
        accounts = [world.account(person) for person in world.fleet]
        bets = sum(len(account.bets) + len(account.parlays) for account in accounts)
        closed = [p for t in world.platform.trading.traders.values() for p in t.positions if p.status == "closed"]
        mine = [e for e in world.platform.escrow.escrows.values() if e.creator.person.fleet]
        assert bets + len(closed) + len(mine) >= 2_500

    def test_five_agents_do_enough_too(self):
        """At least 300."""
        world = World(7, 5)
        world.advance(3_600.0)
        accounts = [world.account(person) for person in world.fleet]
        assert sum(len(account.bets) + len(account.parlays) for account in accounts) >= 300

    def test_a_poller_every_fifteen_seconds_sees_every_position(self):
        """No trader closes more than ten positions in any minute."""
        for trader in hour().platform.trading.traders.values():
            minutes = Counter(position.closed // 60 for position in trader.positions if position.closed)
            assert max(minutes.values(), default=0) <= 10

    def test_no_second_page_is_needed_between_two_polls(self):
        """No agent places more than 200 bets in a minute: one page of history holds them."""
        for person in hour().fleet:
            minutes = Counter(bet.second // 60 for bet in hour().account(person).bets)
            assert max(minutes.values(), default=0) <= 200


class TestVariety:
    def test_every_outcome_of_escrows_occurs(self):
        """In the fleet: released, refunded by timeout, disputed, open, and failed attempts."""
        escrow = hour().platform.escrow
        statuses = {e.status for e in escrow.escrows.values() if e.creator.person.fleet}
        assert statuses >= {"released", "refunded", "disputed", "completed"}
        assert escrow.failed

    def test_pushes_and_wins_that_are_none_occur(self):
        """Payouts equal to the stake, and won bets that paid less."""
        bets = [bet for person in hour().fleet for bet in hour().account(person).bets]
        assert any(bet.won and bet.amount_won == bet.amount for bet in bets)
        assert any(bet.won and bet.amount_won < bet.amount for bet in bets)

    def test_every_kind_of_ledger_row_occurs(self):
        """Everything that the ledger can say is said at least once in an hour."""
        rows = [row for account in hour().platform.bank.accounts.values() for row in account.rows]
        reasons = {row.reason.partition(":")[0] for row in rows}
        assert reasons >= {
            "reservation", "reservation_release", "parlay_bet", "parlay_win", "challenge_escrow", "challenge_win",
            "challenge_refund", "tournament_entry", "tournament_prize_1", "tournament_prize_2",
            "referral_commission_l1", "referral_commission_l2", "referral_commission_l3", "daily_bonus",
            "first_deposit_bonus", "deposit", "withdrawal", "payment_sent", "payment_received", "faucet_claim",
            "escrow_lock", "escrow_release", "escrow_timeout_refund", "escrow_referral_commission",
            "escrow_create_failed_refund",
        }  # fmt: skip

    def test_same_second_rows_occur(self):
        """Batches put several bets into one second, so the order of lists matters."""
        account = hour().account(next(p for p in hour().fleet if p.character == "multi"))
        assert max(Counter(bet.second for bet in account.bets).values()) >= 3

    def test_exits_of_every_kind_occur(self):
        """Market closes, stop-losses and take-profits; limit entries too."""
        traders = hour().platform.trading.traders.values()
        assert {p.exit for t in traders for p in t.positions if p.exit} == {"market", "stop_loss", "take_profit"}
        assert any(order.kind == "limit" and order.status == "filled" for t in traders for order in t.orders)

    def test_the_cast_is_complete(self):
        """Twenty agents have every character, names that are agent ids, and two outsiders beside them."""
        world = hour()
        assert {person.character for person in world.fleet} == set(CAST)
        assert all(AGENT_ID.match(person.name) for person in world.people)
        assert len(world.people) - len(world.fleet) == 2

    def test_keys_carry_their_prefixes_and_ids_differ_by_service(self):
        """Four services, four ids, four prefixes."""
        person = next(p for p in hour().fleet if p.character == "referrer")
        prefixes = {"casino": "sk_live_", "trading": "sk_trade_", "wallet": "pk_live_", "domains": "sk_domains_"}
        for service, prefix in prefixes.items():
            assert person.keys[service].startswith(prefix)
            assert len(person.keys[service]) == len(prefix) + 48
        assert len(set(person.platform_ids.values())) == 4

    def test_one_trader_declares_no_capital(self):
        """Its operator's configuration says nothing."""
        traders = [person for person in hour().fleet if person.capital]
        assert Counter(person.declares_capital for person in traders) == {True: 2, False: 1}


class TestFates:
    def test_the_silent_one_stops(self):
        """No action after its hour, and actions before."""
        person = next(p for p in hour().fleet if p.character == "silent")
        assert hour().account(person).bets
        assert person.last_action < person.silent_at < hour().origin + 1_200

    def test_nothing_touches_an_account_whose_key_expires(self):
        """Its last figures stand from some minutes before the expiry: they can be read while they still can."""
        person = next(p for p in hour().fleet if p.character == "expiring")
        account = hour().account(person)
        assert account.rows[-1].second <= person.key_expires_at - QUIET_BEFORE_EXPIRY

    def test_the_bleeder_bleeds(self):
        """It ends with less than half of what it brought."""
        account = hour().account(next(p for p in hour().fleet if p.character == "bleeder"))
        assert account.balance < 0.5 * account.total_deposited


class TestBooks:
    def test_money_is_neither_made_nor_lost(self):
        """Over the whole world every currency sums to zero, and every transaction for itself."""
        journal = hour().kernel.journal
        assert set(journal.totals().values()) == {Decimal(0)}
        sums = Counter()
        for posting in journal.postings:
            sums[posting.txn, posting.currency] += posting.amount
        assert not any(sums.values())

    def test_the_ledger_explains_every_balance(self):
        """Sum of signed rows = balance = journal, for every account; each row's balance follows from the one before."""
        world = hour()
        for account in world.platform.bank.accounts.values():
            total = 0.0
            for row in account.rows:
                total += row.change
                assert row.balance_after == pytest.approx(total, abs=1e-6)
            assert account.balance == pytest.approx(float(account.exact), abs=1e-6)
            assert account.exact == world.kernel.journal.balance(account.cash)

    def test_nothing_is_overdrawn(self):
        """No account's balance is ever below zero."""
        rows = [row for account in hour().platform.bank.accounts.values() for row in account.rows]
        assert min(row.balance_after for row in rows) > -1e-9

    def test_a_fleet_needs_an_agent(self):
        """Zero agents are refused."""
        with pytest.raises(ValueError, match="at least one"):
            World(7, 0)


class TestFaultPlan:
    def test_a_seeded_plan_hits_everything_and_ends_in_time(self):
        """Every kind at every service, one at a time, between 5 and 80 % of the run, the same for the same seed."""
        plan = FaultPlan.seeded(7, 1_000.0, 3_600.0)
        assert {(f.service, f.kind) for f in plan.faults} == {(s, k) for s in SERVICES for k in KINDS}
        assert min(f.start for f in plan.faults) >= 1_000 + 0.05 * 3_600
        assert max(f.end for f in plan.faults) <= 1_000 + 0.8 * 3_600
        assert all(a.end < b.start for a, b in zip(plan.faults, plan.faults[1:], strict=False))
        assert plan == FaultPlan.seeded(7, 1_000.0, 3_600.0)
        assert plan != FaultPlan.seeded(8, 1_000.0, 3_600.0)

    def test_a_fault_hits_what_it_names(self):
        """By service, path prefix, agent and time; the end is excluded."""
        fault = Fault("casino", "error", 10.0, 20.0, agent="a", path="/api/v1/auth")
        assert fault.hits("casino", "/api/v1/auth/balance", "a", 10.0)
        assert not fault.hits("casino", "/api/v1/auth/balance", "a", 20.0)
        assert not fault.hits("casino", "/api/v1/auth/balance", "b", 15.0)
        assert not fault.hits("casino", "/api/v1/bets/history", "a", 15.0)
        assert not fault.hits("wallet", "/api/v1/auth/balance", "a", 15.0)

    @pytest.mark.parametrize(
        "document",
        [
            {"service": "bank"},
            {"service": "casino", "kind": "meteor"},
            {"service": "casino", "kind": "error", "seconds": "long"},
        ],
    )
    def test_a_wrong_request_is_refused(self, document):
        """The message names what may be written."""
        with pytest.raises(ValueError, match=r"use one of|convert"):
            FaultPlan().add(document, 0.0)

    def test_a_request_becomes_a_fault_from_now(self):
        """`after` and `seconds` are simulated; what is not said has a default."""
        plan = FaultPlan()
        fault = plan.add({"service": "trading", "kind": "skew", "after": 5, "seconds": 10}, 100.0)
        assert (fault.start, fault.end, fault.amount, fault.agent) == (105.0, 115.0, 90.0, None)
        assert plan.active(110.0) == [fault]
        assert plan.find("trading", "/x", None, 110.0) is fault
