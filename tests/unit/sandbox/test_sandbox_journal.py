"""The journal, and the numbers and identifiers that books are made of."""

from decimal import Decimal

import pytest

from fleawatch.sandbox.entropy import Ids, stream
from fleawatch.sandbox.journal import Journal, Leg, UnbalancedError
from fleawatch.sandbox.numbers import exact, micros, percent, round2, settled


def leg(account, amount, currency="USD"):
    return Leg(account, None, Decimal(amount), currency)


class TestJournal:
    def test_a_balanced_transaction_is_entered(self):
        """Both accounts show what moved, and the transaction has the next number."""
        journal = Journal()
        assert journal.post(5.0, "casino", "pay", [leg("a", "-1.50"), leg("b", "1.50")]) == 1
        assert journal.balance("a") == Decimal("-1.50")
        assert journal.balance("b") == Decimal("1.50")
        assert [posting.txn for posting in journal.postings] == [1, 1]

    def test_an_unbalanced_transaction_is_refused_whole(self):
        """A missing cent leaves no trace in the books."""
        journal = Journal()
        with pytest.raises(UnbalancedError, match=r"0\.01"):
            journal.post(5.0, "casino", "pay", [leg("a", "-1.50"), leg("b", "1.51")])
        assert journal.postings == []
        assert journal.transactions == 0
        assert journal.balance("b") == 0

    def test_currencies_do_not_balance_each_other(self):
        """One ETH against minus one USD is not a transaction."""
        with pytest.raises(UnbalancedError):
            Journal().post(5.0, "wallet", "swap", [leg("a", "1", "ETH"), leg("b", "-1", "USD")])

    def test_empty_legs_are_left_out(self):
        """A leg of zero writes no posting."""
        journal = Journal()
        journal.post(5.0, "casino", "nothing", [leg("a", "0"), leg("b", "0")])
        assert journal.postings == []
        assert journal.transactions == 1


class TestNumbers:
    def test_cents_round_half_towards_plus_infinity(self):
        """-0.005 rounds to zero and 0.005 to a cent, as `Math.round` has it."""
        assert round2(0.125) == 0.13
        assert round2(-0.125) == -0.12

    def test_a_double_is_read_by_its_shortest_form(self):
        """0.1 is a tenth."""
        assert exact(0.1) == Decimal("0.1")

    def test_precisions(self):
        """Escrow keeps six decimals, payouts eight."""
        assert micros(Decimal("0.0000005")) == Decimal("0.000001")
        assert settled(Decimal("1.123456785")) == Decimal("1.12345679")

    def test_a_rate_of_nothing_is_zero(self):
        """Without bets the platform reports a win rate of 0."""
        assert percent(0, 0) == 0.0
        assert percent(1, 3) == 33.33


class TestEntropy:
    def test_streams_depend_on_their_names_alone(self):
        """The same names give the same draws, other names give others."""
        assert stream(7, "mind", "a").random() == stream(7, "mind", "a").random()
        assert stream(7, "mind", "a").random() != stream(7, "mind", "b").random()
        assert stream(7, "mind", "a").random() != stream(8, "mind", "a").random()

    def test_identifiers_count_for_each_owner(self):
        """What one owner is given does not change what the next one gets."""
        first, second = Ids(7), Ids(7)
        second.hex("bet", "b", 8)
        assert first.hex("bet", "a", 8) == second.hex("bet", "a", 8)
        assert first.hex("bet", "a", 8) != first.hex("trade", "a", 8)

    def test_uuid_has_its_form(self):
        """A version 4 UUID by its looks."""
        assert [len(part) for part in Ids(1).uuid("bet", "a").split("-")] == [8, 4, 4, 4, 12]
