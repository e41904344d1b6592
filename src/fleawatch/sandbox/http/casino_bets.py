"""The casino's reads about single bets: the history, its CSV, one bet with its whole result."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.http.order import newest_first
from fleawatch.sandbox.numbers import percent, round2, round4
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account, Bet
from fleawatch.sandbox.services.casino import GAME_IDS
from fleawatch.units import from_iso, iso

if TYPE_CHECKING:
    from fleawatch.sandbox.http.casino import CasinoFront

LIMIT: Final = 60
"""Calls a minute to one path under `/bets/` from one address, whoever's key they carry."""
_CSV: Final = (
    "bet_id,game,amount_usd,amount_won_usd,net_usd,payout_multiplier,won,server_seed_hash,client_seed,nonce,result_hash,"
    "timestamp_utc"
)


class BetReads:
    """Routes under `/bets` and `/fairness`."""

    def __init__(self, front: CasinoFront) -> None:
        self.front = front
        self._encoded: dict[str, bytes] = {}

    def routes(self) -> None:
        """Add the routes to the server."""
        self.front.read("/bets/history", self._history)
        self.front.read("/bets/export.csv", self._csv)
        self.front.read("/fairness/audit/:id", self._audit)
        self.front.read("/fairness/summary", self._summary_of_fairness)

    def _history(self, call: Call) -> Answer:
        account = self.front.account(call)
        self.front.limits.by_address(call.path, call.address, LIMIT, call.now)
        game, outcome, since = (call.query.get(name) for name in ("game", "outcome", "since"))
        if game and game not in GAME_IDS:
            raise RefusedError(400, "invalid_game", f"game must be one of: {', '.join(GAME_IDS)}")
        limit, offset = call.integer("limit", 50, 200), call.integer("offset", 0, 10**9)
        bets = self._filtered(account, game, outcome, since)
        page = newest_first(bets, limit, offset)
        rest = {
            "pagination": {
                "total": len(bets),
                "limit": limit,
                "offset": offset,
                "has_more": offset + len(page) < len(bets),
            },
            "summary": self._summary(account, bets),
            "filters": {"game": game, "outcome": outcome, "since": since},
            "_info": self.front.info,
        }
        rows = b",".join(self._row(bet) for bet in page)
        return Reply(b'{"bets":[' + rows + b"]," + msgspec.json.encode(rest)[1:])

    @staticmethod
    def _filtered(account: Account, game: str | None, outcome: str | None, since: str | None) -> list[Bet]:
        bets = account.bets
        second = _second(since)
        if second is not None:
            bets = bets[bisect_left(bets, second, key=lambda bet: bet.second) :]
        if game:
            bets = [bet for bet in bets if bet.game == game]
        if outcome in ("won", "lost"):
            bets = [bet for bet in bets if bet.won == (outcome == "won")]
        return bets

    @staticmethod
    def _summary(account: Account, bets: list[Bet]) -> dict[str, Any]:
        if bets is account.bets:
            games = account.games.values()
            wagered, won = sum(g.wagered for g in games), sum(g.won for g in games)
            wins, biggest = sum(g.wins for g in games), max((g.biggest_win for g in games), default=0.0)
        else:
            wagered, won = sum(b.amount for b in bets), sum(b.amount_won for b in bets)
            wins, biggest = sum(b.won for b in bets), max((b.amount_won for b in bets), default=0.0)
        return {
            "total_bets": len(bets),
            "total_wagered": round2(wagered),
            "total_won_amount": round2(won),
            "net_pnl": round2(won - wagered),
            "win_rate_pct": percent(wins, len(bets)),
            "biggest_win": round2(biggest),
        }

    def _row(self, bet: Bet) -> bytes:
        """A row in whole cents, encoded once: bets never change."""
        encoded = self._encoded.get(bet.id)
        if encoded is None:
            encoded = self._encoded[bet.id] = msgspec.json.encode(
                {
                    "id": bet.id,
                    "game": bet.game,
                    "amount": round2(bet.amount),
                    "amount_won": round2(bet.amount_won),
                    "multiplier": bet.multiplier,
                    "won": bet.won,
                    "net": round2(bet.amount_won - bet.amount),
                    "verify": f"GET /api/v1/fairness/verify?hash={bet.result_hash}",
                    "at": iso(bet.second),
                }
            )
        return encoded

    def _csv(self, call: Call) -> Answer:
        account = self.front.account(call)
        self.front.limits.by_address(call.path, call.address, LIMIT, call.now)
        query = call.query
        bets = self._filtered(account, query.get("game"), query.get("outcome"), query.get("since"))
        until = _second(query.get("until"))
        if until is not None:
            bets = [bet for bet in bets if bet.second <= until]
        lines = [_CSV, *(self._csv_row(bet) for bet in newest_first(bets, 10_000))]
        name = f"bets_{account.id[:8]}_{iso(call.shown)[:10]}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Reply("\r\n".join(lines).encode(), 200, "text/csv; charset=utf-8", headers)

    @staticmethod
    def _csv_row(bet: Bet) -> str:
        amounts = (bet.amount, bet.amount_won, bet.amount_won - bet.amount)
        money = ",".join(f"{round2(value):.2f}" for value in amounts)
        won = "true" if bet.won else "false"
        hashes = f"{bet.result_hash[::-1]},auto,,{bet.result_hash}"
        return f"{bet.id},{bet.game},{money},{round4(bet.multiplier):g},{won},{hashes},{iso(bet.second)}"

    def _audit(self, call: Call) -> Answer:
        """One own bet, unrounded, with the whole result."""
        account = self.front.account(call)
        for bet in account.bets:
            if bet.id == call.params["id"]:
                return {
                    "bet_id": bet.id,
                    "game": bet.game,
                    "amount": bet.amount,
                    "amount_won": bet.amount_won,
                    "payout_multiplier": bet.multiplier,
                    "won": bet.won,
                    "result": bet.result,
                    "result_hash": bet.result_hash,
                    "at": iso(bet.second),
                }
        raise RefusedError(404, "bet_not_found")

    def _summary_of_fairness(self, _: Call) -> Answer:
        accounts = self.front.platform.bank.accounts.values()
        return {"total_bets": sum(len(account.bets) for account in accounts), "algorithm": "HMAC-SHA256"}


def _second(text: str | None) -> int | None:
    """An ISO date as unix seconds, or None for none or for what is not a date (the server then ignores it)."""
    if not text:
        return None
    try:
        return int(from_iso(text.replace(" ", "+")))
    except ValueError:
        return None
