"""Whatever is done to a ledger shows, and nothing else does."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fleawatch.risk.conservation import Conservation

amounts_in_cents = st.lists(st.integers(-100_000, 100_000).filter(bool), min_size=2, max_size=40)


def ledger(cents):
    """Rows of (amount, balance after) as doubles, and the final balance."""
    rows, balance = [], 0
    for amount in cents:
        balance += amount
        rows.append((amount / 100, balance / 100))
    return rows, balance / 100


def residual(rows, balance):
    book = Conservation(opening=0.0)
    for row in rows:
        book.row(*row)
    book.settle()
    book.balance(balance)
    book.settle()
    return book.residual()


@settings(max_examples=100)
@given(amounts_in_cents, st.data())
def test_an_injected_error_shows(cents, data):
    """One cent in an amount or a balance, a doubled, dropped or exchanged row: never a residual of 0."""
    rows, balance = ledger(cents)
    assert residual(rows, balance) == 0.0
    place = data.draw(st.integers(0, len(rows) - 2))
    amount, after = rows[place]
    damage = {
        "cent in the amount": [*rows[:place], (amount + 0.01, after), *rows[place + 1 :]],
        "cent in the balance": [*rows[:place], (amount, after - 0.01), *rows[place + 1 :]],
        "doubled": [*rows[: place + 1], *rows[place:]],
        "dropped": [*rows[:place], *rows[place + 1 :]],
        "last dropped": rows[:-1],
    }
    for name, damaged in damage.items():
        assert residual(damaged, balance) != 0.0, name


@settings(max_examples=100)
@given(amounts_in_cents, st.data())
def test_exchanged_rows_show(cents, data):
    """Two different neighbours in the wrong order never leave a residual of 0."""
    rows, balance = ledger(cents)
    place = data.draw(st.integers(0, len(rows) - 2))
    assume(rows[place] != rows[place + 1])
    exchanged = [*rows[:place], rows[place + 1], rows[place], *rows[place + 2 :]]
    assert residual(exchanged, balance) != 0.0


@settings(max_examples=60)
@given(amounts_in_cents, st.integers(1, 10**7))
def test_a_balance_off_the_chain_shows(cents, off):
    """A reading that no point of the chain explains is reported with its size."""
    rows, balance = ledger(cents)
    assume(all(abs(after - (balance + off / 100)) > 1e-3 for _, after in rows))
    assert abs(residual(rows, balance + off / 100) - off / 100) < 1e-6
