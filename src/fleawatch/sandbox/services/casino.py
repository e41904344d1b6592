"""The tables: single bets, batches and parlays. A bet settles atomically, as the server does it in one call."""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random
from typing import Any, Final

from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.journal import Leg
from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.numbers import exact, percent, round2, round4, settled
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account, Bank, Bet, GameTotals
from fleawatch.sandbox.services.games import GAMES, Drawn, Odds
from fleawatch.sandbox.services.kelly import kelly
from fleawatch.sandbox.services.video_poker import GAME, ODDS, Hands

GAME_IDS: Final = (*GAMES, GAME)
"""Every id that a bet can carry; video poker takes two calls, the others one."""
_PARLAY_GAMES: Final = ("coin_flip", "dice", "simple_dice", "multiplier")
_NOT_IN_BATCH: Final = ("baccarat",)


class Casino:
    """Bets over the bank's accounts."""

    def __init__(self, kernel: Kernel, bank: Bank) -> None:
        self.kernel = kernel
        self.bank = bank
        self._streams: dict[str, Random] = {}
        self._nonces: dict[str, int] = {}
        self._hands: dict[str, Hands] = {}

    def random(self, account: Account) -> Random:
        """The stream that this account's draws come from."""
        if account.name not in self._streams:
            self._streams[account.name] = stream(self.kernel.seed, "draws", account.name)
        return self._streams[account.name]

    def bet(self, account: Account, game: str, amount: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Place and settle one bet; answer as `POST /api/v1/games/:game` does.

        Raises:
            RefusedError: 400 with the code of what was wrong; nothing was booked then.
        """
        with self.kernel.attempt(account.name, "casino", "bet") as attempt:
            odds = GAMES[game].odds(params)
            stake = self._stake(account, amount, odds)
            bet_id = attempt.reference = f"bet_{self.kernel.ids.uuid('bet', account.name)}"
            drawn = GAMES[game].draw(params, self.random(account))
            return self._place(account, game, bet_id, stake, odds, drawn)

    def hands(self, account: Account) -> Hands:
        """The video poker hands of this account. They are drawn from a stream of their own: a deal is free."""
        if account.name not in self._hands:
            self._hands[account.name] = Hands(stream(self.kernel.seed, "poker", account.name))
        return self._hands[account.name]

    def draw_poker(self, account: Account, nonce: Any, holds: Any, amount: Any) -> dict[str, Any]:
        """Bet on a hand that was dealt, draw and settle; answer as any other game does.

        Raises:
            RefusedError: 400 with the code of what was wrong; the hand stays dealt and nothing was booked then.
        """
        hands = self.hands(account)
        with self.kernel.attempt(account.name, "casino", "bet") as attempt:
            hands.checked(nonce, holds)
            stake = self._stake(account, amount, ODDS)
            bet_id = attempt.reference = f"bet_{self.kernel.ids.uuid('bet', account.name)}"
            return self._place(account, GAME, bet_id, stake, ODDS, hands.draw(nonce, holds))

    def _place(
        self, account: Account, game: str, bet_id: str, stake: Decimal, odds: Odds, drawn: Drawn
    ) -> dict[str, Any]:
        payout = settled(stake * exact(drawn.multiplier)) if drawn.won else Decimal(0)
        self._settle(account, game, bet_id, stake, payout)
        bet = Bet(
            bet_id,
            game,
            float(stake),
            float(payout),
            drawn.multiplier,
            drawn.won,
            drawn.result,
            self.kernel.ids.hex("result", account.name, 64),
            self.kernel.second,
        )
        self._record(account, bet)
        if not drawn.won:
            self.bank.commission(account, stake, bet_id)
        return self._answer(account, bet, odds)

    def _stake(self, account: Account, amount: Any, odds: Odds) -> Decimal:
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount) or amount <= 0:
            raise RefusedError(400, "invalid_amount", "Bet amount must be a positive finite number")
        if amount < 0.01:
            raise RefusedError(400, "minimum_bet", "Minimum bet is $0.01")
        stake = exact(float(amount)) * odds.stakes
        if account.exact < stake:
            message = f"Balance ${account.balance:.2f} is less than bet ${float(stake):.2f}"
            raise RefusedError(400, "insufficient_balance", message, required=float(stake))
        limit = kelly(account.balance, account.risk_factor, odds)
        if float(stake) > limit["max_bet"]:
            message = f"Bet ${float(stake):.2f} exceeds Kelly limit of ${limit['max_bet']:.2f}"
            raise RefusedError(400, "kelly_limit_exceeded", message, max_bet=limit["max_bet"], kelly=limit)
        return stake

    def _settle(self, account: Account, game: str, bet_id: str, stake: Decimal, payout: Decimal) -> None:
        house = f"house:{account.name}:{game}"
        self.bank.move(
            account,
            -stake,
            "reservation",
            service="casino",
            reference=bet_id,
            against=[Leg(house, account.name, stake)],
        )
        if payout:
            self.bank.move(
                account,
                payout,
                "reservation_release",
                service="casino",
                reference=bet_id,
                against=[Leg(house, account.name, -payout)],
            )

    def _record(self, account: Account, bet: Bet) -> None:
        account.bets.append(bet)
        account.total_wagered += bet.amount
        account.total_won += bet.amount_won
        totals = account.games.setdefault(bet.game, GameTotals())
        totals.bets += 1
        totals.wagered += bet.amount
        totals.won += bet.amount_won
        totals.wins += bet.won
        totals.biggest_win = max(totals.biggest_win, bet.amount_won)
        account.person.last_action = self.kernel.now
        if account.bonus.get("status") == "active":
            account.bonus["wagered"] += bet.amount
            if account.bonus["wagered"] >= account.bonus["required"]:
                account.bonus["status"] = "completed"

    def _answer(self, account: Account, bet: Bet, odds: Odds) -> dict[str, Any]:
        nonce = self._nonces[account.name] = self._nonces.get(account.name, 0) + 1
        limit = kelly(account.balance, account.risk_factor, odds)
        return {
            "bet_id": bet.id,
            "game": bet.game,
            "amount_bet": bet.amount,
            "result": bet.result,
            "won": bet.won,
            "payout_multiplier": bet.multiplier,
            "amount_won": round2(bet.amount_won),
            "new_balance": round2(account.balance),
            "proof": {
                "server_seed_hash": bet.result_hash[::-1],
                "client_seed": f"auto_{self.kernel.second}",
                "nonce": nonce,
                "result_hash": bet.result_hash,
            },
            "kelly": {
                "bankroll": round2(account.balance),
                "risk_factor": account.risk_factor,
                "max_bet_this_game": limit["max_bet"],
                "bets_until_ruin": limit["bets_until_ruin"],
                "suggested_bet": limit["suggested_bet"],
            },
        }

    def batch(self, account: Account, bets: Any) -> dict[str, Any]:
        """Up to 20 bets in one call, each answered on its own.

        The summary reads a field that single answers do not have (`amount`; they say `amount_bet`), so
        `total_wagered` is always 0 and `net_pnl` equals the total won: the server does the same.
        """
        if not isinstance(bets, list) or not bets:
            raise RefusedError(400, "invalid_bets", "Provide an array of bets")
        if len(bets) > 20:
            raise RefusedError(400, "too_many_bets", "Maximum 20 bets per batch call")
        results = [self._one_of_batch(account, bet) for bet in bets]
        good = [result for result in results if "error" not in result]
        won = sum(bool(result["won"]) for result in good)
        wagered = sum(result.get("amount", 0) for result in good)
        total_won = sum(result["amount_won"] for result in good)
        return {
            "results": results,
            "summary": {
                "total": len(bets),
                "won": won,
                "lost": len(good) - won,
                "errors": len(results) - len(good),
                "total_wagered": round2(wagered),
                "total_won": round2(total_won),
                "net_pnl": round2(total_won - wagered),
                "win_rate_pct": percent(won, len(good)),
            },
            "balance_after": round2(account.balance),
            "kelly_max_next_bet": round2(account.balance * account.risk_factor),
        }

    def _one_of_batch(self, account: Account, bet: Any) -> dict[str, Any]:
        game = bet.get("game") if isinstance(bet, dict) else None
        if game not in GAMES or game in _NOT_IN_BATCH:
            return {"error": "unknown_game", "message": f"Unknown game: {game}"}
        try:
            return self.bet(account, game, bet.get("amount"), bet)
        except RefusedError as refusal:
            return refusal.body

    def parlay(self, account: Account, legs: Any, amount: Any) -> dict[str, Any]:
        """Two to five games in one bet of at most 10 USD: all must win, the multipliers multiply, less 1 % a leg.

        Raises:
            RefusedError: 400 with the code of what was wrong.
        """
        with self.kernel.attempt(account.name, "casino", "parlay") as attempt:
            answer = self._checked_parlay(account, legs, amount)
            attempt.reference = answer["parlay_id"]
        return answer

    def _checked_parlay(self, account: Account, legs: Any, amount: Any) -> dict[str, Any]:
        if not isinstance(legs, list) or not 2 <= len(legs) <= 5:
            raise RefusedError(400, "invalid_legs", "A parlay has 2 to 5 bets")
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0.01 <= amount <= 10:
            raise RefusedError(400, "invalid_amount", "amount must be between 0.01 and 10")
        for leg in legs:
            if not isinstance(leg, dict) or leg.get("game") not in _PARLAY_GAMES:
                raise RefusedError(400, "invalid_game", f"Parlay games: {', '.join(_PARLAY_GAMES)}")
            GAMES[leg["game"]].odds(leg.get("params") or {})
        stake = exact(float(amount))
        if account.exact < stake:
            raise RefusedError(400, "insufficient_balance", f"Balance ${account.balance:.2f}", required=amount)
        return self._play_parlay(account, legs, stake)

    def _play_parlay(self, account: Account, legs: list[dict[str, Any]], stake: Decimal) -> dict[str, Any]:
        parlay_id = f"par_{self.kernel.ids.uuid('parlay', account.name)}"
        drawn = [GAMES[leg["game"]].draw(leg.get("params") or {}, self.random(account)) for leg in legs]
        combined = 1.0
        for result in drawn:
            combined *= result.multiplier * 0.99
        combined = round4(combined)
        all_won = all(result.won for result in drawn)
        payout = settled(stake * exact(combined)) if all_won else Decimal(0)
        house = f"house:{account.name}:parlay"
        debit, credit = [Leg(house, account.name, stake)], [Leg(house, account.name, -payout)]
        move = self.bank.move
        move(account, -stake, "parlay_bet", service="casino", reference=parlay_id, against=debit)
        if payout:
            move(account, payout, "parlay_win", service="casino", reference=parlay_id, against=credit)
        account.total_wagered += float(stake)
        account.total_won += float(payout)
        account.person.last_action = self.kernel.now
        record = {"id": parlay_id, "amount": stake, "payout": payout, "second": self.kernel.second}
        account.parlays.append(record)
        return {
            "parlay_id": parlay_id,
            "total_bet": float(stake),
            "legs": [
                {"game": leg["game"], "won": result.won, "multiplier": result.multiplier, "result": result.result}
                for leg, result in zip(legs, drawn, strict=True)
            ],
            "all_won": all_won,
            "combined_multiplier": combined,
            "payout": round2(float(payout)),
            "balance_after": round2(account.balance),
        }
