"""The casino's server: accounts, games, payments, bonuses, challenges. Its other routes are in the modules `casino_*`."""

from __future__ import annotations

import contextlib
from typing import Any

from fleawatch.sandbox.http.call import Answer, Call, Handler, Reply
from fleawatch.sandbox.http.casino_bets import BetReads
from fleawatch.sandbox.http.casino_deposits import DepositRoutes
from fleawatch.sandbox.http.casino_kelly import KellyRoutes
from fleawatch.sandbox.http.casino_money import MoneyReads
from fleawatch.sandbox.http.casino_public import PublicReads
from fleawatch.sandbox.http.casino_stats import StatsReads
from fleawatch.sandbox.http.front import Desk, Front
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.services.games import GAMES, SLUGS
from fleawatch.sandbox.services.social import Challenge
from fleawatch.sandbox.services.video_poker import GAME, SLUG
from fleawatch.units import iso

API = "/api/v1"


class CasinoFront(Front):
    """`/api/v1/...`. Every authenticated call, reads too, sets the agent's `last_active`."""

    service = "casino"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        health = self.health(
            database=lambda call: "error" if call.outage else "ok",
            uptime_seconds=lambda call: int(self.uptime(call)),
            registered_agents=lambda _: len(self.platform.bank.accounts),
            timestamp=lambda call: iso(call.shown),
        )
        self.get("/health", health)
        self.get("/ping", health)
        self._accounts()
        self._games()
        self._social()
        parts = (MoneyReads, BetReads, StatsReads, PublicReads, KellyRoutes, DepositRoutes)
        for part in parts:
            part(self).routes()

    def person(self, call: Call) -> Person | None:
        account = self.platform.bank.by_key.get(call.key or "")
        return account.person if account else None

    def account(self, call: Call) -> Account:
        """The account of the key.

        Raises:
            RefusedError: 401 `unauthorized`.
        """
        suggestion = f"Register at POST {API}/auth/register to get an API key"
        if call.key is None:
            message = "Missing or invalid Authorization header. Use: Bearer {api_key}"
            raise RefusedError(401, "unauthorized", message, suggestion=suggestion)
        account = self.platform.bank.by_key.get(call.key)
        if account is None or call.now >= account.person.key_expires_at:
            raise RefusedError(401, "unauthorized", "Invalid API key", suggestion=suggestion)
        account.last_active = int(call.now)
        return account

    def read(self, path: str, handler: Handler) -> None:
        """A read under the API prefix."""
        self.get(API + path, self.with_database(handler))

    def write(self, path: str, handler: Handler, method: str = "POST") -> None:
        """A write under the API prefix."""
        self.post(API + path, self.with_database(handler), method)

    def compute(self, path: str, handler: Handler) -> None:
        """A POST under the API prefix that changes nothing, and so is answered when the books are closed."""
        self.route("POST", API + path, self.with_database(handler))

    def _accounts(self) -> None:
        self.write("/auth/register", self._register)
        self.write("/auth/withdraw", self._withdraw)
        self.write("/stats/pay", self._pay)

    def _register(self, call: Call) -> Answer:
        self.limits.by_address(call.path, call.address, 10, call.now)
        code = call.json(lenient=True).get("referral_code")
        person = self.desk.world.guest()
        account = self.platform.bank.register(person, code if isinstance(code, str) else None)
        # The claim is fire and forget; all registrations share one address, so most of them are refused.
        with contextlib.suppress(RefusedError):
            self.platform.faucet.claim(account.id, "casino")
        return Reply(
            {
                "agent_id": account.id,
                "api_key": person.keys["casino"],
                "referral_code": account.referral_code,
                "balance": 0.0,
                "tier": "free",
                "risk_factor": 0.25,
                "referral_commission": "10% of net losses from referred agents",
                "message": "Store your API key securely - it cannot be recovered.",
            },
            201,
        )

    def _withdraw(self, call: Call) -> Answer:
        account = self.account(call)
        self.limits.by_address(call.path, call.address, 5, call.now)
        body = call.json()
        record = self.platform.bank.withdraw(account, body.get("amount"), body.get("address"))
        answer = {key: record[key] for key in ("amount", "fee", "chain", "token", "address")}
        answer["withdrawal_id"] = record["id"]
        if record["status"] == "reviewing":
            return {"status": "pending_review", **answer, "note": "Withdrawals over $1,000 are reviewed within 1 hour"}
        return {"status": "completed", **answer, "tx_hash": record["txHash"], "new_balance": account.balance}

    def _pay(self, call: Call) -> Answer:
        account, body = self.account(call), call.json()
        paid = self.platform.bank.pay(account, body.get("to_agent_id"), body.get("amount"))
        return {**paid, "memo": body.get("memo"), "timestamp": iso(call.shown)}

    def _games(self) -> None:
        self.write("/games/:game", self._play)
        self.write("/games/parlay", self._parlay)
        self.write("/bets/batch", self._batch)
        self.compute("/games/video-poker/deal", self._deal_poker)
        self.write(f"/games/{SLUG}", self._draw_poker)
        slugs = {**{game_id: game.slug for game_id, game in GAMES.items()}, GAME: SLUG}
        listed = [{"id": game_id, "path": f"{API}/games/{slug}"} for game_id, slug in slugs.items()]
        self.read("/games", lambda _: {"games": listed})

    def _play(self, call: Call) -> Answer:
        account = self.account(call)
        self.limits.by_address(call.path, call.address, 60, call.now)
        self.limits.by_agent("games", account.id, 60, call.now)
        body = call.json()
        game = SLUGS.get(call.params["game"])
        if game is None:
            raise RefusedError(404, "not_found", f"No game {call.params['game']}")
        return self.platform.casino.bet(account, game, body.get("amount"), body)

    def _deal_poker(self, call: Call) -> Answer:
        """Free. The two steps of this game count for the agent's limit, but for no limit of the address."""
        account = self.account(call)
        self.limits.by_agent("games", account.id, 60, call.now)
        return self.platform.casino.hands(account).deal()

    def _draw_poker(self, call: Call) -> Answer:
        account, body = self.account(call), call.json(lenient=True)
        self.limits.by_agent("games", account.id, 60, call.now)
        return self.platform.casino.draw_poker(account, body.get("nonce"), body.get("holds"), body.get("amount"))

    def _parlay(self, call: Call) -> Answer:
        account, body = self.account(call), call.json(lenient=True)
        self.limits.by_address(call.path, call.address, 60, call.now)
        return self.platform.casino.parlay(account, body.get("bets"), body.get("amount"))

    def _batch(self, call: Call) -> Answer:
        account = self.account(call)
        self.limits.by_address(call.path, call.address, 60, call.now)
        self.limits.by_agent("batch", account.id, 10, call.now)
        return self.platform.casino.batch(account, call.json().get("bets"))

    def _social(self) -> None:
        social = self.platform.social
        self.read("/daily", lambda call: social.daily_state(self.account(call)))
        self.write("/daily/claim", lambda call: social.claim_daily(self.account(call)))
        self.read("/daily/recovery", lambda call: social.recovery_state(self.account(call)))
        self.write("/daily/recovery/claim", lambda call: social.claim_recovery(self.account(call)))
        self.read("/challenges", self._challenges)
        self.write("/challenges", self._challenge)
        self.write("/challenges/:id/accept", lambda call: shown(social.accept(self.account(call), call.params["id"])))
        self.write("/challenges/:id/decline", lambda call: shown(social.decline(self.account(call), call.params["id"])))
        self.read("/tournaments", self._tournaments)
        self.read("/tournaments/:id", self._tournament)
        self.write("/tournaments/:id/enter", self._enter)

    def _challenges(self, call: Call) -> Answer:
        account = self.account(call)
        pending = [c for c in self.platform.social.challenges.values() if c.status == "pending"]
        return {
            "outgoing": [shown(c) for c in pending if c.challenger is account],
            "incoming": [shown(c) for c in pending if c.challenged is account],
        }

    def _challenge(self, call: Call) -> Answer:
        account, body = self.account(call), call.json()
        challenge = self.platform.social.challenge(account, body.get("challenged_id"), body.get("amount"))
        return Reply(shown(challenge), 201)

    def _tournaments(self, _: Call) -> Answer:
        return {"tournaments": [self._described(key) for key in self.platform.social.tournaments]}

    def _tournament(self, call: Call) -> Answer:
        if call.params["id"] not in self.platform.social.tournaments:
            raise RefusedError(404, "tournament_not_found")
        return self._described(call.params["id"])

    def _enter(self, call: Call) -> Answer:
        tournament = self.platform.social.enter(self.account(call), call.params["id"])
        return {"tournament_id": tournament.id, "entered": True, "entry_fee": float(tournament.entry)}

    def _described(self, tournament_id: str) -> dict[str, Any]:
        tournament = self.platform.social.tournaments[tournament_id]
        return {
            "id": tournament.id,
            "status": tournament.status,
            "entry_fee": float(tournament.entry),
            "entrants": len(tournament.entrants),
            "prize_pool": float(tournament.entry * len(tournament.entrants)),
            "starts_at": tournament.starts,
            "ends_at": tournament.ends,
            "prizes": tournament.prizes,
        }


def shown(challenge: Challenge) -> dict[str, Any]:
    """A challenge as the lists show it."""
    return {
        "id": challenge.id,
        "challenger_id": challenge.challenger.id,
        "challenged_id": challenge.challenged.id,
        "game": "coin_flip",
        "amount": float(challenge.amount),
        "status": challenge.status,
        "winner_id": challenge.winner.id if challenge.winner else None,
        "created_at": challenge.created,
    }
