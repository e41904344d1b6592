"""Every number of every window, each with the reason when it is missing, and in which form people read it."""

from __future__ import annotations

from typing import Final

from fleawatch.risk.performance import Performance
from fleawatch.risk.summary import Summary, TradeNumbers
from fleawatch.units import WINDOWS, Window
from fleawatch.web.number import DIGITS, RATIO_DIGITS, Number, Standing
from fleawatch.web.tiles import Kind

FIELDS: Final[dict[str, tuple[str, Kind]]] = {
    "pnl": ("P&L", "change"),
    "drawdown": ("Drawdown now", "ratio"),
    "drawdown_max": ("Drawdown, deepest", "ratio"),
    "high": ("Highest NAV", "factor"),
    "cagr": ("CAGR", "return"),
    "calmar": ("Calmar", "factor"),
    "sharpe": ("Sharpe, a year", "factor"),
    "sharpe_upper": ("Sharpe, upper 95 %", "factor"),
    "sortino": ("Sortino, a year", "factor"),
    "volatility": ("Volatility a step", "ratio"),
    "value_at_risk_95": ("VaR 95 %", "ratio"),
    "value_at_risk_99": ("VaR 99 %", "ratio"),
    "expected_shortfall_95": ("ES 95 %", "ratio"),
    "expected_shortfall_99": ("ES 99 %", "ratio"),
    "n": ("Returns", "count"),
    "coverage": ("Coverage", "ratio"),
    "wins": ("Wins", "count"),
    "losses": ("Losses", "count"),
    "pushes": ("Pushes", "count"),
    "win_ratio": ("Win ratio", "ratio"),
    "win_ratio_low": ("Win ratio, lower 95 %", "ratio"),
    "win_ratio_high": ("Win ratio, upper 95 %", "ratio"),
    "break_even": ("Break-even win ratio", "ratio"),
    "gross_profit": ("Gross profit", "money"),
    "gross_loss": ("Gross loss", "money"),
    "profit_factor": ("Profit factor", "factor"),
    "expectancy": ("Expectancy a trade", "change"),
}
"""Numbers of a window: what people call them and how they read them."""

TRADES: Final = frozenset(TradeNumbers.__struct_fields__)
"""Numbers of a window that are about trades."""

_MONEY_KINDS: Final = frozenset({"money", "change"})


def windows(performance: Performance, standing: Standing, results: Standing) -> dict[Window, dict[str, Number]]:
    """The numbers of `FIELDS` for each window; equity and NAV rest on `standing`, trades on `results`."""
    return {window: numbers(performance.summary(window), standing, results) for window in WINDOWS}


def numbers(summary: Summary, standing: Standing, results: Standing) -> dict[str, Number]:
    """The numbers of `FIELDS` of one window, each missing one with its reason."""
    return {
        name: (results if name in TRADES else standing).number(
            getattr(summary, name), summary.why.get(name), DIGITS if kind in _MONEY_KINDS else RATIO_DIGITS
        )
        for name, (_, kind) in FIELDS.items()
    }


def basis(performance: Performance, standing: Standing) -> dict[str, Number]:
    """What all windows share."""
    grid, nav = performance.grid, performance.nav
    return {
        "grid_step": standing.number(grid.step),
        "periods_a_year": standing.number(grid.periods_a_year()),
        "epoch": standing.number(nav.epoch),
        "total_losses": standing.number(nav.total_losses),
        "daily_loss": standing.number(performance.daily.loss(), "no P&L reading yet"),
        "day_start_equity": standing.number(performance.daily.opening_equity, "no reading yet"),
    }
