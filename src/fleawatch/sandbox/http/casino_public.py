"""The casino's public reads: totals, leaderboards with cut ids, and the only profile that needs no key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fleawatch.sandbox.http.call import Answer, Call, Reply
from fleawatch.sandbox.http.casino_stats import streaks
from fleawatch.sandbox.http.order import newest_first
from fleawatch.sandbox.numbers import percent, round2
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account, Bet
from fleawatch.units import iso

if TYPE_CHECKING:
    from fleawatch.sandbox.http.casino import CasinoFront

_PERIODS = {"24h": 86_400, "7d": 7 * 86_400}
_ASKED_PORTS = {"casino": 3000, "trading": 3003, "wallet": 3005, "domains": 3004}


class PublicReads:
    """Routes without a key."""

    def __init__(self, front: CasinoFront) -> None:
        self.front = front

    def routes(self) -> None:
        """Add the routes to the server."""
        read = self.front.read
        read("/public-stats", self._stats)
        self.front.get("/api/v1/stats", lambda _: Reply(b"", 301, headers={"Location": "/api/v1/public-stats"}))
        self.front.get("/stats", lambda _: Reply(b"", 302, headers={"Location": "/api/v1/public-stats"}))
        read("/house-stats", self._house)
        read("/game-stats", self._games)
        for path in ("/leaderboard", "/stats/leaderboard", "/stats/profit-leaderboard", "/leaderboard-full"):
            read(path, self._leaderboard)
        read("/stats/referral-leaderboard", self._referrers)
        read("/feed", self._feed)
        read("/recent-wins", self._wins)
        read("/streaks", self._streaks)
        self.front.get("/network/stats", self._network)
        read("/stats/profile/:id", self._profile)

    def _accounts(self) -> list[Account]:
        return list(self.front.platform.bank.accounts.values())

    def _totals(self) -> dict[str, float]:
        accounts = self._accounts()
        games = [totals for account in accounts for totals in account.games.values()]
        return {
            "bets": sum(g.bets for g in games),
            "wins": sum(g.wins for g in games),
            "wagered": sum(g.wagered for g in games),
            "won": sum(g.won for g in games),
        }

    def _stats(self, _: Call) -> Answer:
        totals = self._totals()
        return {
            "registered_agents": len(self._accounts()),
            "total_bets": totals["bets"],
            "total_wins": totals["wins"],
            "total_volume_usd": round2(totals["wagered"]),
            "house_win_rate_pct": percent(totals["bets"] - totals["wins"], totals["bets"]),
        }

    def _house(self, call: Call) -> Answer:
        totals = self._totals()
        day = int(call.now) - 86_400
        recent = [bet for account in self._accounts() for bet in account.bets if bet.second >= day]
        return {
            "house_performance": {
                "total_wagered_usd": round2(totals["wagered"]),
                "total_paid_usd": round2(totals["won"]),
                "house_profit_usd": round2(totals["wagered"] - totals["won"]),
            },
            "last_24h": {"bets": len(recent), "wagered_usd": round2(sum(bet.amount for bet in recent))},
            "players": {"total": len(self._accounts())},
            "fairness": {"advertised_house_edge_pct": 0.5},
        }

    def _games(self, _: Call) -> Answer:
        games: dict[str, list[float]] = {}
        for account in self._accounts():
            for name, totals in account.games.items():
                sums = games.setdefault(name, [0, 0, 0, 0])
                for index, value in enumerate((totals.bets, totals.wins, totals.wagered, totals.won)):
                    sums[index] += value
        return {
            "games": [
                {"game": name, "bets": bets, "win_rate_pct": percent(wins, bets), "rtp_pct": percent(won, wagered)}
                for name, (bets, wins, wagered, won) in games.items()
            ]
        }

    def _leaderboard(self, call: Call) -> Answer:
        period = call.query.get("period", "all")
        limit = call.integer("limit", 10, 50)
        since = int(call.now) - _PERIODS[period] if period in _PERIODS else 0
        rows = []
        for account in self._accounts():
            bets = [bet for bet in account.bets if bet.second >= since]
            rows.append((sum(bet.amount_won - bet.amount for bet in bets), len(bets), account))
        rows.sort(key=lambda row: -row[0])
        return {
            "period": period,
            "leaderboard": [
                {"rank": rank, "agent_id": f"{account.id[:6]}...", "net_profit": round2(net), "total_bets": bets}
                for rank, (net, bets, account) in enumerate(rows[:limit], start=1)
            ],
            "updated_at": iso(call.shown),
        }

    def _referrers(self, call: Call) -> Answer:
        accounts = sorted(self._accounts(), key=lambda account: -sum(account.referral_earned.values()))[:10]
        return {
            "referral_leaderboard": [
                {
                    "rank": rank,
                    "agent_id": f"{account.id[:8]}...",
                    "total_earned_usd": round2(sum(account.referral_earned.values())),
                    "referral_count": len(account.referral_earned),
                }
                for rank, account in enumerate(accounts, start=1)
                if account.referral_earned
            ],
            "updated_at": iso(call.shown),
        }

    def _recent(self, *, won: bool) -> list[dict[str, Any]]:
        latest: list[tuple[Bet, Account]] = [
            (bet, account)
            for account in self._accounts()
            for bet in newest_first(account.bets, 20)
            if bet.won or not won
        ]
        latest.sort(key=lambda pair: -pair[0].second)
        return [
            {
                "agent_id": f"{account.id[:6]}...",
                "game": bet.game,
                "amount": round2(bet.amount),
                "amount_won": round2(bet.amount_won),
                "won": bet.won,
                "at": iso(bet.second),
            }
            for bet, account in latest[:20]
        ]

    def _feed(self, _: Call) -> Answer:
        return {"feed": self._recent(won=False)}

    def _wins(self, _: Call) -> Answer:
        return {"wins": self._recent(won=True)}

    def _streaks(self, _: Call) -> Answer:
        """The longest runs of one outcome that are still on, by the `won` flag, in the platform's order of bets."""
        running = [(streaks(newest_first(account.bets, 100)), account) for account in self._accounts() if account.bets]
        running.sort(key=lambda pair: -pair[0]["current_streak"])
        return {
            "streaks": [
                {
                    "agent_id": f"{account.id[:6]}...",
                    "type": run["current_streak_type"],
                    "length": run["current_streak"],
                    "last_game": account.bets[-1].game,
                    "at": iso(account.bets[-1].second),
                }
                for run, account in running[:10]
            ]
        }

    def _network(self, call: Call) -> Answer:
        """Asks fixed ports of its own host. Whatever listens elsewhere is offline to it, and counts for nothing.

        The casino's own totals are asked for at a path that does not exist, so they are null wherever it listens.
        """
        desk, platform = self.front.desk, self.front.platform
        agents = {
            "casino": len(platform.bank.accounts),
            "trading": len(platform.trading.traders),
            "wallet": len(platform.wallet.agents),
            "domains": len(platform.domains.agents),
        }
        online = {name: desk.ports.get(name) == port for name, port in _ASKED_PORTS.items()}
        counted = {name: count if online[name] else 0 for name, count in agents.items()}
        trades = sum(len(trader.trades) for trader in platform.trading.traders.values())
        domains = sum(len(agent.domains) for agent in platform.domains.agents.values())
        extra: dict[str, dict[str, int | None]] = {
            "casino": {"total_bets": None, "total_wagered_usd": None},
            "trading": {"total_trades": trades if online["trading"] else None},
            "wallet": {},
            "domains": {"total_domains": domains if online["domains"] else None},
        }
        return {
            "network": "Purple Flea",
            "generated_at": iso(call.shown),
            "total_agents_across_all_services": sum(counted.values()),
            "services": {
                name: {
                    "status": "online" if online[name] else "offline",
                    "agents": counted[name],
                    **extra[name],
                    "url": f"https://{name}.purpleflea.com",
                }
                for name in agents
            },
        }

    def _profile(self, call: Call) -> Answer:
        """Matches by prefix: the first account whose id begins with what was asked."""
        wanted = call.params["id"]
        accounts = self._accounts()
        account = next((a for a in accounts if a.id.startswith(wanted)), None)
        if account is None:
            raise RefusedError(404, "agent_not_found")
        profit = {a.id: a.total_won - a.total_wagered for a in accounts}
        wins = sum(totals.wins for totals in account.games.values())
        best = max(account.games.items(), key=lambda item: item[1].won - item[1].wagered, default=(None, None))[0]
        return {
            "agent_id": account.id,
            "career": {
                "total_bets": len(account.bets),
                "win_rate_pct": percent(wins, len(account.bets)),
                "total_wagered_usd": round2(account.total_wagered),
                "net_profit_usd": round2(profit[account.id]),
                "all_time_rank": 1 + sum(value > profit[account.id] for value in profit.values()),
            },
            "best_game": best,
            "games_played": [
                {
                    "game": name,
                    "bets": totals.bets,
                    "win_rate_pct": percent(totals.wins, totals.bets),
                    "net_pct": percent(totals.won - totals.wagered, totals.wagered),
                }
                for name, totals in account.games.items()
            ],
            "referral_network": {"referred": len(account.referral_earned)},
        }
