"""The domains server: an own balance, prices in EUR, no ledger, no withdrawals, no rate limits."""

from __future__ import annotations

from typing import Any

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.http.front import Desk, Front
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.domains import PRICES_EUR, Registrant
from fleawatch.units import iso


class DomainsFront(Front):
    """`/v1/...`."""

    service = "domains"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        health = self.health(
            database=lambda call: "error" if call.outage else "ok",
            uptime_seconds=lambda call: int(self.uptime(call)),
            registered_agents=lambda _: len(self.platform.domains.agents),
            timestamp=lambda call: iso(call.shown),
        )
        self.get("/health", health)
        self.get("/ping", health)
        self.post("/v1/auth/register", self.with_database(self._register))
        self.post("/v1/domains/purchase", self.with_database(self._purchase))
        for path, handler in (
            ("/v1/auth/account", self._account),
            ("/v1/auth/deposits", self._deposits),
            ("/v1/domains", self._domains),
            ("/v1/domains/search", self._search),
            ("/v1/domains/expiring", self._expiring),
            ("/v1/referral/stats", self._referral),
            ("/v1/public-stats", self._public),
            ("/v1/stats", self._public),
            ("/v1/feed", self._feed),
            ("/v1/auctions", lambda _: {"auctions": []}),
            ("/v1/leaderboard", self._leaderboard),
        ):
            self.get(path, self.with_database(handler))

    def person(self, call: Call) -> Person | None:
        agent = self.platform.domains.by_key.get(call.key or "")
        return agent.person if agent else None

    def agent(self, call: Call) -> Registrant:
        """The registrant of the key.

        Raises:
            RefusedError: 401 `unauthorized`.
        """
        agent = self.platform.domains.by_key.get(call.key or "")
        if agent is None or call.now >= agent.person.key_expires_at:
            raise RefusedError(401, "unauthorized", "Missing or invalid API key. Use: Bearer sk_domains_...")
        return agent

    def _register(self, call: Call) -> Answer:
        code = call.json(lenient=True).get("referral_code")
        person = self.desk.world.guest()
        agent = self.platform.domains.register(person, code if isinstance(code, str) else None)
        key = person.keys["domains"]
        return Reply({"agent_id": agent.id, "api_key": key, "referral_code": agent.referral_code}, 201)

    def _purchase(self, call: Call) -> Answer:
        agent = self.agent(call)
        row = self.platform.domains.purchase(agent, call.json().get("domain"))
        return Reply(_dated(row) | {"balance_usd": float(agent.balance)}, 201)

    def _account(self, call: Call) -> Answer:
        agent = self.agent(call)
        return {
            "agent_id": agent.id,
            "tier": "free",
            "balance_usd": float(agent.balance),
            "total_spent": float(agent.spent),
            "total_deposited": float(agent.deposited),
            "total_domains": len(agent.domains),
            "referral_code": agent.referral_code,
            "created_at": iso(agent.created),
        }

    def _deposits(self, call: Call) -> Answer:
        rows = [_dated(row) for row in self.agent(call).deposits]
        return {"total": len(rows), "deposits": rows[::-1]}

    def _domains(self, call: Call) -> Answer:
        rows = [_dated(row) for row in self.agent(call).domains]
        return {"total": len(rows), "domains": rows[::-1]}

    def _search(self, call: Call) -> Answer:
        """Prices in EUR without a markup; what is paid is in USD with it."""
        name, price, _ = self.platform.domains.quote(call.query.get("domain", ""))
        euros = PRICES_EUR[name.rpartition(".")[2]]
        free = name not in self.platform.domains.taken
        return {"domain": name, "available": free, "price_eur": euros, "total_usd": float(price)}

    def _expiring(self, _: Call) -> Answer:
        """The real route hides the agent's own list behind this invented one."""
        names = ("agentpay.com", "fleamarket.ai", "botfunds.io")
        return {"expiring": [{"domain": name, "expires_in_days": 3 + 4 * i} for i, name in enumerate(names)]}

    def _feed(self, _: Call) -> Answer:
        """The latest purchases of everybody. Nothing is ever auctioned here, so the auctions stay empty."""
        bought = [(row["registered_at"], a, row) for a in self.platform.domains.agents.values() for row in a.domains]
        bought.sort(key=lambda purchase: -purchase[0])
        return {
            "feed": [
                {
                    "type": "registration",
                    "agent_id": f"{agent.id[:8]}...",
                    "tld": row["domain"].rpartition(".")[2],
                    "price_paid": row["price_paid"],
                    "at": iso(registered),
                }
                for registered, agent, row in bought[:20]
            ]
        }

    def _leaderboard(self, _: Call) -> Answer:
        agents = sorted(self.platform.domains.agents.values(), key=lambda agent: -agent.spent)
        if not any(agent.domains for agent in agents):
            raise RefusedError(500, "internal_error", "An unexpected error occurred")
        return {"leaderboard": [{"agent_id": f"{a.id[:8]}...", "domains": len(a.domains)} for a in agents]}

    def _referral(self, call: Call) -> Answer:
        agent = self.agent(call)
        return {
            "total_referrals": len({row["referred_id"] for row in agent.earnings}),
            "total_markup_generated_usd": sum(row["markup_usd"] for row in agent.earnings),
            "total_earned_usd": round(sum(row["commission_usd"] for row in agent.earnings), 2),
            "recent_earnings": agent.earnings[:-21:-1],
        }

    def _public(self, _: Call) -> Answer:
        agents = self.platform.domains.agents.values()
        earnings = sum(row["commission_usd"] for agent in agents for row in agent.earnings)
        return {
            "total_agents": len(agents),
            "total_domains": sum(len(agent.domains) for agent in agents),
            "total_volume_usd": float(sum(agent.spent for agent in agents)),
            "total_referral_payouts_usd": round(earnings, 2),
        }


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its times written out."""
    times = ("registered_at", "expires_at", "created_at", "credited_at")
    return {name: iso(value) if name in times else value for name, value in row.items()}
