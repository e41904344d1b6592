"""Marks on Grafana's charts: what is drawn, once, and what becomes of it when Grafana is away."""

import time

import pytest

from fleawatch import Telemetry
from fleawatch.flow.outputs import Notice
from fleawatch.sinks.annotations import Annotations
from fleawatch.testing.grafana import GrafanaServer
from fleawatch.testing.telemetry_contract import AT, TelemetrySinkContract


@pytest.fixture
def server():
    """A Grafana that takes everything with its token."""
    with GrafanaServer(token="glsa_1", path="/grafana") as found:
        yield found


def a_notice(number=1, event="large_loss", message="lost 500.00 USD at once"):
    return Notice(key=f"n-{number}", agent_id="a-1", at=AT + number, event=event, level="info", message=message)


def sink_to(server, **more):
    return Annotations(server.address, lambda: "glsa_1", **more)


def test_what_facts_bring_to_light_is_drawn(server, tmp_path):
    """A switch of strategy, money from outside and a settled escrow, at their time and under their tags."""
    (tmp_path / "token").write_text("glsa_1\n")
    telemetry = Telemetry(
        "a-1", strategy="calm", grafana=server.address, grafana_token_file=str(tmp_path / "token"), environ={},
        grafana_dashboard="pf-agent", heartbeat_s=None,
    )  # fmt: skip
    telemetry.strategy_switch("bold", reason="bored")
    telemetry.faucet_claim("success", 10)
    with telemetry.escrow_create(amount_usd=10, counterparty="ag_worker") as escrow:
        escrow.created("ag_me", "esc_1", expires_at=2e9)
    with telemetry.escrow_release("esc_1") as release:
        release.released(net_usd="9.5", commission_usd="0.5")
    assert telemetry.flush()
    assert [mark["tags"] for mark in server.taken] == [
        ["pf", "agent_id:a-1", "event:strategy_switch"],
        ["pf", "agent_id:a-1", "event:faucet_claim"],
        ["pf", "agent_id:a-1", "event:escrow_settled"],
    ]
    assert {mark["dashboardUID"] for mark in server.taken} == {"pf-agent"}
    assert all(abs(mark["time"] / 1000 - time.time()) < 60 for mark in server.taken)
    assert 'pf_annotations_total{status="ok"} 3' in telemetry.metrics().decode()
    telemetry.shutdown()


def test_a_large_result_and_a_halt_are_drawn_and_a_line_of_the_log_is_not(server):
    """Of what is told only what the catalog has drawn."""
    sink = sink_to(server)
    sink.tell(
        [a_notice(1), a_notice(2, "trading_halted"), a_notice(3, "trading_resumed"), a_notice(4, "collector_error")]
    )
    assert sink.flush(5)
    assert [mark["tags"][2] for mark in server.taken] == [
        "event:large_loss",
        "event:trading_halted",
        "event:trading_resumed",
    ]
    sink.close()


def test_the_same_notice_is_drawn_once(server):
    """An outbox may bring one again."""
    sink = sink_to(server)
    sink.emit(a_notice())
    sink.emit(a_notice())
    sink.close()
    assert len(server.taken) == 1


def test_text_is_scrubbed_and_escaped(server):
    """Grafana shows HTML; a stranger's words are neither markup nor a secret."""
    sink = sink_to(server)
    sink.emit(a_notice(message="<b onclick=x> sk_live_0123456789"))
    sink.close()
    assert server.taken[0]["text"] == "&lt;b onclick=x&gt; [redacted]"


def test_what_grafana_refuses_is_counted(server, caplog):
    """Once refused is refused; a busy server is asked again."""
    sink = sink_to(server)
    server.answers = [400, 503, 429]
    sink.tell([a_notice(1), a_notice(2)])
    assert sink.flush(10)
    assert sink.counts() == {"pf_annotations_total": {("ok",): 1.0, ("failed",): 1.0, ("dropped",): 0.0}}
    assert "answered 400" in caplog.text
    assert "glsa_1" not in caplog.text
    sink.close()


def test_a_grafana_that_hangs_holds_up_nobody(server):
    """What waits is bounded, the oldest goes, and closing ends in time."""
    server.hold.clear()
    sink = sink_to(server, size=5)
    begun = time.monotonic()
    sink.tell([a_notice(number) for number in range(20)])
    assert not sink.flush(0.1)
    sink.close(0.1)
    assert time.monotonic() - begun < 3
    assert sink.lost >= 14


def test_a_token_that_cannot_be_read_is_a_failure(server, tmp_path):
    """Nothing is sent without the token that was asked for."""
    sink = Annotations(server.address, (tmp_path / "gone").read_text)
    sink.emit(a_notice())
    assert sink.flush(5)
    assert (sink.failed, server.taken) == (1, [])
    sink.close()


def test_a_grafana_that_is_away_is_given_up():
    """Three tries, then the mark is counted as failed."""
    sink = Annotations("http://127.0.0.1:9", lambda: None)
    sink.emit(a_notice())
    assert sink.flush(10)
    assert sink.dropped == 1
    sink.close()


class TestContract(TelemetrySinkContract):
    """What every sink must do."""

    @pytest.fixture
    def sink(self, server):
        """A sink to a Grafana that takes everything."""
        found = sink_to(server)
        yield found
        found.close(1)
