"""Escrow: those who hire, those who work, and outsiders who do both. Some jobs end well, some in dispute, some never."""

from __future__ import annotations

import contextlib

from fleawatch.sandbox.characters.base import Character, Circle
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.bank import Account
from fleawatch.sandbox.services.escrow import Escrow
from fleawatch.sandbox.services.platform import Platform

_JOBS = ("Summarise a filing", "Label 200 images", "Backtest a signal", "Translate a page", "Crawl a forum")


class Hirer(Character):
    """Creates escrows, pays for finished work, disputes some and forgets others."""

    pace = 14.0
    funds = 900.0
    forgets = 0.18
    """Share of its escrows that it never looks at again."""

    def __init__(self, platform: Platform, person: Person, account: Account, circle: Circle) -> None:
        super().__init__(platform, person, account, circle)
        self._forgotten: set[str] = set()

    def begin(self, origin: float) -> None:
        super().begin(origin)
        for _ in range(3):
            self.platform.kernel.schedule(origin - self.random.uniform(600, 3_300), self._old_job)

    def _old_job(self) -> None:
        """An escrow of an hour, made before the run and forgotten: it times out during it."""
        if self.account.balance > 100:
            with contextlib.suppress(RefusedError):
                self._hire(hours=1, forgotten=True)

    def act(self) -> None:
        mine = [e for e in self.platform.escrow.open_for(self.account) if e.creator is self.account]
        watched = [e for e in mine if e.id not in self._forgotten]
        finished = [e for e in watched if e.status == "completed"]
        if finished and self.random.random() < 0.7:
            self._judge(finished[0])
        elif len(watched) < 12 and len(mine) < 30 and self.account.balance > 60:
            self._hire(hours=self.random.choice((1, 1, 2, 24)), forgotten=self.random.random() < self.forgets)
        elif self.person.fleet:
            self.bet("baccarat", 0.002, bet_on="banker")

    def _judge(self, escrow: Escrow) -> None:
        if self.random.random() < 0.08:
            self.platform.escrow.dispute(self.account, escrow.id, "Work does not match the description")
        else:
            self.platform.escrow.release(self.account, escrow.id)

    def _hire(self, *, hours: int, forgotten: bool) -> None:
        candidates: list[Account] = [w for w in self.circle.workers + self.circle.outsiders if w is not self.account]
        escrow = self.platform.escrow.create(
            self.account,
            amount_usd=round(self.random.uniform(2, 45), 2),
            description=self.random.choice(_JOBS),
            counterparty_agent_id=self.random.choice(candidates).id,
            timeout_hours=hours,
        )
        if forgotten:
            self._forgotten.add(escrow.id)


class Worker(Character):
    """Finishes what it is hired for, disputes now and then when it is not paid, and plays a little."""

    pace = 12.0
    funds = 80.0

    def act(self) -> None:
        escrow = self.platform.escrow
        jobs = [e for e in escrow.open_for(self.account) if e.counterparty is self.account]
        todo = [e for e in jobs if e.status == "funded"]
        if todo:
            escrow.complete(self.account, self.random.choice(todo).id)
            return
        unpaid = [e for e in jobs if self.platform.kernel.second - (e.completed_at or 0) > 600]
        if unpaid and self.random.random() < 0.02:
            escrow.dispute(self.account, unpaid[0].id, "Not paid in ten minutes")
        elif self.random.random() < 0.15:
            self.bet("custom", 0.01, win_probability=50)


class Outsider(Hirer):
    """An agent of nobody's fleet: it hires the fleet's workers, works for its hirers and pays its debts."""

    pace = 18.0
    funds = 2_000.0

    def act(self) -> None:
        todo = [
            e
            for e in self.platform.escrow.open_for(self.account)
            if e.counterparty is self.account and e.status == "funded"
        ]
        if todo and self.random.random() < 0.8:
            self.platform.escrow.complete(self.account, todo[0].id)
        elif self.circle.workers:
            super().act()
