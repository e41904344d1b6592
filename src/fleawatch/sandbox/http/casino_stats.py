"""The casino's reads about play: lifetime figures, sessions, streaks, analytics. Rates are percent, 0 to 100."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from fleawatch.sandbox.http.call import Answer, Call
from fleawatch.sandbox.http.order import newest_first
from fleawatch.sandbox.numbers import percent, round2
from fleawatch.sandbox.services.bank import Account, Bet, GameTotals
from fleawatch.units import iso

if TYPE_CHECKING:
    from fleawatch.sandbox.http.casino import CasinoFront

_GAP: Final = 30 * 60
_SESSION: Final = 4 * 3_600
_DAY: Final = 86_400


class StatsReads:
    """Routes under `/stats`, `/session` and `/analytics`."""

    def __init__(self, front: CasinoFront) -> None:
        self.front = front

    def routes(self) -> None:
        """Add the routes to the server."""
        read = self.front.read
        read("/stats/me", self._me)
        read("/stats/session", self._last_day)
        read("/stats/streak", self._streak)
        read("/session/current", self._current)
        read("/session/history", self._sessions)
        read("/analytics", self._analytics)

    def _me(self, call: Call) -> Answer:
        """Totals include parlays, the games do not; `win_rate` counts the flag, in percent."""
        account = self.front.account(call)
        wins = sum(totals.wins for totals in account.games.values())
        return {
            "agent_id": account.id,
            "balance": account.balance,
            "lifetime": {
                "total_bets": len(account.bets),
                "total_wagered": account.total_wagered,
                "total_won": account.total_won,
                "net_profit": round2(account.total_won - account.total_wagered),
                "win_rate": percent(wins, len(account.bets)),
                "total_deposited": account.total_deposited,
                "total_withdrawn": account.total_withdrawn,
            },
            "streaks": streaks(newest_first(account.bets, 50)),
            "by_game": [_game(name, totals) for name, totals in account.games.items()],
            "member_since": iso(account.created),
        }

    def _last_day(self, call: Call) -> Answer:
        account = self.front.account(call)
        bets = _since(account, int(call.now) - _DAY)
        figures = _figures(bets)
        return {
            "period": "last_24h",
            "bets": len(bets),
            "wagered": figures["wagered"],
            "won": figures["won"],
            "net": figures["net"],
            "win_rate": figures["win_rate_pct"],
            "recent_bets": [
                {
                    "bet_id": bet.id,
                    "game": bet.game,
                    "amount": bet.amount,
                    "won": bet.won,
                    "amount_won": bet.amount_won,
                    "at": iso(bet.second),
                }
                for bet in bets[:-11:-1]
            ],
        }

    def _streak(self, call: Call) -> Answer:
        bets = newest_first(self.front.account(call).bets, 100)
        return {**streaks(bets), "last_100": {"bets": len(bets), "win_rate_pct": _figures(bets)["win_rate_pct"]}}

    def _current(self, call: Call) -> Answer:
        account = self.front.account(call)
        recent = _since(account, int(call.now) - _SESSION)
        if not recent:
            return {"session_active": False, "message": "No activity in the last 4 hours"}
        bets = _runs(recent)[-1]
        older, newer = bets[: (len(bets) + 1) // 2], bets[(len(bets) + 1) // 2 :]
        return {
            "session_active": True,
            "session": _session(bets) | {"trend": _trend(older, newer), "game_breakdown": _breakdown(bets)},
            "balance_now": round2(account.balance),
            "kelly_max_bet": round2(account.balance * account.risk_factor),
        }

    def _sessions(self, call: Call) -> Answer:
        account = self.front.account(call)
        limit, offset = call.integer("limit", 10, 50), call.integer("offset", 0, 10**9)
        sessions = [_session(bets) for bets in reversed(_runs(account.bets))]
        nets = [session["net_pnl"] for session in sessions]
        return {
            "sessions": sessions[offset : offset + limit],
            "pagination": {
                "total": len(sessions),
                "limit": limit,
                "offset": offset,
                "has_more": offset + limit < len(sessions),
            },
            "all_time_summary": {
                "total_sessions": len(sessions),
                "avg_net_pnl_per_session": round2(sum(nets) / len(nets)) if nets else 0,
                "best_session_pnl": max(nets, default=None),
                "worst_session_pnl": min(nets, default=None),
                "profitable_sessions": sum(net > 0 for net in nets),
                "losing_sessions": sum(net < 0 for net in nets),
            },
        }

    def _analytics(self, call: Call) -> Answer:
        account = self.front.account(call)
        week = _since(account, int(call.now) - 7 * _DAY)
        return {
            "by_game": [
                {
                    "game": name,
                    "total_bets": totals.bets,
                    "win_rate_pct": percent(totals.wins, totals.bets),
                    "total_wagered_usd": round2(totals.wagered),
                    "total_won_usd": round2(totals.won),
                    "net_pnl_usd": round2(totals.won - totals.wagered),
                    "avg_bet_usd": round2(totals.wagered / totals.bets),
                    "biggest_win_usd": round2(totals.biggest_win),
                    "rtp_pct": percent(totals.won, totals.wagered),
                }
                for name, totals in account.games.items()
            ],
            "last_7_days": {"bets": len(week), **_figures(week)},
            "current_streak": streaks(newest_first(account.bets, 50))["current_streak"],
        }


def _since(account: Account, second: int) -> list[Bet]:
    bets = account.bets
    start = len(bets)
    while start and bets[start - 1].second >= second:
        start -= 1
    return bets[start:]


def _game(name: str, totals: GameTotals) -> dict[str, Any]:
    return {
        "game": name,
        "bets": totals.bets,
        "wagered": totals.wagered,
        "won": totals.won,
        "net": round2(totals.won - totals.wagered),
        "win_rate": percent(totals.wins, totals.bets),
    }


def _figures(bets: Iterable[Bet]) -> dict[str, Any]:
    rows = list(bets)
    wagered, won = sum(bet.amount for bet in rows), sum(bet.amount_won for bet in rows)
    return {
        "wagered": round2(wagered),
        "won": round2(won),
        "net": round2(won - wagered),
        "win_rate_pct": percent(sum(bet.won for bet in rows), len(rows)),
    }


def streaks(bets: list[Bet]) -> dict[str, Any]:
    """Runs of the `won` flag over bets in the platform's order."""
    runs: list[tuple[bool, int]] = []
    for bet in bets:
        if runs and runs[-1][0] == bet.won:
            runs[-1] = bet.won, runs[-1][1] + 1
        else:
            runs.append((bet.won, 1))
    return {
        "current_streak": runs[0][1] if runs else 0,
        "current_streak_type": ("win" if runs[0][0] else "loss") if runs else None,
        "best_win_streak": max((length for won, length in runs if won), default=0),
        "best_loss_streak": max((length for won, length in runs if not won), default=0),
    }


def _runs(bets: list[Bet]) -> list[list[Bet]]:
    """Sessions, oldest first: split where nobody bet for half an hour."""
    runs: list[list[Bet]] = []
    for bet in bets:
        if runs and bet.second - runs[-1][-1].second <= _GAP:
            runs[-1].append(bet)
        else:
            runs.append([bet])
    return runs


def _session(bets: list[Bet]) -> dict[str, Any]:
    figures = _figures(bets)
    wins = sum(bet.won for bet in bets)
    return {
        "started_at": iso(bets[0].second),
        "last_bet_at": iso(bets[-1].second),
        "duration_minutes": round((bets[-1].second - bets[0].second) / 60),
        "total_bets": len(bets),
        "wins": wins,
        "losses": len(bets) - wins,
        "win_rate_pct": figures["win_rate_pct"],
        "total_wagered": figures["wagered"],
        "total_won": figures["won"],
        "net_pnl": figures["net"],
        "roi_pct": percent(figures["net"], figures["wagered"]),
        "biggest_win": round2(max((bet.amount_won for bet in bets if bet.won), default=0.0)),
        "biggest_loss": round2(max((bet.amount for bet in bets if not bet.won), default=0.0)),
    }


def _trend(older: list[Bet], newer: list[Bet]) -> str:
    if len(older) + len(newer) < 4:
        return "insufficient_data"
    before, after = (sum(bet.amount_won - bet.amount for bet in half) for half in (older, newer))
    return "improving" if after > before else "declining" if after < before else "stable"


def _breakdown(bets: list[Bet]) -> list[dict[str, Any]]:
    games: dict[str, list[Bet]] = {}
    for bet in bets:
        games.setdefault(bet.game, []).append(bet)
    rows = [{"game": game, "bets": len(rows), **_figures(rows)} for game, rows in games.items()]
    return sorted(rows, key=lambda row: -int(row["bets"]))
