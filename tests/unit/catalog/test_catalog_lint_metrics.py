"""Each rule about metrics finds what it is for, and nothing in the real catalog."""

import math

import pytest

from fleawatch.catalog.assembly import Kept
from fleawatch.catalog.labels import AGENT_ID, ASSET, ENDPOINT, MARKET, WINDOW
from fleawatch.catalog.lint_metrics import SERIES_BUDGET, worst_case_series
from fleawatch.catalog.query import Match
from fleawatch.catalog.spec import Alias, Label, Transform


class TestNames:
    def test_sound(self, codes, metric):
        """A metric that keeps every rule is not mentioned."""
        assert codes(metrics=[metric()]) == []

    @pytest.mark.parametrize(
        "name", ["thing_usdc", "pf_Thing_usdc", "pf__thing_usdc", "pf_thing-x_usdc", "xpf_thing_usdc"]
    )
    def test_form(self, codes, metric, name):
        """A name without a known prefix, or not in lower snake case, is refused."""
        assert ("metric-name", f"metric {name}") in codes(metrics=[metric(name=name)])

    def test_counter_without_total(self, codes, metric):
        """A counter ends with _total."""
        assert codes(metrics=[metric(type="counter")]) == [("counter-suffix", "metric pf_thing_usdc")]

    def test_gauge_with_total(self, codes, metric):
        """Nothing but a counter ends with _total."""
        assert codes(metrics=[metric(name="pf_thing_usdc_total")]) == [("counter-suffix", "metric pf_thing_usdc_total")]

    def test_unit_missing_in_name(self, codes, metric):
        """A metric in seconds says so at the end of its name."""
        assert codes(metrics=[metric(unit="seconds")]) == [("unit-suffix", "metric pf_thing_usdc")]

    def test_unit_before_total(self, codes, metric):
        """A counter's unit stands before _total."""
        counter = metric(name="pf_thing_usdc_total", type="counter")
        assert codes(metrics=[counter]) == []

    def test_unitless_with_unit_in_name(self, codes, metric):
        """A plain number does not pretend to have a unit."""
        assert codes(metrics=[metric(unit="1")]) == [("unit-suffix", "metric pf_thing_usdc")]

    @pytest.mark.parametrize("ending", ["_count", "_sum", "_bucket", "_created", "_info"])
    def test_reserved_ending(self, codes, metric, ending):
        """Endings of the exposition format are refused."""
        assert codes(metrics=[metric(name=f"pf_thing{ending}", unit="1")]) == [
            ("reserved-ending", f"metric pf_thing{ending}")
        ]

    def test_info(self, codes, metric):
        """An information metric may, and must, end with _info."""
        assert codes(metrics=[metric(name="pf_thing_info", unit="info")]) == []


class TestLabels:
    def test_not_in_dictionary(self, codes, metric):
        """A label that nobody declared is found, also when one of the same name exists."""
        stranger = Label(name="market", help="Mine.", limit=2, values=("a", "b"))
        assert codes(metrics=[metric(labels=(AGENT_ID, stranger))]) == [("unknown-label", "metric pf_thing_usdc")]

    @pytest.mark.parametrize("name", ["le", "quantile", "Market", "__name"])
    def test_unusable_name(self, codes, metric, name):
        """A label name that the exposition format uses, or forbids, is refused."""
        odd = Label(name=name, help="Odd.", limit=2, values=("a", "b"))
        assert ("label-name", "metric pf_thing_usdc") in codes(metrics=[metric(labels=(odd,))], labels=[odd])

    def test_allows_nothing(self, codes, metric):
        """A label without values and without a pattern is refused."""
        empty = Label(name="empty", help="Nothing.", limit=2)
        assert codes(metrics=[metric(labels=(empty,))], labels=[empty]) == [("label-open", "metric pf_thing_usdc")]

    def test_twice(self, codes, metric):
        """A label stands once on a metric."""
        assert codes(metrics=[metric(labels=(AGENT_ID, AGENT_ID))]) == [("label-twice", "metric pf_thing_usdc")]

    def test_cardinality(self, codes, metric):
        """More series than the budget are refused; the agent itself does not count."""
        greedy = metric(labels=(AGENT_ID, MARKET, ASSET))
        assert worst_case_series(greedy) == 300 * 300 > SERIES_BUDGET
        assert codes(metrics=[greedy]) == [("cardinality", "metric pf_thing_usdc")]

    def test_buckets_multiply(self, metric):
        """A histogram counts a series per bucket, and three more."""
        plain = metric(labels=(ENDPOINT,))
        assert worst_case_series(plain) == ENDPOINT.limit
        assert worst_case_series(metric(labels=(ENDPOINT,), type="histogram", buckets=(1.0, 2.0))) == ENDPOINT.limit * 5


class TestBuckets:
    def test_missing(self, codes, metric):
        """A histogram without buckets is refused."""
        assert codes(metrics=[metric(type="histogram")]) == [("no-buckets", "metric pf_thing_usdc")]

    def test_stray(self, codes, metric):
        """A gauge with buckets is refused."""
        assert codes(metrics=[metric(buckets=(1.0,))]) == [("stray-buckets", "metric pf_thing_usdc")]

    @pytest.mark.parametrize("bounds", [(2.0, 1.0), (1.0, 1.0)])
    def test_unsorted(self, codes, metric, bounds):
        """Bounds rise strictly."""
        assert codes(metrics=[metric(type="histogram", buckets=bounds)]) == [
            ("unsorted-buckets", "metric pf_thing_usdc")
        ]

    def test_infinite(self, codes, metric):
        """The bound at infinity is implied."""
        endless = metric(type="histogram", buckets=(1.0, math.inf))
        assert codes(metrics=[endless]) == [("infinite-bucket", "metric pf_thing_usdc")]


class TestWindows:
    def test_counter(self, codes, metric):
        """A counter has no window."""
        counter = metric(name="pf_thing_usdc_total", type="counter", labels=(AGENT_ID, WINDOW), windows=("1h",))
        assert codes(metrics=[counter]) == [("counter-window", "metric pf_thing_usdc_total")]

    def test_label_without_list(self, codes, metric):
        """A window label needs the list of windows."""
        assert codes(metrics=[metric(labels=(AGENT_ID, WINDOW))]) == [("window-label", "metric pf_thing_usdc")]

    def test_list_without_label(self, codes, metric):
        """A list of windows needs the window label."""
        assert codes(metrics=[metric(windows=("1h",))]) == [("window-label", "metric pf_thing_usdc")]


class TestHelp:
    @pytest.mark.parametrize("text", ["", "No stop", "Two\nlines."])
    def test_form(self, codes, metric, text):
        """The help is one line that ends with a full stop."""
        assert codes(metrics=[metric(help=text)]) == [("help-form", "metric pf_thing_usdc")]

    @pytest.mark.parametrize(
        "text", ["The 15% share.", "Costs $1.", "Over 30 days.", "Half of 0.5.", "After 3 losses."]
    )
    def test_constant(self, codes, metric, text):
        """The help holds no number that somebody may change."""
        assert codes(metrics=[metric(help=text)]) == [("help-constant", "metric pf_thing_usdc")]

    def test_truth_value(self, codes, metric):
        """0 and 1 as truth values are no constants."""
        assert codes(metrics=[metric(help="1 while it is so.")]) == []

    def test_source(self, codes, metric):
        """A metric says where its number comes from."""
        assert codes(metrics=[metric(source="")]) == [("no-source", "metric pf_thing_usdc")]


class TestAliases:
    def test_canonical(self, codes, metric):
        """An alias is nobody's canonical name."""
        clash = Alias(name="pf_equity_usdc", schemes=("grafana",), type="gauge", labels=("agent_id",))
        assert codes(metrics=[metric(aliases=(clash,))]) == [("alias-collision", "alias pf_equity_usdc")]

    def test_twice(self, codes, metric):
        """An alias belongs to one metric."""
        clash = Alias(name="pf_drawdown_pct", schemes=("grafana",), type="gauge", labels=("agent_id",))
        assert codes(metrics=[metric(aliases=(clash,))]) == [("alias-collision", "alias pf_drawdown_pct")]

    def test_without_guide(self, codes, metric):
        """An alias says which guide knows it."""
        unknown = Alias(name="old_thing", schemes=(), type="gauge", labels=("agent_id",))
        assert codes(metrics=[metric(aliases=(unknown,))]) == [("alias-scheme", "alias old_thing")]

    def test_label_of_nobody(self, codes, metric):
        """An alias has no label that its metric lacks."""
        odd = Alias(name="old_thing", schemes=("grafana",), type="gauge", labels=("agent_id", "market"))
        assert codes(metrics=[metric(aliases=(odd,))]) == [("alias-label", "alias old_thing")]

    def test_dropped_label(self, codes, metric):
        """Dropping a label without adding up or filtering would give one series two values."""
        merged = Alias(name="old_thing", schemes=("grafana",), type="gauge", labels=("agent_id",))
        both = metric(labels=(AGENT_ID, MARKET), aliases=(merged,))
        assert codes(metrics=[both]) == [("alias-merge", "alias old_thing")]

    @pytest.mark.parametrize("how", [Transform(aggregate="sum"), Transform(where=(Match("market", ("BTC",)),))])
    def test_dropped_on_purpose(self, codes, metric, how):
        """Adding up, or keeping one value, makes a dropped label sound."""
        merged = Alias(name="old_thing", schemes=("grafana",), type="gauge", labels=("agent_id",), how=how)
        assert codes(metrics=[metric(labels=(AGENT_ID, MARKET), aliases=(merged,))]) == []

    def test_kept_name(self, codes):
        """A name that stayed must be a metric."""
        assert codes(kept=[Kept(name="pf_gone", scheme="grafana", labels=())]) == [
            ("unknown-metric", "kept name pf_gone")
        ]

    def test_kept_label(self, codes):
        """A name that stayed has the labels of the guide."""
        lost = Kept(name="pf_equity_usdc", scheme="grafana", labels=("market",))
        assert codes(kept=[lost]) == [("kept-label", "kept name pf_equity_usdc")]
