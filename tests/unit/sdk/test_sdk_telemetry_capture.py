"""The kit with which users test their own instrumentation."""

import os
import subprocess
import sys

import pytest

from fleawatch import Telemetry
from fleawatch.sinks.recorder import Recorder
from fleawatch.testing import capture


def buy(telemetry, number=1):
    """What a user's code may look like."""
    with telemetry.cycle(market="BTC-USD"), telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        order.filled(f"o-{number}", trade_id=f"t-{number}", price="100.1", fee_usd="0.5")


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


def test_what_was_there_before_is_lent_and_given_back():
    """It begins from nothing and sends nothing of the test's; afterwards it goes on where it was, and what was seen can still be asked."""
    recorder = Recorder()
    with Telemetry("global-1", sinks=[recorder], environ={}, heartbeat_s=None) as telemetry:
        buy(telemetry)
        telemetry.flush()
        before = len(recorder.facts)
        with capture() as seen:
            assert seen.watch(telemetry) is seen.watch(telemetry)
            telemetry.strategy_switch("bold")
            for number in (2, 3):
                buy(telemetry, number)
        assert (len(recorder.facts), telemetry.strategy) == (before, "")
        buy(telemetry, 4)
        telemetry.flush()
        assert len(recorder.facts) == 2 * before
        fees = [
            line for line in telemetry.metrics().decode().splitlines() if line.startswith("pf_trade_fees_usdc_total{")
        ]
    assert fees[0].endswith(" 1.0")
    assert seen.metric("pf_trade_fees_usdc_total") == 1.0
    assert len(seen.facts("order_filled")) == 2
    assert all(fact["fact_id"] not in {one.fact_id for one in recorder.facts} for fact in seen.facts("order_placed"))


def test_the_error_of_the_block_is_what_is_raised():
    """Not what is wrong with what was told before it."""
    with pytest.raises(KeyError, match="mine"), capture() as seen:  # noqa: SIM117 - the block must end inside
        with seen.telemetry.order(market="BTC-USD", side="buy", notional_usd=-5):
            raise KeyError("mine")


def test_every_agent_ends_whatever_the_others_do():
    """A mistake in what one tells leaves no thread of another behind."""
    made = []
    with pytest.raises(Exception, match="notional_usd"), capture():  # noqa: PT012 - the block must end inside
        made += [Telemetry("a-1"), Telemetry("a-2")]
        for telemetry in made:
            with telemetry.order(market="BTC-USD", side="buy", notional_usd=-5):
                pass
    assert not [telemetry for telemetry in made if telemetry._pipeline._thread.is_alive()]


def test_it_needs_no_test_library():
    """A base install can use it: neither pytest nor hypothesis is loaded."""
    code = "import sys, fleawatch.testing; fleawatch.testing.capture; print({'pytest', 'hypothesis', 'aiohttp', 'starlette'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ), check=True
    )
    assert done.stdout.strip() == "set()"
