"""Walking, relaxing and exporting query trees, and saying them in words."""

import json
from enum import Enum

import pytest

from fleawatch.catalog import query as q
from fleawatch.catalog.describe import describe, duration
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.lint_references import questions
from fleawatch.catalog.tree import plain, relax, walk

x = q.Select("x")


class TestWalk:
    def test_order(self):
        """Parents come before children, left before right."""
        tree = (x.increase(60).sum("a") > 1) & q.Firing("PFThing")
        assert [type(node).__name__ for node in walk(tree)] == [
            "And",
            "Compare",
            "Aggregate",
            "Increase",
            "Select",
            "Number",
            "Firing",
        ]

    def test_optional_child(self):
        """A ratio without a minimum has two children, with one three."""
        assert len(list(walk(q.Ratio(x, x)))) == 3
        assert len(list(walk(q.Ratio(x, x, q.Threshold("low"))))) == 4


class TestRelax:
    def test_replaces_everywhere(self):
        """Every use of the threshold is replaced, other limits stay."""
        tree = ((x > q.Threshold("high")) | (x * 2 > q.Threshold("high"))) & (x > q.Threshold("other"))
        expected = ((x > q.Threshold("low")) | (x * 2 > q.Threshold("low"))) & (x > q.Threshold("other"))
        assert relax(tree, {"high": "low"}) == expected

    def test_keeps_filters(self):
        """Filters and times survive."""
        tree = q.Select("x", (q.Match("a", ("1",)),)).increase(60) > q.Threshold("high")
        assert relax(tree, {}) == tree

    def test_every_clearing_level_changes_its_alert(self):
        """An alert with clearing levels asks another question while it fires."""
        levelled = [alert for alert in CATALOG.alerts.values() if alert.clear.levels]
        assert len(levelled) >= 20
        assert [a.name for a in levelled if relax(a.condition, dict(a.clear.levels)) == a.condition] == []


class TestPlain:
    def test_names_the_class(self):
        """A node says what it is."""
        assert plain(x > 1) == {
            "node": "Compare",
            "op": ">",
            "left": {"node": "Select", "metric": "x", "where": []},
            "right": {"node": "Number", "value": 1.0},
        }

    def test_sorted_mapping(self):
        """Mappings are written in the order of their keys."""
        assert list(plain({"b": 1, "a": None})) == ["a", "b"]

    def test_refuses_anything_else(self):
        """What is neither declaration, text nor number is refused by its type."""
        with pytest.raises(TypeError, match="was a Colour"):
            plain(Enum("Colour", "red").red)

    def test_every_question_is_json(self):
        """Every question of the catalog can be written as JSON, without infinities."""
        texts = {json.dumps(plain(tree), allow_nan=False) for _, tree in questions(CATALOG)}
        assert len(texts) > 60


class TestDescribe:
    @pytest.mark.parametrize(
        ("node", "said"),
        [
            (x, "x"),
            (q.Select("x", (q.Match("a", ("1", "2")), q.Match("b", ("3",), negated=True))), "x{a=1|2, b!=3}"),
            (x.rate(60), "rate(x, 1m)"),
            (x.increase(3600), "increase(x, 1h)"),
            (x.delta(86400), "delta(x, 1d)"),
            (q.Quantile(0.99, x, 300, ("agent_id",)), "quantile 0.99 of x over 5m by agent_id"),
            (q.WithinShare(x, 1.0, 300), "share of x at most 1 over 5m"),
            (q.OverTime("median", x, 3600), "median of x over 1h"),
            (x.sum(), "sum(x)"),
            (q.Count(x > 1), "count of series with x > 1"),
            (q.Ratio(x, x), "share of x in (x)"),
            (q.Ratio(x, x, q.Threshold("low")), "share of x in (x) with at least `low`"),
            (x - 1, "(x - 1)"),
            (abs(x), "abs(x)"),
            (q.Age(x), "age of x"),
            (q.Until(x), "time until x"),
            (x.filled(q.Number(0)), "(x or 0)"),
            (q.LowerBound("wilson", x, x), "lower 95% bound (wilson) of x"),
            (q.UpperBound("lo", x, x), "upper 95% bound (lo) of x"),
            ((x > 1) & ((x < 2) | q.Always()), "x > 1 and (x < 2 or always)"),
            (q.Absent(x, 3600), "x is gone after it was seen within 1h"),
            (q.event("e", a="1"), "event e{a=1}"),
            (q.Firing("PFThing"), "PFThing is firing"),
        ],
    )
    def test_says(self, node, said):
        """Each node is said in words."""
        assert describe(node) == said

    @pytest.mark.parametrize("base", [q.Value, q.Condition])
    def test_unknown_node(self, base):
        """A node that nobody taught it is refused by name."""
        stranger = type("Stranger", (base,), {"__slots__": ()})()
        with pytest.raises(TypeError, match="Stranger"):
            describe(stranger)

    @pytest.mark.parametrize(("seconds", "said"), [(0, "0s"), (90, "90s"), (300, "5m"), (7200, "2h"), (172800, "2d")])
    def test_duration(self, seconds, said):
        """A duration is said in the largest unit that divides it."""
        assert duration(seconds) == said
