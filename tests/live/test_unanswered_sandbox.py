"""Orders, bets and escrows whose answer comes late or never: unknown, then read; the platform has each of them once."""

import asyncio
from decimal import Decimal

import httpx
import pytest

from fleawatch import Retries
from fleawatch.clock import ManualClock
from fleawatch.sandbox import books
from fleawatch.sandbox.running import Settings
from fleawatch.sandbox.visitor import visiting
from fleawatch.sandbox.world import DEFAULT_ORIGIN
from fleawatch.testing import capture

pytestmark = pytest.mark.live

PATIENCE_S, LATE_S = 0.15, 0.5


class Trader:
    """An agent of the sandbox with a watched client, whose reads may be made again.

    Attributes:
        patience_s: how long it waits for the answer to a write.
        settled_s: seconds after which a reading without it proves that it is not there.
    """

    patience_s, settled_s = 10.0, 8.0

    def __init__(self, visitor, telemetry, client):
        self.visitor, self.telemetry = visitor, telemetry
        self.person = visitor.agent("momentum")
        self.client = telemetry.client(client, retries=Retries(times=3, base_s=0.01))

    async def call(self, method, service, path, body=None):
        """A decoded answer."""
        headers = {"Authorization": f"Bearer {self.person.keys.get(service) or self.person.keys['casino']}"}
        url = self.visitor.sandbox.bases[service] + path
        answer = await self.client.request(
            method, url, headers=headers, json=body, timeout=self.patience_s if body else 10.0
        )
        answer.raise_for_status()
        return answer.json()

    async def sent(self, method, service, path, body, read, known):
        """The answer, or what reading finds of it: only what was not there before."""
        try:
            return await self.call(method, service, path, body)
        except httpx.TransportError:
            looked = await self.telemetry.reconcile_async(
                read,
                lambda row: self.name(row) not in known,
                sleep=asyncio.sleep,
                within_s=20.0,
                every_s=0.1,
                settled_s=self.settled_s,
            )
            assert looked.readings > 0
            if looked.status != "found":
                raise
            return looked.row

    @staticmethod
    def name(row):
        """The platform's id of a row."""
        return row.get("bet_id") or row.get("escrow_id") or row["id"]


class Ordering(Trader):
    """Opens a position of 120 USD in SOL."""

    service, path, span, attempt = "trading", "/v1/trade/open", "pf.trade.execute", "order_placed"

    async def read(self):
        return (await self.call("GET", "trading", "/v1/trade/history?limit=200"))["trades"]

    async def act(self):
        known = {self.name(row) for row in await self.read()}
        body = {"coin": "SOL", "side": "long", "size_usd": 120, "leverage": 2}
        with self.telemetry.order(market="SOL-USD", side="buy", notional_usd=120) as order:
            found = await self.sent("POST", self.service, self.path, body, self.read, known)
            price = found.get("entry_price") or found["price"]
            order.filled(found.get("order_id") or found["orderId"], price=price, fee_usd=str(found["fee"]))

    @staticmethod
    def moved(before, after):
        return {"fees": after["fees"] - before["fees"]}

    @staticmethod
    def told(seen):
        return {"fees": sum(Decimal(fact["fee_usd"]) for fact in seen.facts("order_filled"))}


class Betting(Trader):
    """Bets 3 USD on dice."""

    service, path, span, attempt = "casino", "/api/v1/games/dice", "pf.bet.place", "order_placed"

    async def read(self):
        return (await self.call("GET", "casino", "/api/v1/bets/history?game=dice&limit=200"))["bets"]

    async def act(self):
        known = {self.name(row) for row in await self.read()}
        body = {"amount": 3, "direction": "over", "threshold": 50}
        with self.telemetry.bet("dice", 3) as bet:
            found = await self.sent("POST", self.service, self.path, body, self.read, known)
            bet.settled(self.name(found), str(found["amount_won"]))

    @staticmethod
    def moved(before, after):
        return {name: after[name] - before[name] for name in ("bets", "wagered", "paid")}

    @staticmethod
    def told(seen):
        bets = seen.facts("bet_settled")
        stakes, payouts = (sum(Decimal(bet[name]) for bet in bets) for name in ("stake", "payout"))
        return {"bets": len(bets), "wagered": stakes, "paid": payouts}


class Hiring(Trader):
    """Puts 4 USD into escrow."""

    service, path, span, attempt = "escrow", "/escrow/create", "pf.escrow.create", "escrow_failed"

    async def read(self):
        curve = (await self.call("GET", "casino", "/api/v1/kelly/history"))["bankroll_curve"]
        locks = [row["reason"].partition(": ")[2] for row in curve if row["reason"].startswith("escrow_lock: ")]
        return [await self.call("GET", "escrow", f"/escrow/{lock}") for lock in locks]

    async def act(self):
        known = {self.name(row) for row in await self.read()}
        other = self.visitor.agent("flat").platform_ids["casino"]
        body = {"amount_usd": 4, "description": "watch the market", "counterparty_agent_id": other}
        with self.telemetry.escrow_create(amount_usd=4, counterparty=other) as escrow:
            found = await self.sent("POST", self.service, self.path, body, self.read, known)
            escrow.created(found["creator_id"], found["escrow_id"], expires_at=DEFAULT_ORIGIN + 86_400)

    @staticmethod
    def moved(before, after):
        return {name: after[name] - before[name] for name in ("open_escrows", "open_escrow_amount")}

    @staticmethod
    def told(seen):
        made = seen.facts("escrow_created")
        return {"open_escrows": len(made), "open_escrow_amount": sum(Decimal(fact["amount_usd"]) for fact in made)}


def acted(acting, scenario, tmp_path):
    """What was told, by how much the books moved, and how many orders the platform took, after a scenario."""

    async def main(telemetry):
        clock = ManualClock(DEFAULT_ORIGIN)
        async with visiting(Settings(seed=7, agents=8, seconds=36_000.0), clock) as visitor:
            clock.advance(1_800)
            await visitor.control("/state")
            sandbox, path = visitor.sandbox, tmp_path / "books.db"
            books.write(sandbox.world, path)
            async with httpx.AsyncClient() as client:
                agent = acting(visitor, telemetry, client)
                name, journal = agent.person.name, sandbox.world.kernel.journal
                before, taken = books.truth(path)[name], len(journal.accepted(name, 0.0))
                await scenario(agent)
            await visitor.control("/faults/clear")
            for _ in range(100):
                if len(journal.accepted(name, 0.0)) > taken:
                    break
                await asyncio.sleep(0.1)
            # A second one that was on its way would have arrived by now.
            await asyncio.sleep(2 * LATE_S)
            books.write(sandbox.world, path)
            after = books.truth(path)[name]
            return acting.moved(before, after), len(journal.accepted(name, 0.0)) - taken

    with capture() as seen:
        moved, orders = asyncio.run(main(seen.telemetry))
    return seen, moved, orders


def same(moved, told):
    """To the cent: lists of the platform round to it."""
    return any(moved.values()) and moved == pytest.approx(told, abs=Decimal("0.005"))


async def fault(agent, kind, **more):
    """From now on this goes wrong with what the agent does, and it has little patience."""
    agent.patience_s = PATIENCE_S
    document = {"service": agent.service, "kind": kind, "path": agent.path, "seconds": 60, **more}
    reading = await agent.visitor.control("/faults", document)
    assert reading.status == 200, reading.body


every = pytest.mark.parametrize("acting", [Ordering, Betting, Hiring])


@every
def test_an_answer_that_comes_too_late(acting, tmp_path):
    """The agent has given up when the platform does it: reading finds it, once, and both have the same numbers."""

    async def scenario(agent):
        await fault(agent, "latency", amount=LATE_S)
        await agent.act()

    seen, moved, orders = acted(acting, scenario, tmp_path)
    assert orders == 1
    assert same(moved, acting.told(seen))
    (span,) = seen.spans(acting.span)
    assert span["error_type"] == ""
    calls = [fact["status_code"] for fact in seen.facts("api_call") if fact["method"] == "POST"]
    assert calls == ["timeout"]


@every
@pytest.mark.parametrize("kind", ["hang", "drop"])
def test_an_answer_that_never_comes(acting, kind, tmp_path):
    """It is unknown, and not there: the next attempt is the agent's own, and the platform has one."""

    async def scenario(agent):
        await fault(agent, kind)
        agent.settled_s = 1.0
        with pytest.raises(httpx.TransportError):
            await agent.act()
        await agent.visitor.control("/faults/clear")
        agent.patience_s = 10.0
        await agent.act()

    seen, moved, orders = acted(acting, scenario, tmp_path)
    assert orders == 1
    assert same(moved, acting.told(seen))
    unknown, done = seen.spans(acting.span)
    assert unknown["error_type"]
    assert done["error_type"] == ""
    if acting is Hiring:
        assert [fact["unknown"] for fact in seen.facts("escrow_failed")] == [True]
    else:
        assert [fact["status"] for fact in seen.facts("order_placed")] == ["timeout", "success"]
    calls = [fact["status_code"] for fact in seen.facts("api_call") if fact["method"] == "POST"]
    assert len(calls) == 2


def test_nobody_can_tell(tmp_path):
    """The exchange is away for reading too: unknown, and no reason to order again."""

    async def scenario(agent):
        await fault(agent, "latency", amount=LATE_S)
        known = await agent.read()
        await fault(agent, "drop", path="/v1/trade/history")
        with agent.telemetry.order(market="SOL-USD", side="buy", notional_usd=120):
            with pytest.raises(httpx.TransportError):
                await agent.call(
                    "POST", "trading", agent.path, {"coin": "SOL", "side": "long", "size_usd": 120, "leverage": 2}
                )
            looked = await agent.telemetry.reconcile_async(
                agent.read, lambda row: row not in known, sleep=asyncio.sleep, within_s=1.0, every_s=0.3
            )
            assert (looked.status, looked.readings) == ("unknown", 0)

    seen, moved, orders = acted(Ordering, scenario, tmp_path)
    assert (orders, moved["fees"] > 0) == (1, True)
    assert [fact["status"] for fact in seen.facts("order_placed")] == ["timeout"]
    assert not seen.facts("order_filled")
    assert seen.spans("pf.trade.execute")[0]["error_type"] == "ReadTimeout"
