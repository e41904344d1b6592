"""How the platform rounds and writes numbers: JavaScript doubles outside, exact decimals inside.

The servers compute in doubles and round with `Math.round`, half towards plus infinity. The books hold `Decimal`, and a
double becomes one by its shortest decimal form, so that what a client reads is exactly what was booked.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

MICRO: Final = Decimal("0.000001")
TINY: Final = Decimal("0.00000001")
ZERO: Final = Decimal(0)


def round2(value: float) -> float:
    """`value` in whole cents as the servers round it: half towards plus infinity."""
    return math.floor(value * 100 + 0.5) / 100


def round4(value: float) -> float:
    """`value` to four decimals as the servers round it."""
    return math.floor(value * 10_000 + 0.5) / 10_000


def exact(value: float | Decimal) -> Decimal:
    """A double as the decimal that is written for it: 0.1 is 0.1, not 0.1000000000000000055."""
    return value if isinstance(value, Decimal) else Decimal(repr(float(value)))


def micros(value: Decimal) -> Decimal:
    """`value` to six decimals, half up: how escrow and chains write amounts."""
    return value.quantize(MICRO, rounding=ROUND_HALF_UP)


def settled(value: Decimal) -> Decimal:
    """`value` to eight decimals, the precision that books keep of a payout or a fee."""
    return value.quantize(TINY, rounding=ROUND_HALF_UP)


def percent(part: float, whole: float) -> float:
    """`part` of `whole` in percent with two decimals, 0 when there is no whole: the platform's `win_rate`."""
    return round2(part / whole * 100) if whole else 0.0
