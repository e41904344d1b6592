"""A belt under the hands of a test: facts in short form, folded at once, on a clock that only the test moves.

belt = Belt()
belt.watch("a-1")                      # declared, and its empty ledger read
belt.row("a-1", "deposit", 100)        # ledger rows keep their chain by themselves
belt.bet("a-1", 10, 0)
assert belt["a-1"].equity == 90
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeVar

from msgspec.inspect import DecimalType, StructType, type_info

from fleawatch.events import (
    AgentDeclared,
    BalanceRead,
    EntryKind,
    Event,
    LedgerEntry,
    LedgerRead,
    SourceRead,
    SourceUnavailable,
    Tick,
    ledger_id,
)
from fleawatch.events.base import kind_of
from fleawatch.events.numbers import options, plain
from fleawatch.flow.outputs import Output
from fleawatch.flow.policy import Policy
from fleawatch.flow.state import AgentState, empty_fleet
from fleawatch.flow.step import step

MIDNIGHT: Final = 1_800_057_600.0
"""A midnight UTC at which a belt's clock begins, so that days and grid points are where a test expects them."""

_Kind = TypeVar("_Kind", bound=Event)


class Belt:
    """A fleet, the facts that made it, and the time.

    Attributes:
        fleet: the state.
        policy: the rules in force; none unless given.
        now: unix seconds; facts happen and are seen now unless a test says otherwise.
        facts: every fact folded, in order.
        outputs: what came out, in order.
        balances: spendable casino balance by agent, as its ledger rows left it.
        rows: number of ledger rows by agent.
    """

    def __init__(self, now: float = MIDNIGHT, policy: Policy | None = None) -> None:
        self.fleet = empty_fleet()
        self.policy = policy or Policy()
        self.now = now
        self.facts: list[Event] = []
        self.outputs: list[Output] = []
        self.balances: dict[str, Decimal] = defaultdict(Decimal)
        self.rows: dict[str, int] = defaultdict(int)

    def __getitem__(self, agent_id: str) -> AgentState:
        return self.fleet.agents[agent_id]

    def make(self, kind: type[_Kind], agent_id: str = "", **fields: Any) -> _Kind:
        """A fact of `kind`, happening now; its id is unique unless given. Numbers for money become decimals."""
        base = {
            "fact_id": f"test:{kind_of(kind.__name__)}:{len(self.facts)}:{self.now:.3f}",
            "agent_id": agent_id,
            "at": self.now,
            "seen_at": self.now,
            "source": "test",
        }
        return kind(**{**base, **{name: _money(kind, name, value) for name, value in fields.items()}})

    def fold(self, *events: Event) -> Event:
        """Fold facts in order; the last one."""
        for event in events:
            self.fleet, outputs = step(self.fleet, event, self.policy)
            self.facts.append(event)
            self.outputs += outputs
        return events[-1]

    def say(self, kind: type[Event], agent_id: str = "", **fields: Any) -> Event:
        """Make a fact and fold it."""
        return self.fold(self.make(kind, agent_id, **fields))

    def wait(self, seconds: float, *, tick: bool = True) -> None:
        """Let time pass, and say so unless told not to."""
        self.now += seconds
        if tick:
            self.say(Tick, source="monitor")

    def declare(self, agent_id: str, collectors: Iterable[str] = ("casino",), **fields: Any) -> Event:
        """Declare an agent; its platform id at the casino is `ag_` and its name unless other ids are given."""
        defaults: dict[str, Any] = {"strategy": "steady", "platform_ids": {"casino": f"ag_{agent_id}"}}
        return self.say(AgentDeclared, agent_id, **{**defaults, "collectors": tuple(collectors), **fields})

    def watch(self, agent_id: str, collectors: Iterable[str] = ("casino",), **fields: Any) -> AgentState:
        """Declare an agent and finish a first reading of each of its collectors; its ledger is empty."""
        names = tuple(collectors)
        self.declare(agent_id, names, **fields)
        for collector in names:
            if collector == "casino":
                self.end(agent_id)
            self.read(agent_id, collector)
        return self[agent_id]

    def row(
        self,
        agent_id: str,
        entry: EntryKind,
        amount: float | str | Decimal,
        reference: str | None = None,
        **fields: Any,
    ) -> LedgerEntry:
        """The agent's next ledger row; `amount` is signed."""
        change = Decimal(str(amount))
        self.balances[agent_id] += change
        position = self.rows[agent_id]
        self.rows[agent_id] += 1
        fact = self.make(
            LedgerEntry, agent_id, fact_id=ledger_id("casino", agent_id, position), source="casino", service="casino",
            currency="USD", position=position, amount=change, balance_after=self.balances[agent_id], entry=entry,
            reference=reference, **fields,
        )  # fmt: skip
        self.fold(fact)
        return fact

    def bet(self, agent_id: str, stake: float | str | Decimal, payout: float | str | Decimal) -> None:
        """A bet as the ledger tells it: a stake and, unless it was lost, a payout; both decided at once."""
        self.row(agent_id, "stake", -Decimal(str(stake)))
        if Decimal(str(payout)):
            self.row(agent_id, "payout", payout)
        else:
            self.end(agent_id, settled=self[agent_id].casino.staked_bets)

    def end(self, agent_id: str, settled: int | None = None) -> Event:
        """The agent's ledger was read to its end."""
        return self.say(
            LedgerRead, agent_id, source="casino", service="casino", currency="USD", rows=self.rows[agent_id],
            settled_bets=settled,
        )  # fmt: skip

    def read(self, agent_id: str, collector: str = "casino", valid_s: float = 60.0) -> Event:
        """A collector finished a reading."""
        return self.say(SourceRead, agent_id, source="monitor", collector=collector, duration_s=0.01, valid_s=valid_s)

    def fail(self, agent_id: str, collector: str = "casino", reason: str = "timeout") -> Event:
        """A collector failed."""
        return self.say(
            SourceUnavailable, agent_id, source="monitor", collector=collector, reason=reason, duration_s=1.0
        )

    def balance(self, agent_id: str, amount: float | str | Decimal, service: str = "casino", **fields: Any) -> Event:
        """A balance was read, in USD unless told otherwise."""
        defaults = {"currency": "USD", "value_usd": Decimal(str(amount)), "source": service}
        return self.say(BalanceRead, agent_id, service=service, amount=amount, **{**defaults, **fields})


def _money(kind: type[Event], name: str, value: Any) -> Any:
    """A plain number as the decimal that a money field takes; everything else as it is."""
    return Decimal(str(value)) if name in _decimals(kind) and isinstance(value, int | float | str) else value


@cache
def _decimals(kind: type[Event]) -> frozenset[str]:
    info = type_info(kind)
    fields = info.fields if isinstance(info, StructType) else ()
    return frozenset(
        field.name for field in fields if any(isinstance(plain(one), DecimalType) for one in options(field.type))
    )
