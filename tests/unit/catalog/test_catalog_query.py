"""The query tree: what each operator and method builds."""

from dataclasses import FrozenInstanceError

import pytest

from fleawatch.catalog import query as q
from fleawatch.catalog.spec import Limit

EQUITY = q.Select("pf_equity_usdc")
LOW = Limit(name="low", default=1.0, unit="usdc", direction="below", help="Low.")


class TestOperands:
    @pytest.mark.parametrize(
        ("other", "node"), [(1, q.Number(1.0)), (0.5, q.Number(0.5)), (LOW, q.Threshold("low")), (EQUITY, EQUITY)]
    )
    def test_operand(self, other, node):
        """A number, a limit and a value all become nodes."""
        assert q.operand(other) == node

    @pytest.mark.parametrize(
        ("built", "op"),
        [
            (EQUITY > LOW, ">"),
            (EQUITY >= LOW, ">="),
            (EQUITY < LOW, "<"),
            (EQUITY <= LOW, "<="),
            (EQUITY.equals(LOW), "=="),
        ],
    )
    def test_comparison(self, built, op):
        """A comparison keeps its two sides, its operator, and the limit by name."""
        assert built == q.Compare(op, EQUITY, q.Threshold("low"))

    @pytest.mark.parametrize(("built", "op"), [(EQUITY + 1, "+"), (EQUITY - 1, "-"), (EQUITY * 1, "*")])
    def test_arithmetic(self, built, op):
        """Arithmetic keeps its operator and both sides in order."""
        assert built == q.Arithmetic(op, EQUITY, q.Number(1.0))

    def test_absolute(self):
        """abs() asks for the distance from zero."""
        assert abs(EQUITY) == q.Absolute(EQUITY)

    def test_equality_compares_declarations(self):
        """== says whether two trees are the same, so that declarations can be compared."""
        assert (q.Select("a") == q.Select("a")) is True
        assert (q.Select("a") == q.Select("b")) is False


class TestSeries:
    def test_windows(self):
        """Growth and change keep the selection and the window."""
        assert EQUITY.rate(60) == q.Rate(EQUITY, 60)
        assert EQUITY.increase(60) == q.Increase(EQUITY, 60)
        assert EQUITY.delta(60) == q.Delta(EQUITY, 60)

    @pytest.mark.parametrize(
        ("built", "how"),
        [
            (EQUITY.sum("a", "b"), "sum"),
            (EQUITY.max("a", "b"), "max"),
            (EQUITY.min("a", "b"), "min"),
            (EQUITY.average("a", "b"), "avg"),
        ],
    )
    def test_aggregates(self, built, how):
        """An aggregate keeps the labels it groups by."""
        assert built == q.Aggregate(how, EQUITY, ("a", "b"))

    def test_ratio(self):
        """A ratio keeps its minimum by name, or has none."""
        assert EQUITY.over(EQUITY) == q.Ratio(EQUITY, EQUITY, None)
        assert EQUITY.over(EQUITY, minimum=LOW) == q.Ratio(EQUITY, EQUITY, q.Threshold("low"))

    def test_filled(self):
        """A fill keeps what it is filled like."""
        assert EQUITY.filled(q.Number(0.0)) == q.Fill(EQUITY, q.Number(0.0))

    def test_excluding(self):
        """An exclusion is a negated filter beside the others."""
        chosen = q.Select("m", q.matches({"a": "1"}))
        assert chosen.excluding(b=("2", "3")).where == (q.Match("a", ("1",)), q.Match("b", ("2", "3"), negated=True))

    def test_matches_are_sorted(self):
        """Filters come in the order of their labels, whatever the order of the arguments."""
        assert q.matches({"b": "1", "a": ("2", "3")}) == (q.Match("a", ("2", "3")), q.Match("b", ("1",)))


class TestConditions:
    def test_flat(self):
        """A chain of & or | is one node with all its parts."""
        a, b, c = (q.Firing(name) for name in "abc")
        assert a & b & c == q.And((a, b, c))
        assert a | b | c == q.Or((a, b, c))

    def test_mixed(self):
        """A mixture nests as it was written."""
        a, b, c = (q.Firing(name) for name in "abc")
        assert (a | b) & c == q.And((q.Or((a, b)), c))

    def test_event(self):
        """An event keeps its kind and its filters."""
        assert q.event("slow_span", span_name="x") == q.Event("slow_span", (q.Match("span_name", ("x",)),))

    def test_frozen(self):
        """A node cannot be changed once it is built."""
        with pytest.raises(FrozenInstanceError):
            EQUITY.metric = "other"

    def test_hashable(self):
        """Equal trees are one key."""
        assert len({EQUITY > 1, EQUITY > 1, EQUITY > 2}) == 2
