"""Trades over windows."""

import math

import pytest

from fleawatch.risk.trades import Tally, TradeStatistics, TradeWindow
from fleawatch.units import DAY, HOUR


@pytest.fixture(name="trades")
def _trades():
    trades = TradeStatistics()
    for at, net in [(0.0, 10.0), (10.0, -5.0), (20.0, 0.0), (30.0, 2.0), (40.0, -1.0)]:
        trades.add(at, net)
    return trades


def test_a_trade_is_won_by_its_net(trades):
    """Two above zero, two below, one push."""
    tally = trades.tally("1h")
    assert (tally.wins, tally.losses, tally.pushes, tally.count) == (2, 2, 1, 5)
    assert (tally.gross_profit, tally.gross_loss) == (12.0, 6.0)


def test_ratios_of_a_window(trades):
    """Pushes count in the expectancy and nowhere else."""
    assert trades.win_ratio("1h") == 0.5
    assert trades.profit_factor("all_time") == 2.0
    assert trades.expectancy("24h") == pytest.approx(1.2)
    assert trades.break_even("7d") == pytest.approx(3.0 / 9.0)


def test_no_trades_have_no_ratios():
    """None throughout."""
    trades = TradeStatistics()
    assert [trades.win_ratio("1h"), trades.profit_factor("1h"), trades.expectancy("1h"), trades.break_even("1h")] == [
        None
    ] * 4


def test_trades_leave_their_windows(trades):
    """After a day the hour is empty, the day nearly, and all time keeps all."""
    trades.expire(2 * DAY)
    assert [trades.tally(window).count for window in ("1h", "24h", "7d", "all_time")] == [0, 0, 5, 5]
    assert trades.win_ratio("1h") is None


def test_what_is_left_is_summed_anew():
    """A trade of a billion leaves no rounding behind when it leaves."""
    window = TradeWindow(HOUR)
    window.add(0.0, 1e17)
    window.add(HOUR, 0.1)
    window.expire(HOUR + 60.0)
    assert window.tally.gross_profit == 0.1


def test_trades_after_a_silence_start_a_new_row_of_buckets():
    """Gaps inside the window are buckets of nothing; longer ones are not kept."""
    window = TradeWindow(HOUR)
    window.add(0.0, 1.0)
    window.add(1800.0, 1.0)
    assert len(window.buckets) == 31 * 32
    window.add(5 * DAY, -1.0)
    assert (len(window.buckets), window.tally) == (32, Tally(losses=1, gross_loss=1.0))


def test_all_time_keeps_no_buckets():
    """The window that never expires is its tally."""
    window = TradeWindow(math.inf)
    for second in range(100):
        window.add(second * 1e5, 1.0)
    assert (window.tally.wins, len(window.buckets)) == (100, 0)
