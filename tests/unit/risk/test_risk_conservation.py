"""The conservation residual of one book."""

from fractions import Fraction

import pytest

from fleawatch.risk.conservation import MOST_PENDING, Conservation, joint

ROWS = [(100.0, 100.0), (-10.0, 90.0), (25.5, 115.5), (-0.25, 115.25), (4.75, 120.0)]


def book(rows, *, opening=0.0, balances=()):
    conservation = Conservation(opening=opening)
    for amount, after in rows:
        conservation.row(amount, after)
    conservation.settle()
    for reading in balances:
        conservation.balance(reading)
        conservation.settle()
    return conservation


def test_nothing_is_unknown():
    """Before the first row or reading there is no residual."""
    assert Conservation().residual() is None


def test_a_clean_ledger_leaves_nothing():
    """The chain holds and the balance is its end."""
    assert book(ROWS, balances=[120.0]).residual() == 0.0


@pytest.mark.parametrize("place", range(5))
def test_one_cent_in_an_amount_is_seen(place):
    """Wherever it is, the residual is that cent."""
    rows = [(amount + (0.01 if n == place else 0.0), after) for n, (amount, after) in enumerate(ROWS)]
    assert book(rows).residual() == -0.01


@pytest.mark.parametrize("place", range(5))
def test_one_cent_in_a_balance_is_seen(place):
    """Also in the middle, where the next row takes it back."""
    rows = [(amount, after + (0.01 if n == place else 0.0)) for n, (amount, after) in enumerate(ROWS)]
    assert book(rows).residual() == 0.01


@pytest.mark.parametrize("place", range(5))
def test_a_doubled_row_is_seen(place):
    """The residual is the amount that counts twice, taken back."""
    rows = [*ROWS[: place + 1], *ROWS[place:]]
    assert book(rows).residual() == -ROWS[place][0]


@pytest.mark.parametrize("place", range(4))
def test_a_dropped_row_is_seen(place):
    """The residual is the amount that nobody stated."""
    assert book([*ROWS[:place], *ROWS[place + 1 :]]).residual() == ROWS[place][0]


def test_a_dropped_last_row_is_seen_by_the_balance():
    """The chain holds, but its end is not the balance."""
    assert book(ROWS[:-1], balances=[120.0]).residual() == 4.75


@pytest.mark.parametrize("place", range(4))
def test_exchanged_rows_are_seen(place):
    """The steps cancel, so the largest of them is reported."""
    rows = [*ROWS[:place], ROWS[place + 1], ROWS[place], *ROWS[place + 2 :]]
    assert abs(book(rows).residual()) > 0.2


def test_a_differing_balance_is_unknown_until_the_ledger_is_read():
    """Then a row explains it, or nothing does."""
    conservation = book(ROWS)
    conservation.balance(117.0)
    assert conservation.residual() is None
    conservation.row(-3.0, 117.0)
    conservation.row(-1.0, 116.0)
    conservation.settle()
    assert conservation.residual() == 0.0
    conservation.balance(110.0)
    conservation.settle()
    assert conservation.residual() == -6.0


def test_an_agreeing_balance_clears_a_disagreement():
    """A balance read wrong once is unexplained until it is read right."""
    conservation = book(ROWS, balances=[0.0])
    assert conservation.residual() == -120.0
    conservation.balance(120.0)
    assert conservation.residual() == 0.0


def test_balances_between_rows_are_explained():
    """Readings taken while rows came are points of the chain, in any number."""
    conservation = Conservation()
    for reading in (100.0, 90.0, 115.25):
        conservation.balance(reading)
    for amount, after in ROWS:
        conservation.row(amount, after)
    conservation.settle()
    assert conservation.residual() == 0.0


def test_money_that_moves_without_any_row_is_seen():
    """With an empty ledger the first balance is the chain."""
    conservation = Conservation()
    conservation.balance(50.0)
    assert conservation.residual() is None
    conservation.settle()
    assert conservation.residual() == 0.0
    conservation.balance(40.0)
    conservation.settle()
    assert conservation.residual() == -10.0


def test_an_empty_ledger_with_a_known_opening_explains_only_that():
    """Opening 0 and a balance of 5 without a row is 5 unexplained."""
    conservation = Conservation(opening=0.0)
    conservation.balance(5.0)
    conservation.settle()
    assert conservation.residual() == 5.0


def test_the_first_row_is_believed_when_the_opening_is_unknown():
    """A ledger that begins in the middle is no error."""
    assert book([(5.0, 105.0), (1.0, 106.0)], opening=None).residual() == 0.0


@pytest.mark.parametrize("scale", [1.0, 1e6, 1e10, 1e13])
def test_rounding_never_shows(scale):
    """Ten thousand rows of exact books, stated in doubles of any size, leave exactly 0.0."""
    conservation = Conservation(opening=0.0)
    balance = Fraction(0)
    for number in range(10_000):
        amount = Fraction(scale) * ((number * 7919) % 1000 - 499) / 3
        balance += amount
        conservation.row(float(amount), float(balance))
    conservation.balance(float(balance))
    assert conservation.residual() == 0.0


def test_readings_that_wait_are_bounded():
    """A balance that moves for hours without a ledger read does not fill the memory."""
    conservation = book(ROWS)
    for number in range(1000):
        conservation.balance(float(number))
    assert len(conservation.pending) == MOST_PENDING


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([], 0.0),
        ([0.0, 0.0], 0.0),
        ([0.0, 5.0, -2.0], 3.0),
        ([5.0, -5.0], 5.0),
        ([-4.0, 1.0, 3.0], -4.0),
        ([0.1, 0.2], 0.3),
        ([1.0, None], None),
    ],
)
def test_books_taken_as_one_hide_no_part(parts, whole):
    """The signed sum, the largest part when the parts cancel, and Unknown while one part is."""
    assert joint(parts) == whole
