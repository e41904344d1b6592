"""The kit with which users test their own instrumentation."""

import os
import subprocess
import sys

import pytest

from fleawatch.testing import capture


def buy(telemetry):
    """What a user's code may look like."""
    with telemetry.cycle(market="BTC-USD"), telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        order.filled("o-1", trade_id="t-1", price="100.1", fee_usd="0.5")


def test_three_lines_test_an_instrumentation():
    """Facts, spans, metrics and log lines of a block, as plain data that agree."""
    with capture() as seen:
        buy(seen.telemetry)
    (fill,) = seen.facts("order_filled")
    (span,) = seen.spans("pf.trade.execute")
    (line,) = seen.logs("trade_executed")
    assert (fill["price"], span["attributes"]["pf.fee_usd"], line["fee_usd"]) == ("100.1", 0.5, 0.5)
    assert line["trace_id"] == span["trace_id"] == fill["trace_id"]
    assert span["parent_id"] == seen.spans("pf.decision_cycle")[0]["span_id"]
    name = 'pf_trade_fees_usdc_total{agent_id="agent-under-test",strategy="other",asset="BTC"}'
    assert seen.metrics()[name] == 0.5


def test_a_run_is_the_same_every_time():
    """Clock and ids come from the kit."""
    found = []
    for _ in range(2):
        with capture(seed=3) as seen:
            buy(seen.telemetry)
        found.append([(span["trace_id"], span["start_ns"]) for span in seen.spans()])
    assert found[0] == found[1]


def test_time_passes_when_the_test_says_so():
    """Durations are what was advanced."""
    with capture() as seen, seen.telemetry.order(market="BTC-USD", side="buy", notional_usd=5):
        seen.timing.advance(0.25)
    assert [fact["latency_s"] for fact in seen.facts("order_placed")] == [0.25]


def test_the_environment_is_not_looked_at(monkeypatch):
    """A test on a machine that is set up for production sends nothing there."""
    monkeypatch.setenv("PF_SERVICE", "http://127.0.0.1:1")
    monkeypatch.setenv("DD_AGENT_HOST", "127.0.0.1")
    with capture() as seen:
        assert (seen.telemetry.settings.service, seen.telemetry.settings.statsd) == (None, None)


def test_a_mistake_in_what_is_told_is_raised():
    """At the end of the block, with the name of the field."""
    with pytest.raises(Exception, match="notional_usd"), capture() as seen:  # noqa: SIM117 - the block must end inside
        with seen.telemetry.order(market="BTC-USD", side="buy", notional_usd=-5):
            pass


def test_it_needs_no_test_library():
    """A base install can use it: neither pytest nor hypothesis is loaded."""
    code = "import sys, fleawatch.testing; fleawatch.testing.capture; print({'pytest', 'hypothesis', 'aiohttp', 'starlette'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert done.stdout.strip() == "set()"
