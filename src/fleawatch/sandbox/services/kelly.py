"""The casino's advice on stakes: the Kelly limit it enforces, the same for a game that is only named, and a simulation.

The advice computes with older payouts (a house edge of 2 %) than the games pay; the enforced limit takes each game's own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from fleawatch.sandbox.numbers import round2, round4
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.games import Odds

_ADVISED_RETURN: Final = 0.98
MOST_BETS: Final = 10_000
MOST_RUNS: Final = 50_000
WORK: Final = 500_000
"""Most single bets that one simulation plays here. The platform plays all that was asked; a sandbox must stay awake."""


def kelly(balance: float, risk_factor: float, odds: Odds) -> dict[str, Any]:
    """The platform's limit for one game: fractional Kelly, or balance x risk x probability without an edge.

    Numbers that JavaScript would write as `null` (no ruin in sight, growth of a stake above the balance) are None.
    """
    gain, loss = odds.payout - 1, 1 - odds.probability
    fraction = (gain * odds.probability - loss) / gain if gain > 0 else -1.0
    adjusted = risk_factor * (fraction if fraction > 0 else odds.probability)
    limit = balance * adjusted
    edge = odds.probability * odds.payout - 1
    return {
        "max_bet": round2(limit),
        "kelly_fraction": round4(fraction),
        "adjusted_fraction": round4(adjusted),
        "edge": round4(edge),
        "expected_value_per_bet": round4(limit * 0.5 * edge),
        "bets_until_ruin": math.floor(balance / limit) if limit > 0 else None,
        "suggested_bet": round2(limit * 0.5),
        "growth_rate": _growth(odds.probability, gain, adjusted),
    }


def _growth(probability: float, gain: float, stake: float) -> float | None:
    """Expected logarithmic growth a bet when `stake` of the balance is bet; None when the balance can go to nothing."""
    if stake >= 1 or stake * gain <= -1:
        return None
    return round4(probability * math.log(1 + stake * gain) + (1 - probability) * math.log(1 - stake))


def limits(balance: float, risk_factor: float) -> dict[str, Any]:
    """`/kelly/limits`: ten typical bets, with the advised payouts."""
    chances = {
        "coin_flip": 0.5, "dice_over_50": 0.5, "dice_over_75": 0.25, "dice_over_90": 0.1, "dice_over_95": 0.05,
        "custom_25pct": 0.25, "custom_50pct": 0.5, "custom_75pct": 0.75,
    }  # fmt: skip
    table = {name: Odds(chance, _advised(chance)) for name, chance in chances.items()}
    table |= {"roulette_red": Odds(18 / 37, 1.96), "roulette_number": Odds(1 / 37, 35.28)}
    advice = {name: kelly(balance, risk_factor, odds) for name, odds in table.items()}
    return {"bankroll": balance, "risk_factor": risk_factor, "limits": advice}


def _advised(probability: float) -> float:
    return round4(1 / probability * _ADVISED_RETURN)


def _number(value: Any) -> float:
    """`value` where it is a finite number, else 0, which the servers take for missing."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else 0.0


def _named(body: Mapping[str, Any], default: float | None) -> Odds:
    """The odds of the game that `body` names. Without its parameter `default` percent count, or a refusal."""
    game = body.get("game")
    if game == "coin_flip":
        return Odds(0.5, 1.96)
    if game not in ("dice_over", "dice_under", "custom"):
        raise RefusedError(400, "unknown_game", "Game must be: coin_flip, dice_over, dice_under, custom")
    name, error = ("win_probability", "invalid_probability") if game == "custom" else ("threshold", "invalid_threshold")
    value = _number(body.get(name)) or default or 0.0
    if not 1 <= value <= 99:
        label = "win_probability" if game == "custom" else "Threshold"
        raise RefusedError(400, error, f"{label} required (1-99)")
    chance = (100 - value if game == "dice_over" else value) / 100
    return Odds(chance, _advised(chance))


def optimal(balance: float, risk_factor: float, body: Mapping[str, Any]) -> dict[str, Any]:
    """`/kelly/optimal`: the limit of a game that is named. A `risk_factor` in the body counts as it is, unchecked.

    Raises:
        RefusedError: 400 `unknown_game`, `invalid_threshold` or `invalid_probability`.
    """
    odds = _named(body, None)
    asked = body.get("risk_factor")
    risk = risk_factor if asked is None else _number(asked)
    return {
        "bankroll": balance,
        "game": body["game"],
        "win_probability": odds.probability,
        "payout_multiplier": odds.payout,
        "risk_factor": risk,
        **kelly(balance, risk, odds),
    }


def simulate(body: Mapping[str, Any], random: Random) -> dict[str, Any]:
    """`/kelly/simulate`: play `num_bets` equal bets from `bankroll` many times over and describe how it ended.

    `simulations` in the answer is how many runs were played, which is less than asked when the work would be too much.
    A run is ruined when it cannot pay its next bet. No account is touched.

    Raises:
        RefusedError: 400 `missing_params` or `unknown_game`, and what `optimal` refuses.
    """
    bankroll, stake, asked = (_number(body.get(name)) for name in ("bankroll", "bet_amount", "num_bets"))
    if not body.get("game") or min(bankroll, stake, asked) <= 0:
        raise RefusedError(400, "missing_params", "Required: bankroll, game, bet_amount, num_bets")
    odds = _named(body, 50.0)
    bets = max(1, min(int(asked), MOST_BETS))
    runs = int(min(_number(body.get("simulations")) or MOST_BETS, MOST_RUNS))
    runs = max(1, min(runs, WORK // bets))
    played = [_run(bankroll, stake, odds, bets, random) for _ in range(runs)]
    finals = sorted(final for final, _ in played)
    return {
        "simulations": runs,
        "num_bets": bets,
        "starting_bankroll": bankroll,
        "bet_amount": stake,
        "ruin_probability": round4(sum(ruined for _, ruined in played) / runs),
        "average_final_bankroll": round2(sum(finals) / runs),
        "median_final_bankroll": round2(finals[runs // 2]),
        "best_case": round2(finals[-1]),
        "worst_case": round2(finals[0]),
        "profitable_runs_pct": round4(sum(final > bankroll for final in finals) / runs * 100),
        "percentiles": {f"{part}th": round2(finals[int(runs * part / 100)]) for part in (5, 25, 50, 75, 95)},
    }


def _run(bankroll: float, stake: float, odds: Odds, bets: int, random: Random) -> tuple[float, bool]:
    """The bankroll at the end of one run, and whether the run could not pay all its bets."""
    balance, gain = bankroll, stake * (odds.payout - 1)
    for _ in range(bets):
        if balance < stake:
            return balance, True
        balance += gain if random.random() < odds.probability else -stake
    return balance, False
