"""Faults spoil answers and never books; each kind looks as it should to a client."""

import asyncio
import time

import aiohttp
import pytest

from fleawatch.clock import ManualClock
from fleawatch.sandbox.faults import KINDS, SERVICES
from fleawatch.sandbox.running import Settings
from fleawatch.sandbox.visitor import visiting
from fleawatch.sandbox.world import DEFAULT_ORIGIN

pytestmark = pytest.mark.live
BALANCE = "/api/v1/auth/balance"
PROBES = {
    "casino": BALANCE,
    "escrow": "/escrow/stats",
    "faucet": "/faucet/stats",
    "trading": "/v1/auth/account",
    "wallet": "/v1/referral/stats",
    "domains": "/v1/auth/account",
    "gateway": "/api/agents/referrer-06/stats",
    "agents": "/agents/referrer-06/metrics",
}


def visit(scenario, *, agents=7):
    async def main():
        clock = ManualClock(DEFAULT_ORIGIN)
        async with visiting(Settings(seed=7, agents=agents, seconds=3_600.0), clock) as visitor:
            clock.advance(60)
            await scenario(visitor, clock)

    asyncio.run(main())


def journal(visitor):
    return list(map(repr, visitor.sandbox.world.kernel.journal.postings))


async def probe(visitor, service, seconds=5.0):
    key = visitor.agent("referrer").keys.get(service)
    key = key or visitor.agent("referrer").keys["casino"]
    return await visitor.ask("GET", service, PROBES[service], key=key, seconds=seconds)


async def fault(visitor, service, kind, **more):
    reading = await visitor.control("/faults", {"service": service, "kind": kind, "seconds": 30, **more})
    assert reading.status == 200, reading.body


class TestKinds:
    @pytest.mark.parametrize("service", SERVICES)
    def test_errors_and_refusals(self, service):
        """500 `internal_error`, 429 `rate_limited`, and JSON that breaks off, until the fault is over."""

        async def scenario(visitor, clock):
            assert (await probe(visitor, service)).status == 200
            for kind, status, code in (("error", 500, "internal_error"), ("rate_limit", 429, "rate_limited")):
                await fault(visitor, service, kind)
                reading = await probe(visitor, service)
                assert (reading.status, reading.body["error"]) == (status, code)
                clock.advance(30)
                assert (await probe(visitor, service)).status == 200
            await fault(visitor, service, "garbage")
            spoiled = await probe(visitor, service)
            assert (spoiled.status, spoiled.body) == (200, None)
            assert spoiled.raw

        visit(scenario)

    @pytest.mark.parametrize("service", SERVICES)
    def test_a_dropped_connection(self, service):
        """The client sees the connection break, and the next request works again."""

        async def scenario(visitor, _clock):
            await fault(visitor, service, "drop")
            with pytest.raises(aiohttp.ClientError):
                await probe(visitor, service)
            await visitor.control("/faults/clear")
            assert (await probe(visitor, service)).status == 200

        visit(scenario)

    def test_latency_is_real_time(self):
        """The answer comes late and right."""

        async def scenario(visitor, _clock):
            await fault(visitor, "casino", "latency", amount=0.2)
            started = time.monotonic()
            assert (await probe(visitor, "casino")).status == 200
            assert time.monotonic() - started >= 0.2

        visit(scenario)

    def test_a_hang_ends_with_the_fault(self):
        """No answer while it lasts, then a dropped connection; a write shows it, because this client repeats a read."""

        async def scenario(visitor, clock):
            await fault(visitor, "casino", "hang", seconds=30)
            with pytest.raises(TimeoutError):
                await probe(visitor, "casino", seconds=0.2)
            waiting = asyncio.create_task(visitor.post("casino", BALANCE))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            clock.advance(30)
            with pytest.raises(aiohttp.ClientError):
                await waiting
            assert (await probe(visitor, "casino")).status == 200

        visit(scenario)

    def test_a_hang_lets_go_when_it_is_cleared(self):
        """The connection is dropped then, and the next request is answered."""

        async def scenario(visitor, _clock):
            await fault(visitor, "casino", "hang")
            waiting = asyncio.create_task(visitor.post("casino", BALANCE))
            await asyncio.sleep(0.1)
            await visitor.control("/faults/clear")
            with pytest.raises(aiohttp.ClientError):
                await waiting
            assert (await probe(visitor, "casino")).status == 200

        visit(scenario)

    def test_skew_moves_the_date_and_not_the_records(self):
        """Header and answering times are off; what was recorded stays where it was."""

        async def scenario(visitor, _clock):
            person = visitor.agent("flat")
            before = await visitor.get("casino", "/health")
            rows = (await visitor.get("casino", "/api/v1/kelly/history", person.keys["casino"])).body["bankroll_curve"]
            await fault(visitor, "casino", "skew", amount=3_600)
            after = await visitor.get("casino", "/health")
            assert before.headers["Date"][17:19] == "10"
            assert after.headers["Date"][17:19] == "11"
            assert after.body["timestamp"][11:13] == "11"
            later = (await visitor.get("casino", "/api/v1/kelly/history", person.keys["casino"])).body["bankroll_curve"]
            assert later == rows

        visit(scenario)

    def test_a_database_away_says_ok(self):
        """The casino's reads fail and its health says `status: ok`, `database: error`."""

        async def scenario(visitor, _clock):
            await fault(visitor, "casino", "false_zero")
            assert (await probe(visitor, "casino")).status == 500
            health = (await visitor.get("casino", "/health")).body
            assert (health["status"], health["database"]) == ("ok", "error")

        visit(scenario)

    def test_a_fault_may_aim_at_one_agent_and_one_path(self):
        """Others, and other paths, do not feel it."""

        async def scenario(visitor, _clock):
            flat, coin = visitor.agent("flat"), visitor.agent("coin")
            await fault(visitor, "casino", "error", agent=flat.name, path=BALANCE)
            assert (await visitor.get("casino", BALANCE, flat.keys["casino"])).status == 500
            assert (await visitor.get("casino", BALANCE, coin.keys["casino"])).status == 200
            assert (await visitor.get("casino", "/api/v1/stats/me", flat.keys["casino"])).status == 200
            await fault(visitor, "agents", "error", agent=flat.name)
            assert (await visitor.get("agents", f"/agents/{flat.name}/health")).status == 500
            assert (await visitor.get("agents", f"/agents/{coin.name}/health")).status == 200

        visit(scenario)

    def test_faults_can_be_arranged_for_later(self):
        """`after` simulated seconds."""

        async def scenario(visitor, clock):
            await fault(visitor, "casino", "error", after=100)
            assert (await probe(visitor, "casino")).status == 200
            clock.advance(100)
            assert (await probe(visitor, "casino")).status == 500
            assert [f["kind"] for f in (await visitor.control("/state")).body["faults"]] == ["error"]

        visit(scenario)


class TestBooks:
    def test_neither_faults_nor_reads_change_the_books(self):
        """Two worlds, one read and broken in every way, one left alone: the same journal."""
        kept = []

        async def left_alone(visitor, clock):
            clock.advance(240)
            await visitor.control("/state")
            kept.append(journal(visitor))

        async def disturbed(visitor, clock):
            for step, kind in enumerate(KINDS * 2):
                service = SERVICES[step % len(SERVICES)]
                await fault(visitor, service, kind, seconds=14)
                for asked in SERVICES:
                    try:
                        await probe(visitor, asked, seconds=0.1)
                    except (aiohttp.ClientError, TimeoutError):
                        continue
                clock.advance(15)
            await visitor.control("/state")
            kept.append(journal(visitor))

        visit(left_alone)
        visit(disturbed)
        assert kept[0] == kept[1]
        assert len(kept[0]) > 500


class TestControl:
    def test_the_token_is_needed(self):
        """Without it, and with a wrong one, 401."""

        async def scenario(visitor, _clock):
            for key in (None, "wrong"):
                assert (await visitor.ask("GET", "control", "/state", key=key)).status == 401
                assert (await visitor.ask("POST", "control", "/end", key=key)).status == 401
            assert not visitor.sandbox.desk.closed

        visit(scenario)

    def test_a_wrong_fault_is_explained(self):
        """400 with what may be written."""

        async def scenario(visitor, _clock):
            reading = await visitor.control("/faults", {"service": "casino", "kind": "meteor"})
            assert reading.status == 400
            assert "latency" in reading.body["message"]

        visit(scenario)

    def test_the_books_can_be_ended_early(self):
        """The world stops where it is, reads go on, writes are refused."""

        async def scenario(visitor, clock):
            clock.advance(100)
            ended = (await visitor.control("/end")).body
            assert (ended["ended"], ended["simulated"]) == (True, 160.0)
            clock.advance(500)
            person = visitor.agent("flat")
            assert (await visitor.get("casino", BALANCE, person.keys["casino"])).status == 200
            assert visitor.sandbox.world.elapsed == 160.0
            body = {"amount": 1, "direction": "over", "threshold": 50}
            refused = await visitor.post("casino", "/api/v1/games/dice", body, person.keys["casino"])
            assert (refused.status, refused.body["error"]) == (503, "books_closed")

        visit(scenario)
