"""Video poker, jacks or better: the cards, what a hand is worth, and the hands that are dealt and not yet drawn.

A deal is free and only shows cards; the draw places the bet. Each deal has a number, and a draw names it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.games import Drawn, Odds

GAME: Final = "video_poker"
"""The id that its bets carry."""
SLUG: Final = "video-poker/draw"
"""Where its bets are placed, under `/games/`."""
ODDS: Final = Odds(0.4546, 2.17)
"""How often a hand pays under good play, and what a paying hand returns: what the Kelly limit is computed with."""
_RANKS: Final = ("2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K", "A")
_SUITS: Final = ("spades", "hearts", "diamonds", "clubs")
PAYS: Final[dict[str, float]] = {
    "royal_flush": 800.0, "straight_flush": 50.0, "four_of_a_kind": 25.0, "full_house": 9.0, "flush": 6.0,
    "straight": 4.0, "three_of_a_kind": 3.0, "two_pair": 2.0, "jacks_or_better": 1.0, "nothing": 0.0,
}  # fmt: skip
"""Gross multiplier of the stake by the name of the hand. Jacks or better returns the stake and counts as won."""
_BY_COUNTS: Final = {
    (4, 1): "four_of_a_kind",
    (3, 2): "full_house",
    (3, 1, 1): "three_of_a_kind",
    (2, 2, 1): "two_pair",
}
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Card:
    """One of 52 cards. `value` counts from 0 for a two to 12 for an ace."""

    value: int
    suit: str

    def shown(self) -> dict[str, str]:
        """The card as answers show it."""
        return {"rank": _RANKS[self.value], "suit": self.suit}


DECK: Final = tuple(Card(value, suit) for suit in _SUITS for value in range(len(_RANKS)))


def ranked(hand: list[Card]) -> str:
    """The best name of five cards, a key of `PAYS`."""
    values = sorted(card.value for card in hand)
    counts = Counter(values)
    shape = tuple(sorted(counts.values(), reverse=True))
    if shape in _BY_COUNTS:
        return _BY_COUNTS[shape]
    flush = len({card.suit for card in hand}) == 1
    ace_low = values == [0, 1, 2, 3, 12]
    straight = len(counts) == _SHOWN and (values[-1] - values[0] == _SHOWN - 1 or ace_low)
    if straight and flush:
        return "royal_flush" if values[0] == _RANKS.index("10") else "straight_flush"
    if flush or straight:
        return "flush" if flush else "straight"
    high_pair = any(count == 2 and value >= _RANKS.index("J") for value, count in counts.items())
    return "jacks_or_better" if high_pair else "nothing"


class Hands:
    """The hands of one account that were dealt and not drawn yet."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._dealt: dict[int, list[Card]] = {}
        self._count = 0

    def deal(self) -> dict[str, Any]:
        """Five cards and the number of the deal, as `POST /games/video-poker/deal` answers."""
        self._count += 1
        cards = self._dealt[self._count] = self._random.sample(DECK, 2 * _SHOWN)
        hand = cards[:_SHOWN]
        return {
            "game": GAME,
            "cards": [card.shown() for card in hand],
            "current_hand": ranked(hand),
            "nonce": self._count,
            "next": "POST /api/v1/games/video-poker/draw with holds, nonce and amount",
        }

    def checked(self, nonce: Any, holds: Any) -> list[Card]:
        """The ten cards of deal `nonce`: five shown, five to draw from.

        Raises:
            RefusedError: 400 `invalid_holds`; 400 `invalid_nonce` for a deal that never was or was drawn already.
        """
        if not isinstance(holds, list) or len(holds) != _SHOWN or not all(isinstance(hold, bool) for hold in holds):
            example = {"holds": [True, False, True, True, False], "nonce": 42, "amount": 5}
            raise RefusedError(400, "invalid_holds", "holds must be an array of exactly 5 booleans", example=example)
        if isinstance(nonce, bool) or not isinstance(nonce, int) or nonce not in self._dealt:
            raise RefusedError(400, "invalid_nonce", "nonce must come from a deal that has not been drawn")
        return self._dealt[nonce]

    def draw(self, nonce: int, holds: list[bool]) -> Drawn:
        """Replace what is not held and see what the hand is worth. The deal is used up."""
        cards = self._dealt.pop(nonce)
        shown, spare = cards[:_SHOWN], cards[_SHOWN:]
        final = [card if hold else spare[index] for index, (card, hold) in enumerate(zip(shown, holds, strict=True))]
        name = ranked(final)
        result = {
            "initial_hand": [card.shown() for card in shown],
            "holds": holds,
            "final_hand": [card.shown() for card in final],
            "hand_rank": name,
        }
        return Drawn(PAYS[name] > 0, PAYS[name], result)
