"""Formulas over returns, NAVs and trade counts: pure functions, one a number, each with its empty case and its source.

Returns are simple returns of one grid step (0.01 is one percent). `periods_a_year` is the number of grid steps in 365
days and only scales the result. None always means "not defined here", never zero. The definitions are those of
docs/reference/definitions.md, "Statistics".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from fleawatch.risk.moments import Moments
from fleawatch.units import DAY, YEAR

FLAT: Final = 1e-12
"""Standard deviation at or below which returns do not vary: what is left is rounding."""
CAGR_AFTER: Final = 7 * DAY
"""Seconds of history below which a yearly growth rate is a guess."""
CALMAR_AFTER: Final = 30 * DAY
"""Seconds of history below which a Calmar ratio is a guess."""
TAIL: Final = 5
"""Returns the tail of a value at risk must hold: 100 returns at 95 %, 500 at 99 %."""

_Z95: Final = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""
_ROUNDING: Final = 1e-9
"""(1 - 0.95) 100 is 5.000000000000004 in doubles; without this, its ceiling would be 6."""


def sharpe(moments: Moments, periods_a_year: float, risk_free: float = 0.0) -> float | None:
    """Annualised Sharpe ratio: mean(r - rf) / stdev(r, ddof 1) x sqrt(periods a year).

    None below 2 returns or at a deviation up to `FLAT`. `risk_free` is per grid step.
    Sharpe (1994), doi:10.3905/jpm.1994.409501.
    """
    deviation = moments.deviation()
    if deviation is None or deviation <= FLAT:
        return None
    return (moments.mean - risk_free) / deviation * math.sqrt(periods_a_year)


def sharpe_upper_bound(ratio: float | None, count: int, periods_a_year: float) -> float | None:
    """Upper end of the 95 % confidence interval of an annualised Sharpe ratio over `count` independent returns.

    The standard error of the ratio per step is sqrt((1 + ratio^2 / 2) / count): Lo (2002), "The statistics of Sharpe
    ratios", doi:10.2469/faj.v58.n4.2453. None without a ratio.
    """
    if ratio is None or count < 2:
        return None
    scale = math.sqrt(periods_a_year)
    a_step = ratio / scale
    return (a_step + _Z95 * math.sqrt((1.0 + 0.5 * a_step * a_step) / count)) * scale


def downside(returns: Iterable[float], risk_free: float = 0.0) -> float:
    """Sum of min(r - rf, 0)^2, 0.0 for no returns."""
    return math.fsum((r - risk_free) ** 2 for r in returns if r < risk_free)


def sortino(
    count: int, mean: float, downside_squares: float, periods_a_year: float, risk_free: float = 0.0
) -> float | None:
    """Annualised Sortino ratio: mean(r - rf) / sqrt(mean(min(r - rf, 0)^2)) x sqrt(periods a year).

    The mean under the root is over all `count` returns, not only the bad ones. None below 2 returns or without
    downside. Sortino, Price (1994), doi:10.3905/joi.3.3.59.
    """
    if count < 2:
        return None
    deviation = math.sqrt(downside_squares / count)
    return (mean - risk_free) / deviation * math.sqrt(periods_a_year) if deviation > FLAT else None


def volatility(moments: Moments) -> float | None:
    """Standard deviation of the returns of one grid step, not annualised. None below 2 returns."""
    return moments.deviation()


def cagr(nav_start: float | None, nav_end: float | None, elapsed: float, lost_epoch: bool) -> float | None:  # noqa: FBT001 - the fourth number of the formula
    """Yearly growth expm1(year / elapsed x ln(nav_end / nav_start)), elapsed in real seconds.

    -1.0 when an epoch ended inside: no growth undoes a total loss. None below 7 days, before the first NAV, and when
    the yearly figure is beyond what a double holds.
    """
    if nav_start is None or nav_end is None or elapsed < CAGR_AFTER:
        return None
    if lost_epoch or nav_end <= 0.0 or nav_start <= 0.0:
        return -1.0
    try:
        return math.expm1(YEAR / elapsed * math.log(nav_end / nav_start))
    except OverflowError:
        return None


def calmar(growth: float | None, max_drawdown: float | None, elapsed: float) -> float | None:
    """CAGR / maximum drawdown. None below 30 days, without a CAGR, or when nothing was ever lost."""
    if growth is None or not max_drawdown or elapsed < CALMAR_AFTER:
        return None
    return growth / max_drawdown


def tail_count(count: int, confidence: float) -> int | None:
    """How many of the worst returns make the tail: k = ceil((1 - confidence) count). None below `TAIL`."""
    k = math.ceil((1.0 - confidence) * count - _ROUNDING)
    return k if (1.0 - confidence) * count >= TAIL - _ROUNDING else None


def value_at_risk(returns: Sequence[float], confidence: float) -> float | None:
    """-x_(k) of the sorted returns, k = ceil((1 - confidence) n), no interpolation: the historical value at risk.

    A ratio of NAV for one grid step; positive is a loss, and it may be negative. None below 100 returns at 0.95 and
    500 at 0.99. Jorion (2006), "Value at Risk", chapter 10.
    """
    k = tail_count(len(returns), confidence)
    return None if k is None else -sorted(returns)[k - 1]


def expected_shortfall(returns: Sequence[float], confidence: float) -> float | None:
    """- mean of the k worst returns, k as for `value_at_risk`; never below it.

    None as `value_at_risk`. Acerbi, Tasche (2002), doi:10.1016/S0378-4266(02)00283-2.
    """
    k = tail_count(len(returns), confidence)
    return None if k is None else -math.fsum(sorted(returns)[:k]) / k


def wilson_interval(wins: int, count: int) -> tuple[float, float] | None:
    """95 % interval of a win ratio of `wins` in `count` independent trades; None at 0.

    Wilson (1927), doi:10.1080/01621459.1927.10502953.
    """
    if count == 0:
        return None
    ratio = wins / count
    square = _Z95 * _Z95 / count
    middle = ratio + square / 2.0
    spread = _Z95 * math.sqrt(ratio * (1.0 - ratio) / count + square / (4.0 * count))
    low, high = (middle - spread) / (1.0 + square), (middle + spread) / (1.0 + square)
    # At all wins or none the exact end is 1 or 0; rounding may step past it.
    return max(0.0, low) if wins else 0.0, min(1.0, high) if wins < count else 1.0


def win_ratio(wins: int, losses: int) -> float | None:
    """Wins / (wins + losses), 0..1; pushes are counted apart. None when neither happened."""
    return wins / (wins + losses) if wins + losses else None


def profit_factor(gross_profit: float, gross_loss: float) -> float | None:
    """Gross profit / gross loss, both 0 or above. None if the gross loss is 0."""
    return gross_profit / gross_loss if gross_loss > 0.0 else None


def expectancy(gross_profit: float, gross_loss: float, count: int) -> float | None:
    """Mean net P&L of a trade in USD, pushes included. None at 0 trades."""
    return (gross_profit - gross_loss) / count if count else None


def break_even(wins: int, losses: int, gross_profit: float, gross_loss: float) -> float | None:
    """The win ratio at which the expectancy is 0: average loss / (average win + average loss).

    None unless there is a win and a loss to average.
    """
    if not wins or not losses:
        return None
    average_win, average_loss = gross_profit / wins, gross_loss / losses
    return average_loss / (average_win + average_loss)
