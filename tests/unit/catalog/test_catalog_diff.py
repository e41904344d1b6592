"""What changed between two catalogs, and what of it breaks."""

import json
from dataclasses import replace

import pytest

from fleawatch.catalog.diff import diff, export
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import AGENT_ID, MARKET
from fleawatch.catalog.spec import Alias


def _with(section, *declared, without=()):
    kept = {name: item for name, item in getattr(CATALOG, section).items() if name not in without}
    return replace(CATALOG, **{section: {**kept, **{item.name: item for item in declared}}})


def _changes(old, new):
    return [(change.kind, change.section, change.name, change.breaking) for change in diff(old, new)]


class TestDiff:
    def test_same(self):
        """A catalog does not differ from itself, nor from its own export read back from JSON."""
        assert diff(CATALOG, json.loads(json.dumps(export(CATALOG), allow_nan=False))) == ()

    def test_added(self, metric):
        """A new metric breaks nothing."""
        assert _changes(CATALOG, _with("metrics", metric())) == [("added", "metrics", "pf_thing_usdc", False)]

    def test_removed(self, metric):
        """A metric that is gone breaks who reads it."""
        assert _changes(_with("metrics", metric()), CATALOG) == [("removed", "metrics", "pf_thing_usdc", True)]

    def test_renamed(self, metric):
        """A metric that took its old name as alias was renamed, not removed and added."""
        old = Alias(name="pf_thing_usdc", schemes=("grafana",), type="gauge", labels=("agent_id",))
        after = _with("metrics", metric(name="pf_matter_usdc", aliases=(old,)))
        assert _changes(_with("metrics", metric()), after) == [("renamed", "metrics", "pf_matter_usdc", True)]

    def test_renamed_and_retyped(self, metric):
        """What else changed with the name is said too."""
        old = Alias(name="pf_thing_usdc", schemes=("grafana",), type="gauge", labels=("agent_id",))
        after = _with("metrics", metric(name="pf_matter_usdc_total", type="counter", aliases=(old,)))
        assert [kind for kind, *_ in _changes(_with("metrics", metric()), after)] == ["renamed", "retyped"]

    def test_span_renamed(self):
        """A span that took its old name as alias was renamed."""
        span = CATALOG.spans["pf.bet.place"]
        after = _with("spans", replace(span, name="pf.bet.make", aliases=("pf.bet.place",)), without=["pf.bet.place"])
        assert _changes(CATALOG, after) == [("renamed", "spans", "pf.bet.make", True)]

    @pytest.mark.parametrize(
        ("change", "kind", "breaking"),
        [
            ({"type": "counter"}, "retyped", True),
            ({"unit": "usd"}, "retyped", True),
            ({"labels": ()}, "relabelled", True),
            ({"labels": (AGENT_ID, MARKET)}, "relabelled", True),
            ({"owner": "agent"}, "changed", True),
            ({"buckets": (1.0, 2.0, 3.0)}, "rebucketed", False),
            ({"buckets": (1.0,)}, "rebucketed", True),
            ({"windows": ("1h",)}, "changed", True),
            ({"windows": ("1h", "24h", "7d")}, "changed", False),
        ],
    )
    def test_metric_changed(self, metric, change, kind, breaking):
        """A change that a reader of the metric would notice is breaking; more buckets or windows are not."""
        before = {"buckets": (1.0, 2.0), "windows": ("1h", "24h")}
        old, new = metric(**before), metric(**{**before, **change})
        assert _changes(_with("metrics", old), _with("metrics", new)) == [(kind, "metrics", "pf_thing_usdc", breaking)]

    def test_label_value_gone(self, metric):
        """A value that a fixed label can no longer have breaks who filters by it; a new one does not."""
        one, two = (metric(labels=(replace(AGENT_ID, values=values),)) for values in (("a",), ("a", "b")))
        (change,) = diff(_with("metrics", two), _with("metrics", one))
        assert (change.kind, change.what, change.breaking) == ("relabelled", "agent_id is never b now", True)
        assert diff(_with("metrics", one), _with("metrics", two)) == ()

    def test_wording(self, metric):
        """Better words are no change."""
        assert diff(_with("metrics", metric()), _with("metrics", metric(help="Other words."))) == ()

    def test_threshold(self):
        """A changed default is named with both values, and is no break: operators set their own."""
        limit = CATALOG.limits["drawdown_halt"]
        (change,) = diff(CATALOG, _with("limits", replace(limit, default=0.3)))
        assert (change.kind, change.what, change.breaking) == ("threshold", "default was 0.2, is 0.3", False)

    def test_limit_turned(self):
        """A limit that changes its unit or side breaks configurations."""
        limit = CATALOG.limits["drawdown_halt"]
        assert _changes(CATALOG, _with("limits", replace(limit, unit="usdc", direction="below"))) == [
            ("changed", "limits", "drawdown_halt", True),
            ("changed", "limits", "drawdown_halt", True),
        ]

    def test_alert(self):
        """A changed alert is named by the field, without breaking anybody's queries."""
        alert = CATALOG.alerts["PFDrawdownHalt"]
        (change,) = diff(CATALOG, _with("alerts", replace(alert, severity="warning")))
        assert str(change) == "alerts PFDrawdownHalt: changed, severity was 'critical', is 'warning'"

    def test_alert_question(self):
        """A changed condition is said in few words."""
        alert = CATALOG.alerts["PFDrawdownHalt"]
        (change,) = diff(CATALOG, _with("alerts", replace(alert, condition=CATALOG.alerts["PFFundingBleed"].condition)))
        assert change.what == "condition differs"

    def test_event_fields(self):
        """A log event with other fields breaks who parses it."""
        event = CATALOG.log_events["snapshot"]
        (change,) = diff(CATALOG, _with("log_events", replace(event, fields=())))
        assert change.breaking
        assert str(change).startswith("BREAKING log_events snapshot")
