"""The gateway that documents describe and the platform does not have: one base, agent ids in the path, `pf_live_` keys.

An agent may be named by its operator's name or by its casino id, and the casino key opens the door as well.
"""

from __future__ import annotations

from typing import Any

from fleawatch.sandbox.http.call import Answer, Call
from fleawatch.sandbox.http.front import Desk, Front
from fleawatch.sandbox.http.gateway_writes import GatewayWrites
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.services.games import GAMES, SLUGS
from fleawatch.sandbox.services.wallet import NATIVE
from fleawatch.units import iso

_ALIASES = {"coinflip": "coin_flip", "simpledice": "simple_dice", "scratchcard": "scratch_card"}


class GatewayFront(Front):
    """`/api/...`; orders, escrows and balances under `/v1` are in `gateway_writes`."""

    service = "gateway"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        health = self.health(timestamp=lambda call: iso(call.shown))
        self.get("/api/health", health)
        self.get("/health", health)
        self.get("/api/wallet/:agent/balances", self.with_database(self._balances))
        self.get("/api/escrow", self.with_database(self._escrow))
        self.get("/api/agents/:agent/stats", self.with_database(self._stats))
        self.post("/api/casino/:game", self.with_database(self._play))
        GatewayWrites(self).routes()

    def person(self, call: Call) -> Person | None:
        account = self._keyed(call)
        return account.person if account else None

    def _keyed(self, call: Call) -> Account | None:
        key, bank = call.key or "", self.platform.bank
        return bank.by_gateway_key.get(key) or bank.by_key.get(key)

    def owner(self, call: Call) -> Account:
        """The account of the key.

        Raises:
            RefusedError: 401 `unauthorized`.
        """
        account = self._keyed(call)
        if account is None or call.now >= account.person.key_expires_at:
            raise RefusedError(401, "unauthorized", "Invalid API key")
        return account

    def _account(self, call: Call, named: str | None) -> Account:
        """The account named in the request, which must be the key's own.

        Raises:
            RefusedError: 401 for the key; 404 for an unknown agent; 403 for somebody else's.
        """
        account = self.owner(call)
        everyone = {p.name for p in self.desk.world.people} | set(self.platform.bank.accounts)
        if named not in everyone:
            raise RefusedError(404, "agent_not_found", f"No agent {named}")
        if named not in (account.name, account.id):
            raise RefusedError(403, "forbidden", "This key belongs to another agent")
        return account

    def _balances(self, call: Call) -> Answer:
        """`USDC` is the casino's spendable balance; coins at known addresses follow by symbol."""
        account = self._account(call, call.params["agent"])
        balances: dict[str, float] = {"USDC": account.balance}
        for chain, address in account.person.addresses.items():
            for symbol in (NATIVE[chain], "USDC"):
                held = float(self.platform.wallet.held(chain, address, symbol))
                if held:
                    balances[symbol] = balances.get(symbol, 0.0) + held
        return {"agent_id": call.params["agent"], "balances": balances}

    def _escrow(self, call: Call) -> Answer:
        account = self._account(call, call.query.get("agent_id"))
        mine = [e for e in self.platform.escrow.escrows.values() if e.creator is account]
        status = call.query.get("status")
        rows = [e for e in mine if status is None or e.status == status or (status == "open" and e.is_open)]
        locked = sum(float(e.amount) for e in rows if e.is_open)
        return {"agent_id": call.query["agent_id"], "count": len(rows), "total_locked_usdc": locked}

    def _stats(self, call: Call) -> Answer:
        account = self._account(call, call.params["agent"])
        trader = self.platform.trading.traders.get(account.person.platform_ids.get("trading", ""))
        trading = 0.0
        if trader is not None:
            trading = sum(p.result for p in trader.positions) - sum(t.fee for t in trader.trades)
        return {
            "agent_id": call.params["agent"],
            "strategy": account.person.strategy,
            "pnl_usdc": account.total_won - account.total_wagered + trading,
            "drawdown_pct": _drawdown(account),
            "trades": len(account.bets) + len(account.parlays) + (len(trader.positions) if trader else 0),
        }

    def _play(self, call: Call) -> Answer:
        body = call.json()
        account = self._account(call, body.get("agent_id"))
        name = call.params["game"]
        game = SLUGS.get(name) or _ALIASES.get(name) or name
        if game not in GAMES:
            raise RefusedError(404, "not_found", f"No game {name}")
        answer: dict[str, Any] = self.platform.casino.bet(account, game, body.get("amount"), body)
        bet = account.bets[-1]
        return {**answer, "pnl_delta_usdc": bet.amount_won - bet.amount}


def _drawdown(account: Account) -> float:
    """Fall of the bare balance from its highest, 0 to 1: the figure that the documents ask for, flows and all."""
    peak = max((row.balance_after for row in account.rows), default=0.0)
    return max(0.0, 1 - account.balance / peak) if peak > 0 else 0.0
