"""Each rule about names that point elsewhere finds a name that points nowhere."""

from dataclasses import replace

import pytest

from fleawatch.catalog.datadog import DatadogMetric
from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.query import (
    Compare,
    Delta,
    Event,
    Firing,
    Increase,
    Match,
    Number,
    Quantile,
    Rate,
    Select,
    Threshold,
    WithinShare,
)
from fleawatch.catalog.routing import Inhibition, Route
from fleawatch.catalog.spec import Escalation, LogEvent, Minimum, Recording, Span

equity = Select("pf_equity_usdc")
HERE = "alert PFThing"


class TestQuestions:
    @pytest.mark.parametrize(
        ("condition", "code"),
        [
            (Select("pf_nothing") > 0, "unknown-metric"),
            (equity < Threshold("nothing"), "unknown-limit"),
            (Firing("PFNothing"), "unknown-alert"),
            (Event("nothing"), "unknown-event"),
        ],
    )
    def test_unknown_names(self, codes, alert, condition, code):
        """A condition that names a metric, limit, alert or event nobody declares is found."""
        assert codes(alerts=[alert(condition=condition)]) == [(code, HERE)]

    def test_inside_the_minimum(self, codes, alert):
        """The minimum of an alert is a question too."""
        assert codes(alerts=[alert(minimum=Minimum(of=Select("pf_nothing"), at_least="calls_judged"))]) == [
            ("unknown-metric", HERE)
        ]

    def test_inside_the_escalation(self, codes, alert):
        """The escalation of an alert is a question too."""
        louder = Escalation(severity="critical", when=Firing("PFNothing"))
        assert codes(alerts=[alert(escalation=louder)]) == [("unknown-alert", HERE)]

    def test_inside_a_recording(self, codes):
        """A recorded series is a question too."""
        broken = Recording(name="fleet:pf_nothing:sum", expression=Select("pf_nothing").sum(), help="Nothing.")
        assert codes(recordings=[broken]) == [("unknown-metric", "recording fleet:pf_nothing:sum")]

    def test_inside_an_objective(self, codes):
        """An objective is a question too."""
        broken = replace(CATALOG.slos["api_success"], total=Select("pf_nothing"))
        assert codes(slos=[broken]) == [("unknown-metric", "objective api_success")]

    def test_written_by_others(self, codes, alert):
        """A metric of the scraper may be read although nobody here declares it."""
        assert codes(alerts=[alert(condition=Select("up") < 1)]) == []


class TestFilters:
    def test_label_of_nobody(self, codes, alert):
        """A filter names a label of its metric."""
        wrong = Select("pf_equity_usdc", (Match("market", ("BTC",)),)) > 0
        assert codes(alerts=[alert(condition=wrong)]) == [("unknown-label", HERE)]

    def test_value_of_nobody(self, codes, alert):
        """A filter on a fixed label names a value it can have."""
        wrong = Select("pf_gate_state", (Match("state", ("asleep",)),)) > 0
        assert codes(alerts=[alert(condition=wrong)]) == [("label-value", HERE)]

    def test_window_not_published(self, codes, alert):
        """A filter on the window names one that the metric publishes."""
        wrong = Select("pf_sharpe_ratio", (Match("window", ("1h",)),)) > 0
        assert codes(alerts=[alert(condition=wrong)]) == [("label-value", HERE)]

    def test_open_label(self, codes, alert):
        """A filter on an open label may name anything."""
        assert codes(alerts=[alert(condition=Select("pf_open_positions", (Match("market", ("BTC",)),)) > 0)]) == []

    def test_grouping(self, codes, alert):
        """What is grouped by a label reads a metric that has it."""
        assert codes(alerts=[alert(condition=equity.sum("market") > 0)]) == [("unknown-label", HERE)]


class TestTypes:
    @pytest.mark.parametrize(
        "value",
        [
            Rate(equity, 60),
            Increase(equity, 60),
            Delta(Select("pf_trades_total"), 60),
            Quantile(0.5, equity, 60),
            WithinShare(Select("pf_trades_total"), 1.0, 60),
        ],
    )
    def test_wrong_kind_of_metric(self, codes, alert, value):
        """Growth of a gauge, change of a counter and quantiles of anything but histograms are refused."""
        assert ("wrong-type", HERE) in codes(alerts=[alert(condition=Compare(">", value, Number(0)))])

    def test_no_such_bucket(self, codes, alert):
        """A share below a bound needs that bound as a bucket."""
        share = WithinShare(Select("pf_order_latency_seconds"), 0.7, 60)
        assert codes(alerts=[alert(condition=share < 1)]) == [("no-such-bucket", HERE)]


class TestOthers:
    def test_span_attribute(self, codes):
        """A span carries declared attributes and names declared limits."""
        odd = Span(
            name="pf.odd", kind="internal", parent="child", help="Odd.", attributes=("pf.nothing",), slow="nothing"
        )
        assert codes(spans=[odd]) == [("unknown-attribute", "span pf.odd"), ("unknown-limit", "span pf.odd")]

    def test_span_alias(self, codes):
        """Two spans do not share an alias."""
        odd = Span(
            name="pf.odd", kind="internal", parent="child", help="Odd.", attributes=(), aliases=("agent.order.execute",)
        )
        assert [code for code, _ in codes(spans=[odd])] == ["alias-collision"]

    def test_datadog_metric(self, codes):
        """A Datadog metric is made from one that is declared."""
        odd = DatadogMetric(name="agent.odd", type="gauge", metric="pf_nothing")
        assert codes(datadog=[odd]) == [("unknown-metric", "datadog agent.odd")]

    def test_datadog_tag(self, codes):
        """A Datadog tag comes from a label of its metric."""
        odd = DatadogMetric(name="agent.odd", type="gauge", metric="pf_equity_usdc", tags=(("role", "role"),))
        assert codes(datadog=[odd]) == [("unknown-label", "datadog agent.odd")]

    def test_datadog_type(self, codes):
        """A gauge is not sent as a count."""
        odd = DatadogMetric(name="agent.odd", type="count", metric="pf_equity_usdc")
        assert codes(datadog=[odd]) == [("wrong-type", "datadog agent.odd")]

    def test_recording_name(self, codes):
        """A recorded name has a level, a metric and operations."""
        odd = Recording(name="pf_equity_usdc:sum", expression=equity.sum(), help="Equity.")
        assert codes(recordings=[odd]) == [("recording-name", "recording pf_equity_usdc:sum")]

    def test_copied_twice(self, codes):
        """A copied name is used once."""
        odd = Recording(
            name="fleet:pf_equity_usdc:sum",
            expression=equity.sum(),
            help="Equity.",
            copies=(("pf:agents_at_risk:count", 1.0),),
        )
        assert [code for code, _ in codes(recordings=[odd])] == ["alias-collision"]

    def test_route_to_nobody(self, codes):
        """A route for one alert, and an inhibition by one, name alerts that exist."""
        route = Route(name="odd", alertname="PFNothing", channels=("slack",), in_process=("log",), repeat_s=60)
        inhibition = Inhibition(source=(("alertname", "PFNobody"),), target=(), equal=())
        assert codes(routes=[route], inhibitions=[inhibition]) == [
            ("unknown-alert", "route odd"),
            ("unknown-alert", "inhibition"),
        ]

    def test_alert_without_route(self, codes, alert):
        """Every alert reaches somebody."""
        assert codes(alerts=[alert(severity="none")]) == [("no-route", HERE)]

    def test_event_field_as_placeholder(self, codes, alert):
        """The fields of an event may be said in the text of its alert."""
        happening = LogEvent(name="odd_event", levels=("info",), help="Odd.", fields=("colour",))
        odd = alert(condition=Event("odd_event"), summary="{colour}", description="It was {colour}.")
        assert codes(alerts=[odd], log_events=[happening]) == []
