"""A recording platform with good answers, and a bench that reads one agent and books what it read."""

import asyncio
import contextlib
import copy
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from fleawatch.clock import ManualClock
from fleawatch.errors import SourceError
from fleawatch.events import AgentDeclared, Event, SourceRead, SourceUnavailable, reading_id
from fleawatch.flow.fold import fold
from fleawatch.flow.state import AgentState, empty_fleet
from fleawatch.sources.build import AgentKeys, Platform, sources_for
from fleawatch.sources.http import open_session
from fleawatch.units import iso

NOW = 1_793_613_600.0
KEYS = {
    "casino": "sk_live_" + "a1" * 24,
    "trading": "sk_trade_" + "b2" * 24,
    "wallet": "pk_live_" + "c3" * 24,
    "domains": "sk_domains_" + "d4" * 24,
}
ADDRESSES = {"base": "0x12ab34cd56ef", "solana": "So1anaAddress"}
INFO = {"service": "agent-casino", "docs": "https://…", "referral": "GET /gossip", "version": "1.0.0"}


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class Double:
    """A platform on loopback that answers what it was told and remembers what it was asked."""

    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    before: Callable[[Request, int], Awaitable[web.StreamResponse | None]] | None = None
    base: str = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = Request(request.method, request.path, dict(request.query), dict(request.headers))
        self.requests.append(asked)
        if self.before is not None:
            spoiled = await self.before(asked, len(self.requests) - 1)
            if spoiled is not None:
                return spoiled
        found = self.answers.get(f"{request.path}?{request.query_string}", self.answers.get(request.path))
        if found is None:
            return web.json_response({"error": "not_found", "_info": INFO}, status=404)
        if callable(found):
            found = found(asked)
        if isinstance(found, web.StreamResponse):
            return found
        if isinstance(found, bytes):
            return web.Response(body=found, content_type="application/json")
        return web.json_response({**found, "_info": INFO})

    @contextlib.asynccontextmanager
    async def serving(self):
        runner = web.ServerRunner(web.Server(self.handle), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


class Bench:
    """One agent of a fleet: its sources against the double, and the state that its booked facts make."""

    def __init__(self, double: Double, **declared: Any) -> None:
        self.double = double
        self.clock = ManualClock(NOW)
        self.fleet = empty_fleet()
        self.booked: dict[str, Event] = {}
        self.facts: list[Event] = []
        self._declared = declared
        self.sources: dict[str, Any] = {}

    @property
    def state(self) -> AgentState:
        return self.fleet.agents["a-1"]

    def open(self, session, *, keys=None, deadline_s: float = 5.0) -> None:
        services = ("casino", "escrow", "trading", "wallet", "domains", "gateway")
        self.platform = Platform(
            bases=dict.fromkeys(services, self.double.base), session=session, clock=self.clock, deadline_s=deadline_s
        )
        agent = AgentKeys(
            agent_id="a-1",
            keys=KEYS if keys is None else keys,
            platform_ids={"casino": "ag_000000000001"},
            addresses=ADDRESSES,
            health_url=f"{self.double.base}/agents/a-1",
        )
        self.sources = {source.collector: source for source in sources_for(agent, self.platform)}
        self.book(
            [
                AgentDeclared(
                    fact_id="declared",
                    agent_id="a-1",
                    at=NOW,
                    seen_at=NOW,
                    source="test",
                    strategy="flat",
                    platform_ids={"casino": "ag_000000000001"},
                    capital_usd=Decimal(10_000),
                    collectors=tuple(self.sources),
                    trades=True,
                    **self._declared,
                )
            ]
        )

    def book(self, facts: Sequence[Event]) -> list[Event]:
        """Book what is new, as the store would, and return it."""
        new = [fact for fact in facts if fact.fact_id not in self.booked]
        for fact in new:
            self.booked[fact.fact_id] = fact
            fold(self.fleet, fact)
        self.facts += new
        return new

    async def read(self, collector: str, *, book: bool = True, after: float = 15.0) -> list[Event]:
        """Time passes, the source is read, and what it brought is booked with the end of the reading."""
        self.clock.advance(after)
        now = self.clock.now()
        facts = list(await self.sources[collector].read(self.state, now))
        if book:
            end = SourceRead(
                fact_id=reading_id(collector, "source_read", "a-1", now), agent_id="a-1", at=now, seen_at=now,
                source="monitor", collector=collector, duration_s=0.01, valid_s=60.0, facts=len(facts),
            )  # fmt: skip
            self.book([*facts, end])
        return facts

    async def fail(self, collector: str) -> SourceError:
        """The source is read and fails."""
        self.clock.advance(15.0)
        with pytest.raises(SourceError) as caught:
            await self.sources[collector].read(self.state, self.clock.now())
        return caught.value

    def of(self, kind: type) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


@pytest.fixture
def good() -> dict[str, Any]:
    """Answers of every route for one agent with something everywhere."""
    return copy.deepcopy(_GOOD)


@pytest.fixture
def with_bench(good):
    """Run an async scenario `(bench) -> result` against a double that gives good answers."""

    def run(scenario, *, keys=None, deadline_s=5.0):
        async def main():
            async with Double(good).serving() as double, open_session(8) as session:
                bench = Bench(double)
                bench.open(session, keys=keys, deadline_s=deadline_s)
                return await scenario(bench)

        return asyncio.run(main())

    return run


@pytest.fixture
def with_double():
    """Run an async scenario `(double, session) -> result` against an empty double."""

    def run(scenario):
        async def main():
            async with Double().serving() as double, open_session(8) as session:
                return await scenario(double, session)

        return asyncio.run(main())

    return run


def ledger_row(change: str, balance: str, reason: str, at: float) -> dict[str, Any]:
    return {"balance": float(balance), "change": float(change), "reason": reason, "at": iso(at)}


@pytest.fixture
def row():
    return ledger_row


def curve(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"agent_id": "ag_000000000001", "data_points": len(rows), "bankroll_curve": list(rows)}


@pytest.fixture
def fail_with():
    """Make an answer that is a failure: a status with the platform's error body."""

    def make(status: int, error: str = "internal_error", **extra: Any):
        return lambda _: web.json_response({"error": error, **extra, "_info": INFO}, status=status)

    return make


_PAST = int(NOW) - 600
_GOOD: dict[str, Any] = {
    "/api/v1/auth/balance": {"agent_id": "ag_000000000001", "balance_usd": 97.5, "recent_activity": []},
    "/api/v1/kelly/history": curve(
        ledger_row("100", "100", "deposit:base:usdc", _PAST),
        ledger_row("-5", "95", "reservation", _PAST + 10),
        ledger_row("7.5", "102.5", "reservation_release", _PAST + 10),
        ledger_row("-5", "97.5", "escrow_lock: esc_00000000000000a1", _PAST + 20),
    ),
    "/api/v1/auth/ledger": {"entries": []},
    "/api/v1/auth/withdrawals": {"withdrawals": []},
    "/api/v1/stats/me": {
        "lifetime": {"total_bets": 1, "win_rate": 100.0},
        "by_game": [{"game": "coin_flip", "bets": 1, "wagered": 5.0, "won": 7.5, "net": 2.5, "win_rate": 100.0}],
    },
    "/api/v1/auth/referral/stats": {
        "total_referrals": 2,
        "total_earned_usd": 0.25,
        "by_level": {"level_1": {"count": 2}, "level_2": {"count": 0}, "level_3": {"count": 0}},
    },
    "/api/v1/challenges": {"outgoing": [], "incoming": []},
    "/api/v1/bets/history": {
        "bets": [
            {
                "id": "bet_1", "game": "coin_flip", "amount": 5.0, "amount_won": 7.5, "won": True, "net": 2.5,
                "at": iso(_PAST + 10),
            }
        ],
        "pagination": {"total": 1, "limit": 200, "offset": 0, "has_more": False},
    },
    "/escrow/esc_00000000000000a1": {
        "escrow_id": "esc_00000000000000a1", "status": "funded", "amount_usd": 5.0, "commission_usd": 0.05,
        "net_to_counterparty": 4.95, "description": "work", "creator_id": "ag_000000000001",
        "counterparty_id": "ag_000000000002", "timeout_hours": 1, "created_at": iso(_PAST + 20),
        "auto_release_at": iso(_PAST + 3620), "completed_at": None, "released_at": None, "disputed_at": None,
        "events": [],
    },
    "/v1/trade/positions": {
        "positions": [
            {
                "position_id": "pos_1", "coin": "BTC", "ticker": "BTC", "side": "long", "size": 0.01, "size_usd": 600.0,
                "entry_price": 60000.0, "current_price": 60500.0, "leverage": 5, "margin_used": 120.0,
                "liquidation_price": 49200.0, "unrealized_pnl": 5.0, "return_on_equity": "0.04",
                "source": "hyperliquid",
            }
        ],
        "count": 1,
        "source": "hyperliquid",
    },
    "/v1/trade/positions?status=all": {
        "positions": [
            {
                "id": "pos_1", "coin": "BTC", "side": "long", "sizeUsd": 600.0, "entryPrice": 60000.0, "leverage": 5,
                "marginUsed": 120.0, "liquidationPrice": 49200.0, "unrealizedPnl": 0, "status": "open",
                "openedAt": _PAST, "closedAt": None,
            },
            {
                "id": "pos_0", "coin": "ETH", "side": "short", "sizeUsd": 300.0, "entryPrice": 3000.0, "leverage": 3,
                "marginUsed": 100.0, "liquidationPrice": 3900.0, "unrealizedPnl": 12.5, "status": "closed",
                "openedAt": _PAST - 60, "closedAt": _PAST - 5,
            },
        ],
        "count": 2,
        "source": "database",
    },
    "/v1/trade/history": {
        "trades": [
            {
                "id": "trd_3", "orderId": "ord_3", "coin": "BTC", "side": "buy", "sizeUsd": 600.0, "price": 60000.0,
                "fee": 0.33, "realizedPnl": None, "createdAt": _PAST,
            },
            {
                "id": "trd_2", "orderId": "ord_2", "coin": "ETH", "side": "buy", "sizeUsd": 300.0, "price": 2875.0,
                "fee": 0.165, "realizedPnl": 12.5, "createdAt": _PAST - 5,
            },
            {
                "id": "trd_1", "orderId": "ord_1", "coin": "ETH", "side": "sell", "sizeUsd": 300.0, "price": 3000.0,
                "fee": 0.165, "realizedPnl": None, "createdAt": _PAST - 60,
            },
        ],
        "count": 3,
    },
    "/v1/trade/limit-orders": {
        "orders": [
            {
                "id": "lo_2", "type": "stop_loss", "coin": "btc", "side": "long", "trigger_price": 55000.0, "size_usd": 600.0,
                "leverage": 5, "position_id": "pos_1", "status": "pending", "created_at": _PAST, "filled_at": None,
            },
            {
                "id": "lo_1", "type": "limit", "coin": "ETH", "side": "long", "trigger_price": 2500.0, "size_usd": 40.0,
                "leverage": 2, "position_id": None, "status": "cancelled", "created_at": _PAST - 60, "filled_at": None,
            },
        ],
        "count": 2,
    },
    "/v1/referral/stats": {
        "total_referrals": 0, "total_earned_usd": 1.5, "total_withdrawn_usd": 0.5, "available_usd": 1.0,
    },
    "/v1/wallet/usdc-balance": {
        "total_usdc": 150.25,
        "balances": [
            {"chain": "base", "wallet_address": "0x12ab34cd56ef", "usdc_balance": 100.25},
            {"chain": "solana", "wallet_address": "So1anaAddress", "usdc_balance": 50},
        ],
    },
    "/v1/wallet/portfolio-value": {
        "wallets": [
            {"chain": "base", "symbol": "ETH", "balance": 0.5, "price_usd": 3000.0, "value_usd": 1500.0},
            {"chain": "solana", "symbol": "SOL", "balance": 0, "price_usd": None, "value_usd": None},
        ],
    },
    "/v1/wallet/activity": {
        "total": 1,
        "has_more": False,
        "events": [
            {
                "type": "swap", "id": "swp_1", "created_at": _PAST, "status": "pending", "from_chain": "base",
                "from_token": "USDC", "from_amount": "25000000", "to_chain": "base", "to_token": "ETH",
                "to_amount": "0.0083", "fee_usd": 0.125,
            }
        ],
    },
    "/v1/auth/account": {"agent_id": "ag_d", "balance_usd": 27.12, "total_domains": 1},
    "/v1/auth/deposits": {
        "deposits": [
            {
                "id": "dep_1", "chain": "base", "token": "USDC", "amount_usd": 40.0, "swap_fee": 0,
                "status": "credited", "created_at": iso(_PAST), "credited_at": iso(_PAST + 30),
            }
        ]
    },
    "/v1/domains": {
        "domains": [
            {
                "domain_id": "dom_1", "domain": "flea.com", "status": "active", "registered_at": iso(_PAST + 60),
                "expires_at": iso(_PAST + 60 + 31_536_000), "auto_renew": False, "price_paid": 14.26,
            }
        ]
    },
    "/api/wallet/a-1/balances": {"balances": {"USDC": 80.5, "ETH": 0.25}},
    "/api/escrow": {"count": 1, "total_locked_usdc": 5.0},
    "/agents/a-1/health": {
        "status": "ok",
        "checks": {
            "exchange_api": {"ok": True, "latency_ms": 20.1},
            "wallet": {"ok": True, "balance": 97.5},
            "strategy_heartbeat": {"ok": True, "last_action_secs_ago": 12.5},
            "system": {"cpu_pct": 12.0, "mem_pct": 40.0, "ok": True},
        },
    },
    "/agents/a-1/metrics": {"balance": 97.5, "pnl_24h": -2.5, "open_positions": 1},
}  # fmt: skip


class FakeSource:
    """A source without a network: it does what it was told, and counts."""

    def __init__(self, agent_id: str, collector: str = "casino", behave=None) -> None:
        self.agent_id, self.collector = agent_id, collector
        self.behave = behave
        self.reads: list[float] = []
        self.closed = 0
        self.hurried = 0
        self.under_way = self.most_under_way = 0

    def hurry(self) -> None:
        self.hurried += 1

    async def read(self, known, now):
        self.reads.append(asyncio.get_running_loop().time())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self.behave() if self.behave is not None else ()
        finally:
            self.under_way -= 1

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def fake_source():
    return FakeSource


@pytest.fixture
def failures():
    return lambda facts: [fact for fact in facts if isinstance(fact, SourceUnavailable)]
