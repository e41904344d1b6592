"""Perpetual positions: what is open and what it is worth, what was filled, what was closed.

Open positions come from the exchange through the platform; closed ones and fills from the platform's own tables. They
are read in this order, so that a position that closes meanwhile is seen closed and never lost. When the exchange is
away the platform answers from its table without prices: such a reading says which positions are open and marks none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType

from fleawatch.errors import SourceError
from fleawatch.events import PositionClosed, PositionsRead, ReferralTotals
from fleawatch.flow.state import Trading
from fleawatch.sources.decode import Answer, decode
from fleawatch.sources.draft import ZERO, Draft
from fleawatch.sources.http import Client
from fleawatch.sources.purpleflea import positions
from fleawatch.sources.purpleflea.adapter import Adapter
from fleawatch.sources.purpleflea.fills import NOTHING, Fill, Held, Matches, matched
from fleawatch.sources.purpleflea.positions import Open, is_synthetic
from fleawatch.sources.purpleflea.resting import UNREAD, Listed, Rests, resting
from fleawatch.sources.routes import TRADING_HISTORY, TRADING_POSITIONS, TRADING_REFERRALS, TRADING_RESTING

HISTORY_LIMIT: Final = 200
TABLE_LIMIT: Final = 50
REFERRALS_S: Final = 60.0
RESTING_AGAIN_S: Final = 60.0
"""After resting orders could not be read: a server that does not list them must not slow every reading down."""


class _Origin(Answer, frozen=True, kw_only=True):
    source: str | UnsetType = UNSET


class _Exchange(Answer, frozen=True, kw_only=True):
    positions: list[Open]


class _Table(Answer, frozen=True, kw_only=True):
    positions: list[Held]


class _History(Answer, frozen=True, kw_only=True):
    trades: list[Fill]


class _Referrals(Answer, frozen=True, kw_only=True):
    total_earned_usd: Decimal


class OpenSet(NamedTuple):
    """What is open: at the exchange (None when it is away), in the platform's table then, and what rests."""

    exchange: Sequence[Open] | None
    held: Sequence[Held]
    rests: Rests


class TradingSource(Adapter):
    """Positions, fills and referral earnings of one agent at the trading service."""

    collector: str = "trading"

    def __init__(self, agent_id: str, client: Client) -> None:
        super().__init__(agent_id, client)
        self._opening_fees: dict[str, Decimal] = {}
        self._history_body = b""
        self._history: list[Fill] = []
        self._matched_rows: Sequence[Fill] = ()
        self._referrals_at = 0.0
        self._resting_at = 0.0

    async def _read(self, draft: Draft) -> None:
        trading = draft.known.trading if draft.known is not None else Trading()
        before = frozenset(trading.positions)
        exchange, held_open = await self._read_open(draft)
        table, surprises = decode(await self._positions(status="all"), _Table, TRADING_POSITIONS)
        draft.surprise(TRADING_POSITIONS, surprises)
        fills = await self._read_fills(draft)
        closed_ids = {one.id for one in table.positions if one.status != "open"}
        if exchange is not None:
            exchange = [one for one in exchange if one.position_id not in closed_ids]
            _refuse_false_flat(before, exchange, table.positions)
        self._tell_gaps(draft, trading, table.positions, fills)
        self._add_opened(draft, trading, exchange or (), table.positions)
        matches = self._matched(trading, table.positions, fills)
        self._add_fills(draft, trading, fills, matches)
        self._add_closed(draft, trading, table.positions, matches)
        if draft.now >= self._referrals_at or self._hurried:
            await self._read_referrals(draft)
            self._referrals_at = draft.now + REFERRALS_S
        still = [one for one in held_open if one.id not in closed_ids]
        self._add_open(draft, trading, OpenSet(exchange, still, await self._read_resting(draft)))

    async def _read_open(self, draft: Draft) -> tuple[list[Open] | None, list[Held]]:
        """Open positions at the exchange, or None and those of the platform's table when the exchange is away."""
        body = await self._positions()
        origin, surprises = decode(body, _Origin, TRADING_POSITIONS)
        draft.surprise(TRADING_POSITIONS, surprises)
        if origin.source == "hyperliquid":
            answer, surprises = decode(body, _Exchange, TRADING_POSITIONS)
            draft.surprise(TRADING_POSITIONS, surprises)
            return answer.positions, []
        table, surprises = decode(body, _Table, TRADING_POSITIONS)
        draft.surprise(TRADING_POSITIONS, surprises)
        return None, table.positions

    async def _positions(self, **query: str) -> bytes:
        """The body of one positions call. A 500 there means that the exchange did not answer the platform."""
        try:
            return await self._client.fetch(TRADING_POSITIONS, **query)
        except SourceError as error:
            if error.reason == "http_5xx":
                raise SourceError("upstream", f"the exchange is away: {error}", status_code=error.status_code) from None
            raise

    async def _read_fills(self, draft: Draft) -> list[Fill]:
        """The newest rows of the trade history, understood again only when they changed."""
        body = await self._client.fetch(TRADING_HISTORY, limit=HISTORY_LIMIT)
        if body != self._history_body:
            answer, surprises = decode(body, _History, TRADING_HISTORY)
            draft.surprise(TRADING_HISTORY, surprises)
            self._history, self._history_body = answer.trades, body
        return self._history

    def _tell_gaps(self, draft: Draft, trading: Trading, table: Sequence[Held], fills: Sequence[Fill]) -> None:
        """Both lists are cut: say so when rows may have fallen off between two readings."""
        seen = {*trading.closed_ids, *trading.positions}
        listed = {one.id for one in table}
        lost = any(one not in listed and not is_synthetic(one) for one in trading.positions)
        if len(table) >= TABLE_LIMIT and (lost or not listed & seen):
            draft.surprise(TRADING_POSITIONS, ("history_gap",))
        if len(fills) >= HISTORY_LIMIT and not {fill.id for fill in fills} & set(trading.fill_ids):
            draft.surprise(TRADING_HISTORY, ("history_gap",))

    def _add_opened(self, draft: Draft, trading: Trading, exchange: Sequence[Open], table: Sequence[Held]) -> None:
        """Positions that are new, also those that opened and closed between two readings."""
        rows = {one.id: one for one in table}
        facts = [
            positions.opened_at_exchange(draft, self.agent_id, one, rows[one.id].opened_at if one.id in rows else None)
            for one in exchange
            if one.id not in trading.positions
        ]
        done = {*trading.closed_ids, *trading.positions, *(fact.position_id for fact in facts)}
        facts += [
            positions.opened_in_table(draft, self.agent_id, one)
            for one in table
            if one.status != "open" and one.id not in done
        ]
        for fact in sorted(facts, key=lambda one: one.at):
            draft.add(fact)

    def _matched(self, trading: Trading, table: Sequence[Held], fills: Sequence[Fill]) -> Matches:
        """Which rows belong to which position; nothing while nothing new asks for it."""
        filled, closed, known = set(trading.fill_ids), set(trading.closed_ids), self._matched_rows
        self._matched_rows = fills
        new = any(fill.id not in filled for fill in fills)
        new = new or any(one.status != "open" and one.id not in closed for one in table)
        return matched(fills, table) if new or fills is not known else NOTHING

    def _add_fills(self, draft: Draft, trading: Trading, fills: Sequence[Fill], matches: Matches) -> None:
        """Rows that are new, oldest first; of one second, as the platform wrote them, and openings before closes."""
        booked = set(trading.fill_ids)
        new = [(fill, matches.opens(fill)) for fill in reversed(fills) if fill.id not in booked]
        for fill, opens in sorted(new, key=lambda pair: (pair[0].created_at, pair[1] is False)):
            draft.add(positions.filled(draft, self.agent_id, fill, opens=opens))

    def _add_closed(self, draft: Draft, trading: Trading, table: Sequence[Held], matches: Matches) -> None:
        booked = set(trading.closed_ids)
        for one in table:
            row = matches.opening.get(one.id)
            if one.status == "open" and one.id not in self._opening_fees and row is not None:
                self._opening_fees[one.id] = row.fee
        new = [one for one in table if one.status != "open" and one.id not in booked]
        for one in sorted(new, key=lambda one: one.closed_at or draft.now):
            if one.unrealized_pnl is None:
                raise SourceError("schema", f"{TRADING_POSITIONS} closed a position without unrealizedPnl")
            draft.add(self._closed(draft, one, one.unrealized_pnl, matches))
        live = {one.id for one in table if one.status == "open"} | trading.positions.keys()
        self._opening_fees = {key: fee for key, fee in self._opening_fees.items() if key in live}

    def _closed(self, draft: Draft, position: Held, realized: Decimal, matches: Matches) -> PositionClosed:
        opening, closing = matches.opening.get(position.id), matches.closing.get(position.id)
        entry_fee = opening.fee if opening is not None else self._opening_fees.get(position.id)
        if entry_fee is None:
            draft.surprise(TRADING_HISTORY, ("fee",))
        fee = (entry_fee or ZERO) + (closing.fee if closing is not None else ZERO)
        exit_price = closing.price if closing is not None else None
        return positions.closed(draft, self.agent_id, position, realized, fee, exit_price)

    async def _read_resting(self, draft: Draft) -> Rests:
        """Orders that rest. When the platform does not say, they are unread, and the reading goes on."""
        if draft.now < self._resting_at:
            return UNREAD
        found = UNREAD
        with contextlib.suppress(SourceError):
            answer, surprises = await self._client.get(TRADING_RESTING, Listed)
            draft.surprise(TRADING_RESTING, surprises)
            found = resting(answer)
        if found is UNREAD:
            self._resting_at = draft.now + RESTING_AGAIN_S
        return found

    def _add_open(self, draft: Draft, trading: Trading, known: OpenSet) -> None:
        """Marks, and the complete set. Without the exchange, positions that only it knows are taken to be there still."""
        if known.exchange is None:
            for one in known.held:
                if one.id not in trading.positions:
                    draft.add(positions.opened_in_table(draft, self.agent_id, one))
            ids = [one.id for one in known.held] + [one for one in trading.positions if is_synthetic(one)]
        else:
            for position in known.exchange:
                draft.add(positions.marked(draft, self.agent_id, position))
            ids = [one.id for one in known.exchange]
        draft.add(
            PositionsRead(
                fact_id=draft.reading_id("positions_read"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                open_ids=tuple(ids),
                marked=known.exchange is not None,
                resting=known.rests.orders,
                resting_known=known.rests.known,
            )
        )

    async def _read_referrals(self, draft: Draft) -> None:
        answer, surprises = await self._client.get(TRADING_REFERRALS, _Referrals)
        draft.surprise(TRADING_REFERRALS, surprises)
        draft.add(
            ReferralTotals(
                fact_id=draft.reading_id("referral_totals"),
                agent_id=self.agent_id,
                at=draft.now,
                seen_at=draft.seen_at,
                source=self.collector,
                service="trading",
                earned_usd=answer.total_earned_usd,
            )
        )


def _refuse_false_flat(before: AbstractSet[str], exchange: Sequence[Open], table: Sequence[Held]) -> None:
    """An exchange that lists nothing of a coin in which the platform holds a known position has not answered.

    It nets positions of one coin, so another position of the same coin explains a missing one.
    """
    coins = {one.coin.upper() for one in exchange}
    missing = [one.coin for one in table if one.status == "open" and one.id in before and one.coin.upper() not in coins]
    if missing:
        raise SourceError("upstream", f"the exchange left out open positions in {', '.join(sorted(set(missing)))}")
