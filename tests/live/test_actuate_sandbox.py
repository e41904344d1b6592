"""Hands at the faithful local platform: positions that are closed one by one, a limit that stops opens and what passes it."""

import asyncio

import aiohttp
import pytest

from fleawatch.actuate.brake import Brake
from fleawatch.actuate.flatten import Flatten
from fleawatch.actuate.hand import Hand
from fleawatch.clock import ManualClock
from fleawatch.sandbox.running import Settings
from fleawatch.sandbox.visitor import visiting
from fleawatch.sandbox.world import DEFAULT_ORIGIN
from fleawatch.testing.actuator_contract import command

pytestmark = pytest.mark.live


def visit(scenario):
    """Run `scenario(visitor, hand, key)` for a trader of a sandbox whose fleet is at rest."""

    async def main():
        clock = ManualClock(DEFAULT_ORIGIN)
        async with (
            visiting(Settings(seed=7, agents=8, seconds=3_600.0), clock) as visitor,
            aiohttp.ClientSession() as session,
        ):
            registered = (await visitor.post("trading", "/v1/auth/register", {})).body
            key = registered["api_key"]
            await scenario(visitor, Hand(session, "trading", visitor.sandbox.bases["trading"], key), key)

    asyncio.run(main())


async def opened(visitor, key, coin="BTC", size=100):
    answer = await visitor.post("trading", "/v1/trade/open", {"coin": coin, "side": "long", "size_usd": size}, key)
    return answer.status, answer.body


async def at_exchange(visitor, key):
    return (await visitor.get("trading", "/v1/trade/positions", key)).body["positions"]


def test_positions_are_closed_at_the_exchange_and_not_only_in_a_table():
    """One by one; asked for again they are closed already, which is as good."""

    async def scenario(visitor, hand, key):
        ids = [(await opened(visitor, key, coin))[1]["position_id"] for coin in ("BTC", "ETH")]
        assert len(await at_exchange(visitor, key)) == 2
        for _ in range(2):
            assert (await Flatten(hand).act(command(path="flatten", positions=tuple(ids)))).status == "done"
            assert await at_exchange(visitor, key) == []

    visit(scenario)


def test_an_exchange_that_is_away_closes_nothing_and_says_so():
    """It is tried again later."""

    async def scenario(visitor, hand, key):
        _, position = await opened(visitor, key)
        await visitor.control("/faults", {"service": "trading", "kind": "false_zero", "seconds": 600})
        outcome = await Flatten(hand).act(command(path="flatten", positions=(position["position_id"],)))
        assert (outcome.status, "close_failed" in outcome.reason) == ("failed", True)

    visit(scenario)


def test_a_lowered_limit_stops_opens_until_the_agents_own_key_raises_it():
    """Closing goes on; what the limit does not hold is told in the configuration's reference."""

    async def scenario(visitor, hand, key):
        _, position = await opened(visitor, key)
        assert (await Brake(hand).act(command(path="platform"))).status == "done"
        assert (await opened(visitor, key))[0] == 400
        closed = await visitor.post("trading", "/v1/trade/close", {"position_id": position["position_id"]}, key)
        assert closed.status == 200
        await visitor.post("trading", "/v1/trade/risk-settings", {"max_position_usd": 1_000}, key)
        assert (await opened(visitor, key))[0] == 200
        assert (await Brake(hand).act(command(path="platform"))).status == "done"

    visit(scenario)
