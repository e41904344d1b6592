"""The wallet server. It reads chains for whoever asks; a chain that fails is a zero with an `error`, and a 200."""

from __future__ import annotations

from typing import Any

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.http.front import Desk, Front
from fleawatch.sandbox.numbers import exact, round2
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.wallet import NATIVE, USDC_CHAINS, WalletAgent
from fleawatch.units import iso

_UNITS = {"ETH": ("wei", 18), "SOL": ("lamports", 9), "BTC": ("sat", 8), "TRX": ("sun", 6), "XMR": ("piconero", 12)}
_CONTRACTS = {
    "base": "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
    "ethereum": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
    "solana": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
}
_FIXED_ETH_USD = 3_200.0
_SWALLOWED = ("solana", "tron")
"""Chains whose RPC errors inside a 200 are taken for a balance of nothing."""


class WalletFront(Front):
    """`/v1/...`. There is no balance of an agent: `/v1/balance` and `/v1/wallet/balances` do not exist."""

    service = "wallet"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        health = self.health(
            database=lambda _: "ok",
            uptime_seconds=lambda call: int(self.uptime(call)),
            registered_agents=lambda _: len(self.platform.wallet.agents),
            timestamp=lambda call: iso(call.shown),
        )
        self.get("/health", health)
        self.get("/ping", health)
        self.post("/v1/auth/register", self._register)
        self.post("/v1/wallet/create", self._create)
        self.post("/v1/wallet/swap", self._swap)
        self.post("/v1/wallet/portfolio/addresses", self._save)
        self.post("/v1/referral/withdraw", self._withdraw)
        self.get("/v1/wallet/balance/:address", self._balance)
        self.get("/v1/wallet/usdc-balance", self._usdc)
        self.get("/v1/wallet/portfolio", lambda call: self._portfolio(call, self.agent(call).saved))
        self.get("/v1/wallet/portfolio-value", self._portfolio_value)
        self.get("/v1/wallet/activity", self._activity)
        self.get("/v1/wallet/swap-analytics", self._analytics)
        self.get("/v1/wallet/swap/status/:order", self._status)
        self.get("/v1/wallet/chains/health", self._chains)
        self.get("/v1/referral/stats", self._referral)
        self.get("/v1/public-stats", self._public)
        self.get("/v1/portfolio", self._fixed_prices)
        self.get("/v1/leaderboard", self._leaderboard)
        self.get("/v1/feed", self._feed)

    def person(self, call: Call) -> Person | None:
        agent = self.platform.wallet.by_key.get(call.key or "")
        return agent.person if agent else None

    def agent(self, call: Call) -> WalletAgent:
        """The wallet agent of the key; reading sets its `last_active`.

        Raises:
            RefusedError: 401 `unauthorized`.
        """
        agent = self.platform.wallet.by_key.get(call.key or "")
        if agent is None or call.now >= agent.person.key_expires_at:
            raise RefusedError(401, "unauthorized", "Missing or invalid API key. Use: Bearer pk_live_...")
        agent.last_active = int(call.now)
        return agent

    def _register(self, call: Call) -> Answer:
        self.limits.by_address(call.path, call.address, 10, call.now)
        code = call.json(lenient=True).get("referral_code")
        person = self.desk.world.guest()
        agent = self.platform.wallet.register(person, code if isinstance(code, str) else None)
        key = person.keys["wallet"]
        return Reply({"agent_id": agent.id, "api_key": key, "referral_code": agent.referral_code}, 201)

    def _create(self, call: Call) -> Answer:
        person = self.agent(call).person
        person.addresses = self.platform.wallet.create_addresses(person)
        words = " ".join(["flea"] * 24)
        return Reply({"addresses": person.addresses, "mnemonic": words, "warning": "Shown once."}, 201)

    def _swap(self, call: Call) -> Answer:
        agent = self.agent(call)
        self.limits.by_address(call.path, call.address, 30, call.now)
        return Reply(self.platform.wallet.swap(agent, call.json()), 201)

    def _save(self, call: Call) -> Answer:
        agent, body = self.agent(call), call.json()
        chain, address = body.get("chain"), body.get("address")
        if chain not in NATIVE or not isinstance(address, str):
            raise RefusedError(400, "invalid_request", "Provide chain and address")
        agent.saved[str(chain)] = address
        return {"saved": True, "addresses": agent.saved}

    def _withdraw(self, call: Call) -> Answer:
        agent = self.agent(call)
        self.limits.by_address(call.path, call.address, 5, call.now)
        return {"withdrawn_usd": self.platform.wallet.withdraw_referral(agent)}

    def _balance(self, call: Call) -> Answer:
        """One chain, its native coin, as text; no USD."""
        self.agent(call)
        chain, address = call.query.get("chain", "base"), call.params["address"]
        if chain not in NATIVE:
            raise RefusedError(400, "unsupported_chain", supported=list(NATIVE))
        amount = self.platform.wallet.held(chain, address, NATIVE[chain])
        if call.outage:
            if chain not in _SWALLOWED:
                raise RefusedError(502, "rpc_error", "fetch failed")
            amount = exact(0.0)
        unit, decimals = _UNITS[NATIVE[chain]]
        native = {"symbol": NATIVE[chain], "amount": f"{amount:f}", unit: str(int(amount.scaleb(decimals)))}
        return {"address": address, "chain": chain, "balance": {"native": native}}

    def _usdc(self, call: Call) -> Answer:
        self.agent(call)
        asked = {chain: call.query[chain] for chain in USDC_CHAINS if chain in call.query}
        if not asked:
            raise RefusedError(400, "invalid_request", "Provide at least one of: base, ethereum, solana")
        rows = [self._usdc_row(chain, address, outage=call.outage) for chain, address in asked.items()]
        total = sum(row["usdc_balance"] for row in rows)
        return {"total_usdc": total, "total_usd": total, "chain_count": len(rows), "balances": rows}

    def _usdc_row(self, chain: str, address: str, *, outage: bool) -> dict[str, Any]:
        held = 0 if outage else float(self.platform.wallet.held(chain, address, "USDC"))
        row = {"chain": chain, "wallet_address": address, "usdc_balance": held, "usdc_contract": _CONTRACTS[chain]}
        return {**row, "error": "RPC request failed"} if outage else row

    def _portfolio_value(self, call: Call) -> Answer:
        self.agent(call)
        return self._portfolio(call, {chain: call.query[chain] for chain in NATIVE if chain in call.query})

    def _portfolio(self, call: Call, addresses: dict[str, str]) -> Answer:
        """Native coins only. A failure counts as 0 in the totals; its row has an `error` and nulls."""
        wallets = [self._held(chain, address, outage=call.outage) for chain, address in addresses.items()]
        values = [(row["chain"], row["value_usd"] or 0.0) for row in wallets]
        prices = {row["symbol"]: row["price_usd"] for row in wallets if row["price_usd"] is not None}
        return {
            "total_value_usd": sum(value for _, value in values),
            "address_count": len(wallets),
            "by_chain": dict(values),
            "wallets": wallets,
            "prices_usd": prices,
        }

    def _held(self, chain: str, address: str, *, outage: bool) -> dict[str, Any]:
        symbol = NATIVE[chain]
        row: dict[str, Any] = {"chain": chain, "address": address, "symbol": symbol}
        if outage:
            return {**row, "balance": 0, "price_usd": None, "value_usd": None, "error": "fetch failed"}
        balance = self.platform.wallet.held(chain, address, symbol)
        price = self.platform.wallet.price(symbol)
        value = None if price is None else float(balance * exact(price))
        return {**row, "balance": float(balance), "price_usd": price, "value_usd": value}

    def _activity(self, call: Call) -> Answer:
        agent = self.agent(call)
        limit, offset = call.integer("limit", 50, 100), call.integer("offset", 0, 10**9)
        kind = call.query.get("type")
        events = [e for e in agent.swaps + agent.earnings if kind is None or e["type"] == kind]
        events.sort(key=lambda event: -int(event["created_at"]))
        return {
            "total": len(events),
            "has_more": offset + limit < len(events),
            "summary": {
                "total_swaps": len(agent.swaps),
                "total_fees_paid": sum(row["fee_usd"] for row in agent.swaps),
                "total_referral_earned": float(self.platform.wallet.earned(agent)),
                "total_withdrawn": float(agent.withdrawn),
            },
            "events": events[offset : offset + limit],
        }

    def _analytics(self, call: Call) -> Answer:
        swaps = self.agent(call).swaps
        fees = sum(row["fee_usd"] for row in swaps)
        return {"period": call.query.get("period", "all"), "total_swaps": len(swaps), "total_fees_usd": fees}

    def _status(self, call: Call) -> Answer:
        for row in self.agent(call).swaps:
            if row["order_id"] == call.params["order"]:
                return {"order_id": row["order_id"], "status": "completed"}
        raise RefusedError(404, "order_not_found")

    def _chains(self, call: Call) -> Answer:
        online = 0 if call.outage else len(NATIVE)
        chains = [{"chain": c, "status": "offline" if call.outage else "online", "latency_ms": 41} for c in NATIVE]
        overall = "down" if call.outage else "healthy"
        summary = {"chains_online": online, "chains_total": len(NATIVE), "overall": overall, "avg_latency_ms": 41}
        return {"summary": summary, "chains": chains}

    def _referral(self, call: Call) -> Answer:
        agent = self.agent(call)
        earned = self.platform.wallet.earned(agent)
        return {
            "total_referrals": len(agent.referrals),
            "total_earned_usd": float(earned),
            "total_withdrawn_usd": float(agent.withdrawn),
            "available_usd": float(earned - agent.withdrawn),
            "referrals": [{"agent_id": agent_id} for agent_id in agent.referrals],
            "recent_earnings": agent.earnings[:-21:-1],
        }

    def _fixed_prices(self, call: Call) -> Answer:
        """Valued at prices that are written in the server and never change: no value to rely on."""
        address = call.query.get("address", "")
        if not address:
            raise RefusedError(400, "invalid_request", "Provide ?address=")
        rows = [
            {"chain": chain, "symbol": "ETH", "balance": float(held), "value_usd": float(held) * _FIXED_ETH_USD}
            for chain in ("ethereum", "base")
            if not call.outage and (held := self.platform.wallet.held(chain, address, "ETH"))
        ]
        return {"address": address, "total_value_usd": sum(row["value_usd"] for row in rows), "holdings": rows}

    def _leaderboard(self, _: Call) -> Answer:
        """Agents by the fees of their swaps, with cut ids."""
        fees = [(sum(row["fee_usd"] for row in a.swaps), a) for a in self.platform.wallet.agents.values() if a.swaps]
        ranked = sorted(fees, key=lambda pair: -pair[0])[:20]
        return {
            "leaderboard": [
                {
                    "rank": rank,
                    "agent_id": f"{agent.id[:8]}...",
                    "total_swaps": len(agent.swaps),
                    "total_fees_usd": round2(fee),
                }
                for rank, (fee, agent) in enumerate(ranked, start=1)
            ]
        }

    def _feed(self, _: Call) -> Answer:
        """The latest swaps of everybody, without their amounts."""
        swaps = [(row["created_at"], a, row) for a in self.platform.wallet.agents.values() for row in a.swaps[-20:]]
        swaps.sort(key=lambda swap: -swap[0])
        return {
            "feed": [
                {
                    "type": "swap",
                    "agent_id": f"{agent.id[:8]}...",
                    **{name: row[name] for name in ("from_chain", "from_token", "to_chain", "to_token")},
                    "at": iso(created),
                }
                for created, agent, row in swaps[:20]
            ]
        }

    def _public(self, _: Call) -> Answer:
        agents = self.platform.wallet.agents.values()
        return {"total_agents": len(agents), "total_swaps": sum(len(agent.swaps) for agent in agents)}
