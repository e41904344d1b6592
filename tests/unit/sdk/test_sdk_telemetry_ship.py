"""Facts to the service: at least once, across deaths of either side, and never at the agent's expense."""

import json
import os
import random
import subprocess
import sys
import textwrap
import time
from functools import partial

import pytest

from fleawatch import Telemetry
from fleawatch.sdk.telemetry.ship import Ship
from fleawatch.sdk.telemetry.spool import Spool
from fleawatch.testing.facts_server import FactsServer
from fleawatch.testing.telemetry_contract import TelemetrySinkContract


@pytest.fixture
def server():
    """A service that takes everything."""
    with FactsServer() as found:
        yield found


@pytest.fixture
def spool(tmp_path):
    """Where facts wait."""
    return tmp_path / "spool"


def telemetry_to(server, spool, **more):
    return Telemetry("a-1", service=server.address, spool=str(spool), heartbeat_s=None, **more)


def kinds(server):
    return sorted(fact["kind"] for fact in server.taken.values())


def test_facts_arrive_with_the_agents_token(server, spool, tmp_path):
    """Everything that was told, under the token of the file, and nothing is left behind."""
    token = tmp_path / "token"
    token.write_text("agent-token-1\n")
    telemetry = telemetry_to(server, spool, token_file=str(token))
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        order.filled("o-1", price=100, trade_id="t-1")
    assert telemetry.shutdown()
    assert kinds(server) == ["order_filled", "order_placed"]
    assert set(server.tokens) == {"Bearer agent-token-1"}
    assert list(spool.iterdir()) == []


def test_many_facts_are_few_requests(server, spool):
    """Batches, none larger than the service takes."""
    telemetry = telemetry_to(server, spool)
    for number in range(3_000):
        telemetry.funding("BTC-USD", number)
    assert telemetry.shutdown(20)
    assert len(server.taken) == 3_000
    assert max(server.requests) <= 1_000
    assert len(server.requests) < 100


@pytest.mark.parametrize("answers", [[503, 503], [500], [429], [401], [403], [404]])
def test_what_may_pass_is_tried_again(server, spool, answers):
    """A service that is busy, broken, or does not know the token yet gets the facts later."""
    server.answers = list(answers)
    telemetry = telemetry_to(server, spool)
    telemetry.funding("BTC-USD", 1)
    assert telemetry.flush(10)
    assert kinds(server) == ["funding_paid"]
    assert telemetry.dropped == {}
    telemetry.shutdown()


def test_an_agent_that_seeds_its_random_numbers_sees_the_same_ones(server, spool):
    """Pauses between attempts are drawn elsewhere: a backtest with a seed stays one."""
    server.answers = [503, 503]
    telemetry = telemetry_to(server, spool)
    before = random.getstate()
    telemetry.funding("BTC-USD", 1)
    assert telemetry.flush(10)
    telemetry.shutdown()
    assert random.getstate() == before


def test_what_is_refused_for_good_is_counted_and_let_go(server, spool):
    """One line of a batch, or all of it: the others go on, and the next of its kind stays here, lost as well."""
    server.refuse, server.remedy = {"funding_paid"}, "report some of bet_settled"
    telemetry = telemetry_to(server, spool)
    telemetry.funding("BTC-USD", 1)
    telemetry.strategy_switch("calm")
    assert telemetry.flush(10)
    telemetry.funding("BTC-USD", 2)
    assert telemetry.flush(10)
    assert kinds(server) == ["strategy_switched"]
    assert (telemetry.dropped, telemetry.withheld) == ({"sink_service": 2}, 0)
    telemetry.shutdown()


def test_a_service_that_is_away_gets_everything_when_it_is_back(spool):
    """What was told meanwhile waits in files, and survives the agent's end."""
    with FactsServer() as server:
        port = server.port
    telemetry = Telemetry("a-1", service=f"http://127.0.0.1:{port}", spool=str(spool), heartbeat_s=None)
    for number in range(50):
        telemetry.funding("BTC-USD", number)
    telemetry.shutdown(0.5)
    assert len(list(spool.glob("*.facts"))) == 1
    with FactsServer(port) as server:
        telemetry = Telemetry("a-1", service=server.address, spool=str(spool), heartbeat_s=None)
        assert telemetry.flush(10)
        telemetry.shutdown()
        assert len(server.taken) == 50
    assert list(spool.iterdir()) == []


KILLED = """
    import os, signal, sys
    from fleawatch import Telemetry
    telemetry = Telemetry("a-1", service=sys.argv[1], spool=sys.argv[2], heartbeat_s=None)
    for number in range(200):
        telemetry.funding("BTC-USD", number)
    telemetry._pipeline.flush(10)
    print("told", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_agent_has_lost_nothing_that_it_had_carried(server, spool):
    """The next process of the agent sends what the killed one could not; twice is once."""
    address = server.address
    server.answers = [503] * 1000
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), address, str(spool)], capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTEST_CURRENT_TEST": ""}, check=False,
    )  # fmt: skip
    assert done.stdout == "told\n", done.stderr
    server.answers = []
    telemetry = telemetry_to(server, spool)
    assert telemetry.flush(10)
    telemetry.shutdown()
    assert len(server.taken) == 200


def test_two_processes_do_not_take_each_others_facts(spool):
    """A segment is locked by whoever writes it."""
    first, second = Spool(spool, "a-1"), Spool(spool, "a-1")
    first.append([b"1"])
    third = Spool(spool, "a-1")
    assert (len(first), len(second), len(third)) == (1, 0, 0)
    first.close()
    assert len(Spool(spool, "a-1")) == 1


def test_a_spool_that_is_full_loses_its_oldest_segment_and_says_so(spool):
    """The disk is the agent's: what does not fit goes, oldest first."""
    found = Spool(spool, "a-1", size=3 << 20)
    line = b"x" * 1023
    for _ in range(5):
        found.append([line] * 1024)
    assert found.dropped == 2 * 1024
    assert len(found) == 3 * 1024
    found.close()


def test_what_was_sent_is_remembered_within_a_segment(spool):
    """After a kill only the rest is sent again."""
    found = Spool(spool, "a-1")
    found.append([b"1", b"2", b"3"])
    found.batch(2, 1 << 20)
    found.done()
    for segment in found._segments:
        segment.abandon()
    assert Spool(spool, "a-1").batch(10, 1 << 20) == [b"3"]


def test_a_line_without_an_end_was_told_to_nobody(spool):
    """A process killed in the middle of a write left half a fact: it is not sent."""
    spool.mkdir()
    (spool / "a-1.1.x.facts").write_bytes(b"whole\nhal")
    assert Spool(spool, "a-1").batch(10, 1 << 20) == [b"whole"]


def test_readings_make_room_for_money(spool):
    """What tells of a moment goes first, the oldest before others; money goes only where nothing else is left."""
    found = Spool(spool, "a-1", size=4 << 20, precious=lambda line: line.startswith(b"m"))
    for number in range(8):
        found.append([b"m%d" % number, *[b"r" * 1023] * 1024])
    left = []
    while batch := found.batch(1000, 1 << 30):
        left += batch
        found.done()
    assert [line for line in left if line.startswith(b"m")] == [b"m%d" % number for number in range(8)]
    assert found.dropped == 8 * 1024 - sum(line.startswith(b"r") for line in left)
    assert found.dropped > 0
    found.close()
    assert list(spool.iterdir()) == []


def test_what_had_to_make_room_while_it_was_sent_takes_nothing_else_with_it(spool):
    """The answer to a batch whose segment is gone counts for no other segment."""
    found = Spool(spool, "a-1", size=2 << 20)
    line = b"x" * 1023
    found.append([line] * 1024)
    found.batch(10, 1 << 20)
    found.append([line] * 1024)
    found.append([b"y" * 1023] * 1024)
    found.done()
    assert (found.dropped, len(found)) == (1024, 2048)
    found.close()


def test_a_disk_that_is_full_leaves_no_half_of_a_fact_and_loses_none(spool, monkeypatch):
    """What the disk does not take waits in memory, and what had been written of it is taken back."""
    found = Spool(spool, "a-1")
    found.append([b"first"])
    write, calls = os.write, []

    def full(file, body):
        calls.append(1)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(file, bytes(body)[:3])

    monkeypatch.setattr(os, "write", full)
    found.append([b"second"])
    assert found.error == "No space left on device"
    monkeypatch.undo()
    assert next(spool.glob("*.facts")).read_bytes() == b"first\n"
    found.append([b"third"])
    left = []
    while batch := found.batch(10, 1 << 20):
        left += batch
        found.done()
    assert left == [b"first", b"second", b"third"]
    found.close()


def test_a_living_process_takes_over_what_a_dead_one_left(spool):
    """Without a restart of its own; what a living one holds it leaves alone."""
    first, second = Spool(spool, "a-1"), Spool(spool, "a-1")
    second.append([b"1"])
    first.adopt()
    assert len(first) == 0
    for segment in second._segments:
        segment.abandon()
    first.append([b"2"])
    first.adopt()
    first.adopt()
    assert first.batch(10, 1 << 20) == [b"1"]
    assert len(first) == 2
    first.close()


def test_segments_that_wait_are_not_held_in_memory(spool):
    """A service that is away for long costs the agent's disk and not its memory."""
    found = Spool(spool, "a-1")
    for _ in range(6):
        found.append([b"x" * 1023] * 1024)
    assert sum(segment._lines is not None for segment in found._segments) == 1
    count = 0
    while batch := found.batch(1000, 1 << 20):
        count += len(batch)
        found.done()
    assert count == 6 * 1024
    found.close()


def test_a_kind_that_the_service_reads_itself_is_not_sent_again(server, spool):
    """It is withheld and the next one does not travel: nothing is lost, for the service has both."""
    server.refuse = {"funding_paid"}
    telemetry = telemetry_to(server, spool)
    for number in range(3):
        telemetry.funding("BTC-USD", number)
        assert telemetry.flush(10)
    telemetry.strategy_switch("calm")
    assert telemetry.shutdown()
    assert (telemetry.dropped, telemetry.withheld) == ({}, 3)
    assert server.requests == [1, 1]


def test_a_claim_that_was_paid_silences_none_that_was_refused(server, spool):
    """The service reads the one in the ledger and the other nowhere: they are two kinds."""
    server.refuse = {"faucet_claimed"}
    telemetry = telemetry_to(server, spool)
    telemetry.faucet_claim("success", 1)
    assert telemetry.flush(10)
    server.refuse = set()
    telemetry.faucet_claim("rejected")
    telemetry.faucet_claim("success", 1)
    assert telemetry.shutdown()
    assert [fact["status"] for fact in server.taken.values() if fact["kind"] == "faucet_claimed"] == ["rejected"]


@pytest.mark.parametrize("status", [400, 413])
def test_a_batch_that_is_too_much_is_halved(spool, status):
    """Until the fact at fault is alone: it is counted and let go, and the others arrive."""

    class Picky(FactsServer):
        def answer(self, body, authorization):
            if b"DOGE" in body:
                return status, {"status": status, "problems": [{"where": "", "what": "was bad", "remedy": "none"}]}
            return super().answer(body, authorization)

    with Picky() as server:
        telemetry = telemetry_to(server, spool)
        for number in range(20):
            telemetry.funding("DOGE-USD" if number == 13 else "BTC-USD", number)
        assert telemetry.shutdown(20)
        assert telemetry.dropped == {"sink_service": 1}
        assert len(server.taken) == 19


def test_an_address_that_is_not_the_services_keeps_nothing(spool):
    """An answer of another program, though it says 200, lets no fact go."""

    class Other(FactsServer):
        def answer(self, body, authorization):
            status, document = super().answer(body, authorization)
            return (status, {"hello": "world"}) if len(self.requests) == 1 else (status, document)

    with Other() as server:
        telemetry = telemetry_to(server, spool)
        telemetry.funding("BTC-USD", 1)
        assert telemetry.shutdown(20)
        assert server.requests == [1, 1]


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_a_proxy_in_between_refuses_is_not_refused_for_good(server, spool, status):
    """It speaks for itself: the facts wait until the service is asked."""
    server.answers = [status] * 3
    telemetry = telemetry_to(server, spool)
    telemetry.funding("BTC-USD", 1)
    while server.answers:
        telemetry.flush(0.2)
    assert telemetry.shutdown(10)
    assert telemetry.dropped == {}
    assert len(server.taken) == 1


def test_whoever_flushes_does_not_wait_out_a_pause(server, spool):
    """A sink that waits before another attempt tries once more at once."""
    server.answers = [503] * 6
    telemetry = telemetry_to(server, spool)
    telemetry.funding("BTC-USD", 1)
    while server.answers:
        telemetry.flush(0.2)
    assert telemetry.shutdown(10)
    assert len(server.taken) == 1


def test_a_child_has_a_spool_of_its_own(server, spool):
    """Parent and child both send their own facts, each once."""
    telemetry = telemetry_to(server, spool)
    telemetry.funding("BTC-USD", 1)
    assert telemetry.flush(10)
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        telemetry.funding("ETH-USD", 2)
        telemetry.flush(10)
        os._exit(0)
    os.waitpid(child, 0)
    telemetry.funding("SOL-USD", 3)
    assert telemetry.shutdown()
    assert sorted(fact["market"] for fact in server.taken.values()) == ["BTC-USD", "ETH-USD", "SOL-USD"]


def test_without_a_directory_facts_wait_in_memory(server):
    """For programs that may not write: nothing survives them, and nothing is written."""
    telemetry = Telemetry("a-1", service=server.address, heartbeat_s=None)
    telemetry.funding("BTC-USD", 1)
    assert telemetry.shutdown()
    assert [json.loads(json.dumps(fact))["market"] for fact in server.taken.values()] == ["BTC-USD"]


def test_what_waits_in_memory_at_the_end_is_counted_as_lost():
    """A service that nobody reaches, and no spool: what was told of it is nowhere, and `dropped` says so."""
    telemetry = Telemetry("a-1", service="http://127.0.0.1:9", heartbeat_s=None, environ={})
    for amount in range(5):
        telemetry.funding("BTC-USD", amount + 1)
    telemetry.shutdown(0.5)
    assert telemetry.dropped["sink_service"] == 5


class Hanging:
    """A backend that takes all the time it is given."""

    name, dropped = "hanging", 0

    def take(self, seen, state):
        """Nothing is looked at."""

    beat = take

    def flush(self, within_s):
        return False

    def close(self, within_s):
        time.sleep(within_s)


def test_a_backend_that_hangs_takes_no_time_from_the_facts(server, monkeypatch):
    """Money that only waits in memory is carried first, whatever else is closed."""
    telemetry = Telemetry("a-1", service=server.address, heartbeat_s=None, environ={}, sinks=[])
    telemetry.projector.sinks.insert(0, Hanging())
    order = []
    for sink in telemetry.projector.sinks:
        monkeypatch.setattr(sink, "close", partial(_closed, order, sink.name, sink.close))
    telemetry.funding("BTC-USD", 1)
    telemetry.shutdown(1.0)
    assert order[0] == ("service", True)
    assert [fact["market"] for fact in server.taken.values()] == ["BTC-USD"]


def _closed(order, name, close, within_s):
    order.append((name, within_s > 0.3))
    close(within_s)


class TestContract(TelemetrySinkContract):
    """What every sink must do."""

    @pytest.fixture
    def sink(self, server, spool):
        """A sink to a service that takes everything."""
        found = Ship(server.address, lambda: None, Spool(spool, "a-1"))
        yield found
        found.close(5)
