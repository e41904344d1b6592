"""Laws of the books over any ledger: the parts are the whole, flows are no results, and no fault goes unnoticed."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.events import LedgerEntry, ledger_id
from fleawatch.testing import strategies
from fleawatch.testing.belt import Belt
from fleawatch.testing.strategies import Movement

CLOSE = {"rel": 1e-9, "abs": 1e-6}
STEP_S = 20


def started(*names):
    """A belt with agents whose empty ledgers were read."""
    belt = Belt()
    for name in names:
        belt.watch(name)
    return belt


def book(belt, movement, agent_id="a-1"):
    """One movement as the agent's next ledger row, a little later."""
    belt.wait(STEP_S, tick=False)
    belt.row(agent_id, movement.entry, movement.amount, movement.reference, fee=movement.fee)


def curve(belt, agent_id="a-1"):
    """NAV and drawdowns of an agent as they are."""
    summary = belt[agent_id].performance.summary("all_time")
    return summary.nav, summary.drawdown, summary.drawdown_max


@settings(max_examples=60, deadline=None)
@given(ledger=strategies.movements())
def test_the_parts_are_the_whole_at_every_row(ledger):
    """Equity is the sum of its parts; P&L is equity without what was there and what flowed; classes explain it all."""
    belt = started("a-1")
    agent = belt["a-1"]
    for movement in ledger:
        book(belt, movement)
        assert agent.equity == sum(agent.parts.values())
        assert agent.performance.changes.total == pytest.approx(
            agent.equity - agent.first_equity - agent.flows, **CLOSE
        )
        assert agent.equity == pytest.approx(agent.casino.net + sum(agent.income.values()) + agent.flows, **CLOSE)
        held = sum(escrow.locked for escrow in agent.escrows.values())
        assert agent.equity == pytest.approx(float(belt.balances["a-1"]) + agent.casino.in_flight + held, **CLOSE)
        assert agent.pending == 0
    belt.end("a-1", settled=agent.casino.staked_bets)
    assert agent.casino.open_stake == agent.casino.open_parlay == 0
    assert agent.casino.settled_bets == sum(movement.entry == "stake" for movement in ledger)
    assert agent.equity == pytest.approx(agent.casino.net + sum(agent.income.values()) + agent.flows, **CLOSE)
    assert agent.books["casino:USD"].conservation.residual() == 0.0


@settings(max_examples=60, deadline=None)
@given(
    ledger=strategies.movements(),
    entry=st.sampled_from([("deposit", 1), ("payment_sent", -1), ("bonus", 1), ("withdrawal_hold", -1)]),
    amount=strategies.amounts(most="500"),
)
def test_a_flow_alone_changes_neither_nav_nor_drawdown(ledger, entry, amount):
    """Whatever came before: money that only moves in or out is neither gain nor loss."""
    belt = started("a-1")
    for movement in ledger:
        book(belt, movement)
    belt.end("a-1", settled=belt["a-1"].casino.staked_bets)
    before = curve(belt)
    book(belt, Movement(entry[0], entry[1] * amount))
    assert curve(belt) == pytest.approx(before, abs=1e-12)


RESULTS = st.lists(
    st.one_of(
        strategies.amounts().map(lambda amount: [Movement("stake", -amount)]),
        st.tuples(strategies.amounts(), strategies.amounts()).map(
            lambda pair: [Movement("stake", -pair[0]), Movement("payout", pair[1])]
        ),
        strategies.amounts().map(lambda amount: [Movement("referral", amount)]),
        strategies.amounts().map(lambda amount: [Movement("adjustment", -amount)]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(before=RESULTS, after=RESULTS, factor=st.sampled_from(["0.01", "0.5", "3", "1000"]))
def test_a_flow_and_results_scaled_by_it_leave_nav_and_drawdown(before, after, factor):
    """Law 2: twice the money that earns twice as much is the same agent, point by point."""
    scale = Decimal(factor)
    plain, other = started("a-1"), started("a-1")
    for belt in (plain, other):
        book(belt, Movement("deposit", Decimal(1000)))
        for movement in (one for story in before for one in story):
            book(belt, movement)
        belt.end("a-1", settled=belt["a-1"].casino.staked_bets)
    equity = plain.balances["a-1"]
    plain.wait(STEP_S, tick=False)
    book(other, Movement("deposit" if scale > 1 else "payment_sent", equity * (scale - 1)))
    for movement in (one for story in after for one in story):
        book(plain, movement)
        book(other, Movement(movement.entry, movement.amount * scale))
        assert curve(other) == pytest.approx(curve(plain), rel=1e-9, abs=1e-9)


def rows_of(ledger, agent_id, belt):
    """A clean ledger as facts whose balances lie on one chain."""
    balance, rows = Decimal(0), []
    for position, movement in enumerate(ledger):
        balance += movement.amount
        rows.append(
            belt.make(
                LedgerEntry, agent_id, fact_id=ledger_id("casino", agent_id, position), service="casino",
                currency="USD", position=position, amount=movement.amount, balance_after=balance,
                entry=movement.entry, reference=movement.reference, fee=movement.fee,
            )
        )  # fmt: skip
    return rows


def broken(rows, fault, place):
    """The ledger as a faulty platform would tell it: the rows as they are, one of them wrong."""
    content = [(row.amount, row.balance_after, row.entry, row.reference, row.fee) for row in rows]
    if fault == "cent":
        amount, *rest = content[place]
        content[place] = (amount + Decimal("0.01"), *rest)
    elif fault == "duplicated":
        content.insert(place, content[place])
    elif fault == "dropped":
        del content[place]
    elif fault == "reordered":
        other = place - 1 if place else 1
        content[place], content[other] = content[other], content[place]
    return content


@settings(max_examples=60, deadline=None)
@given(
    ledgers=st.lists(strategies.movements(most=5), min_size=2, max_size=4),
    fault=st.sampled_from(["none", "cent", "duplicated", "dropped", "reordered"]),
    data=st.data(),
)
def test_a_fault_in_one_ledger_shows_at_that_agent_and_service_alone(ledgers, fault, data):
    """One cent, one row twice, one row less, two rows exchanged: the residual names the agent; clean books give none."""
    names = [f"a-{number}" for number in range(len(ledgers))]
    victim = data.draw(st.sampled_from(names))
    belt = started(*names)
    for name, ledger in zip(names, ledgers, strict=True):
        rows = rows_of(ledger, name, belt)
        place = data.draw(st.integers(0, len(rows) - 1))
        told = broken(rows, fault if name == victim else "none", place)
        belt.balance(name, rows[-1].balance_after)
        for position, (amount, after, entry, reference, fee) in enumerate(told):
            belt.say(
                LedgerEntry, name, fact_id=ledger_id("casino", name, position), service="casino", currency="USD",
                position=position, amount=amount, balance_after=after, entry=entry, reference=reference, fee=fee,
            )  # fmt: skip
        belt.end(name)
        # A last row that is missing may leave a balance which the chain once had; it does not have it again.
        belt.balance(name, rows[-1].balance_after)
        belt.end(name)
    residuals = {
        (name, key): book.conservation.residual()
        for name, agent in belt.fleet.agents.items()
        for key, book in agent.books.items()
    }
    wrong = {key for key, residual in residuals.items() if residual != 0.0}
    assert None not in residuals.values()
    assert wrong == (set() if fault == "none" else {(victim, "casino:USD")})
    named = {notice.agent_id for notice in belt.outputs if notice.event == "unexplained_money"}
    assert named == {agent_id for agent_id, _ in wrong}
