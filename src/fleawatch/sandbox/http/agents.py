"""Each agent's own server: `/agents/<name>/health` and `/agents/<name>/metrics`, JSON with the documented fields.

An agent that has fallen silent does not answer any more: its connections are dropped.
"""

from __future__ import annotations

import hashlib

from aiohttp import web

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.http.front import Desk, Front
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError

MIN_BALANCE = 1.0
STALE_AFTER = 300.0


class AgentsFront(Front):
    """The health servers of the whole fleet on one port."""

    service = "agents"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._people = {person.name: person for person in desk.world.fleet}
        self.get("/agents/:name/health", self._health)
        self.get("/agents/:name/metrics", self._metrics)

    def person(self, call: Call) -> Person | None:
        parts = call.path.split("/")
        return self._people.get(parts[2]) if len(parts) > 2 else None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        parts = request.raw_path.split("/")
        person = self._people.get(parts[2]) if len(parts) > 2 else None
        if person is not None and self.desk.catch_up() >= person.silent_at:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return await super().__call__(request)

    def _found(self, call: Call) -> Person:
        person = self._people.get(call.params["name"])
        if person is None:
            raise RefusedError(404, "not_found")
        return person

    def _with_info(self, document: dict[str, object] | list[object]) -> dict[str, object] | list[object]:
        """These servers are the agents' own: no platform adds anything to their answers."""
        return document

    def _health(self, call: Call) -> Answer:
        person = self._found(call)
        balance = self.desk.world.account(person).balance
        # With the books frozen nobody acts any more; the heartbeat is judged at the time the books stopped.
        idle = max(0.0, min(call.now, self.desk.end) - (person.last_action or self.desk.world.origin))
        load = int(hashlib.sha256(f"{person.name}{int(call.now)}".encode()).hexdigest()[:4], 16) / 65_535
        checks = {
            "exchange_api": {"ok": not call.outage, "latency_ms": round(8 + 30 * load, 1)},
            "wallet": {"ok": balance > MIN_BALANCE, "balance": balance},
            "strategy_heartbeat": {"ok": idle < STALE_AFTER, "last_action_secs_ago": round(idle, 1)},
            "system": {"cpu_pct": round(4 + 20 * load, 1), "mem_pct": round(35 + 10 * load, 1), "ok": True},
        }
        healthy = all(check["ok"] for check in checks.values())
        document = {
            "status": "ok" if healthy else "degraded",
            "uptime_secs": round(call.now - self.started),
            "agent_id": person.name,
            "checks": checks,
            "timestamp": call.shown,
        }
        return Reply(document, 200 if healthy else 503)

    def _metrics(self, call: Call) -> Answer:
        """`balance`, `pnl_24h`, `open_positions`; an empty document when its data source is away."""
        person = self._found(call)
        if call.outage:
            return {}
        account = self.desk.world.account(person)
        trader = self.platform.trading.traders.get(person.platform_ids.get("trading", ""))
        since = call.now - 86_400
        pnl = sum(bet.amount_won - bet.amount for bet in account.bets if bet.second >= since)
        positions = trader.positions if trader else []
        if trader is not None:
            pnl += sum(p.result for p in positions if (p.closed or 0) >= since)
            pnl -= sum(trade.fee for trade in trader.trades if trade.second >= since)
        opened = sum(position.status == "open" for position in positions)
        return {"balance": account.balance, "pnl_24h": pnl, "open_positions": opened}
