"""The faucet is asked once, for those who opted in, when the balance is known to be low."""

import asyncio

import pytest

from fleawatch.actuate.topup import Faucet
from fleawatch.events import FaucetClaimed
from fleawatch.flow.outputs import TopUp
from fleawatch.ports import Outcome
from fleawatch.testing.halted import HaltBelt


def watched(balance=20, **halting):
    belt = HaltBelt(**{"topup": frozenset({"a-1"}), **halting})
    belt.watch("a-1")
    belt.row("a-1", "deposit", balance)
    belt.read("a-1")
    return belt


def asked(belt):
    return [one for one in belt.outputs if isinstance(one, TopUp)]


def test_a_low_balance_is_filled_up_once():
    """Asked at the next tick, and not again within a day."""
    belt = watched()
    for _ in range(10):
        belt.wait(15)
        belt.read("a-1")
    (wanted,) = asked(belt)
    assert (wanted.casino_id, wanted.balance_usd) == ("ag_a-1", 20)


def test_who_was_paid_is_never_asked_for_again():
    """The ledger shows it as a flow, whoever asked."""
    belt = watched()
    belt.row("a-1", "faucet", 1)
    for _ in range(3):
        belt.read("a-1")
        belt.wait(15)
    assert asked(belt) == []
    assert belt["a-1"].performance.nav.value == pytest.approx(1.0)


@pytest.mark.parametrize("why", ["enough", "not_allowed", "halted", "stale"])
def test_nothing_is_asked_for(why):
    """There is enough, nobody allowed it, the agent is halted, or the balance is not known now."""
    belt = watched(500 if why == "enough" else 20, **({"topup": frozenset()} if why == "not_allowed" else {}))
    if why == "halted":
        belt.halt("a-1")
    belt.wait(999 if why == "stale" else 15)
    assert asked(belt) == []


class Hand:
    def __init__(self, status, word=""):
        self.answer = (status, word, {})

    async def call(self, deed, body):
        assert str(deed) == "POST faucet /faucet/claim"
        assert body == {"agent_casino_id": "ag_1"}
        return type("Answered", (), {"status": self.answer[0], "word": self.answer[1], "body": {}})()


@pytest.mark.parametrize(
    ("status", "word", "outcome"),
    [
        (200, "", "done"),
        (409, "already_claimed", "done"),
        (429, "ip_rate_limited", "refused"),
        (None, "no_answer", "unknown"),
    ],
)
def test_an_answer_is_told_as_what_it_is(status, word, outcome):
    """No answer may be a payment: the ledger tells."""
    wanted = TopUp(key="topup:a-1:1", agent_id="a-1", at=1.0, casino_id="ag_1", balance_usd=1.0)
    assert asyncio.run(Faucet(Hand(status, word)).claim(wanted)) == Outcome(outcome, word)


def test_a_claim_that_is_told_is_no_payment_by_itself():
    """Only the ledger's row says that money came."""
    belt = watched()
    belt.say(FaucetClaimed, "a-1", source="sdk", status="success", amount_usd=1)
    belt.wait(15)
    assert len(asked(belt)) == 1
