"""Telemetry: verbs that become facts and spans, once, whatever ends them."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from decimal import Decimal

import pytest
from opentelemetry import trace

from fleawatch import Telemetry
from fleawatch.events import (
    BalanceRead,
    BetSettled,
    DecisionCycle,
    EscrowCreated,
    EscrowFailed,
    FundingPaid,
    Heartbeat,
    OrderFilled,
    OrderPlaced,
    SignalComputed,
    StrategySwitched,
)
from fleawatch.sdk.telemetry.context import Ids
from fleawatch.sdk.telemetry.operation import current_operation
from fleawatch.sinks.recorder import Recorder


class Watched:
    """A telemetry with a recorder."""

    def __init__(self, **chosen):
        self.recorder = Recorder()
        self.telemetry = Telemetry(
            "a-1", strategy="momentum", sinks=[self.recorder], heartbeat_s=None, ids=Ids(seed=7), **chosen
        )

    def facts(self, kind):
        assert self.telemetry.flush(10)
        return [fact for fact in self.recorder.facts if isinstance(fact, kind)]

    def span(self, name):
        assert self.telemetry.flush(10)
        return next(span for span in self.recorder.spans if span.name == name)


@pytest.fixture
def watched(monkeypatch):
    """A telemetry of agent `a-1` whose environment says nothing."""
    for name in [name for name in os.environ if name.startswith(("PF_", "OTEL_", "DD_"))]:
        monkeypatch.delenv(name)
    found = Watched()
    yield found
    found.telemetry.shutdown()


def order(watched, **fields):
    return watched.telemetry.order(**{"market": "BTC-USD", "side": "buy", "notional_usd": 500, **fields})


def test_a_filled_order_is_two_facts_and_a_span(watched):
    """The attempt with its latency, the fill under the platform's id, and a span with what is known of both."""
    with order(watched, expected_price=100) as placed:
        placed.filled("ord-1", trade_id="trd-1", price="100.1", fee_usd="0.5")
    (attempt,) = watched.facts(OrderPlaced)
    (fill,) = watched.facts(OrderFilled)
    assert (attempt.status, attempt.order_id, attempt.fill_ratio, attempt.strategy) == (
        "success",
        "ord-1",
        1.0,
        "momentum",
    )
    assert (fill.fact_id, fill.price, fill.fee_usd) == ("trading:order_filled:trd-1", Decimal("100.1"), Decimal("0.5"))
    span = watched.span("pf.trade.execute")
    assert span.attributes["pf.slippage_bps"] == pytest.approx(10)
    assert (span.attributes["pf.fee_usd"], span.error_type) == (0.5, "")
    assert attempt.trace_id == fill.trace_id == span.trace
    assert [event.name for event in span.events] == ["order_filled"]


def test_a_partial_fill_says_how_much(watched):
    """The share that was filled stands in the attempt."""
    with order(watched) as placed:
        placed.partially_filled("ord-1", 0.4, price=100, notional_usd=200)
    assert [fact.fill_ratio for fact in watched.facts(OrderPlaced)] == [0.4]
    assert [fact.notional_usd for fact in watched.facts(OrderFilled)] == [200]


def test_a_partial_fill_is_its_share_of_the_order(watched):
    """Where its notional is not told: not the whole order's, which was not traded."""
    with order(watched) as placed:
        placed.partially_filled("ord-1", 0.4, price=100)
    with order(watched) as placed:
        placed.partially_filled("ord-2", 1.5, price=100)
    assert [fact.notional_usd for fact in watched.facts(OrderFilled)] == [200, 500]


def test_each_part_of_an_order_is_a_fill(watched):
    """Fees and volume of all of them count; one that is told again is corrected, and counts once."""
    with order(watched) as placed:
        placed.partially_filled("ord-1", 0.1, price=100, trade_id="t-1", fee_usd="0.05")
        placed.partially_filled("ord-1", 0.4, price=101, trade_id="t-2", fee_usd="0.15")
        placed.partially_filled("ord-1", 0.4, price=102, trade_id="t-2", fee_usd="0.2")
        placed.filled("ord-1", price=103, trade_id="t-3", fee_usd="0.3", realized_pnl_usd=1)
    fills = watched.facts(OrderFilled)
    assert [(fill.trade_id, fill.notional_usd, fill.price) for fill in fills] == [
        ("t-1", 50, 100),
        ("t-2", 150, 102),
        ("t-3", 300, 103),
    ]
    assert [fact.fill_ratio for fact in watched.facts(OrderPlaced)] == [1.0]
    span = watched.span("pf.trade.execute").attributes
    assert (span["pf.fee_usd"], span["pf.pnl_usd"], span["pf.fill_price"]) == (pytest.approx(0.55), 1.0, 103.0)
    text = watched.telemetry.metrics().decode()
    assert 'pf_trade_fees_usdc_total{agent_id="a-1",strategy="momentum",asset="BTC"} 0.55' in text
    assert 'pf_trade_volume_usdc_total{agent_id="a-1",strategy="momentum",asset="BTC",side="buy"} 500.0' in text


def test_a_rejected_order_is_rejected_for_its_reason(watched):
    """No fill, the reason in the fact, and a span that failed."""
    with order(watched) as placed:
        placed.rejected("insufficient_balance")
    (attempt,) = watched.facts(OrderPlaced)
    assert (attempt.status, attempt.reason) == ("rejected", "insufficient_balance")
    assert watched.span("pf.trade.execute").error_type == "insufficient_balance"
    assert not watched.facts(OrderFilled)


def test_a_refusal_that_is_raised_again_is_a_refusal(watched):
    """What was told of an order holds; the error that ends the block is its span's."""
    with pytest.raises(RuntimeError, match="402"):  # noqa: PT012, SIM117 - what is told before it raises is the point
        with order(watched) as placed:
            placed.rejected("insufficient_balance")
            raise RuntimeError("402")
    (attempt,) = watched.facts(OrderPlaced)
    assert (attempt.status, attempt.reason) == ("rejected", "insufficient_balance")


@pytest.mark.parametrize("error", [KeyError("later"), TimeoutError("later"), asyncio.CancelledError()])
def test_a_filled_order_is_no_failure_whatever_comes_after_it(watched, error):
    """It is with the platform: an error of what the block did next changes nothing of that."""
    with pytest.raises(type(error)):  # noqa: PT012, SIM117 - what is told before it raises is the point
        with order(watched) as placed:
            placed.filled("ord-1", price=100)
            raise error
    (attempt,) = watched.facts(OrderPlaced)
    assert (attempt.status, attempt.reason) == ("success", None)
    assert watched.span("pf.trade.execute").error_type == type(error).__name__


class ReadTimeout(Exception):
    """A client's own time-out, which is no TimeoutError."""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TimeoutError("slow"), "timeout"),
        (ReadTimeout("slow"), "timeout"),
        (asyncio.CancelledError(), "cancelled"),
        (ValueError("no"), "error"),
        (KeyboardInterrupt(), "cancelled"),
    ],
)
def test_whatever_ends_an_order_ends_it_and_goes_on(watched, error, status):
    """The error reaches the agent as it was, and the attempt is recorded with what it was."""
    with pytest.raises(type(error)) as raised, order(watched):
        raise error
    assert raised.value is error
    (attempt,) = watched.facts(OrderPlaced)
    assert (attempt.status, attempt.reason) == (status, type(error).__name__)


def test_secrets_in_an_error_do_not_leave(watched):
    """The message of an error is scrubbed before any sink sees it."""
    with pytest.raises(ValueError, match="sk_live"), order(watched):
        raise ValueError("denied for sk_live_0123456789abcdef")
    assert "sk_live" not in watched.span("pf.trade.execute").error_message


def test_operations_nest_and_share_a_trace(watched):
    """What happens in a cycle is a child of it, in async code too."""

    async def work():
        async with watched.telemetry.cycle(market="BTC-USD"):
            with watched.telemetry.signal("BTC-USD") as signal:
                signal.computed("buy", confidence=0.8)
            async with order(watched) as placed:
                await asyncio.sleep(0)
                placed.accepted("ord-1")

    asyncio.run(work())
    cycle = watched.span("pf.decision_cycle")
    children = [watched.span("pf.signal.analysis"), watched.span("pf.trade.execute")]
    assert [(one.trace_id, one.parent_id) for one in children] == [(cycle.trace_id, cycle.span_id)] * 2
    assert cycle.parent_id == 0
    (signal,) = watched.facts(SignalComputed)
    assert (signal.action, signal.confidence, signal.result) == ("buy", 0.8, "acted")
    assert [fact.result for fact in watched.facts(DecisionCycle)] == ["acted"]


def test_two_tasks_do_not_share_a_context(watched):
    """Each task's operations are its own, however they interleave."""

    async def one(market):
        async with watched.telemetry.cycle(market=market):
            await asyncio.sleep(0)
            async with order(watched, market=market):
                await asyncio.sleep(0)

    async def both():
        await asyncio.gather(one("BTC-USD"), one("ETH-USD"))

    asyncio.run(both())
    assert watched.telemetry.flush(10)
    cycles = {span.span_id: span.attributes["pf.market"] for span in watched.recorder.spans if span.parent_id == 0}
    orders = [span for span in watched.recorder.spans if span.parent_id]
    assert {cycles[span.parent_id] for span in orders} == {"BTC-USD", "ETH-USD"}
    assert all(cycles[span.parent_id] == span.attributes["pf.market"] for span in orders)


def test_a_decorator_makes_each_call_an_operation(watched):
    """Plain and async functions; inside them the operation is at hand."""

    @watched.telemetry.cycle(market="BTC-USD")
    def decide(answer):
        current_operation().ended("no_action")
        return answer

    @watched.telemetry.cycle(market="ETH-USD")
    async def decide_later(answer):
        await asyncio.sleep(0)
        return answer

    assert [decide(1), decide(2), asyncio.run(decide_later(3))] == [1, 2, 3]
    assert sorted(fact.result for fact in watched.facts(DecisionCycle)) == ["acted", "no_action", "no_action"]
    assert current_operation() is None


def test_a_decorated_generator_lasts_until_it_ends(watched):
    """Its body is inside the operation, also the error that ends it; what is sent to it arrives."""

    @watched.telemetry.cycle(market="BTC-USD")
    def stepped():
        got = yield 1
        with watched.telemetry.signal("BTC-USD"):
            raise ValueError(got)

    steps = stepped()
    assert next(steps) == 1
    with pytest.raises(ValueError, match="sent"):
        steps.send("sent")
    cycle, signal = watched.span("pf.decision_cycle"), watched.span("pf.signal.analysis")
    assert (cycle.error_type, signal.parent_id) == ("ValueError", cycle.span_id)


def test_a_decorated_async_generator_lasts_until_it_ends(watched):
    """Also when its reader gives up: the generator within is closed before the operation ends."""
    closed = []

    @watched.telemetry.cycle(market="BTC-USD")
    async def streamed():
        try:
            with watched.telemetry.signal("BTC-USD"):
                yield 1
        finally:
            closed.append(current_operation())

    async def main():
        items = streamed()
        assert await anext(items) == 1
        await items.aclose()

    asyncio.run(main())
    cycle, signal = watched.span("pf.decision_cycle"), watched.span("pf.signal.analysis")
    assert (type(closed[0]).__name__, signal.parent_id) == ("Cycle", cycle.span_id)


def test_a_decorated_object_whose_call_is_async_is_awaited_within(watched):
    """Its error is the operation's, which does not end before it."""

    class Strategy:
        async def __call__(self):
            await asyncio.sleep(0)
            raise ValueError(type(current_operation()).__name__)

    with pytest.raises(ValueError, match="Cycle"):
        asyncio.run(watched.telemetry.cycle(market="BTC-USD")(Strategy())())
    assert watched.span("pf.decision_cycle").error_type == "ValueError"


def test_a_decorated_async_generator_is_given_what_its_caller_sends_and_throws(watched):
    """So it can be a context manager whose error handling runs, as without the decorator."""
    seen = []

    @contextlib.asynccontextmanager
    @watched.telemetry.cycle(market="BTC-USD")
    async def position():
        try:
            yield "open"
        except ValueError as error:
            seen.append(error)
        seen.append(type(current_operation()).__name__)

    @watched.telemetry.cycle(market="ETH-USD")
    async def asked():
        seen.append((yield 1))
        yield 2

    error = ValueError("the body's")

    async def main():
        async with position() as state:
            seen.append(state)
            raise error
        items = asked()
        await anext(items)
        assert await items.asend("sent") == 2
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    asyncio.run(main())
    assert seen == ["open", error, "Cycle", "sent"]
    watched.telemetry.flush()
    assert [span.error_type for span in watched.recorder.spans] == ["", ""]
    assert error.__context__ is None


@pytest.mark.parametrize("first", [0, 1])
def test_generators_that_take_turns_leave_nothing_behind(watched, first):
    """Whichever ends first: afterwards no operation that has ended is current, for ours or for OpenTelemetry."""

    @watched.telemetry.cycle(market="BTC-USD")
    def stepped():
        yield from range(3)

    with watched.telemetry.cycle(market="ETH-USD") as around:
        both = [stepped(), stepped()]
        for steps in both:
            next(steps)
        both.pop(first).close()
        both.pop().close()
        assert current_operation() is around
        assert trace.get_current_span().get_span_context().span_id == around.place.span_id
    assert current_operation() is None
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_operation_is_the_current_span_of_opentelemetry(watched):
    """Instrumented clients become its children without knowing of it."""
    with watched.telemetry.cycle() as cycle:
        inside = trace.get_current_span().get_span_context()
    assert (inside.trace_id, inside.span_id) == (cycle.place.trace_id, cycle.place.span_id)
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_bet_is_one_fact_with_the_platforms_own(watched):
    """Under the platform's id; a bet that was lost is no failure."""
    with watched.telemetry.bet("dice", 1) as bet:
        bet.settled("bet_1", 0)
    (settled,) = watched.facts(BetSettled)
    assert (settled.fact_id, settled.payout, settled.exact) == ("casino:bet_settled:bet_1", 0, False)
    span = watched.span("pf.bet.place")
    assert (span.attributes["pf.pnl_usd"], span.error_type) == (-1.0, "")


def test_a_cached_balance_is_no_reading(watched):
    """The span says that it came from a cache; no fact claims to have read it now."""
    with watched.telemetry.balance_check() as check:
        check.read("USDC", 12)
    with watched.telemetry.balance_check() as check:
        check.read("USDC", 12)
        check.cached(hit=True, age_s=3)
    assert [fact.value_usd for fact in watched.facts(BalanceRead)] == [12]
    assert [span.attributes.get("pf.cache_hit") for span in watched.recorder.spans] == [None, True]


def test_an_escrow_is_a_trace_of_its_own_linked_to_its_cause(watched):
    """Hours lie between its steps, so it is no child; free text is not recorded."""
    with (
        watched.telemetry.cycle() as cycle,
        watched.telemetry.escrow_create(amount_usd=10, counterparty="ag_1", task="secret plan") as escrow,
    ):
        escrow.created("ag_0", "esc_1", expires_at=2e9)
    span = watched.span("pf.escrow.create")
    assert span.trace_id != cycle.place.trace_id
    assert [(link.trace_id, link.span_id) for link in span.links] == [(cycle.place.trace_id, cycle.place.span_id)]
    assert "pf.task" not in span.attributes
    assert [fact.fact_id for fact in watched.facts(EscrowCreated)] == ["escrow:escrow_created:esc_1"]


def test_an_escrow_that_was_not_created_has_failed(watched):
    """The amount was not locked, and that is a fact."""
    with pytest.raises(OSError, match="down"), watched.telemetry.escrow_create(amount_usd=10, counterparty="ag_1"):
        raise OSError("down")
    assert [(fact.amount_usd, fact.reason) for fact in watched.facts(EscrowFailed)] == [(10, "OSError")]


def test_words_are_facts(watched):
    """Income, funding and a switch need no span."""
    watched.telemetry.funding("BTC-USD", "1.25")
    watched.telemetry.strategy_switch("mean-reversion", reason="drawdown")
    assert [fact.amount_usd for fact in watched.facts(FundingPaid)] == [Decimal("1.25")]
    assert [(fact.before, fact.after) for fact in watched.facts(StrategySwitched)] == [("momentum", "mean-reversion")]
    assert watched.telemetry.strategy == "mean-reversion"
    assert not watched.recorder.spans


def test_facts_of_many_threads_all_arrive_once(watched):
    """Nothing is lost between threads, and no id occurs twice."""

    def work(number):
        for step in range(200):
            with order(watched) as placed:
                placed.filled(f"o-{number}-{step}", price=100)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = watched.facts(OrderFilled)
    assert len({fact.fact_id for fact in found}) == 800
    assert watched.telemetry.dropped == {}


def test_a_child_of_a_fork_tells_its_own_and_not_its_parents(watched):
    """What waited in the parent is carried by the parent alone; the child begins anew with ids of its own."""
    reader, writer = os.pipe()
    watched.telemetry.flush(10)
    watched.telemetry.funding("BTC-USD", 1)
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        watched.telemetry.funding("ETH-USD", 2)
        watched.telemetry.flush(10)
        told = ",".join(
            f"{fact.market} {fact.fact_id}" for fact in watched.recorder.facts if isinstance(fact, FundingPaid)
        )
        os.write(writer, told.encode())
        os._exit(0)
    os.waitpid(child, 0)
    market, child_id = os.read(reader, 1000).decode().split(" ")
    assert market == "ETH-USD"
    os.close(reader)
    os.close(writer)
    (own,) = watched.facts(FundingPaid)
    assert own.market == "BTC-USD"
    assert own.fact_id.rpartition(":")[0] != child_id.rpartition(":")[0]


def test_what_is_no_fact_is_refused_and_raised_in_tests(watched):
    """A negative notional is a mistake of the caller: counted in production, raised where tests run."""
    with order(watched, notional_usd=-1):
        pass
    with pytest.raises(Exception, match="notional_usd"):
        watched.telemetry.flush(10)
    assert watched.telemetry.dropped["refused"] == 1


def test_in_production_it_is_dropped_and_counted(watched):
    """The agent's call returns as ever."""
    watched.telemetry.projector._shield._raises = False
    with order(watched, notional_usd="a lot"):
        pass
    assert watched.telemetry._pipeline.flush(10)
    assert watched.telemetry.projector.refused == 1


class Broken(Recorder):
    """A sink that raises."""

    name = "broken"

    def take(self, seen, state):
        raise RuntimeError("the backend is gone")


def test_a_broken_sink_breaks_no_other(watched):
    """Those before and after it are given everything."""
    first, last = Recorder(), Recorder()
    telemetry = Telemetry("a-1", sinks=[first, Broken(), last], heartbeat_s=None)
    telemetry.projector._shield._raises = False
    telemetry.funding("BTC-USD", 1)
    telemetry._pipeline.flush(10)
    assert [len(sink.facts) for sink in (first, last)] == [1, 1]
    assert telemetry.shield.dropped == {"sink_broken": 1}
    telemetry.shutdown()


def test_shutdown_carries_everything_and_may_be_called_twice(watched):
    """What was told before is carried, what is told later is dropped and counted."""
    watched.telemetry.funding("BTC-USD", 1)
    assert watched.telemetry.shutdown()
    assert watched.telemetry.shutdown()
    assert watched.recorder.closed
    assert [type(fact) for fact in watched.recorder.facts] == [FundingPaid]
    watched.telemetry.funding("BTC-USD", 1)
    assert watched.telemetry.dropped == {"queue": 1}


def test_a_heartbeat_says_when_it_last_acted(watched):
    """The time of the last finished operation, and nothing before the first."""
    watched.telemetry.heartbeat()
    with order(watched) as placed:
        placed.accepted("o")
    watched.telemetry.heartbeat()
    before, after = watched.facts(Heartbeat)
    assert before.last_action_at is None
    assert after.last_action_at == pytest.approx(placed.ended_at)


def test_unsampled_operations_are_counted_and_not_sampled(watched):
    """Sampling leaves spans out of the backend, not out of the facts."""
    telemetry = Telemetry("a-1", sinks=[watched.recorder], heartbeat_s=None, sample=0.0)
    with telemetry.cycle():
        pass
    telemetry.shutdown()
    assert [span.sampled for span in watched.recorder.spans] == [False]
    assert [fact.result for fact in watched.recorder.facts] == ["acted"]


def test_a_child_of_a_fork_counts_its_own_orders_alone(watched):
    """Sums over several processes of one program count every order once."""
    with order(watched):
        pass
    watched.telemetry.flush(10)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        with order(watched):
            pass
        watched.telemetry.flush(10)
        tallies = watched.telemetry.projector.state.agents["a-1"].tallies
        os.write(writer, str(tallies.total("pf_orders_total")).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 1000) == b"1.0"
    os.close(reader)
    os.close(writer)


ENDS = """
from fleawatch import Telemetry
from fleawatch.sinks.recorder import Recorder

class Telling(Recorder):
    def close(self, within_s):
        print("closed with", len(self.facts), flush=True)

telemetry = Telemetry("a-1", sinks=[Telling()], heartbeat_s=None)
telemetry.funding("BTC-USD", 1)
"""


def test_a_program_that_ends_closes_its_sinks():
    """Without a call of `shutdown`, what was told is carried and every sink is closed."""
    done = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["closed", "with", "1"], done.stderr


CHILDREN = """
import multiprocessing, sys
from fleawatch import Telemetry

def make():
    return Telemetry("a-1", logs=sys.argv[1], environ={}, heartbeat_s=None)

def claim(telemetry):
    (telemetry or make()).faucet_claim("success", 1)

if __name__ == "__main__":
    method = sys.argv[2]
    telemetry = make() if method == "fork" else None
    children = [multiprocessing.get_context(method).Process(target=claim, args=(telemetry,)) for _ in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_a_child_of_multiprocessing_loses_nothing_at_its_end(tmp_path, method):
    """It ends without `atexit`, whether it has its parent's telemetry or made one of its own."""
    program, log = tmp_path / "program.py", tmp_path / "log"
    program.write_text(CHILDREN)
    command = [sys.executable, str(program), str(log), method]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert log.read_text().count('"event":"faucet_claim"') == 3, done.stderr


def test_an_operation_belongs_to_the_strategy_that_was_followed_then():
    """A switch that comes right after it changes nothing of what was done before."""
    recorder = Recorder()
    telemetry = Telemetry("a-1", strategy="bold", sinks=[recorder], environ={}, heartbeat_s=None)
    with telemetry.bet("dice", 1) as bet:
        bet.settled("b-1", 2)
    telemetry.strategy_switch("calm")
    with telemetry.bet("dice", 1) as bet:
        bet.settled("b-2", 2)
    assert telemetry.shutdown()
    assert [fact.strategy for fact in recorder.facts if isinstance(fact, BetSettled)] == ["bold", "calm"]
