"""Escrow between two agents. It moves casino balances and takes 1 %, also when the money goes back.

    funded -> completed -> released         complete by the counterparty, release by the creator
    funded | completed -> disputed          by either; no call leaves this state, the funds stay locked
    funded | completed -> refunded          `auto_release_at` passed: the creator gets the amount less 1 %

A sweep every five minutes finds what has expired, so an escrow can be open for up to five minutes past its time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, Final, Literal

from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.journal import Leg
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.numbers import ZERO, exact, micros
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account, Bank

SWEEP_SECONDS: Final = 300.0
_RATE: Final = Decimal("0.01")
_REFERRAL_RATE: Final = Decimal("0.15")
_FAILURE_CHANCE: Final = 0.02

Status = Literal["funded", "completed", "released", "refunded", "disputed"]


@dataclass(slots=True, kw_only=True)
class Escrow:
    """One escrow. Times are whole unix seconds."""

    id: str
    creator: Account
    counterparty: Account
    amount: Decimal
    commission: Decimal
    referrer: Account | None
    referral_commission: Decimal
    description: str
    timeout_hours: int
    created: int
    auto_release_at: int
    status: Status = "funded"
    completed_at: int | None = None
    released_at: int | None = None
    disputed_at: int | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def account(self) -> str:
        """The journal account that holds the locked money."""
        return f"escrow:{self.id}"

    @property
    def is_open(self) -> bool:
        """Whether the money is locked and can still move."""
        return self.status in ("funded", "completed")

    @property
    def net(self) -> Decimal:
        """What the counterparty gets on release, the creator on refund."""
        return micros(self.amount - self.commission)


class EscrowService:
    """All escrows. The creator of a failed attempt is remembered, because the ledger shows it."""

    def __init__(self, kernel: Kernel, bank: Bank) -> None:
        self.kernel = kernel
        self.bank = bank
        self.escrows: dict[str, Escrow] = {}
        self.failed: list[tuple[str, str, Decimal, int]] = []
        self._open: dict[str, Escrow] = {}
        self._trouble: dict[str, Random] = {}
        self.kernel.later(SWEEP_SECONDS, self._sweep)

    def create(
        self,
        creator: Account,
        *,
        amount_usd: Any,
        description: Any,
        counterparty_agent_id: Any,
        timeout_hours: Any = None,
        referral_code: Any = None,
    ) -> Escrow:
        """Lock `amount_usd` for `counterparty_agent_id`.

        Raises:
            RefusedError: 400, 402 or 404 with the code of what was wrong; 500 `internal_error` when the record could not
                be written after the debit (about one in fifty): the lock is then undone by a second ledger row.
        """
        with self.kernel.attempt(creator.name, "escrow", "escrow_create") as attempt:
            terms = (amount_usd, description, counterparty_agent_id, timeout_hours, referral_code)
            escrow = self._create(creator, *terms)
            attempt.reference = escrow.id
        return escrow

    def _create(
        self,
        creator: Account,
        amount_usd: Any,
        description: Any,
        counterparty_agent_id: Any,
        timeout_hours: Any,
        referral_code: Any,
    ) -> Escrow:
        amount = self._amount(amount_usd)
        text = description.strip() if isinstance(description, str) else ""
        if len(text) < 3:
            raise RefusedError(400, "invalid_description", "description is required (min 3 chars)")
        counterparty = self._counterparty(creator, counterparty_agent_id)
        self._afford(creator, amount)
        hours = min(max(1, int(timeout_hours)), 720) if isinstance(timeout_hours, int | float) else 24
        commission, referrer = micros(amount * _RATE), self._referrer(creator, referral_code)
        escrow = Escrow(
            id=f"esc_{self.kernel.ids.hex('escrow', creator.name, 16)}",
            creator=creator,
            counterparty=counterparty,
            amount=amount,
            commission=commission,
            referrer=referrer,
            referral_commission=micros(commission * _REFERRAL_RATE) if referrer else ZERO,
            description=text,
            timeout_hours=hours,
            created=self.kernel.second,
            auto_release_at=self.kernel.second + hours * 3600,
        )
        self._lock(escrow)
        return escrow

    @staticmethod
    def _afford(creator: Account, amount: Decimal) -> None:
        if creator.exact < amount:
            message = f"Balance ${creator.balance:.2f} < escrow amount ${float(amount):.2f}"
            raise RefusedError(402, "insufficient_balance", message, balance=creator.balance)

    @staticmethod
    def _amount(amount_usd: Any) -> Decimal:
        if isinstance(amount_usd, str):
            try:
                amount_usd = float(amount_usd)
            except ValueError:
                amount_usd = 0
        if isinstance(amount_usd, bool) or not isinstance(amount_usd, int | float) or not amount_usd >= 0.10:
            raise RefusedError(400, "invalid_amount", "Minimum escrow amount is $0.1")
        return micros(exact(amount_usd))

    def _counterparty(self, creator: Account, agent_id: Any) -> Account:
        if not isinstance(agent_id, str) or not agent_id.startswith("ag_"):
            raise RefusedError(400, "invalid_counterparty", "counterparty_agent_id must be in ag_xxx format")
        if agent_id == creator.id:
            raise RefusedError(400, "self_escrow", "Cannot create escrow with yourself")
        if agent_id not in self.bank.accounts:
            raise RefusedError(404, "counterparty_not_found", "Counterparty agent not found in casino")
        return self.bank.accounts[agent_id]

    def _referrer(self, creator: Account, referral_code: Any) -> Account | None:
        if isinstance(referral_code, str):
            owner = self.bank.by_code.get(referral_code)
            return owner if owner is not creator else None
        return creator.referred_by

    def _lock(self, escrow: Escrow) -> None:
        creator, amount = escrow.creator, escrow.amount
        self._move(creator, -amount, f"escrow_lock: {escrow.id}", escrow, [Leg(escrow.account, creator.name, amount)])
        trouble = self._trouble.setdefault(creator.name, stream(self.kernel.seed, "escrow-trouble", creator.name))
        if trouble.random() < _FAILURE_CHANCE:
            reason = f"escrow_create_failed_refund: {escrow.id}"
            self._move(creator, amount, reason, escrow, [Leg(escrow.account, creator.name, -amount)])
            self.failed.append((escrow.id, creator.name, amount, self.kernel.second))
            raise RefusedError(500, "internal_error", "Failed to create escrow record.")
        self.escrows[escrow.id] = self._open[escrow.id] = escrow
        creator.person.last_action = self.kernel.now
        self._event(escrow, "created", creator.id, "Escrow funded")

    def _move(self, account: Account, change: Decimal, reason: str, escrow: Escrow, against: list[Leg]) -> None:
        self.bank.move(account, change, reason, service="escrow", reference=escrow.id, against=against)

    def _event(self, escrow: Escrow, event: str, actor: str, note: str) -> None:
        escrow.events.append(
            {
                "id": len(escrow.events) + 1,
                "escrow_id": escrow.id,
                "event": event,
                "actor_id": actor,
                "note": note,
                "created_at": self.kernel.second,
            }
        )

    def find(self, escrow_id: str) -> Escrow:
        """The escrow with this id.

        Raises:
            RefusedError: 404 `not_found`.
        """
        if escrow_id not in self.escrows:
            raise RefusedError(404, "not_found", "Escrow not found")
        return self.escrows[escrow_id]

    def open_for(self, account: Account) -> list[Escrow]:
        """Open escrows that `account` created or works for; no endpoint lists them, the two sides just know."""
        return [e for e in self._open.values() if account in (e.creator, e.counterparty)]

    def complete(self, actor: Account, escrow_id: str) -> Escrow:
        """The counterparty says the work is done.

        Raises:
            RefusedError: 404; 403 for anyone else; 409 `invalid_status`.
        """
        with self.kernel.attempt(actor.name, "escrow", "escrow_complete") as attempt:
            escrow = self.find(escrow_id)
            if escrow.counterparty is not actor:
                raise RefusedError(403, "forbidden", "Only the counterparty can mark the task complete")
            if escrow.status != "funded":
                raise RefusedError(409, "invalid_status", f"Cannot complete escrow in status '{escrow.status}'")
            attempt.reference = escrow.id
        escrow.status, escrow.completed_at = "completed", self.kernel.second
        actor.person.last_action = self.kernel.now
        self._event(escrow, "completed", actor.id, "Marked complete by counterparty")
        return escrow

    def release(self, actor: Account, escrow_id: str) -> Escrow:
        """The creator pays the counterparty the amount less 1 %.

        Raises:
            RefusedError: 404; 403 for anyone else; 409 `invalid_status`.
        """
        with self.kernel.attempt(actor.name, "escrow", "escrow_release") as attempt:
            escrow = self.find(escrow_id)
            if escrow.creator is not actor:
                raise RefusedError(403, "forbidden", "Only the escrow creator can release funds")
            if not escrow.is_open:
                raise RefusedError(409, "invalid_status", f"Cannot release escrow in status '{escrow.status}'")
            attempt.reference = escrow.id
        self._pay_out(escrow, escrow.counterparty, "escrow_release")
        escrow.status, escrow.released_at = "released", self.kernel.second
        actor.person.last_action = self.kernel.now
        self._event(escrow, "released", actor.id, f"Released by creator {actor.id}")
        return escrow

    def dispute(self, actor: Account, escrow_id: str, reason: Any = None) -> Escrow:
        """Either side freezes the money for good.

        Raises:
            RefusedError: 404 without a message; 403 for outsiders; 409 `invalid_status`.
        """
        with self.kernel.attempt(actor.name, "escrow", "escrow_dispute") as attempt:
            if escrow_id not in self.escrows:
                raise RefusedError(404, "not_found")
            escrow = self.escrows[escrow_id]
            if actor not in (escrow.creator, escrow.counterparty):
                raise RefusedError(403, "forbidden", "Only escrow participants can dispute")
            if not escrow.is_open:
                raise RefusedError(409, "invalid_status", f"Cannot dispute escrow in status '{escrow.status}'")
            attempt.reference = escrow.id
        note = reason.strip() if isinstance(reason, str) and reason.strip() else "No reason provided"
        escrow.status, escrow.disputed_at = "disputed", self.kernel.second
        self._open.pop(escrow.id, None)
        actor.person.last_action = self.kernel.now
        self._event(escrow, "disputed", actor.id, note)
        return escrow

    def _pay_out(self, escrow: Escrow, to: Account, reason: str) -> None:
        creator = escrow.creator
        against = [
            Leg(escrow.account, creator.name, -escrow.amount),
            Leg(f"fees:escrow:{creator.name}", creator.name, escrow.commission),
        ]
        self._move(to, escrow.net, f"{reason}: {escrow.id}", escrow, against)
        self._open.pop(escrow.id, None)
        referrer, commission = escrow.referrer, escrow.referral_commission
        if referrer is not None and commission:
            income = [Leg(f"referral:escrow:{referrer.name}", referrer.name, -commission)]
            self._move(referrer, commission, f"escrow_referral_commission: {escrow.id}", escrow, income)

    def _sweep(self) -> None:
        """Refund what has expired, then come back in five minutes."""
        now = self.kernel.second
        for escrow in [e for e in self._open.values() if e.auto_release_at < now]:
            self._pay_out(escrow, escrow.creator, "escrow_timeout_refund")
            escrow.status, escrow.released_at = "refunded", now
            self._event(escrow, "refunded", "system", "Auto-refunded after timeout")
        self.kernel.later(SWEEP_SECONDS, self._sweep)

    def stats(self) -> dict[str, Any]:
        """Public totals. Refunds are in none of them; a commission counts only on release."""
        released = [e for e in self.escrows.values() if e.status == "released"]
        disputed = sum(e.status == "disputed" for e in self.escrows.values())
        volume = sum((e.amount for e in self.escrows.values()), ZERO)
        commission = sum((e.commission for e in released), ZERO)
        return {
            "total_created": len(self.escrows),
            "total_released": len(released),
            "total_disputed": disputed,
            "total_volume_usd": float(round(volume, 2)),
            "total_commission_usd": float(round(commission, 2)),
            "commission_rate": "1%",
            "referral_commission_rate": "15% of fees",
        }
