"""What every character shares: a mind of its own, a rhythm, and the sense to stop when its key is about to expire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Final

from fleawatch.sandbox.entropy import stream
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.services.platform import Platform

QUIET_BEFORE_EXPIRY: Final = 240.0
"""Seconds an agent stays still before its key expires, so that its last figures can be read while they still can."""


@dataclass(slots=True)
class Circle:
    """Whom agents know: casino accounts by what they are good for.

    Attributes:
        workers: take escrow work.
        payees: may be paid or challenged at any time; never one whose key expires.
        outsiders: accounts that belong to no fleet.
    """

    workers: list[Account] = field(default_factory=list)
    payees: list[Account] = field(default_factory=list)
    outsiders: list[Account] = field(default_factory=list)


class Character(ABC):
    """One agent's behaviour. Subclasses say how long to wait (`pace`) and what to do (`act`)."""

    pace = 10.0
    """Mean seconds between two actions."""
    funds = 200.0
    """First casino deposit in USD."""
    tops_up = True
    """Whether it deposits again when it runs low."""

    def __init__(self, platform: Platform, person: Person, account: Account, circle: Circle) -> None:
        self.platform = platform
        self.person = person
        self.account = account
        self.circle = circle
        self.random = stream(platform.kernel.seed, "mind", person.name)

    def begin(self, origin: float) -> None:
        """Arrange the past (a deposit before `origin`) and the first action after it."""
        kernel = self.platform.kernel
        kernel.later(60.0 + self.random.uniform(0, 600), self._fund)
        kernel.schedule(origin + self.random.uniform(0.5, 1.0 + self.pace), self._turn)

    def _fund(self) -> None:
        self.platform.bank.deposit(self.account, self.funds)

    @property
    def resting(self) -> bool:
        """Whether it has fallen silent for good."""
        now = self.platform.kernel.now
        return now >= self.person.silent_at or now >= self.person.key_expires_at - QUIET_BEFORE_EXPIRY

    def _turn(self) -> None:
        if self.resting:
            return
        try:
            self._keep_funds()
            self.act()
        except RefusedError:
            # A refusal is an answer like any other: the agent waits and tries something else next time.
            pass
        pause = min(max(self.random.expovariate(1 / self.pace), self.pace * 0.3), self.pace * 4)
        self.platform.kernel.later(round(pause, 3), self._turn)

    def _keep_funds(self) -> None:
        if self.tops_up and self.account.balance < self.funds * 0.15:
            amount = round(self.funds * self.random.uniform(0.6, 1.1), 2)
            self.platform.bank.deposit(self.account, amount)

    @abstractmethod
    def act(self) -> None:
        """Do one thing."""

    def stake(self, share: float) -> float:
        """About `share` of the balance, in whole cents, between 5 cents and 25 USD."""
        return round(min(25.0, max(0.05, self.account.balance * share * self.random.uniform(0.5, 1.5))), 2)

    def bet(self, game: str, share: float, **params: object) -> None:
        """Place one bet of about `share` of the balance."""
        self.platform.casino.bet(self.account, game, self.stake(share), dict(params))
