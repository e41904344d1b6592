"""The outcome of every bet, from a history that allows sixty calls a minute for the whole fleet.

The ledger says how many bets there were and what they did to the money; only the history says which game each one was.
It lists newest seconds first but, inside one second, oldest first, and an offset shifts while bets arrive. New bets
only push others back, so reading on at the next offset repeats rows and never skips one; the second of the newest bet
is read again next time. What the ledger has counted and the history does not show is looked for further back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import msgspec

from fleawatch.errors import SourceError
from fleawatch.events import BetSettled, fact_id
from fleawatch.sources.budget import Budget
from fleawatch.sources.decode import Answer
from fleawatch.sources.draft import Draft
from fleawatch.sources.http import Client
from fleawatch.sources.purpleflea.adapter import Adapter, moment
from fleawatch.sources.routes import CASINO_BETS
from fleawatch.sources.waiting import need_ledger
from fleawatch.units import iso

PAGE: Final = 200
_FURTHER_BACK_S: Final = (0.0, 600.0, math.inf)
"""How far before the newest known bet each attempt begins to look."""


class _Bet(msgspec.Struct, frozen=True):
    id: str
    game: str
    amount: Decimal
    amount_won: Decimal
    at: str


class _Pages(msgspec.Struct, frozen=True):
    has_more: bool


class _History(Answer, frozen=True, kw_only=True):
    bets: list[_Bet]
    pagination: _Pages


@dataclass(slots=True)
class _Scan:
    """A walk through the history that may span several readings.

    Attributes:
        since: unix seconds, None for all of it.
        staked, unseen: bets that the ledger had, and of these the unseen ones, when the walk began: what it must find.
    """

    since: float | None
    staked: int
    unseen: int
    offset: int = 0
    found: dict[str, _Bet] = field(default_factory=dict)


class BetsSource(Adapter):
    """Settled bets of one agent, read when its ledger shows bets that have not been seen."""

    collector: str = "bets"

    def __init__(self, agent_id: str, client: Client, budget: Budget) -> None:
        super().__init__(agent_id, client)
        self._budget = budget
        self._scan: _Scan | None = None
        self._attempt = 0
        self._out_of_reach = 0

    async def close(self) -> None:
        await super().close()
        self._budget.settle(self.agent_id)

    async def _read(self, draft: Draft) -> None:
        if draft.known is None:
            self._start_over()
            return
        casino = draft.known.casino
        unseen = casino.staked_bets - casino.seen_rounds - self._out_of_reach
        if unseen <= 0:
            self._start_over()
            need_ledger(draft.known)
            return
        if self._scan is None:
            back = _FURTHER_BACK_S[self._attempt]
            newest = math.floor(casino.last_bet_at)
            since = newest - back if casino.seen_rounds and newest > back else None
            self._scan = _Scan(since, casino.staked_bets, unseen)
        if not await self._walk(draft, self._scan, unseen):
            return
        scan, self._scan = self._scan, None
        self._add(draft, [bet for bet in scan.found.values() if bet.id not in casino.last_bet_ids])
        if scan.since is None:
            self._out_of_reach = max(0, scan.staked - len(scan.found))
            draft.surprise(CASINO_BETS, ("history_gap",) if self._out_of_reach else ())
            self._start_over()
        elif len(scan.found.keys() - set(casino.last_bet_ids)) >= scan.unseen:
            self._start_over()
        else:
            self._attempt = min(self._attempt + 1, len(_FURTHER_BACK_S) - 1)

    def _start_over(self) -> None:
        self._scan = None
        self._attempt = 0
        self._budget.settle(self.agent_id)

    async def _walk(self, draft: Draft, scan: _Scan, unseen: int) -> bool:
        """Read pages while the allowance lasts; whether the end was reached."""
        while self._budget.take(self.agent_id, unseen, draft.seen_at):
            page = await self._page(draft, scan)
            for bet in page.bets:
                scan.found.setdefault(bet.id, bet)
            scan.offset += len(page.bets)
            if not page.pagination.has_more or not page.bets:
                return True
        return False

    async def _page(self, draft: Draft, scan: _Scan) -> _History:
        since = {} if scan.since is None else {"since": iso(scan.since)}
        try:
            page, surprises = await self._client.get(CASINO_BETS, _History, limit=PAGE, offset=scan.offset, **since)
        except SourceError as error:
            if error.reason == "rate_limited":
                self._budget.refused(draft.seen_at, error.retry_after)
            raise
        draft.surprise(CASINO_BETS, surprises)
        return page

    def _add(self, draft: Draft, bets: Iterable[_Bet]) -> None:
        """Book what was found, oldest first; inside a second in the order of the list, which is that of the bets."""
        timed = [(moment(bet.at, CASINO_BETS, "at"), bet) for bet in bets]
        for at, bet in sorted(timed, key=lambda one: one[0]):
            draft.add(
                BetSettled(
                    fact_id=fact_id("casino", "bet_settled", bet.id),
                    agent_id=self.agent_id,
                    at=draft.happened(at),
                    seen_at=draft.seen_at,
                    source="casino",
                    bet_id=bet.id,
                    game=bet.game,
                    stake=bet.amount,
                    payout=bet.amount_won,
                    exact=False,
                )
            )
