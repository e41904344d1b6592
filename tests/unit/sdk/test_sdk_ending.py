"""A program that ends: its own handlers still trade and tell, whenever they were registered after the import, and nothing is lost."""

import json
import os
import subprocess
import sys

import pytest

from fleawatch import ending
from fleawatch.testing.dogstatsd import DogStatsDServer
from fleawatch.testing.facts_server import FactsServer
from fleawatch.testing.otlp import OtlpServer
from fleawatch.testing.otlp_grpc import OtlpGrpcServer


def run(program, *arguments):
    """Run a program to its end in an interpreter of its own; what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PF_", "OTEL_", "DD_"))}
    environ.pop("PYTEST_CURRENT_TEST", None)
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=60, env=environ, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split() + done.stderr.split()


PROGRAM = """
import atexit, json, sys
import fleawatch

def flatten():
    with telemetry.order(market="BTC-USD", side="sell", notional_usd=5) as order:
        order.filled("o-last", price=100)

atexit.register(flatten)
telemetry = fleawatch.Telemetry("a-1", heartbeat_s=None, **json.loads(sys.argv[1]))
telemetry.funding("BTC-USD", 1)
"""


@pytest.mark.parametrize(("receiver", "protocol"), [(OtlpServer, "http/protobuf"), (OtlpGrpcServer, "grpc")])
def test_what_a_handler_tells_that_is_older_than_the_telemetry_arrives_everywhere(receiver, protocol, tmp_path):
    """Lines, spans, datagrams and facts of an order that the program sends while it ends."""
    log = tmp_path / "log"
    with receiver() as otlp, DogStatsDServer() as statsd, FactsServer() as service:
        chosen = {
            "logs": str(log), "otlp": otlp.address, "otlp_protocol": protocol, "statsd": f"udp://127.0.0.1:{statsd.port}",
            "service": service.address, "spool": str(tmp_path / "spool"),
        }  # fmt: skip
        assert run(PROGRAM, json.dumps(chosen)) == []
        assert [span.name for span in otlp.spans] == ["pf.trade.execute"]
        assert {fact["kind"] for fact in service.taken.values()} == {"funding_paid", "order_placed", "order_filled"}
        assert [point.value for point in statsd.points() if point.name == "agent.order.executions_total"] == [1]
    assert "trade_executed" in {json.loads(line)["event"] for line in log.read_text().splitlines()}


IMPORTED_LATE = """
import atexit, sys

def tell():
    telemetry.funding("BTC-USD", 2)
    print("dropped", telemetry.dropped)

atexit.register(tell)
import fleawatch
from fleawatch.sinks.recorder import Recorder
seen = Recorder()
telemetry = fleawatch.Telemetry("a-1", sinks=[seen], heartbeat_s=None)
"""


def test_what_is_told_by_a_handler_older_than_the_import_is_dropped_and_counted():
    """That is the limit: it comes when everything is closed, does not raise and does not wait."""
    assert run(IMPORTED_LATE) == ["dropped", "{'queue':", "1}"]


GATED = """
import atexit, sys
import fleawatch

atexit.register(lambda: print(bool(gate.may_close().allowed), bool(gate.may_open().allowed)))
gate = fleawatch.Gate("a-1", service=None, state_file=sys.argv[1])
gate.may_open()
"""


def test_a_gate_answers_the_handlers_of_a_program_that_ends(tmp_path):
    """An agent that goes flat at its end may do so."""
    assert run(GATED, tmp_path / "state") == ["True", "True"]


ORDER = """
from fleawatch.ending import at_end, not_at_end

def shown(word):
    return lambda: print(word)

def broken():
    raise ValueError("no")

away = shown("away")
for work in (shown("first"), away, broken, shown("last")):
    at_end(work)
not_at_end(away)
not_at_end(away)
"""


def test_what_was_asked_for_last_is_done_first_and_an_error_costs_nobody_else_anything():
    """It is shown, as `atexit` shows it."""
    said = run(ORDER)
    assert [word for word in said if word in ("first", "away", "last")] == ["last", "first"]
    assert "ValueError:" in said


def test_what_is_closed_is_not_waited_for():
    """Nothing is kept of a telemetry that was shut down."""
    from fleawatch import Telemetry  # noqa: PLC0415 - the rest of this file needs none

    waiting = ending._WAITING
    before = list(waiting)
    telemetry = Telemetry("a-1", heartbeat_s=None, environ={})
    assert len(waiting) == len(before) + 2
    telemetry.shutdown()
    assert waiting == before
