"""DogStatsD: what arrives at a server, by the names and types of the guide."""

from collections import Counter

import pytest

from fleawatch import Telemetry
from fleawatch.catalog.datadog import DATADOG
from fleawatch.catalog.fleet import CATALOG
from fleawatch.ports import Observed
from fleawatch.sdk.telemetry.backends import dogstatsd as backend
from fleawatch.sdk.telemetry.settings import Settings
from fleawatch.sinks.dogstatsd import DogStatsD
from fleawatch.testing.dogstatsd import DogStatsDServer, parsed
from fleawatch.testing.telemetry_contract import AT, TelemetrySinkContract, a_bet, an_order, declared, folded

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
    booked = (point for point in server.points("agent.trade.pnl_usd") if point.tags["realized"] == "true")
    last = {point.tags["market"]: point.value for point in booked}
    assert last.keys() >= {"dice", "other"}
    assert sum(last.values()) == pytest.approx(0.98)


def test_tags_are_lower_case_said_once_and_of_the_deployment(server):
    """Base tags and unified service tags on everything; the parser refuses a tag that occurs twice."""
    traded(server)
    for point in server.points():
        expected = {"agent_id": "a-1", "strategy": "momentum", "env": "prod", "version": "1.2"}
        assert expected.items() <= point.tags.items()
        assert all(value == value.lower() for value in point.tags.values())


@pytest.mark.parametrize(
    ("environ", "given", "said"),
    [
        ({"DD_ENV": "stage"}, {}, "stage"),
        ({"DD_ENV": "stage"}, {"environment": "prod"}, "prod"),
        ({"DATADOG_TAGS": "env:stage,team:money"}, {"environment": "prod"}, "prod"),
        ({"DATADOG_TAGS": "env:a", "DD_ENV": "b"}, {}, "b"),
    ],
)
def test_the_environment_is_said_once_and_as_every_backend_says_it(server, monkeypatch, environ, given, said):
    """The client adds tags of DD_* and DATADOG_TAGS by itself; the reader refuses a tag that is there twice."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    telemetry = Telemetry("a-1", statsd=server.address, heartbeat_s=None, **given)
    telemetry.heartbeat()
    assert telemetry.shutdown()
    assert {point.tags["env"] for point in server.points()} == {said}


def test_names_and_types_are_those_of_the_guide(server):
    """Nothing is sent that is not in the mapping, and nothing as another type."""
    traded(server)
    types = {one.name: SHORT[one.type] for one in DATADOG}
    seen = {point.name: point.type for point in server.points()}
    assert seen.items() <= types.items()
    assert {"agent.heartbeat", "agent.trade.pnl_usd", "agent.order.latency_ms"} <= seen.keys()


def test_with_a_service_its_numbers_are_left_to_it(server, monkeypatch):
    """P&L and escrows are then the monitor's to export; the agent sends what only it knows."""
    monkeypatch.setattr("fleawatch.sdk.telemetry.backends.ship.Ship._send_all", lambda _: 9.0)
    telemetry = telemetry_to(server, service="http://127.0.0.1:9")
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        order.filled("o-1", price=100, trade_id="t-1")
    with telemetry.escrow_create(amount_usd=10, counterparty="ag_worker") as escrow:
        escrow.created("ag_me", "esc_1", expires_at=2e9)
    telemetry.shutdown(0.2)
    owner = {one.name: CATALOG.metrics[one.metric].owner for one in DATADOG if one.metric}
    names = {point.name for point in server.points()}
    assert {owner.get(name, "agent") for name in names} == {"agent"}
    assert {"agent.heartbeat", "agent.order.latency_ms"} <= names


class Books:
    """What a sink told its client, in place of one."""

    def __init__(self):
        self.sent, self.waiting, self.stopped, self.packets_dropped, self.broken = [], [], 0, 0, False

    def told(self, metric, value=1, tags=()):
        self.waiting.append((metric, value, tuple(tags)))

    gauge = increment = distribution = told

    def flush_aggregated_metrics(self):
        self.sent += self.waiting
        self.packets_dropped += self.broken
        self.waiting = []

    def flush(self):
        """Nothing waits."""

    def stop(self):
        self.stopped += 1

    def of(self, name):
        return [value for metric, value, _ in self.sent if metric == name]


def books():
    made = []

    def opened():
        made.append(Books())
        return made[-1]

    return DogStatsD(opened, "a-1", "momentum"), made


def test_gauges_are_sent_every_ten_seconds_and_counts_once():
    """On the clock of the beat, and not only when the agent ends; what was counted before is not sent again."""
    sink, (client,) = books()
    state = folded(declared(), a_bet(1))
    for second in range(21):
        sink.beat(state, AT + second)
    assert client.of("agent.heartbeat") == [1, 1, 1]
    assert client.of("agent.casino.rounds") == [1]


def test_the_real_client_sends_gauges_while_the_agent_lives(server):
    """They do not wait in the client for its end: its own flush leaves out what it adds up."""
    sink = backend.sink(Settings(agent_id="a-1", statsd=server.address))
    sink.beat(declared(), AT)
    assert [point.value for point in server.points("agent.heartbeat")] == [1]
    sink.close(1)


def test_a_child_sends_what_it_counts_itself():
    """A child begins with a state of its own: what the parent counted is the parent's to send, nothing after it is lost."""
    sink, made = books()
    state = folded(declared(), a_bet(1))
    sink.take([Observed(a_bet(1), None)], state)
    sink.beat(state, AT)
    state = folded(state, a_bet(2))
    sink.take([Observed(a_bet(2), None)], state)
    sink.after_fork()
    state = folded(declared(), a_bet(3), a_bet(4))
    sink.take([Observed(a_bet(4), None)], state)
    sink.beat(state, AT + 1)
    assert made[0].of("agent.casino.rounds") == [1]
    assert made[1].of("agent.casino.rounds") == [2]


def test_tags_are_bounded_whatever_the_agent_says():
    """A hostile word becomes `other`; a strategy that was never filled is still a strategy."""
    sink, (client,) = books()
    state = declared()
    for number, fields in enumerate(
        [{"strategy": "calm"}, {"strategy": "no|such,strategy"}, {"market": "x\n|#a:b"}, {"status": "rejected", "reason": "Bad, reason"}]
    ):  # fmt: skip
        fact = an_order(number, **fields)
        state = folded(state, fact)
        sink.take([Observed(fact, None)], state)
    sink.beat(state, AT)
    tags = [tags for name, _, tags in client.sent if name == "agent.order.executions_total"]
    assert ["strategy:calm" in one for one in tags] == [True, False, False, False]
    assert "strategy:other" in tags[1]
    assert "market:other" in tags[2]
    assert "error_type:other" in tags[3]


def test_what_cannot_be_sent_is_counted_and_exported(tmp_path):
    """A socket that is not there loses datagrams, a flush says so, and the agent's own metrics tell how many."""
    telemetry = Telemetry("a-1", statsd=f"unix://{tmp_path}/gone.sock", environ={}, heartbeat_s=None)
    telemetry.heartbeat()
    assert not telemetry.flush()
    assert telemetry.dropped["sink_dogstatsd"] >= 1
    assert "\npf_dogstatsd_dropped_total 1" in telemetry.metrics().decode()
    telemetry.shutdown()


def test_it_sends_to_a_unix_socket(tmp_path):
    """Where the Datadog agent listens in a file."""
    with DogStatsDServer(tmp_path / "dsd.sock") as server:
        telemetry = Telemetry("a-1", statsd=server.address, environ={}, heartbeat_s=None)
        telemetry.heartbeat()
        assert telemetry.shutdown()
        assert {point.name for point in server.points()} >= {"agent.heartbeat"}


def test_many_values_share_a_datagram(server):
    """It is buffered: two hundred orders are a few dozen datagrams."""
    traded(server, orders=200)
    assert len(server.points("agent.order.latency_ms")) == 202
    assert len(server.datagrams) < 60


@pytest.mark.parametrize(
    "line",
    [
        b"name", b"name:1", b"name:1|x", b":1|c", b"na me:1|c", b"1name:1|c", b"name:|c", b"name:one|c", b"name:nan|g", b"name:1_0|c",
        b"name:1|c|#a:1,a:2", b"name:1|c|#A:1", b"name:1|c|#a:b c", b"name:1|c|#", b"name:1|c|what", b"name:1|c|@0", b"name:1|g|@0.5",
        b"name:1|d|T1656581400", b"name:1|g|Tnow", b"name:1|c|card:many", b"name:1|c|#a:1|#b:2", b"name:1:2|s", b"name:1|c|#a:" + b"x" * 200,
    ],
)  # fmt: skip
def test_the_reader_refuses_what_the_protocol_does_not_allow(line):
    """So that a test of what was sent can fail."""
    with pytest.raises(ValueError, match=r"name|metric|convert"):
        list(parsed(line))


def test_the_reader_reads_what_the_reference_shows():
    """Examples of the reference, from the first protocol to the sixth."""
    text = (
        b"page.views:1|c\nsong.length:240|h|@0.5\nusers.online:1|c|#country:china\nusers.online:1:2:32|d|#country:china\n"
        b"page.views:15|g|#env:dev|c:83c0a99c0a54c0c187f461c7980e9b57f3f6a8b0c918c8d93df19a9de6f3fe1d|T1656581400\n"
        b"page.views:1|g|#env:dev|c:ci-83c0a99c|e:it-false|card:low"
    )
    points = list(parsed(text))
    assert [point.value for point in points] == [1, 240, 1, 1, 2, 32, 15, 1]
    assert (points[1].rate, points[6].at, points[7].container) == (0.5, 1656581400, "ci-83c0a99c")


def test_the_reader_refuses_a_datagram_that_no_transport_carries():
    """The agent would cut it."""
    with pytest.raises(ValueError, match="1433 bytes"):
        list(parsed(b"x" * 1433, largest=1432))


class TestContract(TelemetrySinkContract):
    """What every sink must do."""

    @pytest.fixture
    def sink(self, server):
        """A sink to a server that takes everything."""
        found = backend.sink(Settings(agent_id="a-1", statsd=f"udp://127.0.0.1:{server.port}"))
        yield found
        found.close(1)
