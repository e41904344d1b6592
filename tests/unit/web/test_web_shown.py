"""How numbers read, and how charts are drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.web.axes import Span, time_label, time_ticks, value_label, value_span, value_ticks
from fleawatch.web.charts import Curve, chart, gaps, in_words
from fleawatch.web.number import Number
from fleawatch.web.shown import Shown, age, clock, quantity, shown, span
from fleawatch.web.windows import FIELDS

MINUS = "\N{MINUS SIGN}"


def fresh(value):
    return Number(value, 1.0, "casino", "fresh", None)


@pytest.mark.parametrize(
    ("value", "kind", "text", "look"),
    [
        (1234.5, "money", "1,234.50", ""),
        (-1.0, "money", f"{MINUS}1.00", ""),
        (12.345, "change", "+12.35", "up"),
        (-12.344, "change", f"{MINUS}12.34", "down"),
        (0.0, "change", "0.00", ""),
        (-0.004, "change", "0.00", ""),
        (0.1234, "ratio", "12.3 %", ""),
        (-0.0512, "return", f"{MINUS}5.12 %", "down"),
        (1200, "count", "1,200", ""),
        (0.0384, "duration", "38 ms", ""),
        (2.25, "duration", "2.2 s", ""),
        (5_400.0, "age", "1 h 30 min", ""),
        (0.87, "factor", "0.870", ""),
    ],
)
def test_numbers_read_well(value, kind, text, look):
    """Each kind has its form; signs are written out and zero has none."""
    assert shown(fresh(value), kind) == Shown(text, look, "")


def test_unknown_is_a_word():
    """A number that was never read is the word `unknown`, with its reason."""
    assert shown(Number(None, None, "casino", "unknown", "not read yet"), "money") == Shown(
        "unknown", "unknown", "not read yet"
    )


def test_undefined_is_a_dash_with_its_reason():
    """A number that cannot be computed from good readings is a dash."""
    assert shown(Number(None, 1.0, "casino", "unknown", "no trades"), "ratio") == Shown(
        "\N{EN DASH}", "none", "no trades"
    )


def test_stale_says_since_when():
    """A stale number keeps its text, and its hint has reason and time."""
    found = shown(Number(1.5, 0.0, "casino", "stale", "no answer in time"), "change")
    assert found == Shown("+1.50", "up stale", "no answer in time; as of 1 Jan 00:00 UTC")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (7_260, "2 h 1 min"), (100_000, "1 d 3 h"), (-90, "over by 2 min")],
)
def test_ages(seconds, text):
    """A duration in the units that matter; a negative one is over."""
    assert age(seconds) == text


def test_quantities_keep_their_digits():
    """An amount of a coin is not cut to cents."""
    assert quantity(fresh(0.00012345)).text == "0.00012345"
    assert quantity(Number(None, None, "x", "unknown", "y")).text == "unknown"


def test_moments():
    """A moment is a date with its zone, or never."""
    assert (clock(1_800_000_000.0), clock(None)) == ("2027-01-15 08:00:00 UTC", "never")


def test_a_cell_escapes_its_hint():
    """What a source says cannot leave its attribute."""
    html = span(Shown("1", "stale", '"><script>'), 'agents/"x')
    assert "<script>" not in html
    assert html.startswith('<span class="n stale" data-cell="agents/&#34;x" title="')


def test_every_number_of_a_window_has_a_name():
    """Names of window numbers are unique."""
    assert len({label for label, _ in FIELDS.values()}) == len(FIELDS)


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_axes_hold_their_values(low, width):
    """An axis spans its values, its ticks lie on it, rise, and are few."""
    found = value_span(low, low + width)
    assert found.low < found.high
    assert found.low <= low
    assert found.high >= low + width
    ticks = value_ticks(found, 4)
    assert ticks == sorted(ticks)
    assert len(ticks) <= 9
    assert all(found.low - 1e-9 <= tick <= found.high + 1e-9 or abs(tick) > 1e6 for tick in ticks)


@pytest.mark.parametrize(
    ("value", "ticks", "text"),
    [
        (0.5, [0.5, 1.0], "0.5"),
        (1.25, [1.25, 1.5], "1.25"),
        (12_500, [12_500, 15_000], "12,500"),
        (7.0, [7.0], "7"),
        (2.5, [2.5, 5.0], "2.5"),
    ],
)
def test_tick_labels_have_the_decimals_they_need(value, ticks, text):
    """Neighbouring ticks never read the same, and have no useless digits."""
    assert value_label(value, ticks) == text


def test_time_ticks_are_round():
    """Ticks are full hours for a day and days for a month; midnight shows its date."""
    day = time_ticks(Span(1_800_000_000.0, 1_800_000_000.0 + 86_400), 6)
    assert [time_label(at, day) for at in day] == ["08:00", "12:00", "16:00", "20:00", "16 Jan", "04:00", "08:00"]
    month = time_ticks(Span(1_800_000_000.0, 1_800_000_000.0 + 30 * 86_400), 6)
    assert {at % 86_400 for at in month} == {0}


def curve(points, **more):
    return Curve("equity", "Equity, USD", "money", points, points[-1][0] if points else 1.0, **more)


def test_a_gap_is_drawn_as_a_gap():
    """A stretch without readings breaks the line and is hatched; the words name it."""
    points = [(at, 1.0 + at / 1_000) for at in (0.0, 60.0, 120.0, 180.0, 900.0, 960.0, 1_020.0)]
    assert gaps(points) == [(180.0, 900.0)]
    drawn = chart(curve(points))
    assert drawn.count('class="line"') == 4  # two pieces in each of two sizes
    assert drawn.count('class="gap"') == 2
    assert "Unknown from 1970-01-01 00:03:00 UTC to 1970-01-01 00:15:00 UTC." in in_words(curve(points))


def test_old_points_that_are_farther_apart_are_no_gap():
    """A history keeps its past in longer steps; that is no hole."""
    points = [(at, 1.0) for at in (0.0, 400.0, 800.0, 1_200.0, 1_600.0, 1_800.0, 2_000.0, 2_100.0, 2_200.0)]
    assert gaps(points) == []


def test_the_end_is_hatched_while_nothing_is_known():
    """From the failure until now the chart is hatched."""
    drawn = chart(Curve("nav", "NAV", "factor", [(0.0, 1.0), (60.0, 1.1)], 600.0, 60.0))
    assert drawn.count('class="gap"') == 2
    assert "unknown from 1970-01-01 00:01:00 UTC to 1970-01-01 00:10:00 UTC" in drawn


def test_a_chart_without_points_says_so():
    """Before the first reading there is a hatched field with words."""
    assert chart(curve([])).count("no reading yet") >= 2
    assert in_words(curve([])) == "Equity, USD: no reading yet."


@given(st.lists(st.tuples(st.floats(0, 2e9), st.floats(-1e7, 1e7)), max_size=30))
def test_any_curve_can_be_drawn(points):
    """Every curve of finite numbers gives two pictures and never a number that is none."""
    drawn = chart(curve(sorted(points)))
    assert drawn.count("<svg") == drawn.count("</svg>") == 2
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_drawdown_hangs_from_the_top():
    """A fall is drawn downwards from 0."""
    drawn = chart(Curve("drawdown", "Drawdown", "ratio", [(0.0, 0.0), (60.0, 0.5)], 60.0))
    path = drawn[drawn.index('class="line" d="M') + len('class="line" d="M') :]
    first, last = path[: path.index('"')].split("L")
    assert float(first.split()[1]) < float(last.split()[1])
