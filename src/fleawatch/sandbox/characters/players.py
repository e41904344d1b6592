"""Casino players: the flat bettor, the coin flipper, the plinko fan, one of many games, one who loves parlays, and more."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from fleawatch.sandbox.characters.base import Character
from fleawatch.sandbox.services.games import GAMES

_MENUS: Final[dict[str, dict[str, tuple[Any, ...]]]] = {
    "coin_flip": {"side": ("heads", "tails")},
    "dice": {"direction": ("over", "under"), "threshold": (25, 50, 50, 75)},
    "multiplier": {"target_multiplier": (1.5, 2.0, 3.0, 7.77)},
    "crash": {"cash_out_at": (1.2, 1.5, 2.0, 4.0)},
    "roulette": {"bet_type": ("red", "black", "odd", "high", "dozen_2", "column_3")},
    "custom": {"win_probability": (20, 35, 50, 65, 80)},
    "blackjack": {"action": ("stand", "stand", "hit", "double")},
    "plinko": {"rows": (8, 12, 16), "risk": ("low", "medium", "high")},
    "simple_dice": {"pick": (1, 2, 3, 4, 5, 6)},
    "hilo": {"guess": ("higher", "lower")},
    "mines": {"mines": (3,), "reveals": (2, 3)},
    "baccarat": {"bet_on": ("player", "banker", "tie")},
    "keno": {"picks": ([7, 21, 33, 64], [5, 18, 40], [2, 44])},
}


def params_for(game: str, random: Random) -> dict[str, Any]:
    """Sensible parameters for any game; none for those that take none."""
    return {name: random.choice(choices) for name, choices in _MENUS.get(game, {}).items()}


class Flat(Character):
    """Bets the same dollar on dice, over 50."""

    pace = 8.0

    def act(self) -> None:
        answer_challenge(self)
        self.platform.casino.bet(self.account, "dice", 1.0, {"direction": "over", "threshold": 50})


class Coin(Character):
    """Flips coins, claims its daily bonus, enters tournaments and answers challenges."""

    pace = 8.0

    def act(self) -> None:
        if not self.account.daily_claims:
            self.platform.social.claim_daily(self.account)
        answer_challenge(self)
        enter_tournament(self)
        self.bet("coin_flip", 0.01, side=self.random.choice(("heads", "tails")))


class Plinko(Character):
    """Drops balls. Every one of them is "won", most return less than the stake."""

    pace = 9.0
    funds = 300.0

    def act(self) -> None:
        answer_challenge(self)
        self.bet("plinko", 0.006, **params_for("plinko", self.random))


class Multi(Character):
    """Plays everything, often in batches that land in one second; challenges others."""

    pace = 12.0
    funds = 400.0
    menu: Final = tuple(game for game in GAMES if game not in ("wheel", "baccarat"))

    def act(self) -> None:
        dice = self.random.random()
        if dice < 0.04 and self.circle.payees:
            opponent = self.random.choice(self.circle.payees)
            self.platform.social.challenge(self.account, opponent.id, round(self.random.uniform(0.5, 4.0), 2))
        elif dice < 0.25:
            games = [self.random.choice(self.menu) for _ in range(self.random.randrange(2, 6))]
            bets = [{"game": g, "amount": self.stake(0.003), **params_for(g, self.random)} for g in games]
            self.platform.casino.batch(self.account, bets)
        else:
            enter_tournament(self)
            game = self.random.choice(tuple(GAMES))
            self.bet(game, 0.004, **params_for(game, self.random))


class Parlay(Character):
    """Combines two to four games into one bet, with plain dice in between."""

    pace = 11.0

    def act(self) -> None:
        if self.random.random() < 0.4:
            self.bet("simple_dice", 0.004, pick=self.random.randrange(1, 7))
            return
        names = [self.random.choice(("coin_flip", "dice", "multiplier")) for _ in range(self.random.randrange(2, 4))]
        legs = [{"game": name, "params": params_for(name, self.random)} for name in names]
        self.platform.casino.parlay(self.account, legs, round(self.random.uniform(0.2, 2.0), 2))


class Bleeder(Character):
    """Plays what pays worst, too big, and never refills: it keeps losing."""

    pace = 9.0
    funds = 600.0
    tops_up = False

    def act(self) -> None:
        game = self.random.choice(("slots", "slots", "hilo", "blackjack", "wheel"))
        self.bet(game, 0.012, **params_for(game, self.random))


class Silent(Character):
    """Plays crash until, one day, nothing more is heard of it."""

    pace = 8.0

    def act(self) -> None:
        self.bet("crash", 0.008, cash_out_at=self.random.choice((1.2, 1.5, 2.0)))


class Expiring(Character):
    """Plays roulette until its key is about to expire."""

    pace = 9.0

    def act(self) -> None:
        self.bet("roulette", 0.008, **params_for("roulette", self.random))


def answer_challenge(character: Character) -> None:
    """Accept or decline a waiting challenge now and then."""
    social, account = character.platform.social, character.account
    waiting = [c for c in social.challenges.values() if c.challenged is account and c.status == "pending"]
    if waiting and character.random.random() < 0.1:
        answer = social.accept if character.random.random() < 0.6 else social.decline
        answer(account, waiting[0].id)


def enter_tournament(character: Character) -> None:
    """Enter one open tournament now and then, when the character has not yet."""
    if character.random.random() < 0.05:
        for tournament in character.platform.social.tournaments.values():
            if tournament.status == "open" and character.account.id not in tournament.entrants:
                character.platform.social.enter(character.account, tournament.id)
                return
