"""What the belt knows after the facts it has seen: one `FleetState`, owned and changed by `fold` alone.

Everything here is a mutable msgspec struct of plain values, so that a snapshot is one encode and a restart one decode.
Money in state is float: facts and the store's ledger keep the decimals. A part that cannot be read stays at its last
value and is named in `unknown`; nothing here is ever set to 0 because a call failed.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fleawatch.flow.history import History
from fleawatch.flow.tally import Tallies
from fleawatch.flow.words import Words
from fleawatch.risk.attribution import Attribution
from fleawatch.risk.conservation import Conservation
from fleawatch.risk.performance import Performance

Part = Literal["casino", "escrow", "trading", "wallet", "domains", "referral"]
"""A part of an agent's equity."""

EscrowStatus = Literal["funded", "completed", "released", "refunded", "disputed", "failed"]


class SourceStatus(msgspec.Struct):
    """How one collector fares with one agent.

    Attributes:
        read_at: when its numbers were last read, None before the first success.
        valid_until: from then on its numbers are stale.
        tried_at: when it last ended a reading, whatever the end.
        reason: why the last reading failed, empty when it worked.
        failing_since: when the present row of failures began, None while it works.
    """

    collector: str
    read_at: float | None = None
    valid_until: float = 0.0
    tried_at: float = 0.0
    reason: str = ""
    status_code: int | None = None
    failing_since: float | None = None
    reads: int = 0
    failures: int = 0
    duration_s: float = 0.0

    def fresh(self, at: float) -> bool:
        """Whether its numbers are known at `at`: read, not failing since, and not too old."""
        return self.read_at is not None and not self.reason and at <= self.valid_until

    def usable(self, at: float) -> bool:
        """Whether its last numbers are young enough to show, even if the newest try failed."""
        return self.read_at is not None and at <= self.valid_until


class Book(msgspec.Struct):
    """The books of one service and currency as its ledger tells them.

    Attributes:
        balance: spendable balance after the last row.
        rows: rows booked; the next one has this position.
        at: when the last row happened.
    """

    conservation: Conservation
    balance: float = 0.0
    rows: int = 0
    at: float = 0.0


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
        rounds: bets by game that were seen one by one.
        last_bet_at: newest of them, and the ids of that second.
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


class Trading(msgspec.Struct):
    """Perpetual positions and what they did to the money.

    Attributes:
        capital: collateral at the exchange, None when neither reported nor declared.
        realized: gross realised P&L of closed positions; `fees` and `funding` positive = paid.
        marked: whether the open positions carry current prices.
        closed_ids, fill_ids: newest ids, oldest first, so that a reader knows what is booked.
    """

    capital: float | None = None
    capital_reported: bool = False
    realized: float = 0.0
    fees: float = 0.0
    funding: float = 0.0
    trades: int = 0
    marked: bool = True
    positions: dict[str, Position] = msgspec.field(default_factory=dict)
    markets: dict[str, Market] = msgspec.field(default_factory=dict)
    closed_ids: list[str] = msgspec.field(default_factory=list)
    fill_ids: list[str] = msgspec.field(default_factory=list)
    since: float | None = None

    @property
    def unrealized(self) -> float:
        """Unrealised P&L of all open positions at their last marks, before fees."""
        return sum(position.unrealized or 0.0 for position in self.positions.values())

    @property
    def net(self) -> float:
        """Realised P&L after fees and funding."""
        return self.realized - self.fees - self.funding


class Holding(msgspec.Struct):
    """An amount of one currency in one account. `explained` is change that swaps have announced."""

    currency: str
    wallet_type: str
    amount: float
    value: float | None
    explained: float = 0.0


class Profile(msgspec.Struct):
    """What the operator declared about an agent."""

    strategy: str = "other"
    declared_strategy: str = "other"
    environment: str = ""
    version: str = ""
    platform_ids: dict[str, str] = msgspec.field(default_factory=dict)
    collectors: tuple[str, ...] = ()
    trades: bool = False
    declared_at: float = 0.0


class Halt(msgspec.Struct):
    """A halt in force. `steps` holds when it was delivered, acknowledged and confirmed."""

    halt_id: str
    mode: str
    reason: str
    actor: str
    ordered_at: float
    steps: dict[str, float] = msgspec.field(default_factory=dict)


class Control(msgspec.Struct):
    """What guards decided about an agent, as far as it is known: None where nobody said."""

    gate: Literal["active", "reducing", "halted"] | None = None
    gate_reason: str = ""
    lease_until: float | None = None
    epoch: int = 0
    limits: dict[str, float] | None = None
    halt: Halt | None = None


class Health(msgspec.Struct):
    """What an agent's own health page said, and when it last did something."""

    up: bool | None = None
    checks: dict[str, bool] = msgspec.field(default_factory=dict)
    last_action_at: float | None = None
    memory_ratio: float | None = None
    cpu_ratio: float | None = None
    balance_usd: float | None = None
    pnl_24h_usd: float | None = None
    open_positions: int | None = None
    clock_offset_s: float | None = None
    market_at: float | None = None


class AgentState(msgspec.Struct):
    """Everything known about one agent.

    Attributes:
        parts: equity by part at its last known value, USD.
        unknown: parts that cannot be trusted now, with the reason.
        by_design: parts that can never be known as configured; the agent's equity is then None.
        awaited: whether a collector of money has never read, so that there is no sum yet.
        equity: sum of the parts, None until every part was read once, or by design.
        first_equity: equity when it was first known; P&L counts from there.
        flows: external flows since then, in minus out.
        income: P&L by class that is neither trading nor casino: escrow, referral, other.
        pots: referral money that services hold for the agent; `earned` what they ever paid.
        announced: by service without a ledger: flow and P&L that the next balance will show.
    """

    agent_id: str
    profile: Profile
    performance: Performance
    attribution: Attribution
    history: History
    casino: Casino = msgspec.field(default_factory=Casino)
    trading: Trading = msgspec.field(default_factory=Trading)
    health: Health = msgspec.field(default_factory=Health)
    control: Control = msgspec.field(default_factory=Control)
    tallies: Tallies = msgspec.field(default_factory=Tallies)
    words: Words = msgspec.field(default_factory=dict)
    books: dict[str, Book] = msgspec.field(default_factory=dict)
    escrows: dict[str, Escrow] = msgspec.field(default_factory=dict)
    holdings: dict[str, Holding] = msgspec.field(default_factory=dict)
    pots: dict[str, float] = msgspec.field(default_factory=dict)
    earned: dict[str, float] = msgspec.field(default_factory=dict)
    announced: dict[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    span_errors: dict[str, float] = msgspec.field(default_factory=dict)
    referred: dict[int, int] = msgspec.field(default_factory=dict)
    sources: dict[str, SourceStatus] = msgspec.field(default_factory=dict)
    parts: dict[str, float] = msgspec.field(default_factory=dict)
    unknown: dict[str, str] = msgspec.field(default_factory=dict)
    by_design: dict[str, str] = msgspec.field(default_factory=dict)
    awaited: bool = False
    equity: float | None = None
    equity_at: float = 0.0
    first_equity: float | None = None
    flows: float = 0.0
    deposits: float = 0.0
    withdrawals: float = 0.0
    income: dict[str, float] = msgspec.field(default_factory=dict)
    seen_at: float = 0.0
    last_fact_at: float = 0.0
    joined_fleet: bool = False
    declared_capital: float | None = None

    @property
    def partial(self) -> bool:
        """Whether some part of the equity is only known as it was, not as it is."""
        return bool(self.unknown)

    @property
    def self_reported(self) -> bool:
        """Whether nobody reads its ledger, so that its own reports are all there is."""
        return "casino" not in self.profile.collectors


class Happening(msgspec.Struct, frozen=True):
    """Something that folding one fact brought to light and that `project` may tell people about.

    Attributes:
        what: `trade`, `total_loss`, `unexplained_money`, `source_failed`, `source_recovered`, `escrow_ended`.
        amount: USD with a sign, 0 when it is no money.
    """

    what: str
    agent_id: str
    at: float
    amount: float = 0.0
    subject: str = ""
    reason: str = ""


class FleetState(msgspec.Struct):
    """Everything known about the fleet.

    Attributes:
        at: newest time that a Tick brought.
        agents: by agent id.
        by_platform_id: agent id by its id at the casino, which escrow and payments use.
        in_transit: escrow money between two agents of the fleet of which only one side was seen, by escrow id:
            positive while the worker's side is missing, negative while the creator's is.
        performance: of the whole fleet; marked at every Tick.
        facts: facts folded by kind; `late` of them were booked when seen, `ignored` changed nothing.
        flows: external flows since the last Tick; `external_flows` those before it.
        happened: what the last fact brought to light; not part of a snapshot.
    """

    performance: Performance
    history: History
    at: float = 0.0
    agents: dict[str, AgentState] = msgspec.field(default_factory=dict)
    by_platform_id: dict[str, str] = msgspec.field(default_factory=dict)
    retired: dict[str, float] = msgspec.field(default_factory=dict)
    in_transit: dict[str, float] = msgspec.field(default_factory=dict)
    facts: dict[str, int] = msgspec.field(default_factory=dict)
    late: int = 0
    ignored: dict[str, int] = msgspec.field(default_factory=dict)
    tallies: Tallies = msgspec.field(default_factory=Tallies)
    words: Words = msgspec.field(default_factory=dict)
    flows: float = 0.0
    external_flows: float = 0.0
    happened: list[Happening] = msgspec.field(default_factory=list)
