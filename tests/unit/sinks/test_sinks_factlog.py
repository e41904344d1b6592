"""Lines about what an agent does: the events and fields of the catalog, with their trace, and without secrets."""

import json

import pytest

from fleawatch import Telemetry
from fleawatch.catalog.logs import LOG_EVENTS
from fleawatch.ports import Observed
from fleawatch.sinks.factlog import FactLog
from fleawatch.testing.telemetry_contract import TelemetrySinkContract, a_span, an_order, declared


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
    sink, state = FactLog(str(file), service="s"), declared()
    failed = an_order(1, status="error")
    sink.take([Observed(failed, a_span())], state)
    file.rename(file.with_suffix(".1"))
    sink.beat(state, 0.0)
    sink.take([Observed(an_order(2, status="error"), a_span(2))], state)
    sink.close(1)
    assert len(lines(file)) == len(lines(file.with_suffix(".1"))) == 1


def test_standard_output_stays_open(capsys):
    """Lines go there, and closing the sink closes nothing of the program's."""
    sink = FactLog("stdout", service="s")
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
        found = FactLog(str(file), service="s")
        yield found
        found.close(1)
