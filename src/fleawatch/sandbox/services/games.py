"""The games' mathematics: what a bet's parameters are worth, and what the draw pays.

Each game is two functions. `odds` checks the parameters and gives the win probability and payout that the Kelly limit is
computed with; `draw` plays. `won` is the platform's flag, not profit: plinko is always won, and a push is won too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from fleawatch.sandbox.numbers import round2, round4
from fleawatch.sandbox.refusal import RefusedError

EDGE: Final = 0.005
Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Odds:
    """Win probability, payout multiplier, and how many times the amount is staked (2 for a double)."""

    probability: float
    payout: float
    stakes: int = 1


@dataclass(frozen=True, slots=True)
class Drawn:
    """The result of a draw: the platform's flag, the gross multiplier of the stake, and the `result` object."""

    won: bool
    multiplier: float
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Game:
    """A game: its path under `/games/`, its odds and its draw."""

    slug: str
    odds: Callable[[Params], Odds]
    draw: Callable[[Params, Random], Drawn]


def _number(params: Params, name: str, low: float, high: float, error: str, default: float | None = None) -> float:
    value = params.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise RefusedError(400, error, f"{name} must be between {low:g} and {high:g}")
    return float(value)


def _choice(params: Params, name: str, allowed: tuple[Any, ...], error: str, default: Any = None) -> Any:
    value = params.get(name, default)
    if value not in allowed:
        raise RefusedError(400, error, f"{name} must be one of: {', '.join(map(str, allowed))}")
    return value


def _fair(probability: float) -> float:
    return round4((1 - EDGE) / probability)


def _coin_odds(params: Params) -> Odds:
    _choice(params, "side", ("heads", "tails"), "invalid_side")
    return Odds(0.5, 1.99)


def _coin_draw(params: Params, random: Random) -> Drawn:
    roll = random.random() * 100
    outcome = "heads" if roll < 50 else "tails"
    won = outcome == params["side"]
    return Drawn(won, 1.99, {"side_chosen": params["side"], "outcome": outcome, "roll": round2(roll)})


def _dice_odds(params: Params) -> Odds:
    direction = _choice(params, "direction", ("over", "under"), "invalid_direction")
    threshold = _number(params, "threshold", 1, 99, "invalid_threshold")
    probability = (100 - threshold) / 100 if direction == "over" else threshold / 100
    return Odds(probability, _fair(probability))


def _dice_draw(params: Params, random: Random) -> Drawn:
    odds = _dice_odds(params)
    value = random.randrange(1, 101)
    # "under" needs a strictly lower value while its payout assumes "at most": the published edge is not the real one.
    won = value > params["threshold"] if params["direction"] == "over" else value < params["threshold"]
    result = {"direction": params["direction"], "threshold": params["threshold"], "dice_value": value}
    return Drawn(won, odds.payout, {**result, "win_probability": round4(odds.probability)})


def _crash_point(random: Random) -> float:
    roll = random.random()
    return 10_000.0 if roll >= 0.9999 else round2((1 - EDGE) / (1 - roll))


def _target(name: str, high: float, error: str) -> Callable[[Params], Odds]:
    def odds(params: Params) -> Odds:
        target = _number(params, name, 1.01, high, error)
        return Odds((1 - EDGE) / target, target)

    return odds


def _target_draw(name: str) -> Callable[[Params, Random], Drawn]:
    def draw(params: Params, random: Random) -> Drawn:
        point = _crash_point(random)
        target = float(params[name])
        return Drawn(point >= target, target, {name: target, "crash_point": point})

    return draw


_RED: Final = frozenset({1, 3, 5, 7, 9, 12, 14, 16, 18, 19, 21, 23, 25, 27, 30, 32, 34, 36})
_EVEN_MONEY: Final[dict[str, Callable[[int], bool]]] = {
    "red": lambda n: n in _RED,
    "black": lambda n: n > 0 and n not in _RED,
    "odd": lambda n: n % 2 == 1,
    "even": lambda n: n > 0 and n % 2 == 0,
    "high": lambda n: n >= 19,
    "low": lambda n: 1 <= n <= 18,
}
_THIRDS: Final[dict[str, frozenset[int]]] = {
    **{f"dozen_{i}": frozenset(range(12 * i - 11, 12 * i + 1)) for i in (1, 2, 3)},
    **{f"column_{i}": frozenset(range(i, 37, 3)) for i in (1, 2, 3)},
}


def _roulette_odds(params: Params) -> Odds:
    kind = _choice(params, "bet_type", ("number", *_EVEN_MONEY, *_THIRDS), "invalid_bet_type")
    if kind == "number":
        _number(params, "bet_value", 0, 36, "invalid_number")
        return Odds(1 / 37, round4(35 * (1 - EDGE)))
    if kind in _EVEN_MONEY:
        return Odds(18 / 37, round4(2 * (1 - EDGE)))
    return Odds(12 / 37, round4(3 * (1 - EDGE)))


def _roulette_draw(params: Params, random: Random) -> Drawn:
    kind = str(params["bet_type"])
    number = random.randrange(37)
    if kind in _THIRDS:
        won = number in _THIRDS[kind]
    else:
        won = number == params["bet_value"] if kind == "number" else _EVEN_MONEY[kind](number)
    color = "green" if number == 0 else "red" if number in _RED else "black"
    return Drawn(won, _roulette_odds(params).payout, {"bet_type": kind, "number": number, "color": color})


def _custom_odds(params: Params) -> Odds:
    probability = _number(params, "win_probability", 1, 99, "invalid_probability") / 100
    return Odds(probability, _fair(probability))


def _custom_draw(params: Params, random: Random) -> Drawn:
    odds = _custom_odds(params)
    roll = random.random()
    return Drawn(roll < odds.probability, odds.payout, {"roll": round2(roll * 100)})


def _blackjack_odds(params: Params) -> Odds:
    action = _choice(params, "action", ("hit", "stand", "double"), "invalid_action", "stand")
    return Odds(0.42, 2.0, 2) if action == "double" else Odds(0.42, 1.5)


def _hand(cards: list[int]) -> int:
    total = sum(11 if card == 1 else min(card, 10) for card in cards)
    aces = cards.count(1)
    while total > 21 and aces:
        total, aces = total - 10, aces - 1
    return total


def _blackjack_draw(params: Params, random: Random) -> Drawn:
    """A win pays 1.0 x (2.0 x for a double): an ordinary win returns the stake, as the real table does."""
    action = params.get("action", "stand")
    deck = [random.randrange(1, 14) for _ in range(14)]
    player, dealer = [deck.pop(), deck.pop()], [deck.pop(), deck.pop()]
    naturals = _hand(player) == 21, _hand(dealer) == 21
    pays = 2.0 if action == "double" else 1.0
    if any(naturals):
        outcome, multiplier = {
            (True, False): ("blackjack", 1.5),
            (False, True): ("dealer_blackjack", 0.0),
            (True, True): ("push", 1.0),
        }[naturals]
    else:
        if action != "stand":
            player.append(deck.pop())
        while _hand(dealer) < 17:
            dealer.append(deck.pop())
        mine, theirs = _hand(player), _hand(dealer)
        if mine > 21:
            outcome, multiplier = "bust", 0.0
        elif theirs > 21 or mine > theirs:
            outcome, multiplier = ("dealer_bust" if theirs > 21 else "win"), pays
        else:
            outcome, multiplier = ("push", 1.0) if mine == theirs else ("lose", 0.0)
    result = {"action": action, "player_total": _hand(player), "dealer_total": _hand(dealer), "outcome": outcome}
    return Drawn(multiplier > 0, multiplier, result)


_PLINKO: Final[dict[str, dict[int, tuple[float, ...]]]] = {
    "low": {8: (0.5, 1.0, 1.2, 2.1, 5.5), 12: (0.5, 1.0, 1.1, 1.3, 1.7, 3.2, 9.0), 16: (0.5, 1.0, 1.1, 1.2, 1.4, 2.0, 4.0, 8.0, 15.0)},
    "medium": {8: (0.4, 0.7, 1.4, 3.2, 13.0), 12: (0.3, 0.5, 0.8, 2.0, 4.0, 11.0, 32.0), 16: (0.3, 0.5, 0.9, 1.5, 3.0, 5.0, 10.0, 40.0, 110.0)},
    "high": {8: (0.2, 0.3, 1.6, 4.0, 28.0), 12: (0.2, 0.2, 0.8, 2.0, 8.0, 24.0, 165.0), 16: (0.2, 0.2, 0.3, 2.0, 4.0, 9.0, 25.0, 125.0, 950.0)},
}  # fmt: skip
"""Multipliers by distance from the centre slot: the centre pays least."""


def _plinko_odds(params: Params) -> Odds:
    rows = _choice(params, "rows", (8, 12, 16), "invalid_rows", 8)
    risk = _choice(params, "risk", ("low", "medium", "high"), "invalid_risk", "low")
    prizes = _PLINKO[risk][rows]
    # The plain average over slots ignores how rare the edges are, so the limit looks at a game with a player's edge.
    return Odds(0.5, sum(prizes) / len(prizes))


def _plinko_draw(params: Params, random: Random) -> Drawn:
    rows, risk = int(params.get("rows", 8)), str(params.get("risk", "low"))
    slot = sum(random.random() < 0.5 for _ in range(rows))
    multiplier = _PLINKO[risk][rows][abs(slot - rows // 2)]
    return Drawn(True, multiplier, {"rows": rows, "risk": risk, "slot": slot, "multiplier": multiplier})


_REEL: Final = ("7", "BAR", "BELL", "CHERRY", "LEMON", "ORANGE", "GRAPE")
_WEIGHTS: Final = (3, 6, 10, 18, 21, 21, 21)
_TRIPLES: Final = {"7": 200.0, "BAR": 60.0, "BELL": 20.0, "CHERRY": 8.0, "LEMON": 6.0, "ORANGE": 6.0, "GRAPE": 6.0}


def _slots_draw(_: Params, random: Random) -> Drawn:
    reels = random.choices(_REEL, _WEIGHTS, k=3)
    multiplier = 0.0
    if len(set(reels)) == 1:
        multiplier = _TRIPLES[reels[0]]
    elif reels[:2] == ["BAR", "BAR"]:
        multiplier = 5.0
    elif reels.count("CHERRY") == 2:
        multiplier = 2.0
    elif reels[0] == "CHERRY":
        multiplier = 1.0
    return Drawn(multiplier > 0, multiplier, {"reels": reels, "multiplier": multiplier})


def _simple_dice_odds(params: Params) -> Odds:
    _choice(params, "pick", (1, 2, 3, 4, 5, 6), "invalid_pick")
    return Odds(1 / 6, 5.5)


def _simple_dice_draw(params: Params, random: Random) -> Drawn:
    rolled = random.randrange(1, 7)
    return Drawn(rolled == params["pick"], 5.5, {"pick": params["pick"], "rolled": rolled})


def _hilo_odds(params: Params) -> Odds:
    _choice(params, "guess", ("higher", "lower"), "invalid_guess")
    return Odds(0.46, 1.90)


def _hilo_draw(params: Params, random: Random) -> Drawn:
    first, second = random.randrange(1, 14), random.randrange(1, 14)
    result = {"card1": first, "card2": second, "guess": params["guess"]}
    if first == second:
        return Drawn(True, 1.0, {**result, "result": "push"})
    higher = params["guess"] == "higher"
    chance = min(0.99, max(0.01, (13 - first if higher else first - 1) / 12))
    won = second > first if higher else second < first
    return Drawn(won, min(12.0, max(1.05, 0.96 / chance)), {**result, "result": "win" if won else "loss"})


def _table(odds: Odds, prizes: tuple[float, ...], weights: tuple[float, ...]) -> tuple[Any, Any]:
    """A game without parameters: a wheel of prizes with weights."""

    def draw(_: Params, random: Random) -> Drawn:
        multiplier = random.choices(prizes, weights)[0]
        return Drawn(multiplier > 0, multiplier, {"multiplier": multiplier})

    return (lambda _: odds), draw


def _mines_odds(params: Params) -> Odds:
    mines = int(_number(params, "mines", 1, 24, "invalid_mines", 3))
    reveals = int(_number(params, "reveals", 1, 25 - mines, "invalid_reveals", 3))
    probability = 1.0
    for safe in range(reveals):
        probability *= (25 - mines - safe) / (25 - safe)
    return Odds(probability, round4(0.98 / probability))


def _mines_draw(params: Params, random: Random) -> Drawn:
    odds = _mines_odds(params)
    return Drawn(random.random() < odds.probability, odds.payout, {"mines": params.get("mines", 3)})


def _baccarat_odds(params: Params) -> Odds:
    side = _choice(params, "bet_on", ("player", "banker", "tie"), "invalid_bet_on")
    return {"player": Odds(0.446, 2.0), "banker": Odds(0.458, 1.95), "tie": Odds(0.096, 9.0)}[side]


def _baccarat_draw(params: Params, random: Random) -> Drawn:
    outcome = random.choices(("player", "banker", "tie"), (0.446, 0.458, 0.096))[0]
    result = {"bet_on": params["bet_on"], "outcome": outcome}
    if outcome == "tie" and params["bet_on"] != "tie":
        return Drawn(True, 1.0, {**result, "push": True})
    return Drawn(outcome == params["bet_on"], _baccarat_odds(params).payout, result)


def _keno_odds(params: Params) -> Odds:
    picks = params.get("picks")
    valid = isinstance(picks, list) and 1 <= len(picks) <= 10 and len(set(picks)) == len(picks)
    if not valid or not all(isinstance(pick, int) and 1 <= pick <= 80 for pick in picks or ()):
        raise RefusedError(400, "invalid_picks", "picks must be 1-10 distinct integers from 1 to 80")
    return Odds(0.25, 3.0)


def _keno_draw(params: Params, random: Random) -> Drawn:
    picks = params["picks"]
    hits = len(set(picks) & set(random.sample(range(1, 81), 20)))
    multiplier = round4(hits / len(picks) * 4.0) if hits * 2 > len(picks) else 0.0
    return Drawn(multiplier > 0, multiplier, {"picks": picks, "hits": hits})


GAMES: Final[dict[str, Game]] = {
    "coin_flip": Game("coin-flip", _coin_odds, _coin_draw),
    "dice": Game("dice", _dice_odds, _dice_draw),
    "multiplier": Game(
        "multiplier", _target("target_multiplier", 1000, "invalid_multiplier"), _target_draw("target_multiplier")
    ),
    "crash": Game("crash", _target("cash_out_at", 100, "invalid_cashout"), _target_draw("cash_out_at")),
    "roulette": Game("roulette", _roulette_odds, _roulette_draw),
    "custom": Game("custom", _custom_odds, _custom_draw),
    "blackjack": Game("blackjack", _blackjack_odds, _blackjack_draw),
    "plinko": Game("plinko", _plinko_odds, _plinko_draw),
    "slots": Game("slots", lambda _: Odds(0.35, 3.0), _slots_draw),
    "wheel": Game("wheel", *_table(Odds(0.65, 1.6), (0.0, 1.0, 2.0, 50.0), (99.2, 0.5, 0.25, 0.05))),
    "scratch_card": Game("scratch-card", *_table(Odds(0.44, 2.2), (0.0, 1.5, 3.0, 10.0), (55.4, 30.0, 12.6, 2.0))),
    "simple_dice": Game("simple-dice", _simple_dice_odds, _simple_dice_draw),
    "hilo": Game("hilo", _hilo_odds, _hilo_draw),
    "mines": Game("mines", _mines_odds, _mines_draw),
    "baccarat": Game("baccarat", _baccarat_odds, _baccarat_draw),
    "keno": Game("keno", _keno_odds, _keno_draw),
}
"""Every game by the id that its bets carry."""

SLUGS: Final = {game.slug: game_id for game_id, game in GAMES.items()}
