"""The casino's reads about money: balance, ledger, the whole balance curve, deposits, withdrawals, referrals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.http.order import newest_first
from fleawatch.sandbox.numbers import round2
from fleawatch.sandbox.services.bank import Account, LedgerRow
from fleawatch.units import iso

if TYPE_CHECKING:
    from fleawatch.sandbox.http.casino import CasinoFront

_MONTH = 30 * 86_400


class _Curve:
    """One account's encoded `/kelly/history`, extended by the rows written since the last read."""

    def __init__(self) -> None:
        self.count = 0
        self.body = bytearray()

    def extend(self, rows: list[LedgerRow]) -> None:
        for row in rows[self.count :]:
            point = {"balance": row.balance_after, "change": row.change, "reason": row.reason, "at": iso(row.second)}
            self.body += (b"," if self.count else b"") + msgspec.json.encode(point)
            self.count += 1


class MoneyReads:
    """Routes under `/auth` and `/kelly/history`."""

    def __init__(self, front: CasinoFront) -> None:
        self.front = front
        self._curves: dict[str, _Curve] = {}

    def routes(self) -> None:
        """Add the routes to the server."""
        read = self.front.read
        read("/auth/balance", self._balance)
        read("/auth/ledger", self._ledger)
        read("/kelly/history", self._history)
        read("/auth/deposits", lambda call: self._records(call, "deposits"))
        read("/auth/withdrawals", lambda call: self._records(call, "withdrawals"))
        read("/auth/tier", self._tier)
        read("/auth/deposit-bonus", self._bonus)
        read("/auth/referral/code", self._code)
        read("/auth/referral/stats", self._referral)

    def _balance(self, call: Call) -> Answer:
        account = self.front.account(call)
        return {
            "agent_id": account.id,
            "balance_usd": account.balance,
            "tier": "free",
            "risk_factor": account.risk_factor,
            "lifetime": {
                "total_deposited": account.total_deposited,
                "total_withdrawn": account.total_withdrawn,
                "total_wagered": account.total_wagered,
                "total_won": account.total_won,
                "net_profit": account.total_won - account.total_wagered,
            },
            "recent_activity": [
                {
                    "type": row.type,
                    "amount": row.amount,
                    "balance_after": row.balance_after,
                    "reason": row.reason,
                    "service": row.service,
                    "at": iso(row.second),
                }
                for row in newest_first(account.rows, 10)
            ],
        }

    def _ledger(self, call: Call) -> Answer:
        account = self.front.account(call)
        return {
            "entries": [
                {
                    "id": row.id,
                    "agentId": row.agent_id,
                    "type": row.type,
                    "amount": row.amount,
                    "balanceAfter": row.balance_after,
                    "reason": row.reason,
                    "reference": row.reference,
                    "service": row.service,
                    "createdAt": row.second,
                    "at": iso(row.second),
                }
                for row in newest_first(account.rows, 50)
            ]
        }

    def _history(self, call: Call) -> Answer:
        account = self.front.account(call)
        curve = self._curves.setdefault(account.id, _Curve())
        curve.extend(account.rows)
        head = b'{"agent_id":"%s","data_points":%d,"bankroll_curve":[' % (account.id.encode(), curve.count)
        tail = b'],"_info":' + msgspec.json.encode(self.front.info) + b"}"
        return Reply(b"".join((head, curve.body, tail)))

    def _records(self, call: Call, which: str) -> Answer:
        account = self.front.account(call)
        records: list[dict[str, Any]] = account.deposits if which == "deposits" else account.withdrawals
        return {which: records[:-51:-1]}

    def _tier(self, call: Call) -> Answer:
        account = self.front.account(call)
        return {
            "tier": "free",
            "total_wagered": round2(account.total_wagered),
            "bet_count": len(account.bets),
            "next_tier": "bronze",
            "progress_pct": min(100.0, round2(account.total_wagered / 100)),
        }

    def _bonus(self, call: Call) -> Answer:
        bonus = self.front.account(call).bonus
        if not bonus:
            return {"status": "not_granted", "wagering": None}
        required, wagered = bonus["required"], round2(bonus["wagered"])
        return {
            "status": bonus["status"],
            "wagering": {
                "required": required,
                "completed": wagered,
                "remaining": max(0.0, round2(required - wagered)),
                "progress_pct": min(100.0, round2(wagered / required * 100)),
            },
        }

    def _code(self, call: Call) -> Answer:
        return {"referral_code": self.front.account(call).referral_code, "commission": "10% / 5% / 2.5%"}

    def _referral(self, call: Call) -> Answer:
        """All levels are reported as level 1: the server's table does not know the others."""
        account = self.front.account(call)
        earned = account.referral_earned
        total = round2(sum(earned.values()))
        since = int(call.now) - _MONTH
        month = sum(
            row.amount for row in account.rows if row.second >= since and row.reason.startswith("referral_commission_")
        )
        return {
            "total_referrals": len(earned),
            "total_earned_usd": total,
            "last_30_days_usd": round2(month),
            "by_level": {
                "level_1": {"count": len(earned), "commission": "10%", "earned_usd": total},
                "level_2": {"count": 0, "commission": "5%", "earned_usd": 0.0},
                "level_3": {"count": 0, "commission": "2.5%", "earned_usd": 0.0},
            },
            "referrals": [self._referred(agent_id, amount) for agent_id, amount in earned.items()],
        }

    def _referred(self, agent_id: str, amount: float) -> dict[str, Any]:
        account: Account = self.front.platform.bank.accounts[agent_id]
        return {
            "referred_agent": f"{agent_id[:8]}...",
            "level": 1,
            "commission": "10%",
            "earned_usd": round2(amount),
            "since": iso(account.created),
        }
