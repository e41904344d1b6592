"""Stake advice: limits, the best bet of a named game, and a simulation that touches no account."""

import math
from random import Random

import pytest

from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.games import Odds
from fleawatch.sandbox.services.kelly import WORK, kelly, limits, optimal, simulate


class TestLimit:
    def test_without_an_edge_the_limit_follows_the_probability(self):
        """A coin flip at a quarter of Kelly: an eighth of the balance."""
        answer = kelly(100.0, 0.25, Odds(0.5, 1.99))
        assert (answer["max_bet"], answer["bets_until_ruin"], answer["suggested_bet"]) == (12.5, 8, 6.25)
        assert answer["edge"] == -0.005
        assert answer["expected_value_per_bet"] == pytest.approx(6.25 * -0.005, abs=1e-4)
        assert answer["growth_rate"] == round(0.5 * math.log(1 + 0.125 * 0.99) + 0.5 * math.log(0.875), 4)

    def test_nothing_to_lose_has_no_ruin(self):
        """An empty balance has a limit of 0 and `null` bets until ruin."""
        assert kelly(0.0, 0.25, Odds(0.5, 1.99))["bets_until_ruin"] is None

    def test_the_table_uses_older_payouts(self):
        """1.96 for a coin flip that pays 1.99."""
        advice = limits(100.0, 0.25)
        assert advice["limits"]["coin_flip"]["edge"] == -0.02
        assert len(advice["limits"]) == 10


class TestOptimal:
    @pytest.mark.parametrize(
        ("body", "probability", "payout"),
        [
            ({"game": "coin_flip"}, 0.5, 1.96),
            ({"game": "dice_over", "threshold": 75}, 0.25, 3.92),
            ({"game": "dice_under", "threshold": 25}, 0.25, 3.92),
            ({"game": "custom", "win_probability": 75}, 0.75, 1.3067),
        ],
    )
    def test_the_named_games(self, body, probability, payout):
        """Four of them, with the advised payout."""
        answer = optimal(200.0, 0.25, body)
        assert (answer["win_probability"], answer["payout_multiplier"]) == (probability, payout)
        assert (answer["bankroll"], answer["risk_factor"]) == (200.0, 0.25)
        assert answer["max_bet"] == pytest.approx(200 * 0.25 * probability)

    def test_any_risk_factor_is_taken(self):
        """Above 1 there is no growth to speak of; the number is not refused."""
        answer = optimal(100.0, 0.25, {"game": "coin_flip", "risk_factor": 4})
        assert (answer["risk_factor"], answer["max_bet"], answer["growth_rate"]) == (4.0, 200.0, None)

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            ({}, "unknown_game"),
            ({"game": "plinko"}, "unknown_game"),
            ({"game": "dice_over"}, "invalid_threshold"),
            ({"game": "dice_under", "threshold": 100}, "invalid_threshold"),
            ({"game": "custom", "win_probability": "half"}, "invalid_probability"),
        ],
    )
    def test_the_others_are_refused(self, body, error):
        """With what is wrong."""
        with pytest.raises(RefusedError, match=error):
            optimal(100.0, 0.25, body)


BODY = {"bankroll": 100, "game": "coin_flip", "bet_amount": 10, "num_bets": 50, "simulations": 400}


class TestSimulation:
    def test_the_figures_agree_with_each_other(self):
        """Percentiles ascend, the mean is near the expectation, ruin is a share."""
        answer = simulate(BODY, Random(7))
        parts = list(answer["percentiles"].values())
        assert parts == sorted(parts)
        assert answer["worst_case"] <= parts[0] <= parts[-1] <= answer["best_case"]
        assert answer["median_final_bankroll"] == answer["percentiles"]["50th"]
        assert answer["average_final_bankroll"] == pytest.approx(100 - 50 * 10 * 0.02, abs=12)
        assert 0 < answer["ruin_probability"] < 1
        assert (answer["simulations"], answer["num_bets"]) == (400, 50)

    def test_a_certain_ruin(self):
        """A stake above the bankroll is ruined before the first bet."""
        answer = simulate({**BODY, "bet_amount": 200}, Random(7))
        assert (answer["ruin_probability"], answer["best_case"], answer["profitable_runs_pct"]) == (1.0, 100.0, 0.0)

    def test_the_work_is_bounded_and_says_so(self):
        """More than can be played in a moment is fewer runs, and the answer tells how many."""
        answer = simulate({**BODY, "bet_amount": 0.01, "num_bets": 10**9, "simulations": 10**9}, Random(7))
        assert answer["num_bets"] == 10_000
        assert answer["simulations"] == WORK // 10_000

    @pytest.mark.parametrize("missing", ["bankroll", "game", "bet_amount", "num_bets"])
    def test_what_it_needs(self, missing):
        """400 `missing_params`, also for what is no number."""
        for value in (None, 0, -5, "x", float("nan")):
            with pytest.raises(RefusedError, match=r"missing_params|unknown_game"):
                simulate({**BODY, missing: value}, Random(7))
