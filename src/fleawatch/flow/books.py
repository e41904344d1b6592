"""The books of one agent as its facts tell them: ledgers, play, escrows, positions, holdings.

Plain values that `fold` changes; each struct says which number of which service it mirrors.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fleawatch.risk.conservation import Conservation

EscrowStatus = Literal["funded", "completed", "released", "refunded", "disputed", "failed"]


class Book(msgspec.Struct):
    """The books of one service and currency as its ledger tells them.

    Attributes:
        balance: spendable balance after the last row.
        rows: rows booked; the next one has this position.
        at: when the last row happened.
        told: the residual that people were last told of.
    """

    conservation: Conservation
    balance: float = 0.0
    rows: int = 0
    at: float = 0.0
    told: float = 0.0


class Casino(msgspec.Struct):
    """Play and what it did to the money.

    Attributes:
        read_balance: the balance as last read, with `read_at`.
        open_stake: stake of the last row while its outcome is not known; the agent's own money until then.
        open_stake_at: when it was staked.
        challenge_stakes: held stakes by challenge.
        net: settled bets, parlays, challenges and tournaments, payout minus stake.
        staked_bets: `stake` rows seen, `settled_bets` of them with a known outcome.
        games: lifetime totals by game as the platform keeps them: bets, wagered, paid.
        parlay: the same for parlays, from the ledger.
        outcomes: last outcomes by game, newest last, 1 win, 0 loss, -1 push.
        seen_rounds: bets that were seen one by one.
        last_bet_at: newest of them, and the ids of that second.
        whole_at: when the newest reading began that saw the ledger to its end.
        withdrawn: newest withdrawals that may still come back: what left and the fee beside it, oldest first.
        escrow_reads: how often the escrow service had been read when the ledger was first read to its end; None before.
    """

    read_balance: float | None = None
    read_at: float = 0.0
    open_stake: float = 0.0
    open_stake_at: float = 0.0
    open_parlay: float = 0.0
    open_parlay_at: float = 0.0
    challenge_stakes: dict[str, float] = msgspec.field(default_factory=dict)
    net: float = 0.0
    staked_bets: int = 0
    settled_bets: int = 0
    wins: int = 0
    losses: int = 0
    pushes: int = 0
    parlays: int = 0
    wagered: float = 0.0
    paid: float = 0.0
    games: dict[str, tuple[int, float, float]] = msgspec.field(default_factory=dict)
    games_bets: int = 0
    parlay: tuple[int, float, float] = (0, 0.0, 0.0)
    outcomes: dict[str, list[int]] = msgspec.field(default_factory=dict)
    seen_rounds: int = 0
    last_bet_at: float = 0.0
    last_bet_ids: list[str] = msgspec.field(default_factory=list)
    escrow_reads: int | None = None
    whole_at: float = 0.0
    withdrawn: list[tuple[float, float]] = msgspec.field(default_factory=list)

    @property
    def in_flight(self) -> float:
        """Stakes at cost whose outcome is not known: they left the balance and are still the agent's."""
        return self.open_stake + self.open_parlay + sum(self.challenge_stakes.values(), 0.0)


class Escrow(msgspec.Struct):
    """One escrow that an agent is party to, until it has ended and its money has moved.

    Attributes:
        role: `creator` or `counterparty`.
        locked: money of the creator that is in it, USD.
        impaired: money that a dispute took out of the equity.
        announced: whether the escrow service told us of it; `lock_seen` whether the ledger did.
        returned: whether the ledger showed the refund; `counted` whether its end was counted.
    """

    escrow_id: str
    role: Literal["creator", "counterparty"]
    amount: float
    status: EscrowStatus = "funded"
    locked: float = 0.0
    impaired: float = 0.0
    commission: float | None = None
    counterparty: str = ""
    created_at: float = 0.0
    expires_at: float | None = None
    announced: bool = False
    lock_seen: bool = False
    returned: bool = False
    counted: bool = False


class Position(msgspec.Struct):
    """An open position. `unrealized` is before fees, None until it was first marked."""

    position_id: str
    market: str
    side: str
    notional: float
    quantity: float
    entry_price: float
    leverage: float
    margin: float
    opened_at: float
    unrealized: float | None = None
    price: float | None = None
    marked_at: float = 0.0
    liquidation_price: float | None = None
    strategy: str | None = None


class Market(msgspec.Struct):
    """What one market did to the money: gross realised P&L, fees, closed positions, notional filled."""

    gross: float = 0.0
    fees: float = 0.0
    trades: int = 0
    notional: float = 0.0


class Resting(msgspec.Struct, frozen=True):
    """An order that waits at the platform. `kind`: `limit`, `stop_loss` or `take_profit`; money is USD."""

    order_id: str
    kind: str
    market: str
    side: str
    price: float
    notional: float
    position_id: str | None = None


class Trading(msgspec.Struct):
    """Perpetual positions and what they did to the money.

    Attributes:
        capital: collateral at the exchange, None when neither reported nor declared.
        capital_at: when it was last reported; `settled` is the net realised P&L that it holds already.
        realized: gross realised P&L of closed positions; `fees` and `funding` positive = paid.
        marked: whether the open positions carry current prices.
        resting: orders that rest at the platform; `resting_known`: `unread`, `part` of them, or the `whole`.
        closed_ids, fill_ids: newest ids, oldest first, so that a reader knows what is booked.
        strategies: strategy of newest closed positions that the closing fact did not name.
        vanished: last unrealised P&L of positions that were gone before their closing was seen; part of `realized`.
        expected: newest fills that the agent told under the order's id alone, for it knows no other, by that id; they wait for
            the platform's row. Packed, as `fold.slippage` does.
        unmeasured: newest rows of the platform of which the agent has told nothing, by the order's id; packed too.
        since: from when on results are known.
    """

    capital: float | None = None
    capital_reported: bool = False
    capital_at: float = 0.0
    settled: float = 0.0
    realized: float = 0.0
    fees: float = 0.0
    funding: float = 0.0
    trades: int = 0
    marked: bool = True
    resting: list[Resting] = msgspec.field(default_factory=list)
    resting_known: str = "unread"
    positions: dict[str, Position] = msgspec.field(default_factory=dict)
    markets: dict[str, Market] = msgspec.field(default_factory=dict)
    closed_ids: list[str] = msgspec.field(default_factory=list)
    fill_ids: list[str] = msgspec.field(default_factory=list)
    strategies: dict[str, str] = msgspec.field(default_factory=dict)
    vanished: dict[str, float] = msgspec.field(default_factory=dict)
    expected: dict[str, bytes] = msgspec.field(default_factory=dict)
    unmeasured: dict[str, bytes] = msgspec.field(default_factory=dict)
    since: float | None = None

    @property
    def unrealized(self) -> float:
        """Unrealised P&L of all open positions at their last marks, before fees."""
        return sum((position.unrealized or 0.0 for position in self.positions.values()), 0.0) if self.positions else 0.0

    @property
    def net(self) -> float:
        """Realised P&L after fees and funding."""
        return self.realized - self.fees - self.funding

    @property
    def value(self) -> float | None:
        """Equity at the exchange: capital, what was realised since it was reported, and unrealised P&L."""
        return None if self.capital is None else self.capital + self.net - self.settled + self.unrealized


class Holding(msgspec.Struct):
    """An amount of one currency in one account.

    Attributes:
        value: USD, at the last known price; None before there was one.
        priced: the amount that `value` is of; a later amount without a price waits to be valued.
    """

    currency: str
    wallet_type: str
    amount: float
    value: float | None
    priced: float = 0.0

    @property
    def unpriced(self) -> bool:
        """Whether its value is not that of its amount, because no price was to be had."""
        return self.value is None or self.priced != self.amount
