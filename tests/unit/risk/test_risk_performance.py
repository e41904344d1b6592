"""Everything about one agent, composed."""

import math
import random

import msgspec
import pytest

from fleawatch.risk.nav import Marked
from fleawatch.risk.performance import Performance
from fleawatch.risk.summary import Summary
from fleawatch.units import DAY, HOUR, WINDOWS

START = 1_700_006_400.0  # a midnight in UTC


def traded(net, count, at=START):
    performance = Performance()
    for _ in range(count):
        performance.trade(at, net)
    return performance


def hourly(equities):
    performance = Performance()
    for hour, equity in enumerate(equities):
        performance.mark(START + hour * HOUR, equity)
    performance.tick(performance.at + 1.0)
    return performance


def test_every_missing_number_has_a_reason():
    """At every stage of a life each None is explained, and nothing else is."""
    source = random.Random(6)
    performance = Performance()
    equity = 1000.0
    for hour in range(900):
        if hour:
            equity *= math.exp(source.gauss(0.0, 0.01))
            performance.mark(START + hour * HOUR, equity)
            performance.pnl(START + hour * HOUR, equity - 1000.0)
        if hour > 50:
            performance.trade(START + hour * HOUR, source.choice([-1.0, 0.0, 1.0]))
        if hour % 100 == 0 or hour < 3:
            for window in WINDOWS:
                summary = performance.summary(window)
                missing = {name for name, value in msgspec.structs.asdict(summary).items() if value is None}
                assert missing == set(summary.why)


def test_a_reason_goes_when_its_number_comes():
    """An equity of nothing is an equity, although it makes no NAV."""
    performance = Performance()
    assert "equity" in performance.summary("1h").why
    performance.mark(START, 0.0)
    summary = performance.summary("1h")
    assert (summary.equity, summary.nav) == (0.0, None)
    assert "equity" not in summary.why
    assert summary.why["nav"] == "no equity above 0.01 yet"


def test_reasons_keep_up_with_the_days():
    """What is needed stands, what there is grows, with nothing but time passing."""
    performance = hourly([100.0, 90.0])
    performance.pnl(performance.at, 0.0)
    for days in (1, 3, 6):
        performance.tick(START + days * DAY)
        assert performance.summary("all_time").why["cagr"] == f"needs 7 days, has {days}"
    performance.tick(START + 7 * DAY)
    assert "cagr" not in performance.summary("all_time").why
    assert performance.summary("24h").why["cagr"] == "needs 7 days, the window has 1"


def test_after_a_long_life_only_the_tail_of_other_windows_is_missing():
    """In the 30d window every number is there."""
    test = hourly([1000.0 * math.exp(0.01 * math.sin(hour)) for hour in range(800)])
    test.pnl(test.at, 5.0)
    for number in range(40):
        test.trade(test.at, 1.0 if number % 3 else -1.0)
    assert test.summary("30d").why == {}
    assert test.summary("all_time").why["value_at_risk_95"] == "stated for the 30d window only"


def test_a_win_ratio_needs_twenty_trades():
    """Seven say so, twenty show it."""
    assert traded(1.0, 7).summary("24h").why["win_ratio"] == "needs 20 trades, has 7"
    summary = traded(1.0, 20).summary("24h")
    assert (summary.win_ratio, summary.win_ratio_high) == (1.0, 1.0)
    assert summary.win_ratio_low == pytest.approx(0.8389, abs=1e-4)


def test_ratios_need_coverage():
    """With half of the grid missing there is no Sharpe ratio, and the reason says how much was known."""
    performance = Performance()
    for hour in range(90):
        if hour % 4 < 2:
            performance.mark(START + hour * HOUR + 1.0, 100.0 + hour % 3)
    performance.tick(START + 90 * HOUR)
    summary = performance.summary("7d")
    assert summary.sharpe is None
    assert summary.why["sharpe"].startswith(f"coverage {summary.coverage:.2f}")
    assert summary.drawdown is not None


def test_a_partial_reading_may_breach_and_nothing_else():
    """A known loss deepens the drawdown; a gain raises no peak; neither enters a return."""
    performance = hourly([100.0, 100.0])
    performance.mark(performance.at, 500.0, partial=True)
    assert performance.summary("all_time").high == 1.0
    performance.mark(performance.at, 80.0, partial=True)
    performance.tick(START + 2 * HOUR + 1)
    assert performance.summary("all_time").drawdown == pytest.approx(0.2)
    assert performance.grid.returns("24h") == [0.0, 0.0]


def test_the_unknown_is_timed():
    """From the first reading that is missing or partial until a complete one."""
    performance = hourly([100.0])
    performance.unknown(START + 20.0)
    performance.mark(START + 30.0, 90.0, partial=True)
    assert performance.unknown_since == START + 20.0
    performance.mark(START + 40.0, 90.0)
    assert performance.unknown_since is None
    performance.mark(START + 50.0, 90.0, partial=True)
    assert performance.unknown_since == START + 50.0


def test_an_unknown_reading_moves_nothing_but_time():
    """NAV and drawdown stand, and the grid point that nobody read is missing."""
    performance = hourly([100.0, 90.0])
    performance.unknown(START + 5 * HOUR)
    summary = performance.summary("24h")
    assert (summary.nav, summary.drawdown) == (pytest.approx(0.9), pytest.approx(0.1))
    assert summary.coverage == pytest.approx(3 / 5)


def test_time_never_goes_back():
    """A fact of yesterday counts as of now."""
    performance = hourly([100.0, 110.0])
    performance.mark(START - DAY, 55.0)
    performance.trade(START - DAY, 1.0)
    assert performance.at == START + HOUR + 1.0
    assert performance.summary("1h").drawdown == pytest.approx(0.5)
    assert performance.summary("1h").wins == 1


def test_a_flow_makes_no_drawdown():
    """Nine tenths leave and nothing was lost; the equity is what is left."""
    performance = hourly([100.0, 80.0, 120.0])
    assert performance.flow(performance.at, 120.0, -108.0) is Marked.MARKED
    summary = performance.summary("all_time")
    assert (summary.nav, summary.drawdown, summary.equity) == (pytest.approx(1.2), 0.0, 12.0)


def test_a_total_loss_met_by_a_deposit_counts_as_both():
    """The largest drawdown is 1, the current one 0, and the growth of the year -1."""
    performance = hourly([100.0] * 200)
    assert performance.flow(performance.at, 0.0, 50.0) is Marked.RENEWED
    summary = performance.summary("all_time")
    assert (summary.drawdown_max, summary.drawdown, summary.cagr) == (1.0, 0.0, -1.0)
    assert (summary.epoch, summary.total_losses) == (2, 1)


def test_no_return_leads_over_a_loss_seen_in_part():
    """A partial reading that ends an epoch enters no return, but none leads past it either."""
    performance = hourly([100.0, 100.0])
    performance.mark(performance.at, 0.0, partial=True)
    performance.mark(performance.at + 60.0, 50.0)
    performance.tick(START + 2 * HOUR + 1)
    assert performance.nav.epoch == 2
    assert performance.grid.returns("24h") == [0.0]


def test_income_does_not_mask_the_daily_loss():
    """A referral income of 500 beside a trading loss of 200 is a P&L of 300 and a daily loss of 200."""
    performance = Performance()
    performance.pnl(START, 0.0, without_income=0.0)
    performance.pnl(START + 60.0, 300.0, without_income=-200.0)
    summary = performance.summary("24h")
    assert (summary.pnl, summary.daily_loss) == (300.0, 200.0)


def test_the_first_midnight_is_not_a_loss_of_equity():
    """The day's opening equity is kept for limits in percent."""
    performance = hourly([100.0, 50.0])
    performance.mark(START + DAY, 40.0)
    assert performance.daily.opening_equity == 50.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value):
    """Every door refuses it and names it."""
    performance = Performance()
    for call in (
        lambda: performance.mark(START, value),
        lambda: performance.flow(START, value, 1.0),
        lambda: performance.flow(START, 1.0, value),
        lambda: performance.trade(START, value),
        lambda: performance.pnl(START, value),
        lambda: performance.pnl(START, 0.0, without_income=value),
    ):
        with pytest.raises(ValueError, match=f"was {value}"):
            call()


def test_a_summary_is_frozen_and_speaks_json():
    """It cannot be changed, and no number in it is NaN or infinite."""
    summary = hourly([100.0, 0.0, 50.0]).summary("7d")
    with pytest.raises(AttributeError):
        summary.nav = 2.0
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary


def test_ratios_are_computed_once_a_grid_point(monkeypatch):
    """A thousand summaries between two grid points compute the returns once."""
    calls = []
    performance = hourly([100.0, 101.0, 99.0, 102.0])
    original = type(performance.grid).returns
    monkeypatch.setattr(type(performance.grid), "returns", lambda *a: calls.append(1) or original(*a))
    for second in range(1000):
        performance.mark(performance.at + 1.0, 100.0 + second % 2)
        performance.summary("7d")
    assert len(calls) == 1
    performance.tick(performance.at + HOUR)
    performance.summary("7d")
    assert len(calls) == 2


def test_a_summary_changes_nothing():
    """Asking for every window leaves the later numbers as if nobody had asked."""
    source = random.Random(9)
    asked, silent = Performance(), Performance()
    equity = 100.0
    for minute in range(3000):
        equity *= 1.0 + source.gauss(0.0, 0.02)
        for performance in (asked, silent):
            performance.mark(START + minute * 97.0, equity)
        for window in WINDOWS:
            asked.summary(window)
    for window in WINDOWS:
        assert asked.summary(window) == silent.summary(window)
