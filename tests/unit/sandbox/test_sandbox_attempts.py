"""Every attempt is in the journal: who asked for what, when, and whether it was accepted."""

import pytest

from fleawatch.errors import StoreError
from fleawatch.sandbox import books
from fleawatch.sandbox.journal import ORDERS, Attempt, Journal
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.platform import Platform
from fleawatch.sandbox.world import World

DICE = {"direction": "over", "threshold": 50}


@pytest.fixture(name="platform")
def _platform():
    return Platform(Kernel(7, 1_000_000.0))


def account(platform, name, funds=100.0):
    made = platform.bank.register(Person(name=name, character="flat", strategy="s"))
    platform.bank.deposit(made, funds)
    return made


class TestJournal:
    def test_only_what_came_after_and_was_accepted_counts(self):
        """Earlier ones, refused ones, other agents' and closing ones are left out."""
        journal = Journal()
        journal.attempts += [
            Attempt(10.0, "a", "casino", "bet", "bet_1"),
            Attempt(11.0, "a", "casino", "bet", None, "kelly_limit_exceeded"),
            Attempt(11.0, "b", "casino", "bet", "bet_2"),
            Attempt(12.0, "a", "trading", "close", "pos_1"),
            Attempt(13.0, "a", "trading", "open", "pos_2"),
        ]
        assert [attempt.reference for attempt in journal.accepted("a", 10.0)] == ["pos_2"]
        assert [attempt.reference for attempt in journal.accepted("a", 9.0)] == ["bet_1", "pos_2"]
        assert journal.accepted("a", 13.0) == []

    def test_any_action_can_be_asked_for(self):
        """Such as closes alone."""
        journal = Journal()
        journal.attempts.append(Attempt(12.0, "a", "trading", "close", "pos_1"))
        assert journal.accepted("a", 0.0) == []
        assert journal.accepted("a", 0.0, {"close"}) == journal.attempts

    def test_what_reduces_risk_is_no_order(self):
        """Closing, cancelling, protecting, releasing and limiting oneself stay allowed."""
        assert not ORDERS & {"close", "close_all", "cancel", "stop_loss", "take_profit", "escrow_release"}
        assert not ORDERS & {"copy_close", "risk_settings"}


class TestServices:
    def test_a_bet_is_entered_with_its_id_and_a_refusal_with_its_code(self, platform):
        """Both at the time of asking."""
        player = account(platform, "ann")
        placed = platform.casino.bet(player, "dice", 1.0, DICE)
        platform.kernel.run_until(platform.kernel.now + 5)
        with pytest.raises(RefusedError):
            platform.casino.bet(player, "dice", 5_000.0, DICE)
        first, second = platform.kernel.journal.attempts
        assert (first.action, first.reference, first.accepted) == ("bet", placed["bet_id"], True)
        assert (second.error, second.reference, second.accepted) == ("insufficient_balance", None, False)
        assert second.at - first.at == 5

    def test_each_bet_of_a_batch_is_an_attempt(self, platform):
        """Twenty bets in one call are twenty orders."""
        player = account(platform, "ann")
        bets = [{"game": "dice", "amount": amount, **DICE} for amount in (0.1, 0.2, -1)]
        platform.casino.batch(player, bets)
        assert [attempt.accepted for attempt in platform.kernel.journal.attempts] == [True, True, False]

    def test_escrows_payments_and_challenges(self, platform):
        """An escrow, whoever answers it, money sent, and the two sides of a challenge."""
        ann, ben = account(platform, "ann"), account(platform, "ben")
        for _ in range(2):
            platform.escrow.create(ann, amount_usd=5, description="work", counterparty_agent_id=ben.id)
        first, second = platform.escrow.escrows.values()
        platform.escrow.complete(ben, first.id)
        platform.escrow.release(ann, first.id)
        platform.escrow.dispute(ben, second.id)
        platform.bank.pay(ann, ben.id, 1.0)
        challenge = platform.social.challenge(ann, ben.id, 1.0)
        platform.social.accept(ben, challenge.id)
        entered = [(attempt.agent_id, attempt.action) for attempt in platform.kernel.journal.attempts]
        assert entered == [
            ("ann", "escrow_create"), ("ann", "escrow_create"), ("ben", "escrow_complete"), ("ann", "escrow_release"),
            ("ben", "escrow_dispute"), ("ann", "payment"), ("ann", "challenge"), ("ben", "challenge_accept"),
        ]  # fmt: skip
        assert all(attempt.reference for attempt in platform.kernel.journal.attempts)

    def test_an_escrow_that_failed_after_the_debit_was_not_accepted(self, platform):
        """The ledger shows a lock and its undoing; the attempt carries the server's error."""
        ann, ben = account(platform, "ann", 10_000.0), account(platform, "ben")
        failures = 0
        while not platform.escrow.failed:
            try:
                platform.escrow.create(ann, amount_usd=1, description="work", counterparty_agent_id=ben.id)
            except RefusedError:
                failures += 1
        refused = [attempt for attempt in platform.kernel.journal.attempts if not attempt.accepted]
        assert [attempt.error for attempt in refused] == ["internal_error"] * failures == ["internal_error"]

    def test_a_claim_for_somebody_is_entered_under_its_name(self, platform):
        """The faucet knows no key; a claim for nobody is nobody's."""
        ann = account(platform, "ann")
        platform.faucet.claim(ann.id, "203.0.113.1")
        for agent_id, address in ((ann.id, "203.0.113.2"), ("ag_nobody", "203.0.113.3")):
            with pytest.raises(RefusedError):
                platform.faucet.claim(agent_id, address)
        entered = [(attempt.agent_id, attempt.error) for attempt in platform.kernel.journal.attempts]
        assert entered == [("ann", None), ("ann", "already_claimed")]


class TestBooks:
    def test_the_file_answers_as_the_world_does(self, tmp_path):
        """For every agent of a fleet and any moment."""
        world = World(7, 6)
        world.advance(400.0)
        path = tmp_path / "books.sqlite"
        books.write(world, path)
        for person in world.fleet:
            for after in (0.0, world.origin + 200.0, world.origin + 400.0):
                assert books.accepted(path, person.name, after) == world.kernel.journal.accepted(person.name, after)
        assert books.accepted(path, "flat-00", world.origin)
        assert books.accepted(path, "flat-00", world.origin + 400.0) == []
        assert books.accepted(path, "nobody", 0.0) == []

    def test_every_accepted_bet_and_position_has_its_attempt(self):
        """The journal misses none: what the servers stored is what was accepted, escrows and fills of limits too."""
        world = World(7, 16)
        world.advance(900.0)
        platform = world.platform
        stored = {bet.id for one in platform.bank.accounts.values() for bet in one.bets}
        stored |= {parlay["id"] for one in platform.bank.accounts.values() for parlay in one.parlays}
        stored |= {position.id for trader in platform.trading.traders.values() for position in trader.positions}
        stored |= platform.escrow.escrows.keys() | platform.social.challenges.keys()
        kept = {"bet", "parlay", "open", "limit_fill", "escrow_create", "challenge"}
        attempts = [one for one in world.kernel.journal.attempts if one.accepted and one.action in kept]
        assert {attempt.reference for attempt in attempts} == stored
        assert len(attempts) == len(stored)

    def test_a_missing_file_is_named(self, tmp_path):
        """With what to do about it."""
        with pytest.raises(StoreError, match="write the books first"):
            books.accepted(tmp_path / "none", "flat-00", 0.0)
