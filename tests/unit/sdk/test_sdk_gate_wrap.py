"""Ways to stand in front of an order: decorator and context manager, plain and async."""

from __future__ import annotations

import asyncio

import pytest

from fleawatch import Order, TradingHalted

ORDER = Order(notional_usd=100)


def test_a_guarded_function_is_called_only_when_the_gate_allows(bench):
    """Its result and its errors pass through unchanged."""
    gate = bench.gate(limits={"order_notional": 500.0})
    sent = []

    @gate.guarded
    def send(order, *, note=""):
        """Send an order."""
        sent.append((order, note))
        return "sent"

    assert send(ORDER, note="x") == "sent"
    assert (send.__name__, send.__doc__) == ("send", "Send an order.")
    with pytest.raises(TradingHalted, match="order_notional"):
        send(Order(notional_usd=501))
    gate.halt("me")
    with pytest.raises(TradingHalted) as halted:
        send(ORDER)
    assert halted.value.state == "halted"
    assert len(sent) == 1


def test_a_guarded_coroutine_asks_when_it_runs(bench):
    """Not when it is made: a halt in between counts."""
    gate = bench.gate()

    @gate.guarded(order=lambda market, usd: Order(market=market, notional_usd=usd))
    async def send(market, usd):
        await asyncio.sleep(0)
        return market, usd

    assert asyncio.run(send("BTC-USD", 5)) == ("BTC-USD", 5)
    made = send("BTC-USD", 5)
    gate.halt("me")
    with pytest.raises(TradingHalted):
        asyncio.run(made)


def test_closing_functions_ask_for_closing(bench):
    """They go on while the gate is reducing."""
    gate = bench.gate()
    gate.record(bench.balance(1000))
    gate.record(bench.balance(840))
    assert gate.guarded(closes=True)(lambda: "closed")() == "closed"
    with pytest.raises(TradingHalted, match="drawdown_critical"):
        gate.guarded(lambda: "opened")()


def test_context_managers_enter_with_the_answer(bench):
    """Or raise before anything is done."""
    gate = bench.gate()

    async def later():
        async with gate.opening(ORDER) as answer:
            return answer.epoch

    with gate.opening(ORDER) as answer, gate.closing(ORDER):
        assert answer.reason == "ok"
    assert asyncio.run(later()) == 0
    gate.halt("me")
    with pytest.raises(TradingHalted), gate.opening(ORDER):
        pytest.fail("entered")
    with pytest.raises(TradingHalted):
        asyncio.run(later())


def test_a_gate_is_closed_at_the_end_of_its_block(bench):
    """`with Gate(...) as gate:`."""
    with bench.gate() as gate:
        assert gate.may_open(ORDER)
        assert repr(gate) == "<Gate of a-1>"
    assert gate.may_open(ORDER).reason == "closed"
