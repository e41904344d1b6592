"""Laws of the sandbox: its books depend on seed, fleet and time alone, and its lists keep their odd order."""

import functools
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.sandbox.http.order import newest_first
from fleawatch.sandbox.journal import Journal, Leg
from fleawatch.sandbox.world import DEFAULT_ORIGIN, World

HORIZON = 240.0


def fingerprint(world):
    """The whole journal and every ledger, as text."""
    lines = [repr(posting) for posting in world.kernel.journal.postings]
    for account in world.platform.bank.accounts.values():
        lines += [repr(row) for row in account.rows]
    return "\n".join(lines)


@functools.cache
def whole(seed):
    world = World(seed, 16)
    world.advance(HORIZON)
    return fingerprint(world)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2), st.lists(st.floats(0, HORIZON), max_size=40))
def test_books_do_not_depend_on_the_size_of_steps(seed, steps):
    """Any steps, forward or not, give the same journal as one advance, byte for byte."""
    world = World(seed, 16)
    for step in steps:
        world.advance(step)
    world.advance(HORIZON)
    assert fingerprint(world) == whole(seed)


@settings(max_examples=5, deadline=None)
@given(st.integers(-(2**40), 2**40))
def test_any_seed_conserves_money(seed):
    """Whatever the seed, all accounts of a currency sum to zero and every balance equals its ledger."""
    world = World(seed, 16)
    world.advance(HORIZON)
    assert set(world.kernel.journal.totals().values()) <= {Decimal(0)}
    for account in world.platform.bank.accounts.values():
        assert account.exact == world.kernel.journal.balance(account.cash)
        assert abs(sum(row.change for row in account.rows) - account.balance) < 1e-6


@dataclass(frozen=True)
class Row:
    second: int
    number: int


@given(st.lists(st.integers(0, 6), max_size=30).map(sorted), st.integers(0, 12), st.integers(0, 12))
def test_newest_first_is_a_stable_sort_by_falling_second(seconds, limit, offset):
    """Any page equals the slice of the stable descending sort."""
    rows = [Row(second, number) for number, second in enumerate(seconds)]
    expected = sorted(rows, key=lambda row: -row.second)[offset : offset + limit]
    assert newest_first(rows, limit, offset) == expected


@given(st.lists(st.tuples(st.sampled_from("abc"), st.decimals("-99", "99", places=2)), max_size=20))
def test_the_journals_balances_are_the_sums_of_its_postings(moves):
    """After any balanced transactions, each account's running balance is the sum of its lines."""
    journal = Journal()
    for account, amount in moves:
        journal.post(0.0, "casino", "m", [Leg(account, None, amount), Leg("world", None, -amount)])
    sums = defaultdict(Decimal)
    for posting in journal.postings:
        sums[posting.account] += posting.amount
    assert all(journal.balance(account) == sums[account] for account in ("a", "b", "c", "world"))
    assert sum(journal.totals().values()) == 0


@settings(max_examples=4, deadline=None)
@given(st.integers(1, 20_000))
def test_books_do_not_depend_on_the_origin(days):
    """Shifted by whole days, the same money moves between the same accounts."""
    here, there = World(5, 8), World(5, 8, DEFAULT_ORIGIN - days * 86_400.0)
    for world in (here, there):
        world.advance(HORIZON)
    moves = [[(p.account, p.amount, p.memo) for p in world.kernel.journal.postings] for world in (here, there)]
    assert moves[0] == moves[1]
