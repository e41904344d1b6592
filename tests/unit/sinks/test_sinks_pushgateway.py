"""A Pushgateway is told what the agent knows, and forgets it when the agent has ended."""

import threading

import pytest

from fleawatch.ports import Observed
from fleawatch.sinks.pushgateway import HttpGateway, Pushgateway
from fleawatch.testing.telemetry_contract import AT, TelemetrySinkContract, an_order, declared, folded


class Twin:
    """A gateway in memory; with a failure it fails."""

    def __init__(self):
        self.group, self.asked, self.failure = None, [], None
        self.hold = threading.Event()
        self.hold.set()

    def put(self, body):
        self._asked("PUT")
        self.group = body

    def delete(self):
        self._asked("DELETE")
        self.group = None

    def _asked(self, method):
        self.asked.append(method)
        self.hold.wait(5)
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def gateway():
    return Twin()


@pytest.fixture
def sink(gateway):
    found = Pushgateway(gateway)
    yield found
    gateway.hold.set()
    found.close(5)


def tell(sink, number=1):
    state = folded(declared(), *(an_order(one + 1) for one in range(number)))
    sink.take([Observed(an_order(number), None)], state)
    return state


ORDER = b'pf_orders_total{agent_id="a-1",market="BTC-USD",order_type="market",status="success"} '


class TestContract(TelemetrySinkContract):
    """As every sink."""

    @pytest.fixture
    def sink(self):
        return Pushgateway(Twin())


def test_it_pushes_at_once_and_then_at_its_own_pace(sink, gateway):
    """The first beat pushes; the next one follows only after fifteen seconds."""
    sink.beat(tell(sink), AT + 1)
    sink.beat(tell(sink), AT + 2)
    assert sink.flush(5)
    assert gateway.asked.count("PUT") in (1, 2)
    assert ORDER + b"1" in gateway.group
    assert b"process_" not in gateway.group


def test_it_deletes_what_it_pushed_when_it_ends(sink, gateway):
    """After a last push, so that a scrape in between sees how it ended."""
    tell(sink, 3)
    sink.close(5)
    assert gateway.asked == ["PUT", "DELETE"]
    assert gateway.group is None


def test_it_keeps_the_last_word_if_told_to(gateway):
    """A program that is shorter than a scrape leaves what it knew last."""
    sink = Pushgateway(gateway, keep=True)
    tell(sink, 3)
    sink.close(5)
    assert gateway.asked == ["PUT"]
    assert ORDER + b"3" in gateway.group


def test_a_failure_is_counted_and_made_good(sink, gateway):
    """What could not be pushed is part of the next push."""
    gateway.failure = OSError("gone")
    tell(sink)
    assert not sink.flush(5)
    assert sink.dropped == 1
    gateway.failure = None
    tell(sink, 2)
    assert sink.flush(5)
    assert ORDER + b"2" in gateway.group
    assert sink.dropped == 1


def test_a_slow_gateway_holds_nobody_up(sink, gateway):
    """The worker goes on telling; of what waits only the newest is pushed."""
    gateway.hold.clear()
    tell(sink)
    assert not sink.flush(0.02)
    for number in range(2, 6):
        tell(sink, number)
        assert not sink.flush(0.02)
    gateway.hold.set()
    assert sink.flush(5)
    assert ORDER + b"5" in gateway.group
    assert gateway.asked.count("PUT") <= 3


def test_a_child_of_a_fork_leaves_the_group_alone(sink, gateway):
    """It neither replaces nor deletes what its parent pushes."""
    tell(sink)
    sink.after_fork()
    tell(sink, 2)
    assert sink.flush(5)
    sink.close(5)
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("job", "path"),
    [
        ("desk", "/metrics/job/desk/agent_id/a-1"),
        ("a desk", "/metrics/job/a%20desk/agent_id/a-1"),
        ("desk/eu", "/metrics/job@base64/ZGVzay9ldQ==/agent_id/a-1"),
        ("", "/metrics/job@base64/=/agent_id/a-1"),
    ],
)
def test_any_name_of_a_job_can_be_a_group(job, path):
    """As the gateway's documentation writes names that a path cannot hold."""
    assert HttpGateway("http://127.0.0.1:9091/", job, "a-1")._path == path


def test_nobody_there_is_an_error_of_the_system():
    """Which the sink counts."""
    with pytest.raises(OSError, match="refused"):
        HttpGateway("http://127.0.0.1:9", "desk", "a-1").put(b"")
