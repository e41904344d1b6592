"""DogStatsD: what arrives at a server, by the names and types of the guide."""

from collections import Counter

import pytest

from fleawatch import Telemetry
from fleawatch.catalog.datadog import DATADOG
from fleawatch.sdk.telemetry.backends import dogstatsd as backend
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.testing.dogstatsd import DogStatsDServer, parsed
from fleawatch.testing.telemetry_contract import TelemetrySinkContract

SHORT = {"gauge": "g", "count": "c", "distribution": "d"}


@pytest.fixture
def server(monkeypatch):
    """A server, and an environment that says nothing of Datadog."""
    for name in ("DD_ENV", "DD_SERVICE", "DD_VERSION", "DD_AGENT_HOST", "DD_DOGSTATSD_URL"):
        monkeypatch.delenv(name, raising=False)
    with DogStatsDServer() as found:
        yield found


def telemetry_to(server, **more):
    return Telemetry(
        "a-1", strategy="momentum", statsd=f"udp://127.0.0.1:{server.port}", environment="prod", version="1.2",
        heartbeat_s=None, **more,
    )  # fmt: skip


def traded(server, orders=3, **more):
    telemetry = telemetry_to(server, **more)
    for number in range(orders):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
            order.filled(f"o-{number}", price=100, trade_id=f"t-{number}")
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        order.rejected("insufficient_balance")
    with telemetry.bet("dice", 1) as bet:
        bet.settled("bet_1", "1.98")
    assert telemetry.shutdown()
    return telemetry


def test_every_order_is_one_value_and_one_count(server):
    """Latencies are distributions, one value for each attempt; counts add up to the attempts."""
    traded(server)
    latencies = server.points("agent.order.latency_ms")
    assert Counter((point.tags["status"], point.tags["order_type"]) for point in latencies) == {
        ("success", "market"): 3, ("rejected", "market"): 1, ("success", "bet"): 1,
    }  # fmt: skip
    counts = Counter()
    for point in server.points("agent.order.executions_total"):
        counts[point.tags["status"], point.tags.get("error_type")] += point.value
    assert counts == {("success", None): 4, ("rejected", "insufficient_balance"): 1}


def test_counters_are_what_they_have_grown_by(server):
    """The sum of what was sent is what the counter says."""
    traded(server)
    rounds = sum(point.value for point in server.points("agent.casino.rounds"))
    assert rounds == 1
    assert [point.value for point in server.points("agent.trade.pnl_usd") if point.tags["realized"] == "true"][
        -1
    ] == pytest.approx(0.98)


def test_tags_are_lower_case_said_once_and_of_the_deployment(server):
    """Base tags and unified service tags on everything; the parser refuses a tag that occurs twice."""
    traded(server)
    for point in server.points():
        expected = {"agent_id": "a-1", "strategy": "momentum", "env": "prod", "version": "1.2"}
        assert expected.items() <= point.tags.items()
        assert all(value == value.lower() for value in point.tags.values())


def test_what_the_environment_says_is_not_said_twice(server, monkeypatch):
    """The client adds the tags of DD_* by itself."""
    monkeypatch.setenv("DD_ENV", "stage")
    traded(server)
    assert {point.tags["env"] for point in server.points()} == {"stage"}


def test_names_and_types_are_those_of_the_guide(server):
    """Nothing is sent that is not in the mapping, and nothing as another type."""
    traded(server)
    types = {one.name: SHORT[one.type] for one in DATADOG}
    seen = {point.name: point.type for point in server.points()}
    assert seen.items() <= types.items()
    assert {"agent.heartbeat", "agent.trade.pnl_usd", "agent.order.latency_ms"} <= seen.keys()


def test_with_a_service_its_numbers_are_left_to_it(server):
    """P&L is then the monitor's to export; the agent sends what only it knows."""
    telemetry = telemetry_to(server)
    telemetry.shutdown()

    own = backend.sink(Settings(agent_id="a-1", statsd="udp://127.0.0.1:1", service="http://127.0.0.1:9712"))
    assert "pf_trade_pnl_usdc" not in own._mapped
    own.close(1)


def test_many_values_share_a_datagram(server):
    """It is buffered: two hundred orders are a few dozen datagrams."""
    traded(server, orders=200)
    assert len(server.points("agent.order.latency_ms")) == 202
    assert len(server.datagrams) < 60


@pytest.mark.parametrize("line", [b"name", b"name:1", b"name:1|x", b"name:1|c|#a:1,a:2", b"name:1|c|what"])
def test_the_parser_refuses_what_is_no_metric(line):
    """So that a test of what was sent can fail."""
    with pytest.raises(ValueError, match="name"):
        list(parsed(line))


class TestContract(TelemetrySinkContract):
    """What every sink must do."""

    @pytest.fixture
    def sink(self, server):
        """A sink to a server that takes everything."""
        found = backend.sink(Settings(agent_id="a-1", statsd=f"udp://127.0.0.1:{server.port}"))
        yield found
        found.close(1)
