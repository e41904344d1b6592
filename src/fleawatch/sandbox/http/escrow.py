"""The escrow and faucet servers. Escrow takes the casino key; an escrow can be read by anyone who knows its id.

There is no listing: `GET /escrow`, `/escrows` and `/escrow?agent_id=` are 404.
"""

from __future__ import annotations

from typing import Any

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.http.front import Desk, Front
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.services.escrow import Escrow
from fleawatch.units import iso


class EscrowFront(Front):
    """`/escrow/...`. Its health does not look at the database."""

    service = "escrow"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.get("/health", self.health(uptime=self.uptime))
        self.get("/escrow/stats", self.with_database(lambda _: self.platform.escrow.stats()))
        self.get("/escrow/:id", self.with_database(self._show))
        self.post("/escrow/create", self.with_database(self._create))
        self.post("/escrow/complete/:id", self.with_database(self._complete))
        self.post("/escrow/release/:id", self.with_database(self._release))
        self.post("/escrow/dispute/:id", self.with_database(self._dispute))

    def person(self, call: Call) -> Person | None:
        account = self._reader(call)
        return account.person if account else None

    def _reader(self, call: Call) -> Account | None:
        account = self.platform.bank.by_key.get(call.key or "")
        return None if account is None or call.now >= account.person.key_expires_at else account

    def _actor(self, call: Call, limit: int, message: str | None = None) -> Account:
        self.limits.by_address(call.path, call.address, limit, call.now)
        account = self._reader(call)
        if account is None:
            raise RefusedError(401, "unauthorized", message)
        return account

    def _create(self, call: Call) -> Answer:
        creator = self._actor(call, 20, "Bearer {casino_api_key} required. Register at casino.purpleflea.com.")
        body = call.json(lenient=True)
        fields = ("amount_usd", "description", "counterparty_agent_id", "timeout_hours", "referral_code")
        escrow = self.platform.escrow.create(creator, **{name: body.get(name) for name in fields})
        return Reply(
            {
                "escrow_id": escrow.id,
                "amount_usd": float(escrow.amount),
                "commission_usd": float(escrow.commission),
                "net_to_counterparty": float(escrow.net),
                "description": escrow.description,
                "creator_id": escrow.creator.id,
                "counterparty_id": escrow.counterparty.id,
                "status": escrow.status,
                "timeout_hours": escrow.timeout_hours,
                "auto_release_at": iso(escrow.auto_release_at),
            },
            201,
        )

    def _complete(self, call: Call) -> Answer:
        escrow = self.platform.escrow.complete(self._actor(call, 30), call.params["id"])
        return {
            "escrow_id": escrow.id,
            "status": escrow.status,
            "message": "Task marked complete. Waiting for creator to release funds.",
            "auto_release_at": iso(escrow.auto_release_at),
        }

    def _release(self, call: Call) -> Answer:
        escrow = self.platform.escrow.release(self._actor(call, 30), call.params["id"])
        return {
            "escrow_id": escrow.id,
            "status": escrow.status,
            "amount_released": float(escrow.net),
            "commission": float(escrow.commission),
            "referral_commission": float(escrow.referral_commission),
            "counterparty_id": escrow.counterparty.id,
        }

    def _dispute(self, call: Call) -> Answer:
        actor = self._actor(call, 10)
        escrow = self.platform.escrow.dispute(actor, call.params["id"], call.json(lenient=True).get("reason"))
        return {"escrow_id": escrow.id, "status": escrow.status, "reason": escrow.events[-1]["note"]}

    def _show(self, call: Call) -> Answer:
        escrow = self.platform.escrow.find(call.params["id"])
        reader = self._reader(call)
        document = described(escrow)
        if reader is not None and reader in (escrow.creator, escrow.counterparty):
            document["events"] = escrow.events
        return document


def described(escrow: Escrow) -> dict[str, Any]:
    """An escrow as everybody sees it."""
    return {
        "escrow_id": escrow.id,
        "status": escrow.status,
        "amount_usd": float(escrow.amount),
        "commission_usd": float(escrow.commission),
        "net_to_counterparty": float(escrow.net),
        "description": escrow.description,
        "creator_id": escrow.creator.id,
        "counterparty_id": escrow.counterparty.id,
        "timeout_hours": escrow.timeout_hours,
        "created_at": iso(escrow.created),
        "auto_release_at": iso(escrow.auto_release_at),
        "completed_at": _moment(escrow.completed_at),
        "released_at": _moment(escrow.released_at),
        "disputed_at": _moment(escrow.disputed_at),
    }


def _moment(second: int | None) -> str | None:
    return None if second is None else iso(second)


class FaucetFront(Front):
    """`/faucet/...`, without keys."""

    service = "faucet"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.get("/health", self.health(uptime=self.uptime))
        self.get("/faucet/stats", self.with_database(lambda _: self.platform.faucet.stats()))
        self.post("/faucet/claim", self.with_database(self._claim))

    def _claim(self, call: Call) -> Answer:
        self.limits.by_address(call.path, call.address, 5, call.now)
        body = call.json(lenient=True)
        return self.platform.faucet.claim(body.get("agent_casino_id"), call.address, body.get("referral_code"))
