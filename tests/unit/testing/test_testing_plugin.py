"""What a user's own run of pytest sees of Fleawatch: the fixtures, and nothing else."""

import os
import subprocess
import sys

import pytest

GLOBAL_AGENT = """
from fleawatch import Telemetry

telemetry = Telemetry("global-01", environ={}, heartbeat_s=None)


def claim():
    with telemetry.balance_check():
        pass
"""
AGENT = '''
"""An agent as somebody may have written it."""
import logging
from fleawatch import Telemetry

log = logging.getLogger("bot")


def buy(telemetry):
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        log.warning("buying with 0x%s", "ab" * 32)
        order.filled("o-1", price="100.1", fee_usd="0.5")


def trade():
    with Telemetry(strategy="momentum", statsd="udp://127.0.0.1:9", logs="never.log", metrics="127.0.0.1:9") as telemetry:
        buy(telemetry)


async def buy_async(telemetry):
    async with telemetry.order(market="ETH-USD", side="sell", notional_usd=1) as order:
        order.filled("o-2", price="3")
'''
PASSES = """
import agent, global_agent, pytest
from fleawatch import Telemetry
from fleawatch.testing import Captured, capture as block


def test_three_lines(capture):
    agent.buy(capture.telemetry)
    assert capture.fact("order_filled")["price"] == "100.1"
    assert capture.span("pf.trade.execute")["attributes"]["pf.fee_usd"] == 0.5
    assert capture.metric("pf_orders_total", status="success") == 1
    assert capture.log("trade_executed")["fee_usd"] == 0.5


@pytest.mark.anyio
async def test_async(capture, anyio_backend_name):
    await agent.buy_async(capture.telemetry)
    assert capture.fact("order_filled")["side"] == "sell"


def test_what_the_agent_makes_itself(capture, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PF_AGENT_ID", "momentum-07")
    monkeypatch.setenv("PF_SERVICE", "http://127.0.0.1:9")
    agent.trade()
    assert capture.fact("order_placed")["agent_id"] == "momentum-07"
    assert capture.metric("pf_orders_total", agent_id="momentum-07", status="success") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_setting_that_production_refuses_is_refused(capture, monkeypatch):
    monkeypatch.delenv("PF_AGENT_ID", raising=False)
    with pytest.raises(Exception, match="agent_id"):
        agent.trade()


def test_two_agents(capture):
    one, other = Telemetry("a-1"), Telemetry("a-2")
    agent.buy(one)
    agent.buy(other)
    assert [fact["agent_id"] for fact in capture.facts("order_filled")] == ["a-1", "a-2"]
    assert len({span["trace_id"] for span in capture.spans()}) == 2


def test_an_agent_that_was_there_before(capture):
    global_agent.claim()
    capture.watch(global_agent.telemetry)
    global_agent.claim()
    assert capture.span("pf.wallet.balance_check")["start_ns"] == 1_800_057_600 * 10**9


@pytest.mark.parametrize("time", [1, 2])
def test_clock_and_ids(capture, time):
    with capture.telemetry.order(market="BTC-USD", side="buy", notional_usd=5):
        capture.timing.advance(0.25)
    span = capture.span("pf.trade.execute")
    assert (span["trace_id"], span["duration_s"]) == ("1027c4d1c386bbc4cd613e30d8f16adf", 0.25)


def test_records(capture):
    agent.buy(capture.telemetry)
    (record,) = capture.records()
    assert (record["level"], record["logger"], record["timestamp"][:10]) == ("warning", "bot", "2027-01-16")
    assert record["trace_id"] == capture.span("pf.trade.execute")["trace_id"]
    assert "abab" not in record["message"]


def test_the_fixture_and_the_block_are_one(capture, fleawatch_capture):
    assert capture is fleawatch_capture and isinstance(capture, Captured)
    with block() as inner:
        agent.buy(Telemetry("inner-1"))
    assert inner.fact("order_filled")["agent_id"] == "inner-1"
    assert capture.facts() == []
    agent.buy(Telemetry("outer-1"))
    assert capture.fact("order_filled")["agent_id"] == "outer-1"


class TestOwn:
    @pytest.fixture
    def capture(self):
        return "mine"

    def test_a_users_fixture_goes_first(self, capture):
        assert capture == "mine"
"""
FAILS = """
import agent


def test_price(capture):
    agent.buy(capture.telemetry)
    assert capture.fact("order_filled")["price"] == "99"


def test_nothing(capture):
    assert capture.fact("order_filled")["price"] == "99"


def test_label(capture):
    agent.buy(capture.telemetry)
    assert capture.metric("pf_orders_total", status="refused") == 1


def test_name(capture):
    agent.buy(capture.telemetry)
    assert capture.metric("pf_orders") == 1


def test_count(capture):
    agent.buy(capture.telemetry)
    assert len(capture.facts("bet_settled")) == 1


def test_mistake(capture):
    with capture.telemetry.order(market="BTC-USD", side="buy", notional_usd=-5):
        pass
"""
WAYS = [("-p", "randomly"), ("-p", "no:randomly", "-n", "2"), ("-p", "no:randomly", "-p", "no:cacheprovider")]


@pytest.fixture(name="run")
def _run(tmp_path):
    """Runs pytest as a user would, on files of a user, with warnings as errors."""
    (tmp_path / "agent.py").write_text(AGENT)
    (tmp_path / "global_agent.py").write_text(GLOBAL_AGENT)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    )

    def run(tests, *options):
        (tmp_path / "test_agent.py").write_text(tests)
        command = [sys.executable, "-W", "error", "-m", "pytest", "-W", "error", "-q", *options, "test_agent.py"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)

    return run


@pytest.mark.parametrize("options", WAYS, ids=" ".join)
def test_a_user_tests_an_instrumentation(run, options):
    """Sync, async, agents of any making, the clock, ids and log records: in three lines, in any order, in several processes."""
    done = run(PASSES, *options)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_fails_says_why(run):
    """The values that differ; what was told in place of what is missing; the samples that come near."""
    done = run(FAILS, "-p", "no:randomly")
    assert "5 failed, 1 passed, 1 error" in done.stdout, done.stdout
    for text in (
        "'100.1' == '99'",
        "0 facts 'order_filled' were told, not 1; told were: nothing",
        "0 samples are pf_orders_total(status='refused'), not 1; there are:",
        'status="success"} 1',
        "0 samples are pf_orders(), not 1; there are:",
        "<captured: facts order_placed, order_filled; spans pf.trade.execute>",
        "notional_usd",
    ):
        assert text in done.stdout, f"{text}\n{done.stdout}"


def test_a_run_without_it_pays_nothing():
    """The plugin is imported in every run: only itself and the front door are loaded, and nothing is done."""
    code = (
        "import sys, pytest, logging, threading, warnings\n"
        "before, handlers = set(sys.modules), list(logging.getLogger().handlers)\n"
        "import fleawatch.testing.pytest_plugin\n"
        "assert handlers == logging.getLogger().handlers and threading.active_count() == 1\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    ours = [
        "fleawatch",
        "fleawatch._version",
        "fleawatch.ending",
        "fleawatch.testing",
        "fleawatch.testing.pytest_plugin",
    ]
    assert [name for name in eval(done.stdout) if name.startswith("fleawatch")] == ours  # noqa: S307 - our own output
    assert len(eval(done.stdout)) <= len(ours) + 2  # noqa: S307 - the same
