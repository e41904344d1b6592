"""What the belt knows after the facts it has seen: one `FleetState`, owned and changed by `fold` alone.

Everything here is a mutable msgspec struct of plain values, so that a snapshot is one encode and a restart one decode.
Money in state is float: facts and the store's ledger keep the decimals. A part that cannot be read stays at its last
value and is named in `unknown`; nothing here is ever set to 0 because a call failed.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from fleawatch.catalog.spec import Severity
from fleawatch.events import RulesDeclared
from fleawatch.events.amend import Difference
from fleawatch.flow.books import Book, Casino, Escrow, EscrowStatus, Holding, Market, Position, Trading
from fleawatch.flow.held import Baseline, Control, Halt, Ramp, Standing
from fleawatch.flow.history import History
from fleawatch.flow.limitbook import LimitBook
from fleawatch.flow.routing.state import Routing
from fleawatch.flow.tally import Tallies
from fleawatch.flow.tracks import Tracks
from fleawatch.flow.words import Words
from fleawatch.risk.activity import BusiestMinute, Repeats
from fleawatch.risk.anomaly import ReturnWatch
from fleawatch.risk.attribution import Attribution
from fleawatch.risk.performance import Performance
from fleawatch.risk.stakes import Stakes

__all__ = [
    "AgentState", "AlertInstance", "Baseline", "Book", "Casino", "Control", "Escrow", "EscrowStatus", "FleetState", "Halt",
    "Happening", "Health", "Holding", "Market", "Orders", "Part", "Position", "Profile", "Ramp", "SourceStatus", "Standing", "Trading",
]  # fmt: skip

Part = Literal["casino", "escrow", "trading", "wallet", "domains", "referral"]
"""A part of an agent's equity."""


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


class Profile(msgspec.Struct):
    """What the operator declared about an agent.

    Attributes:
        strategy: the one it follows now; the declared one until it switched.
        former: strategies it followed before, each with the time until which trades are its own; oldest first.
        recipients: to whom it may send money; None when there is no such list.
        was_read: whether a declaration ever named a collector of its money.
    """

    strategy: str = "other"
    declared_strategy: str = "other"
    former: list[tuple[float, str]] = msgspec.field(default_factory=list)
    environment: str = ""
    version: str = ""
    platform_ids: dict[str, str] = msgspec.field(default_factory=dict)
    collectors: tuple[str, ...] = ()
    trades: bool = False
    recipients: tuple[str, ...] | None = None
    declared_at: float = 0.0
    was_read: bool = False

    def strategy_at(self, at: float) -> str:
        """The strategy to which a trade settled at `at` belongs."""
        for until, strategy in self.former:
            if at <= until:
                return strategy
        return self.strategy


class Orders(msgspec.Struct):
    """What an agent orders, apart from the money it makes.

    Two parties tell of orders and nothing ties one's word to the other's: the platform shows fills and stakes, and the
    agent reports attempts. Each is counted by itself, and the larger one counts.

    Attributes:
        seen, reported: how often, as the platform shows it, and as the agent reports it.
        repeats: how often the same.
        signals: newest signal by market that no order has answered: when, `buy` or `sell`, strategy.
        against: of the newest orders that answered a signal, oldest first, whether they went the other way.
        looked_at: how many of them make a share; None before the first, and while that is switched off.
        told: withdrawals that people were told of, because they went to somebody who is not on the list.
    """

    seen: BusiestMinute = msgspec.field(default_factory=BusiestMinute)
    reported: BusiestMinute = msgspec.field(default_factory=BusiestMinute)
    repeats: Repeats = msgspec.field(default_factory=Repeats)
    signals: dict[str, tuple[float, str, str]] = msgspec.field(default_factory=dict)
    against: list[bool] = msgspec.field(default_factory=list)
    looked_at: int | None = None
    told: dict[str, None] = msgspec.field(default_factory=dict)


class Health(msgspec.Struct):
    """What an agent's own health page said, what the agent itself lets hear, and when it last did something useful.

    Attributes:
        up: whether its health page was answered when it was last asked; None before.
        page_failed_at: since when it is not; None while it is.
        heard_at, first_heard_at: newest and first sign of life that the agent gave by itself.
        alive_until: how long the newest such sign holds; None of an agent that has never promised to give any.
        last_action_at: when it last told of something useful.
    """

    up: bool | None = None
    page_failed_at: float | None = None
    heard_at: float | None = None
    first_heard_at: float | None = None
    alive_until: float | None = None
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
        pending: an external flow that the parts show and `flows` does not yet; `settle` books it.
        pots: referral money that services hold for the agent; `earned` what they ever paid.
        announced: by service without a ledger: flow and P&L that the next balance will show.
        swapped: by currency: change of quantity that swaps have announced, and until when it is waited for.
        recent: ids of the newest facts that would count again if they were folded again, oldest first.
        ended_escrows, paid_escrows: ids of the newest escrows that ended, and of those that paid this agent.
        impaired_before: money in disputes too old to be among `escrows`.
        since: by service: from when on its P&L is known; see `pnl_since`.
        known_pnl: trading and casino P&L as of the last Tick, for the fleet's daily loss; None before the first.
        pnl_offset: keeps the cumulative P&L level when what it is measured by changes.
        misreported: newest facts, by id, of which it told other money than the platform.
        tracks: what rules remember of its past.
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
    returns: ReturnWatch = msgspec.field(default_factory=ReturnWatch)
    stakes: Stakes = msgspec.field(default_factory=Stakes)
    orders: Orders = msgspec.field(default_factory=Orders)
    tallies: Tallies = msgspec.field(default_factory=Tallies)
    words: Words = msgspec.field(default_factory=dict)
    books: dict[str, Book] = msgspec.field(default_factory=dict)
    escrows: dict[str, Escrow] = msgspec.field(default_factory=dict)
    holdings: dict[str, Holding] = msgspec.field(default_factory=dict)
    pots: dict[str, float] = msgspec.field(default_factory=dict)
    earned: dict[str, float] = msgspec.field(default_factory=dict)
    announced: dict[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    swapped: dict[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    recent: dict[str, None] = msgspec.field(default_factory=dict)
    ended_escrows: dict[str, None] = msgspec.field(default_factory=dict)
    impaired_before: float = 0.0
    paid_escrows: dict[str, None] = msgspec.field(default_factory=dict)
    span_errors: dict[str, float] = msgspec.field(default_factory=dict)
    since: dict[str, float] = msgspec.field(default_factory=dict)
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
    pending: float = 0.0
    known_pnl: float | None = None
    pnl_offset: float = 0.0
    deposits: float = 0.0
    withdrawals: float = 0.0
    income: dict[str, float] = msgspec.field(default_factory=dict)
    seen_at: float = 0.0
    last_fact_at: float = 0.0
    joined_fleet: bool = False
    declared_capital: float | None = None
    misreported: dict[str, Difference] = msgspec.field(default_factory=dict)
    tracks: Tracks = msgspec.field(default_factory=Tracks)

    @property
    def partial(self) -> bool:
        """Whether some part of the equity is only known as it was, not as it is."""
        return bool(self.unknown)

    @property
    def pnl_since(self) -> dict[str, float]:
        """By service: from when on its P&L is known, unix seconds; a service of which nothing is known is left out.

        Escrows move in the casino's ledger, so theirs is known as long as that, once their service was read.
        """
        found = dict(self.since)
        if self.trading.since is not None:
            found["trading"] = self.trading.since
        escrow = self.sources.get("escrow")
        if escrow is not None and escrow.read_at is not None and "casino" in found:
            found["escrow"] = found["casino"]
        return found

    @property
    def self_reported(self) -> bool:
        """Whether nobody reads its ledger, so that its own reports are all there is."""
        return "casino" not in self.profile.collectors


class AlertInstance(msgspec.Struct):
    """One alert about one series that is pending or firing. `advance` owns it.

    Attributes:
        labels: of the series, without the agent's id.
        since: when the condition first held in this run.
        fired_at: when it began to fire; None while pending.
        breached_at: when the condition last held.
        clear_since: since when it has not held, for alerts that must be clear for a while; None while it holds.
        sampled_at, agreeing: newest reading that agreed, and how many in a row did.
        value: what was last compared.
        summary, description: as told when it fired.
    """

    alert: str
    labels: tuple[tuple[str, str], ...]
    since: float
    severity: Severity
    fired_at: float | None = None
    breached_at: float = 0.0
    clear_since: float | None = None
    sampled_at: float = -1.0
    agreeing: int = 0
    value: float | None = None
    reason: str = ""
    fingerprint: str = ""
    summary: str = ""
    description: str = ""
    unknown: str = ""


class Happening(msgspec.Struct, frozen=True):
    """Something that folding one fact brought to light, for alerts that wait for it and for `project` to tell people.

    Attributes:
        what: `large_win`, `large_loss`, `total_loss`, `anomaly`, `unexplained_money`, `unlisted_recipient`, `deposit`,
            `faucet`, `bonus`, `payment_received`, `referral`, `escrow_ended`, `strategy_switch`, `deployment`, `slow_span`,
            `report_differs`,
            `source_failed`, `source_recovered`, `notification_failed`, `halt_ordered`,
            `halt_overdue`, `resumed`.
        amount: USD with a sign; 0 when it is no money.
        duration_s: how long it took; 0 when that is not the point.
        fields: what the log event of the catalog says beside these.
    """

    what: str
    agent_id: str
    at: float
    amount: float = 0.0
    subject: str = ""
    reason: str = ""
    duration_s: float = 0.0
    fields: dict[str, str | float] = msgspec.field(default_factory=dict)


class FleetState(msgspec.Struct):
    """Everything known about the fleet.

    Attributes:
        at: newest time that a Tick brought.
        agents: by agent id.
        by_platform_id: agent id by its id at the casino, which escrow and payments use.
        in_transit: escrow money between two agents of the fleet of which only one side was seen, by escrow id:
            positive while the worker's side is missing, negative while the creator's is. `in_transit_to` names whose,
            empty while nobody knows who pays; `in_transit_since` says when the other side was seen.
        paired: payments of which one side was seen, by the platform's reference: by whom, the signed amount, when.
        unmatched: money that the two sides of payments and escrows inside the fleet do not agree on, positive = more
            arrived than was sent.
        creators: agent id by the escrows that agents of the fleet have funded and that have not ended.
        performance: of the whole fleet; marked at every Tick.
        facts: facts folded by kind; `late` of them were booked when seen, `ignored` changed nothing.
        flows: external flows since the last Tick; `external_flows` those before it.
        known_pnl: trading and casino P&L of all agents since they were first known.
        rules: the rules in force as they were declared; None while the fleet is only watched.
        limits: the limits they change; not part of a snapshot, but made from the rules anew.
        tracks: what rules about the fleet remember; those of an agent's rules are with the agent.
        alerts: alerts that are pending or firing, by agent id (empty for the fleet), alert and label values.
        standing: halts of strategies and of the fleet.
        concluded: ids of the facts that the belt concluded from the last one and has folded already.
        repeated: facts that the shell left out since its start because they were recorded; not part of a snapshot.
        refused: facts that the shell refused since its start, by reason; not part of a snapshot.
        routing: what routing remembers, which it alone changes.
        happened: what the last fact brought to light; not part of a snapshot.
    """

    performance: Performance
    history: History
    at: float = 0.0
    agents: dict[str, AgentState] = msgspec.field(default_factory=dict)
    by_platform_id: dict[str, str] = msgspec.field(default_factory=dict)
    retired: dict[str, float] = msgspec.field(default_factory=dict)
    in_transit: dict[str, float] = msgspec.field(default_factory=dict)
    in_transit_to: dict[str, str] = msgspec.field(default_factory=dict)
    in_transit_since: dict[str, float] = msgspec.field(default_factory=dict)
    paired: dict[str, tuple[str, float, float]] = msgspec.field(default_factory=dict)
    unmatched: float = 0.0
    creators: dict[str, str] = msgspec.field(default_factory=dict)
    facts: dict[str, int] = msgspec.field(default_factory=dict)
    late: int = 0
    ignored: dict[str, int] = msgspec.field(default_factory=dict)
    tallies: Tallies = msgspec.field(default_factory=Tallies)
    words: Words = msgspec.field(default_factory=dict)
    flows: float = 0.0
    external_flows: float = 0.0
    known_pnl: float = 0.0
    rules: RulesDeclared | None = None
    limits: LimitBook = msgspec.field(default_factory=LimitBook)
    tracks: Tracks = msgspec.field(default_factory=Tracks)
    alerts: dict[str, dict[str, dict[str, AlertInstance]]] = msgspec.field(default_factory=dict)
    routing: Routing = msgspec.field(default_factory=Routing)
    standing: dict[str, Standing] = msgspec.field(default_factory=dict)
    concluded: dict[str, None] = msgspec.field(default_factory=dict)
    repeated: int = 0
    refused: dict[str, int] = msgspec.field(default_factory=dict)
    happened: list[Happening] = msgspec.field(default_factory=list)


def empty_fleet() -> FleetState:
    """The state before the first fact."""
    return FleetState(performance=Performance(), history=History())
