"""Lines about what an agent does: the events and fields of the catalog, with their trace, and without secrets."""

import json
import os
import sys
import time
from types import SimpleNamespace

import pytest

from fleawatch import Telemetry
from fleawatch.catalog.logs import LOG_EVENTS
from fleawatch.events import SlowSpan
from fleawatch.ports import Observed
from fleawatch.sinks.factlog import FactLog, Lines
from fleawatch.sinks.writer import Writer
from fleawatch.testing.telemetry_contract import AT, TelemetrySinkContract, a_span, an_order, declared


@pytest.fixture
def file(tmp_path):
    """Where lines go."""
    return tmp_path / "agent.log"


def lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture
def telemetry(file):
    """An agent that writes lines."""
    found = Telemetry("a-1", strategy="momentum", logs=str(file), environment="prod", version="1.2", heartbeat_s=None)
    yield found
    found.shutdown()


def test_a_fill_is_a_line_with_its_trace(telemetry, file):
    """Named and filled as the catalog says, with the ids of the span in both forms."""
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=500, expected_price=100) as order:
        order.filled("o-1", price="100.1", fee_usd="0.5")
    telemetry.flush()
    (line,) = lines(file)
    trace = f"{order.place.trace_id:032x}"
    assert line["event"] == "trade_executed"
    assert line["slippage_bps"] == pytest.approx(10)
    assert (line["market"], line["side"], line["size"], line["fee_usd"], line["order_id"]) == (
        "BTC-USD",
        "buy",
        500,
        0.5,
        "o-1",
    )
    assert (line["service"], line["env"], line["version"], line["agent_id"]) == (
        "purpleflea-trading-agent",
        "prod",
        "1.2",
        "a-1",
    )
    assert (line["trace_id"], line["dd.trace_id"]) == (trace, str(int(trace[16:], 16)))


def test_a_failure_is_an_error_with_its_kind(telemetry, file):
    """The kind and the scrubbed message of what ended it."""
    with pytest.raises(ValueError, match="sk_live"), telemetry.order(market="BTC-USD", side="buy", notional_usd=5):
        raise ValueError("denied for sk_live_0123456789abcdef")
    telemetry.flush()
    (line,) = lines(file)
    assert (line["event"], line["level"], line["error.kind"]) == ("order_failed", "error", "ValueError")
    assert "sk_live" not in file.read_text()


def test_every_line_is_an_event_of_the_catalog_with_its_fields(telemetry, file):
    """No line has a name or a field that the catalog does not know."""
    with telemetry.signal("BTC-USD") as signal:
        signal.computed("buy", confidence=0.7)
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
        order.rejected("no_margin")
    with telemetry.escrow_create(amount_usd=10, counterparty="ag_worker") as escrow:
        escrow.created("ag_me", "esc_1", expires_at=2e9)
    telemetry.faucet_claim("success", 1)
    telemetry.referral_income("casino", "0.5")
    telemetry.strategy_switch("calm", reason="drawdown")
    telemetry.flush()
    known = {event.name: event for event in LOG_EVENTS}
    common = {
        "timestamp", "level", "logger", "message", "service", "env", "version", "agent_id", "event", "trace_id", "span_id",
        "dd.trace_id", "dd.span_id", "error.kind", "error.message", "strategy", "action", "order_id", "reason",
    }  # fmt: skip
    found = lines(file)
    assert [line["event"] for line in found] == [
        "signal_generated", "order_failed", "escrow_transaction", "faucet_claim", "referral_income", "strategy_switch",
    ]  # fmt: skip
    for line in found:
        assert line.keys() <= {*known[line["event"]].fields, *common}
        assert line["level"] in known[line["event"]].levels
    assert "ag_worker" not in file.read_text()


def test_a_rotated_file_is_opened_anew(file):
    """What moved away keeps its lines, what comes later goes to the file of that name."""
    sink, state = FactLog(str(file), Lines(service="s")), declared()
    failed = an_order(1, status="error")
    sink.take([Observed(failed, a_span())], state)
    assert sink.flush(5)
    file.rename(file.with_suffix(".1"))
    sink.beat(state, 0.0)
    sink.take([Observed(an_order(2, status="error"), a_span(2))], state)
    sink.close(1)
    assert len(lines(file)) == len(lines(file.with_suffix(".1"))) == 1


def test_standard_output_stays_open(capsys):
    """Lines go there, and closing the sink closes nothing of the program's."""
    sink = FactLog("stdout", Lines(service="s"))
    sink.take([Observed(an_order(1, status="error"), None)], declared())
    sink.close(1)
    print("still here")
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first)["event"] == "order_failed"
    assert second == "still here"


class TestContract(TelemetrySinkContract):
    """What every sink must do."""

    @pytest.fixture
    def sink(self, file):
        """A log in a file."""
        found = FactLog(str(file), Lines(service="s"))
        yield found
        found.close(1)


def test_what_facts_bring_to_light_has_a_line(telemetry, file):
    """A large loss, a balance below its limits, an escrow that settled: with the fields of the catalog, and the trace."""
    with telemetry.balance_check(service="casino") as check:
        check.read("USDC", 90)
    with telemetry.balance_check(service="casino") as check:
        check.read("USDC", 89)
    with telemetry.balance_check(service="casino") as check:
        check.read("USDC", 20)
    with telemetry.escrow_create(amount_usd=10, counterparty="ag_worker") as escrow:
        escrow.created("ag_me", "esc_1", expires_at=2e9)
    with telemetry.escrow_release("esc_1") as release:
        release.released("9.5", commission_usd="0.5")
    telemetry.flush()
    known = {event.name: set(event.fields) for event in LOG_EVENTS}
    found = [line for line in lines(file) if line["event"] in ("balance_alert", "escrow_settled")]
    assert [(line.get("tier"), line.get("escrow_id")) for line in found] == [
        ("low", None),
        ("exhausted", None),
        (None, "esc_1"),
    ]
    assert all(known[line["event"]] <= line.keys() for line in found)
    assert found[2]["trace_id"] == f"{release.place.trace_id:032x}"


def test_a_signal_and_an_order_say_what_their_spans_know(telemetry, file):
    """Value of the signal, latency of the order, and the strategy on every line."""
    with telemetry.signal("BTC-USD") as signal:
        signal.computed("buy", confidence=0.7, value=1.25)
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
        order.filled("o-1", price=100)
    telemetry.strategy_switch("calm")
    telemetry.faucet_claim("success", 1)
    telemetry.flush()
    signal_line, order_line, *_, faucet = lines(file)
    assert signal_line["signal_value"] == 1.25
    assert order_line["latency_ms"] == pytest.approx(order.duration_s * 1000)
    assert (signal_line["strategy"], order_line["strategy"], faucet["strategy"]) == ("momentum", "momentum", "calm")


def test_a_slow_span_keeps_the_trace_it_is_about():
    """Its own ids, in both forms, whatever operation told of it."""
    fact = SlowSpan(
        fact_id="s", agent_id="a-1", at=AT, seen_at=AT, source="sdk", span_name="pf.trade.execute", duration_s=3.0, threshold_s=2.0,
        trace_id="0" * 15 + "1" + "0" * 15 + "2",
    )  # fmt: skip
    (line,) = map(json.loads, Lines(service="s").of([Observed(fact, a_span())]))
    assert (line["event"], line["overage_pct"], line["trace_id"], line["dd.trace_id"]) == (
        "slow_span",
        50,
        fact.trace_id,
        "2",
    )


def test_addresses_are_kept_hashed_or_cut():
    """By choice, in every text of a line."""
    address = "0x" + "ab" * 20
    said = [
        json.loads(Lines(service="s", addresses=choice).of([Observed(an_order(1, status="error", reason=f"no {address}"), None)])[0])
        for choice in ("keep", "hash", "cut")
    ]  # fmt: skip
    kinds = [line["error.kind"] for line in said]
    assert kinds[0] == f"no {address}"
    assert kinds[1].startswith("no addr-")
    assert kinds[2] == "no [address]"


def test_a_reader_that_stops_reading_holds_up_nobody():
    """The pipe of a standard stream is full: what waits is bounded, the rest is counted, closing ends in time."""
    read, write = os.pipe()
    with os.fdopen(write, "wb", buffering=0) as pipe, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", SimpleNamespace(buffer=pipe))
        writer = Writer("stdout", size=1 << 20)
        for _ in range(40):
            writer.put([b"x" * (64 << 10) + b"\n"])
        begun = time.monotonic()
        assert not writer.flush(0.1)
        writer.close(0.1)
        assert time.monotonic() - begun < 2
        assert 20 < writer.dropped <= 40
        os.close(read)


def test_a_file_that_cannot_be_written_is_counted_and_told(file):
    """The disk is full: lines are dropped, counted, and the error reaches whoever counts errors."""
    sink = FactLog("/dev/full", Lines(service="s"))
    sink.take([Observed(an_order(1, status="error"), None)], declared())
    with pytest.raises(OSError, match="space"):
        sink.flush(5)
    assert sink.dropped == 1
    sink.close(1)
