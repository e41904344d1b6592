"""Money that goes wrong ways: an agent that pays a stranger, a ring that disputes honest work, stakes that chase losses."""

from __future__ import annotations

from fleawatch.sandbox.characters.base import Character
from fleawatch.sandbox.incidents.crew import Client, Dicer, Petty
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.world import World


class Drained(Petty):
    """Somebody talked it into paying a stranger, a little of what it has every ten seconds."""

    share = 0.04

    def beat(self) -> None:
        super().beat()
        if self.is_wrong:
            self.wrong()
            self.send(self.circle.outsiders[0], round(self.account.balance * self.share, 2))


class Revenge(Dicer):
    """After a loss it bets two and a half times as much, on long odds, until it wins: then it begins anew."""

    pace = 15.0
    raises = 2.5
    lost = 0.0

    def act(self) -> None:
        if not self.is_wrong:
            super().act()
            return
        self.pace = 5.0
        self.wrong()
        stake = round(max(1.0, self.lost * self.raises), 2)
        result = self.wager("custom", stake, win_probability=20)
        if result is None:
            # The casino allows no stake as large as this: it bets all that it may.
            stake = round(self.account.balance * self.account.risk_factor * 0.2 * 0.9, 2)
            result = self.wager("custom", stake, win_probability=20) if stake >= 1.0 else None
        if result is not None:
            self.lost = -result if result < 0 else 0.0


class Trusting(Client):
    """Hires strangers, who do good work at first."""

    pace = 20.0

    @property
    def hands(self) -> list[Account]:
        return self.circle.outsiders


class Ring(Character):
    """Strangers who work honestly for a while; then they do nothing and dispute, and the money is frozen for good."""

    pace = 15.0
    funds = 50.0
    tops_up = False

    def act(self) -> None:
        escrow = self.platform.escrow
        jobs = [
            one for one in escrow.open_for(self.account) if one.counterparty is self.account and one.status == "funded"
        ]
        if not jobs:
            return
        client = jobs[0].creator.person
        if self.platform.kernel.now < client.wrong_at:
            escrow.complete(self.account, jobs[0].id)
            return
        if client.wrong_since is None:
            client.wrong_since = self.platform.kernel.now
        escrow.dispute(self.account, jobs[0].id, "The work was done and not paid")


class Locked(Dicer):
    """Its key expires. It lives on, and every call is refused. It pauses before, so that its last bets are read."""

    pauses_s = 45.0

    def act(self) -> None:
        if self.person.wrong_at - self.pauses_s <= self.now < self.person.wrong_at:
            return
        if self.is_wrong:
            self.wrong()
            self.refused()
            return
        super().act()

    def refused(self) -> None:
        """Tell that a call was refused."""
        self.person.agency.tell("api_call", endpoint="games/play", method="POST", status_code="401", duration_s=0.05)
        raise RefusedError(401, "invalid_api_key")


def expire_key(world: World, person: Person) -> None:
    """Let the platform refuse its keys from the moment it goes wrong."""
    del world
    person.key_expires_at = person.wrong_at
