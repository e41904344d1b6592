"""The escrows that an agent created: each one's state, asked for by id because the platform lists none.

The ids come from the agent's ledger. What the counterparty sees is not read here: when it belongs to the same fleet,
the belt tells it; when it does not, nobody may ask for it. Without a state, as in a trial of a key, nothing is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

import msgspec

from fleawatch.errors import SourceError
from fleawatch.events import (
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowRefunded,
    EscrowReleased,
    fact_id,
)
from fleawatch.flow.state import Escrow
from fleawatch.sources.decode import Answer
from fleawatch.sources.draft import Draft
from fleawatch.sources.http import Client
from fleawatch.sources.purpleflea.adapter import RARELY_S, Adapter, moment
from fleawatch.sources.routes import ESCROW
from fleawatch.sources.waiting import need_ledger

TOGETHER: Final = 8
"""Escrows of one agent that are asked for at the same time."""
_ENDED: Final = frozenset({"released", "refunded", "failed"})


class _Step(msgspec.Struct, frozen=True):
    event: str = ""
    actor_id: str = ""


class _Escrow(Answer, frozen=True, kw_only=True):
    status: Literal["funded", "completed", "released", "refunded", "disputed"]
    amount_usd: Decimal
    commission_usd: Decimal
    net_to_counterparty: Decimal
    creator_id: str
    counterparty_id: str
    created_at: str
    auto_release_at: str
    completed_at: str | None = None
    released_at: str | None = None
    disputed_at: str | None = None
    events: tuple[_Step, ...] = ()


class EscrowSource(Adapter):
    """State of every escrow that one agent created and that has not ended."""

    collector: str = "escrow"

    def __init__(self, agent_id: str, client: Client) -> None:
        super().__init__(agent_id, client)
        self._disputes_at = 0.0

    async def _read(self, draft: Draft) -> None:
        if draft.known is None:
            return
        disputes_too = draft.now >= self._disputes_at or self._hurried or not draft.booked
        wanted = [one for one in draft.known.escrows.values() if _wanted(one, disputes_too=disputes_too)]
        if not wanted:
            need_ledger(draft.known)
        for start in range(0, len(wanted), TOGETHER):
            chunk = wanted[start : start + TOGETHER]
            for escrow, answer in zip(chunk, await self._ask(draft, chunk), strict=True):
                if answer is not None:
                    self._add(draft, escrow, answer)
        if disputes_too:
            self._disputes_at = draft.now + RARELY_S

    async def _ask(self, draft: Draft, escrows: Iterable[Escrow]) -> list[_Escrow | None]:
        """The state of each; None for one that the service does not know, which stays as it was."""
        calls = [self._client.get(ESCROW, _Escrow, escrow_id=one.escrow_id) for one in escrows]
        answers: list[_Escrow | None] = []
        for answer in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(answer, SourceError) and answer.status_code == 404:
                draft.surprise(ESCROW, ("escrow_id",))
                answers.append(None)
            elif isinstance(answer, BaseException):
                raise answer
            else:
                draft.surprise(ESCROW, answer[1])
                answers.append(answer[0])
        return answers

    def _add(self, draft: Draft, known: Escrow, answer: _Escrow) -> None:
        """The facts by which the answer differs from what is known, in the order in which they happened."""
        if not known.announced:
            self._add_created(draft, known.escrow_id, answer)
        if answer.status == known.status:
            return
        if answer.completed_at is not None and known.status == "funded":
            self._add_completed(draft, known.escrow_id, answer.completed_at)
        if answer.status == "released":
            self._add_released(draft, known.escrow_id, answer)
        elif answer.status == "refunded":
            self._add_refunded(draft, known.escrow_id, answer)
        elif answer.status == "disputed":
            self._add_disputed(draft, known.escrow_id, answer)

    def _add_created(self, draft: Draft, escrow_id: str, answer: _Escrow) -> None:
        draft.add(
            EscrowCreated(
                fact_id=fact_id("escrow", "escrow_created", escrow_id),
                agent_id=self.agent_id,
                at=draft.happened(moment(answer.created_at, ESCROW, "created_at")),
                seen_at=draft.seen_at,
                source=self.collector,
                escrow_id=escrow_id,
                creator=answer.creator_id,
                counterparty=answer.counterparty_id,
                amount_usd=answer.amount_usd,
                commission_usd=answer.commission_usd,
                expires_at=moment(answer.auto_release_at, ESCROW, "auto_release_at"),
            )
        )

    def _add_completed(self, draft: Draft, escrow_id: str, completed_at: str) -> None:
        draft.add(
            EscrowCompleted(
                fact_id=fact_id("escrow", "escrow_completed", escrow_id),
                agent_id=self.agent_id,
                at=draft.happened(moment(completed_at, ESCROW, "completed_at")),
                seen_at=draft.seen_at,
                source=self.collector,
                escrow_id=escrow_id,
            )
        )

    def _add_released(self, draft: Draft, escrow_id: str, answer: _Escrow) -> None:
        draft.add(
            EscrowReleased(
                fact_id=fact_id("escrow", "escrow_released", escrow_id),
                agent_id=self.agent_id,
                at=_ended_at(draft, answer.released_at, "released_at"),
                seen_at=draft.seen_at,
                source=self.collector,
                escrow_id=escrow_id,
                net_usd=answer.net_to_counterparty,
                commission_usd=answer.commission_usd,
            )
        )

    def _add_refunded(self, draft: Draft, escrow_id: str, answer: _Escrow) -> None:
        """A refund tells its time as `released_at`, and the commission is kept."""
        draft.add(
            EscrowRefunded(
                fact_id=fact_id("escrow", "escrow_refunded", escrow_id),
                agent_id=self.agent_id,
                at=_ended_at(draft, answer.released_at, "released_at"),
                seen_at=draft.seen_at,
                source=self.collector,
                escrow_id=escrow_id,
                refund_usd=answer.amount_usd - answer.commission_usd,
                commission_usd=answer.commission_usd,
            )
        )

    def _add_disputed(self, draft: Draft, escrow_id: str, answer: _Escrow) -> None:
        actors = [step.actor_id for step in answer.events if step.event == "disputed"]
        draft.add(
            EscrowDisputed(
                fact_id=fact_id("escrow", "escrow_disputed", escrow_id),
                agent_id=self.agent_id,
                at=_ended_at(draft, answer.disputed_at, "disputed_at"),
                seen_at=draft.seen_at,
                source=self.collector,
                escrow_id=escrow_id,
                actor=actors[-1] if actors else "",
            )
        )


def _wanted(escrow: Escrow, *, disputes_too: bool) -> bool:
    if escrow.role != "creator" or escrow.status in _ENDED:
        return False
    return escrow.status != "disputed" or disputes_too


def _ended_at(draft: Draft, text: str | None, field: str) -> float:
    """When it ended; the moment of the reading when the platform does not say."""
    if text is None:
        draft.surprise(ESCROW, (field,))
        return draft.now
    return draft.happened(moment(text, ESCROW, field))
