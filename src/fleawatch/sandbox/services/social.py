"""What the casino does beside bets: the daily bonus, loss recovery, one-against-one challenges and tournaments.

None of these write bet rows; their money is in the ledger alone. A pending challenge stake is still the challenger's
exposure, a tournament entry is spent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

from fleawatch.sandbox.journal import Leg
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.numbers import exact, round2
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account, Bank
from fleawatch.sandbox.services.casino import Casino

_DAY: Final = 86_400
CHALLENGE_TTL: Final = 3_600
TOURNAMENT_SECONDS: Final = 1_200


@dataclass(slots=True)
class Challenge:
    """A one-against-one coin flip for equal stakes."""

    id: str
    challenger: Account
    challenged: Account
    amount: Decimal
    created: int
    status: Literal["pending", "settled", "declined", "expired"] = "pending"
    winner: Account | None = None

    @property
    def pot(self) -> str:
        """The journal account that holds the stakes."""
        return f"challenge:{self.id}"


@dataclass(slots=True)
class Tournament:
    """A race for the best net result of bets within its time; two prizes share the entries."""

    id: str
    entry: Decimal
    starts: int
    ends: int
    entrants: dict[str, float] = field(default_factory=dict)
    status: Literal["open", "finished"] = "open"
    prizes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def pool(self) -> str:
        """The journal account that holds the entries."""
        return f"tournament:{self.id}"


class Social:
    """Daily bonus, recovery, challenges and tournaments over the bank's accounts."""

    def __init__(self, kernel: Kernel, bank: Bank, casino: Casino) -> None:
        self.kernel = kernel
        self.bank = bank
        self.casino = casino
        self.challenges: dict[str, Challenge] = {}
        self.tournaments: dict[str, Tournament] = {}

    def _bonus(self, account: Account, amount: float, reason: str) -> None:
        value = exact(amount)
        self.bank.move(account, value, reason, service="casino", against=[Leg("platform:bonuses", None, -value)])

    def daily_state(self, account: Account) -> dict[str, Any]:
        """Whether today's bonus (UTC day) may be claimed, and how long the streak of days is."""
        today = self.kernel.second // _DAY
        days = {claim // _DAY for claim in account.daily_claims}
        claimed = today in days
        streak, day = 0, today if claimed else today - 1
        while day in days:
            streak, day = streak + 1, day - 1
        return {
            "can_claim": not claimed,
            "streak": streak,
            "next_bonus_usd": round2(0.10 + 0.05 * min(streak, 6)),
            "last_claimed_at": account.daily_claims[-1] if account.daily_claims else None,
            "next_claim_at": (today + 1) * _DAY if claimed else self.kernel.second,
        }

    def claim_daily(self, account: Account) -> dict[str, Any]:
        """Credit today's bonus.

        Raises:
            RefusedError: 400 `already_claimed`.
        """
        state = self.daily_state(account)
        if not state["can_claim"]:
            raise RefusedError(
                400, "already_claimed", "Daily bonus already claimed", next_claim_at=state["next_claim_at"]
            )
        account.daily_claims.append(self.kernel.second)
        self._bonus(account, state["next_bonus_usd"], "daily_bonus")
        return {
            "claimed": True,
            "bonus_usd": state["next_bonus_usd"],
            "streak": state["streak"] + 1,
            "new_balance": round2(account.balance),
            "last_claimed_at": self.kernel.second,
        }

    def recovery_state(self, account: Account) -> dict[str, Any]:
        """The loss-recovery bonus: 5 % of the net loss of the last 24 h, from 10 USD lost, at most 5 USD."""
        since = self.kernel.second - _DAY
        lost = round2(sum(bet.amount - bet.amount_won for bet in account.bets if bet.second >= since))
        claimed = bool(account.recovery_claims) and account.recovery_claims[-1] > since
        bonus = min(5.0, round2(lost * 0.05)) if lost >= 10 else 0.0
        return {
            "eligible": bonus > 0 and not claimed,
            "net_loss_24h": max(lost, 0.0),
            "bonus_usd": bonus,
            "last_claimed_at": account.recovery_claims[-1] if account.recovery_claims else None,
        }

    def claim_recovery(self, account: Account) -> dict[str, Any]:
        """Credit the recovery bonus.

        Raises:
            RefusedError: 429 `already_claimed` within 24 h; 400 `not_eligible`.
        """
        state = self.recovery_state(account)
        if account.recovery_claims and account.recovery_claims[-1] > self.kernel.second - _DAY:
            raise RefusedError(429, "already_claimed", "One recovery bonus in 24 hours")
        if not state["eligible"]:
            raise RefusedError(400, "not_eligible", "Needs at least $10 net loss in 24 hours")
        account.recovery_claims.append(self.kernel.second)
        self._bonus(account, state["bonus_usd"], "loss_recovery_bonus")
        return {"claimed": True, "bonus_usd": state["bonus_usd"], "new_balance": round2(account.balance)}

    def challenge(self, challenger: Account, challenged_id: Any, amount: Any) -> Challenge:
        """Stake `amount` against another agent; open for an hour.

        Raises:
            RefusedError: 400 `invalid_amount`, `self_challenge`, `insufficient_balance`; 404 `agent_not_found`.
        """
        with self.kernel.attempt(challenger.name, "casino", "challenge") as attempt:
            challenge = self._challenge(challenger, challenged_id, amount)
            attempt.reference = challenge.id
        return challenge

    def _challenge(self, challenger: Account, challenged_id: Any, amount: Any) -> Challenge:
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0.10 <= amount <= 1_000:
            raise RefusedError(400, "invalid_amount", "amount must be between 0.10 and 1000")
        opponent = self.bank.accounts.get(challenged_id) if isinstance(challenged_id, str) else None
        if opponent is None:
            raise RefusedError(404, "agent_not_found", "No agent with that id")
        if opponent is challenger:
            raise RefusedError(400, "self_challenge", "Cannot challenge yourself")
        stake = exact(amount)
        if challenger.exact < stake:
            raise RefusedError(400, "insufficient_balance", f"Balance ${challenger.balance:.2f}", required=amount)
        challenge = Challenge(
            f"chl_{self.kernel.ids.hex('challenge', challenger.name, 16)}",
            challenger,
            opponent,
            stake,
            self.kernel.second,
        )
        self.challenges[challenge.id] = challenge
        self._stake(challenger, challenge)
        self.kernel.later(CHALLENGE_TTL, lambda: self.expire(challenge))
        return challenge

    def _stake(self, account: Account, challenge: Challenge) -> None:
        self.bank.move(
            account,
            -challenge.amount,
            f"challenge_escrow:{challenge.id}",
            service="casino",
            reference=challenge.id,
            against=[Leg(challenge.pot, None, challenge.amount)],
        )

    def _return(self, challenge: Challenge, reason: str) -> None:
        self.bank.move(
            challenge.challenger,
            challenge.amount,
            f"{reason}:{challenge.id}",
            service="casino",
            reference=challenge.id,
            against=[Leg(challenge.pot, None, -challenge.amount)],
        )

    def accept(self, account: Account, challenge_id: str) -> Challenge:
        """Match the stake and flip the coin; the winner gets both stakes less half a percent.

        Raises:
            RefusedError: 404 `challenge_not_found`; 403; 409 `not_pending`; 400 `insufficient_balance`.
        """
        with self.kernel.attempt(account.name, "casino", "challenge_accept") as attempt:
            challenge = self._pending(account, challenge_id)
            if account.exact < challenge.amount:
                raise RefusedError(400, "insufficient_balance", required=float(challenge.amount))
            attempt.reference = challenge.id
        self._stake(account, challenge)
        winner = challenge.challenger if self.casino.random(challenge.challenger).random() < 0.5 else account
        pot = challenge.amount * 2
        prize = exact(round2(float(pot) * 0.995))
        against = [Leg(challenge.pot, None, -pot), Leg("platform:challenges", None, pot - prize)]
        reason = f"challenge_win:{challenge.id}"
        self.bank.move(winner, prize, reason, service="casino", reference=challenge.id, against=against)
        challenge.status, challenge.winner = "settled", winner
        return challenge

    def decline(self, account: Account, challenge_id: str) -> Challenge:
        """Refuse a challenge; the challenger's stake goes back.

        Raises:
            RefusedError: 404 `challenge_not_found`; 403; 409 `not_pending`.
        """
        challenge = self._pending(account, challenge_id)
        self._return(challenge, "challenge_refund")
        challenge.status = "declined"
        return challenge

    def _pending(self, account: Account, challenge_id: str) -> Challenge:
        challenge = self.challenges.get(challenge_id)
        if challenge is None:
            raise RefusedError(404, "challenge_not_found")
        if challenge.challenged is not account:
            raise RefusedError(403, "forbidden", "This challenge is not for you")
        if challenge.status != "pending":
            raise RefusedError(409, "not_pending", f"Challenge is {challenge.status}")
        return challenge

    def expire(self, challenge: Challenge) -> None:
        """Give the stake of an unanswered challenge back."""
        if challenge.status == "pending":
            self._return(challenge, "challenge_escrow_return")
            challenge.status = "expired"

    def open_tournament(self, number: int, entry: float) -> Tournament:
        """Announce a tournament that runs for 20 minutes from now."""
        start = self.kernel.second
        tournament = Tournament(f"trn_{number:04d}", exact(entry), start, start + TOURNAMENT_SECONDS)
        self.tournaments[tournament.id] = tournament
        self.kernel.schedule(float(tournament.ends), lambda: self._finish(tournament))
        return tournament

    def enter(self, account: Account, tournament_id: str) -> Tournament:
        """Pay the entry and take part.

        Raises:
            RefusedError: 404 `tournament_not_found`; 400 `tournament_closed`, `already_entered`, `insufficient_balance`.
        """
        with self.kernel.attempt(account.name, "casino", "tournament") as attempt:
            tournament = self.tournaments.get(tournament_id)
            if tournament is None:
                raise RefusedError(404, "tournament_not_found")
            if tournament.status != "open":
                raise RefusedError(400, "tournament_closed")
            if account.id in tournament.entrants:
                raise RefusedError(400, "already_entered")
            if account.exact < tournament.entry:
                raise RefusedError(400, "insufficient_balance", required=float(tournament.entry))
            attempt.reference = tournament.id
        self.bank.move(
            account,
            -tournament.entry,
            f"tournament_entry:{tournament.id}",
            service="casino",
            reference=tournament.id,
            against=[Leg(tournament.pool, None, tournament.entry)],
        )
        tournament.entrants[account.id] = account.total_won - account.total_wagered
        return tournament

    def _finish(self, tournament: Tournament) -> None:
        tournament.status = "finished"
        accounts = [self.bank.accounts[agent_id] for agent_id in tournament.entrants]
        gains = {a.id: a.total_won - a.total_wagered - tournament.entrants[a.id] for a in accounts}
        ranked = sorted(accounts, key=lambda account: (-gains[account.id], account.id))[:2]
        pool = tournament.entry * len(accounts)
        shares = [pool] if len(ranked) == 1 else [pool * Decimal("0.7"), pool * Decimal("0.3")]
        for place, (account, share) in enumerate(zip(ranked, shares, strict=False), start=1):
            prize = exact(round2(float(share)))
            self.bank.move(
                account,
                prize,
                f"tournament_prize_{place}:{tournament.id}",
                service="casino",
                reference=tournament.id,
                against=[Leg(tournament.pool, None, -prize)],
            )
            tournament.prizes.append({"place": place, "agent_id": account.id, "prize_usd": float(prize)})
