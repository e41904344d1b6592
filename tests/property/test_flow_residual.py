"""Laws of the fleet's money: what agents do among themselves is explained and earns nothing, and no fault is lost."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.events import EscrowCreated, EscrowRefunded, EscrowReleased, LedgerEntry, ledger_id
from fleawatch.flow.conservation import fleet_residual
from fleawatch.testing import strategies
from fleawatch.testing.belt import Belt

WHO = ("casino", "escrow")
CENT = Decimal("0.01")
START = Decimal(1000)


@dataclass
class Row:
    """A row as the platform has it; how often it is told, and by how much its amount is told wrongly."""

    entry: str
    amount: Decimal
    after: Decimal
    reference: str | None
    at: float
    told: int = 1
    off: Decimal = Decimal(0)


@dataclass
class Account:
    """An agent's ledger at the platform, and how much of it was read."""

    rows: list[Row] = field(default_factory=list)
    read: int = 0
    positions: int = 0

    @property
    def balance(self):
        return self.rows[-1].after if self.rows else Decimal(0)

    def move(self, at, entry, amount, reference=None):
        self.rows.append(Row(entry, amount, self.balance + amount, reference, at))


@dataclass
class Escrow:
    """An escrow at the platform, and what of it the creator's source has told."""

    creator: str
    worker: str
    amount: Decimal
    status: str = "funded"
    told: str = ""

    @property
    def fee(self):
        return round(self.amount / 100, 6)


class World:
    """A platform with a fleet of agents, read one agent at a time."""

    def __init__(self, agents):
        self.names = [f"a-{number}" for number in range(agents)]
        self.accounts = {name: Account() for name in self.names}
        self.escrows = {}
        self.belt = Belt()
        self.fees = Decimal(0)
        for name in self.names:
            self.belt.declare(name, WHO)
            self.accounts[name].move(self.belt.now, "deposit", START)

    def act(self, what, one, other, amount, named):
        """Something happens at the platform; whoever pays can."""
        payer, payee = self.names[one % len(self.names)], self.names[other % len(self.names)]
        payee = payee if payee != payer else self.names[(other + 1) % len(self.names)]
        number = sum(len(account.rows) for account in self.accounts.values())
        match what:
            case "pay":
                reference = f"pay_{number}" if named else None
                self.accounts[payer].move(self.belt.now, "payment_sent", -amount, reference)
                self.accounts[payee].move(self.belt.now, "payment_received", amount, reference)
            case "hire":
                self.escrows[f"esc_{number}"] = Escrow(payer, payee, amount)
                self.accounts[payer].move(self.belt.now, "escrow_lock", -amount, f"esc_{number}")
            case "release" | "refund":
                self._end(what, one)
            case "hire and release":
                self.act("hire", one, other, amount, named)
                self._end("release", -1)

    def _end(self, what, which):
        open_ones = [key for key, one in self.escrows.items() if one.status == "funded"]
        if not open_ones:
            return
        key = open_ones[which % len(open_ones)]
        escrow = self.escrows[key]
        escrow.status = f"{what}d" if what == "release" else "refunded"
        self.fees += escrow.fee
        whose = escrow.worker if what == "release" else escrow.creator
        self.accounts[whose].move(self.belt.now, f"escrow_{what}", escrow.amount - escrow.fee, key)

    def poll(self, name):
        """Read one agent: balance and ledger, then the escrows that its ledger has named."""
        belt, account = self.belt, self.accounts[name]
        belt.wait(1, tick=False)
        belt.balance(name, account.balance)
        for row in account.rows[account.read :]:
            for _ in range(row.told):
                belt.say(
                    LedgerEntry, name, fact_id=ledger_id("casino", name, account.positions), service="casino",
                    currency="USD", position=account.positions, amount=row.amount + row.off, balance_after=row.after,
                    entry=row.entry, reference=row.reference, at=row.at,
                )  # fmt: skip
                account.positions += 1
        account.read = len(account.rows)
        belt.end(name)
        belt.read(name)
        belt.wait(1, tick=False)
        for key, escrow in self.escrows.items():
            if escrow.creator == name and key in belt[name].escrows:
                self._tell(key, escrow)
        belt.read(name, "escrow")

    def _tell(self, key, escrow):
        parties = {"creator": f"ag_{escrow.creator}", "counterparty": f"ag_{escrow.worker}"}
        if not escrow.told:
            self.belt.say(
                EscrowCreated, escrow.creator, escrow_id=key, amount_usd=escrow.amount, commission_usd=escrow.fee,
                expires_at=self.belt.now + 60, **parties,
            )  # fmt: skip
        if escrow.status == "released" != escrow.told:
            self.belt.say(
                EscrowReleased, escrow.creator, escrow_id=key, net_usd=escrow.amount - escrow.fee,
                commission_usd=escrow.fee,
            )  # fmt: skip
        elif escrow.status == "refunded" != escrow.told:
            self.belt.say(
                EscrowRefunded, escrow.creator, escrow_id=key, refund_usd=escrow.amount - escrow.fee,
                commission_usd=escrow.fee,
            )  # fmt: skip
        escrow.told = escrow.status

    def settle(self):
        """Read everybody until nothing is new."""
        for _ in range(3):
            for name in self.names:
                self.poll(name)
        self.belt.wait(1)


ACTS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["pay", "hire", "hire and release", "release", "refund"]),
            st.integers(0, 5), st.integers(0, 5), strategies.amounts(least="0.1"), st.booleans(),
        ),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=16,
)  # fmt: skip
"""What happens, and in between the number of an agent that is read."""


@settings(max_examples=80, deadline=None)
@given(agents=st.integers(2, 6), acts=ACTS)
def test_money_that_stays_in_the_fleet_is_explained_and_earns_nothing(agents, acts):
    """In whatever order agents are read: no residual, no gain, and no loss but the platform's fees, at any moment."""
    world = World(agents)
    world.settle()
    performance = world.belt.fleet.performance
    assert performance.changes.total == 0
    for act in acts:
        world.poll(world.names[act % agents]) if isinstance(act, int) else world.act(*act)
        world.belt.wait(1)
        assert fleet_residual(world.belt.fleet).total in (0.0, None)
        assert -float(world.fees) - 1e-6 <= performance.changes.total <= 1e-6
        assert performance.drawdowns["all_time"].high() == pytest.approx(1.0, abs=1e-9)
    world.settle()
    assert fleet_residual(world.belt.fleet) == (0.0, 0.0, 0.0, ())
    assert performance.changes.total == pytest.approx(-float(world.fees), abs=1e-6)
    assert world.belt.fleet.in_transit == world.belt.fleet.in_transit_since == {}
    assert [one for one in world.belt.outputs if one.event == "unexplained_money"] == []


@settings(max_examples=80, deadline=None)
@given(agents=st.integers(2, 6), acts=ACTS, fault=st.sampled_from(["cent", "duplicated", "dropped"]), data=st.data())
def test_a_fault_in_any_ledger_shows_in_the_fleets_residual_with_its_amount(agents, acts, fault, data):
    """One cent, one row twice, one row less, wherever it is: the fleet's residual is that of the agent it happened to."""
    world = World(agents)
    victim = data.draw(st.sampled_from(world.names))
    for act in acts:
        if not isinstance(act, int):
            world.act(*act)
    row = data.draw(st.sampled_from(world.accounts[victim].rows))
    match fault:
        case "cent":
            row.off, expected = CENT, -CENT
        case "duplicated":
            row.told, expected = 2, -row.amount
        case _:
            row.told, expected = 0, row.amount
    for act in acts:
        if isinstance(act, int):
            world.poll(world.names[act % agents])
            world.belt.wait(1)
    world.settle()
    found = fleet_residual(world.belt.fleet)
    assert found.total == pytest.approx(float(expected), abs=1e-6)
    assert found.books == world.belt[victim].books["casino:USD"].conservation.residual()
    assert found.reasons == ()


@settings(max_examples=60, deadline=None)
@given(agents=st.integers(2, 6), acts=ACTS, off=strategies.amounts(most="5"), data=st.data())
def test_money_lost_between_two_sound_ledgers_is_the_fleets_residual(agents, acts, off, data):
    """The platform pays a worker more than its creator was charged for, and every balance agrees: only the fleet knows."""
    world = World(agents)
    world.settle()
    for act in acts:
        if not isinstance(act, int):
            world.act(*act)
    world.act("hire and release", 0, 1, Decimal(20), False)
    account = data.draw(
        st.sampled_from([one for one in world.accounts.values() if any(r.entry == "escrow_release" for r in one.rows)])
    )
    place = next(n for n, row in enumerate(account.rows) if row.entry == "escrow_release")
    account.rows[place].amount += off
    for row in account.rows[place:]:
        row.after += off
    world.settle()
    assert fleet_residual(world.belt.fleet).total == pytest.approx(float(off), abs=1e-6)
    assert fleet_residual(world.belt.fleet).books == 0.0
