"""Video poker: what hands are worth, a deal that is free, a draw that is a bet like any other."""

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.platform import Platform
from fleawatch.sandbox.services.video_poker import DECK, PAYS, Card, ranked

NAMES = ["2", "3", "4", "5", "6", "7", "8", "9", "10", "J", "Q", "K", "A"]
SUITS = {"s": "spades", "h": "hearts", "d": "diamonds", "c": "clubs"}
KEEP = [True] * 5


def hand(text):
    return [Card(NAMES.index(word[:-1]), SUITS[word[-1]]) for word in text.split()]


@pytest.fixture(name="platform")
def _platform():
    return Platform(Kernel(7, 1_000_000.0))


@pytest.fixture(name="player")
def _player(platform):
    account = platform.bank.register(Person(name="ann", character="multi", strategy="s"))
    platform.bank.deposit(account, 100.0)
    return account


class TestHands:
    @pytest.mark.parametrize(
        ("cards", "name"),
        [
            ("10s Js Qs Ks As", "royal_flush"),
            ("9s 10s Js Qs Ks", "straight_flush"),
            ("As 2s 3s 4s 5s", "straight_flush"),
            ("9s 9h 9d 9c Ks", "four_of_a_kind"),
            ("9s 9h 9d Kc Ks", "full_house"),
            ("2s 9s 4s Ks 7s", "flush"),
            ("As 2h 3s 4s 5s", "straight"),
            ("10h Js Qs Ks As", "straight"),
            ("Ks As 2h 3s 4s", "nothing"),
            ("9s 9h 9d 2c Ks", "three_of_a_kind"),
            ("9s 9h 2d 2c Ks", "two_pair"),
            ("Js Jh 2d 3c Ks", "jacks_or_better"),
            ("10s 10h 2d 3c Ks", "nothing"),
        ],
    )
    def test_the_name_of_a_hand(self, cards, name):
        """An ace is high or low, and does not go around; tens are no jacks."""
        assert ranked(hand(cards)) == name

    @given(st.randoms(use_true_random=False), st.permutations(sorted(SUITS.values())))
    def test_order_and_colours_do_not_matter(self, random, colours):
        """A hand is worth the same however it is sorted and whatever its suits are called."""
        cards = random.sample(DECK, 5)
        renamed = dict(zip(sorted(SUITS.values()), colours, strict=True))
        other = [Card(card.value, renamed[card.suit]) for card in random.sample(cards, 5)]
        assert ranked(other) == ranked(cards)

    def test_a_deck_is_complete(self):
        """52 cards, each once; frequencies of pat hands are those of the textbook within chance."""
        assert len(set(DECK)) == 52
        random = Random(7)
        names = [ranked(random.sample(DECK, 5)) for _ in range(20_000)]
        assert names.count("jacks_or_better") / 20_000 == pytest.approx(0.1300, abs=0.01)
        assert names.count("two_pair") / 20_000 == pytest.approx(0.0475, abs=0.006)


class TestGame:
    def test_a_deal_is_free(self, platform, player):
        """Cards and a number, no ledger row, no attempt; the next deal has the next number."""
        rows = len(player.rows)
        first, second = platform.casino.hands(player).deal(), platform.casino.hands(player).deal()
        assert len(first["cards"]) == 5
        assert second["nonce"] == first["nonce"] + 1
        assert len(player.rows) == rows
        assert platform.kernel.journal.attempts == []

    def test_what_is_held_stays_and_the_rest_is_new(self, platform, player):
        """The replacements come from the same deck: no card twice."""
        dealt = platform.casino.hands(player).deal()
        holds = [True, False, True, False, False]
        result = platform.casino.draw_poker(player, dealt["nonce"], holds, 1.0)["result"]
        shown = dealt["cards"] + [card for card, hold in zip(result["final_hand"], holds, strict=True) if not hold]
        assert [result["final_hand"][0], result["final_hand"][2]] == [dealt["cards"][0], dealt["cards"][2]]
        assert len({(card["rank"], card["suit"]) for card in shown}) == 8

    def test_the_books_have_the_bet(self, platform, player):
        """Stake and payout against the house, the totals of the game, the pay of the hand; a pair of jacks is a push."""
        seen = set()
        for _ in range(200):
            dealt = platform.casino.hands(player).deal()
            answer = platform.casino.draw_poker(player, dealt["nonce"], KEEP, 0.5)
            assert answer["payout_multiplier"] == PAYS[answer["result"]["hand_rank"]]
            assert answer["won"] == (answer["payout_multiplier"] > 0)
            seen.add(answer["result"]["hand_rank"])
        assert {"nothing", "jacks_or_better"} <= seen
        totals = player.games["video_poker"]
        house = platform.kernel.journal.balance("house:ann:video_poker")
        assert house == Decimal(str(totals.wagered)) - Decimal(str(totals.won))
        assert totals.bets == 200
        assert platform.kernel.journal.balance("cash:ann") == player.exact == Decimal(110) - house

    def test_a_deal_is_drawn_once(self, platform, player):
        """The second draw, and one without a deal, find nothing and book nothing."""
        nonce = platform.casino.hands(player).deal()["nonce"]
        platform.casino.draw_poker(player, nonce, KEEP, 1.0)
        rows = len(player.rows)
        for wrong in (nonce, 99, "1", True, None):
            with pytest.raises(RefusedError, match="invalid_nonce"):
                platform.casino.draw_poker(player, wrong, KEEP, 1.0)
        assert len(player.rows) == rows

    def test_a_refused_stake_leaves_the_hand(self, platform, player):
        """Too much, nothing at all, wrong holds: the same deal can still be drawn."""
        nonce = platform.casino.hands(player).deal()["nonce"]
        for holds, amount, error in (
            (KEEP, 90.0, "kelly_limit_exceeded"),
            (KEEP, None, "invalid_amount"),
            ([True] * 4, 1.0, "invalid_holds"),
            ([1] * 5, 1.0, "invalid_holds"),
        ):
            with pytest.raises(RefusedError, match=error):
                platform.casino.draw_poker(player, nonce, holds, amount)
        assert platform.casino.draw_poker(player, nonce, KEEP, 1.0)["game"] == "video_poker"

    def test_a_batch_does_not_know_it(self, platform, player):
        """`unknown_game`, as for parlays."""
        answer = platform.casino.batch(player, [{"game": "video_poker", "amount": 1}])
        assert answer["results"][0]["error"] == "unknown_game"
