"""The games: odds, draws, and the flag that is not profit."""

import pytest

from fleawatch.sandbox.characters.players import params_for
from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.casino import kelly
from fleawatch.sandbox.services.games import GAMES, Odds


def plays(game, count, **params):
    random = stream(1, game, params)
    return [GAMES[game].draw(params, random) for _ in range(count)]


@pytest.mark.parametrize("game", sorted(GAMES))
def test_every_game_can_be_played_with_sensible_parameters(game):
    """Odds accept what the players send, a draw pays zero or more, and the rate of return is below a lucky streak's."""
    random = stream(2, game)
    paid = 0.0
    for _ in range(400):
        params = params_for(game, random)
        assert 0 < GAMES[game].odds(params).probability < 1
        drawn = GAMES[game].draw(params, random)
        assert drawn.multiplier >= 0
        paid += drawn.multiplier if drawn.won else 0.0
    assert 0 <= paid / 400 < 6


def test_coin_flip_pays_what_it_says():
    """About half are won, at 1.99 times the stake."""
    drawn = plays("coin_flip", 4_000, side="heads")
    assert {result.multiplier for result in drawn} == {1.99}
    assert sum(result.won for result in drawn) / 4_000 == pytest.approx(0.5, abs=0.03)


def test_plinko_is_always_won_and_mostly_not_profitable():
    """Every ball is `won: true`; most pay back less than the stake, some a fifth of it."""
    drawn = plays("plinko", 2_000, rows=12, risk="high")
    assert all(result.won for result in drawn)
    assert sum(result.multiplier < 1 for result in drawn) > 1_000
    assert min(result.multiplier for result in drawn) == 0.2


def test_blackjack_wins_are_pushes_by_money():
    """An ordinary win returns the stake: won, and no profit."""
    drawn = plays("blackjack", 2_000, action="stand")
    wins = [result for result in drawn if result.result["outcome"] in ("win", "dealer_bust")]
    assert wins
    assert all(result.won and result.multiplier == 1.0 for result in wins)


@pytest.mark.parametrize("game", ["hilo", "slots"])
def test_pushes_are_won(game):
    """A push has the flag of a win and returns the stake."""
    drawn = plays(game, 3_000, guess="higher")
    assert any(result.won and result.multiplier == 1.0 for result in drawn)


def test_dice_under_wins_less_often_than_its_odds_say():
    """`under 10` wins on nine values of a hundred and is paid as if on ten."""
    drawn = plays("dice", 20_000, direction="under", threshold=10)
    assert sum(result.won for result in drawn) / 20_000 == pytest.approx(0.09, abs=0.01)
    assert GAMES["dice"].odds({"direction": "under", "threshold": 10}).payout == 9.95


@pytest.mark.parametrize(
    ("game", "params", "error"),
    [
        ("coin_flip", {"side": "edge"}, "invalid_side"),
        ("dice", {"direction": "over", "threshold": 100}, "invalid_threshold"),
        ("multiplier", {"target_multiplier": 1}, "invalid_multiplier"),
        ("crash", {"cash_out_at": 101}, "invalid_cashout"),
        ("roulette", {"bet_type": "purple"}, "invalid_bet_type"),
        ("roulette", {"bet_type": "number", "bet_value": 37}, "invalid_number"),
        ("custom", {"win_probability": True}, "invalid_probability"),
        ("keno", {"picks": [1, 1]}, "invalid_picks"),
        ("mines", {"mines": 24, "reveals": 2}, "invalid_reveals"),
        ("simple_dice", {"pick": 7}, "invalid_pick"),
        ("plinko", {"rows": 9}, "invalid_rows"),
    ],
)
def test_wrong_parameters_are_refused(game, params, error):
    """Each game names what was wrong, with status 400."""
    with pytest.raises(RefusedError) as refused:
        GAMES[game].odds(params)
    assert (refused.value.status, refused.value.error) == (400, error)


def test_the_kelly_limit_of_a_coin_is_an_eighth():
    """Without an edge the limit is balance x risk factor x probability."""
    assert kelly(1_000.0, 0.25, Odds(0.5, 1.99))["max_bet"] == 125.0


def test_plinko_looks_favourable_to_the_limit():
    """Averaging over the slots gives the player an edge on paper, and so a larger limit."""
    wide = kelly(1_000.0, 0.25, GAMES["plinko"].odds({"rows": 16, "risk": "high"}))
    assert wide["kelly_fraction"] > 0
