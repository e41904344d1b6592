"""Resting orders at the faithful local platform: placed over HTTP, read by the real source, executed, read again."""

from __future__ import annotations

import asyncio

import pytest

from fleawatch.clock import ManualClock
from fleawatch.events import PositionsRead
from fleawatch.sandbox.running import Settings
from fleawatch.sandbox.visitor import visiting
from fleawatch.sandbox.world import DEFAULT_ORIGIN
from fleawatch.sources.http import Client, open_session
from fleawatch.sources.purpleflea.trading import TradingSource

pytestmark = pytest.mark.live


def test_a_stop_that_was_placed_is_read_until_its_position_is_closed():
    """With the position that it protects."""

    async def main():
        clock = ManualClock(DEFAULT_ORIGIN)
        async with visiting(Settings(seed=7, agents=8, seconds=3_600.0), clock) as visitor, open_session() as session:
            key = (await visitor.post("trading", "/v1/auth/register", {})).body["api_key"]
            order = {"coin": "BTC", "side": "long", "size_usd": 100}
            opened = (await visitor.post("trading", "/v1/trade/open", order, key)).body
            stop = {"position_id": opened["position_id"], "trigger_price": opened["entry_price"] / 2}
            assert (await visitor.post("trading", "/v1/trade/stop-loss", stop, key)).status < 300
            client = Client(session, "trading", visitor.sandbox.bases["trading"], key, clock=clock)
            source = TradingSource("a-1", client)
            fact = await read(source, clock)
            assert fact.resting_known == "whole"
            (found,) = fact.resting
            assert (found.order_type, found.side, found.position_id) == ("stop_loss", "sell", opened["position_id"])
            assert found.position_id in fact.open_ids
            await visitor.post("trading", "/v1/trade/close", {"position_id": opened["position_id"]}, key)
            after = await read(source, clock)
            assert (after.open_ids, after.resting, after.resting_known) == ((), (), "whole")

    asyncio.run(main())


async def read(source, clock):
    """What a reading tells of what is open."""
    clock.advance(10)
    facts = await source.read(None, clock.now())
    return next(fact for fact in facts if isinstance(fact, PositionsRead))
