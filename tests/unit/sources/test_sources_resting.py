"""Resting orders: those that wait, of which position, and an answer that is none, which costs no reading."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from aiohttp import web

from fleawatch.events import PositionsRead
from fleawatch.events.trading import RestingOrder

RESTING = "/v1/trade/limit-orders"
BAD = {
    "404": lambda _: web.json_response({"error": "not_found"}, status=404),
    "500": lambda _: web.json_response({"error": "internal_error"}, status=500),
    "html": lambda _: web.Response(body=b"<html>502</html>"),
    "array": lambda _: web.json_response([]),
    "other": lambda _: web.json_response({"orders": [{"id": "x", "status": "pending"}]}),
    "negative": lambda _: web.json_response({"orders": [{**row(1, "pending"), "trigger_price": -1}]}),
    "too large": lambda _: web.Response(text=json.dumps({"orders": [row(1, "pending")]}).replace("1.5", "1e400")),
    "error in 200": lambda _: web.json_response({"error": "upstream"}),
}


def told(facts):
    (fact,) = (one for one in facts if isinstance(one, PositionsRead))
    return fact


def row(number, status="filled", kind="limit", side="long", position=None):
    return {
        "id": f"lo_{number}", "type": kind, "coin": "BTC", "side": side, "trigger_price": 1.5, "size_usd": 2.0, "leverage": 1,
        "position_id": position, "status": status, "created_at": 1, "filled_at": None,
    }  # fmt: skip


def test_what_waits_is_told_and_what_is_over_is_not(with_bench):
    """A stop of a long position sells; a cancelled entry rests no more."""

    async def scenario(bench):
        fact = told(await bench.read("trading"))
        assert fact.resting_known == "whole"
        assert fact.resting == (
            RestingOrder(
                order_id="lo_2", order_type="stop_loss", market="BTC-USD", side="sell", price=Decimal("55000.0"),
                notional_usd=Decimal("600.0"), position_id="pos_1",
            ),
        )  # fmt: skip
        assert [one.order_id for one in bench.state.trading.resting] == ["lo_2"]

    with_bench(scenario)


@pytest.mark.parametrize(
    ("kind", "side", "does"),
    [
        ("limit", "long", "buy"),
        ("limit", "short", "sell"),
        ("take_profit", "long", "sell"),
        ("stop_loss", "short", "buy"),
    ],
)
def test_an_order_buys_or_sells(with_bench, kind, side, does):
    """An entry opens its side, a stop or target closes it."""

    async def scenario(bench):
        bench.double.answers[RESTING]["orders"] = [row(1, "pending", kind, side)]
        assert [one.side for one in told(await bench.read("trading")).resting] == [does]

    with_bench(scenario)


def test_a_list_that_was_cut_is_a_part(with_bench):
    """A hundred rows, whatever became of them: an older one may rest and be off the list."""

    async def scenario(bench):
        bench.double.answers[RESTING]["orders"] = [row(number) for number in range(99)]
        assert told(await bench.read("trading")).resting_known == "whole"
        bench.double.answers[RESTING]["orders"].append(row(100, "pending"))
        fact = told(await bench.read("trading"))
        assert (fact.resting_known, len(fact.resting)) == ("part", 1)

    with_bench(scenario)


@pytest.mark.parametrize("bad", BAD)
def test_no_answer_is_unread_and_costs_nothing_else(with_bench, bad):
    """Never none: the positions are read all the same, and it is asked again after a minute."""

    async def scenario(bench):
        good = bench.double.answers[RESTING]
        bench.double.answers[RESTING] = BAD[bad]
        fact = told(await bench.read("trading"))
        assert (fact.open_ids, fact.resting, fact.resting_known) == (("pos_1",), (), "unread")
        bench.double.answers[RESTING] = good
        assert told(await bench.read("trading", after=30)).resting_known == "unread"
        assert told(await bench.read("trading", after=60)).resting_known == "whole"

    with_bench(scenario)
