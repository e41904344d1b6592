"""The short ways through the door let in what the long way does, and nothing else."""

from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from fleawatch.events import BetSettled, check
from fleawatch.events.numbers import Bounds, complaint
from fleawatch.units import PLATFORM_KEY, looks_like_key

decimals = st.decimals(allow_nan=True, allow_infinity=True) | st.decimals(
    min_value=Decimal("9.9e19"), max_value=Decimal("1.1e20")
)


@given(decimals)
@example(Decimal("sNaN"))
@example(Decimal(10) ** 20)
@example(1 - Decimal(10) ** 20)
@example(Decimal("-0"))
@example(Decimal("-1e-30"))
@example(Decimal("99999999999999999999.9"))
def test_a_decimal_is_refused_exactly_when_it_has_a_complaint(amount):
    """Usual amounts are compared once; all others are asked every question."""
    bet = BetSettled(
        fact_id="a", agent_id="a", at=1.0, seen_at=1.0, source="sdk", bet_id="a", game="dice", stake=amount, payout=Decimal(0)
    )  # fmt: skip
    wrong = complaint("stake", amount, Bounds(0))
    assert check(bet) == (() if wrong is None else (wrong,))


@given(st.text("sSpPkKfF_\u017f\u212aliveLIVEtradesomn :x", max_size=24))
@example("s\u212a_live_")
@example("\u017fk_live_")
@example("xPF_TRADE_x")
def test_a_key_is_found_wherever_its_pattern_is(text):
    """The look for a pattern that is not worth its while changes nothing."""
    assert looks_like_key(text) == (PLATFORM_KEY.search(text) is not None)
