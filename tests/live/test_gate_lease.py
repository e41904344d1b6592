"""The gate's line to a service that behaves in every way a service can, on real sockets."""

from __future__ import annotations

import threading
import time

import pytest

from fleawatch import Gate, Order
from fleawatch.sdk.gate.core import Core
from fleawatch.testing.lease_server import LeaseServer

pytestmark = pytest.mark.live

ORDER = Order(notional_usd=1)
TTL_S = 1.5


@pytest.fixture(name="server")
def _server():
    with LeaseServer("a-1", ttl_s=TTL_S) as server:
        yield server


@pytest.fixture(name="gate")
def _gate(server):
    with Gate("a-1", service=server.url, token="secret-token", state_file="memory:") as gate:
        yield gate


def until(condition, seconds=10.0):
    """Wait for something to become true; whether it did."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def is_open(gate):
    return gate.may_open(ORDER).allowed


def test_a_gate_opens_with_its_first_lease_and_reports(server, gate):
    """And says who it is by its token."""
    assert until(lambda: is_open(gate))
    assert until(lambda: server.reports)
    report = server.reports[-1]
    assert (report["state"], report["epoch"]) == ("active", 1)
    assert report["limits"] == gate.status().limits
    assert abs(report["now"] - time.time()) < 60
    assert server.authorized == {"Bearer secret-token"}
    assert "secret" not in repr(gate)
    assert "secret" not in repr(gate.status())


def test_a_halt_is_pushed_and_acknowledged_and_a_resume_opens(server, gate):
    """Nothing waits for a poll, and the halt is named in the report."""
    assert until(lambda: is_open(gate))
    server.halt("h-7")
    assert until(lambda: not gate.may_close(ORDER))
    assert until(lambda: server.reports and server.reports[-1]["halt_id"] == "h-7")
    assert server.reports[-1]["state"] == "halted"
    server.resume()
    assert until(lambda: is_open(gate))


def test_a_closing_of_its_own_is_told_and_opened_by_a_resume(server, gate):
    """The way of a local halt: told, known, resumed."""
    assert until(lambda: is_open(gate))
    gate.halt("me")
    assert until(lambda: any(report["reason"] == "manual" for report in server.reports))
    time.sleep(0.1)
    assert not gate.may_close(ORDER)
    server.resume()
    assert until(lambda: is_open(gate))


def test_a_probe_is_answered_and_changes_nothing(server, gate):
    """The halt path can be tried without stopping anybody."""
    assert until(lambda: is_open(gate))
    assert until(lambda: any("stream" in asked for asked in server.asked))
    time.sleep(0.2)
    server.probe("nonce-1")
    assert until(lambda: server.probed == ["nonce-1"])
    assert is_open(gate)


@pytest.mark.parametrize(
    "mood",
    [
        "deaf",
        "slow",
        "garbage",
        "old_epoch",
        "replay",
        "redirect",
        "huge",
        "unauthorized",
        "broken",
        "other_agent",
        "drip",
    ],
)
def test_a_service_that_misbehaves_closes_the_gate_and_one_that_recovers_opens_it(server, gate, mood):
    """Never active once the lease has run out, whatever the service does instead of renewing it."""
    assert until(lambda: is_open(gate))
    server.change(mood=mood)
    assert until(lambda: not is_open(gate), TTL_S * 3)
    watched = time.monotonic() + 1.0
    while time.monotonic() < watched:
        answer = gate.may_open(ORDER)
        assert not answer
        assert answer.state == "reducing"
        assert gate.may_close(ORDER)
        time.sleep(0.01)
    server.change(mood="well")
    assert until(lambda: is_open(gate), 20)
    assert gate.status().epoch == 1


@pytest.mark.parametrize("mood", ["no_stream", "drops"])
def test_polling_keeps_the_lease_where_the_stream_is_not_to_be_had(server, gate, mood):
    """Slower, and enough."""
    server.change(mood=mood)
    assert until(lambda: is_open(gate))
    watched = time.monotonic() + TTL_S * 3
    while time.monotonic() < watched:
        assert is_open(gate)
        time.sleep(0.02)
    server.halt("h-1")
    assert until(lambda: not gate.may_close(ORDER), 5)


def test_a_service_that_is_not_there_is_found_when_it_comes():
    """An agent may be started first."""
    with LeaseServer("a-1") as server:
        url = server.url
    with Gate("a-1", service=url, state_file="memory:") as gate:
        assert until(lambda: gate.status().lease_problem == "network")
        assert gate.may_open(ORDER).reason == "no_lease_yet"


def test_a_service_that_restarts_within_the_lease_is_not_noticed():
    """The permission outlives it."""
    with LeaseServer("a-1", ttl_s=60.0) as server, Gate("a-1", service=server.url, state_file="memory:") as gate:
        assert until(lambda: is_open(gate))
        server.change(mood="broken")
        for _ in range(50):
            assert is_open(gate)
            time.sleep(0.01)


def test_a_gate_ends_at_once_even_while_its_service_is_deaf(server, gate):
    """Nobody waits for a socket at the end of a program."""
    server.change(mood="deaf")
    time.sleep(0.3)
    begun = time.monotonic()
    gate.close()
    assert time.monotonic() - begun < 5.0
    assert not [thread for thread in threading.enumerate() if thread.name.endswith("-a-1")]
    assert gate.may_open(ORDER).reason == "closed"


def test_a_token_file_is_read_anew(server, tmp_path):
    """A token can be changed while the agent runs; a missing file is a failure of the line, not of the agent."""
    file = tmp_path / "token"
    with Gate("a-1", service=server.url, token_file=file, state_file="memory:") as gate:
        assert until(lambda: gate.status().lease_problem == "network")
        file.write_text("first\n")
        assert until(lambda: is_open(gate))
        file.write_text("second\n")
        assert until(lambda: "Bearer second" in server.authorized, 20)


def test_many_threads_get_no_more_orders_than_the_limit(server):
    """The window is one, however many ask."""
    allowed = []
    with Gate("a-1", service=server.url, state_file="memory:", limits={"order_rate": 100}) as gate:
        assert until(lambda: gate.status().state == "active")

        def ask():
            allowed.extend(1 for _ in range(100) if gate.may_open(ORDER))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(allowed) == 100


def test_an_error_of_our_own_costs_the_lease_and_not_the_line(server, monkeypatch):
    """What fails in the gate while a lease is taken is counted, and the next lease is taken all the same."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    taken = Core.take_lease
    failures = iter(range(3))

    def fails(core, lease, since, *, pushed):
        if next(failures, None) is not None:
            raise RuntimeError("broken on purpose")
        return taken(core, lease, since, pushed=pushed)

    monkeypatch.setattr(Core, "take_lease", fails)
    with Gate("a-1", service=server.url, state_file="memory:") as gate:
        assert until(lambda: is_open(gate))
        assert sum(gate.status().dropped.values()) == 3
