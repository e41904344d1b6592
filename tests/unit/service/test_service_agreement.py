"""Two reporters of one fact at the shell: nothing collides, nobody takes a fact away from another, and a liar is named."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from msgspec import structs

from fleawatch.clock import ManualClock
from fleawatch.errors import LEAVE_OUT
from fleawatch.events import (
    AgentDeclared,
    BetSettled,
    EscrowCreated,
    EscrowDisputed,
    FaucetClaimed,
    LedgerEntry,
    OrderFilled,
    encode,
    fact_id,
    ledger_id,
)
from fleawatch.flow.fold.trading import IDS_KEPT
from fleawatch.service.ingest import admitted
from fleawatch.service.monitor import Monitor
from fleawatch.service.report import digest
from fleawatch.store import MemoryStore

AT = 1_800_000_000.0
READ = ("casino", "bets", "escrow")


def declared(agent_id="a-1", collectors=READ):
    return AgentDeclared(
        fact_id=fact_id("config", "agent_declared", f"{agent_id}:{len(collectors)}"), agent_id=agent_id, at=AT, seen_at=AT,
        source="config", strategy="flat", collectors=collectors, platform_ids={"casino": f"ag_{agent_id}"},
    )  # fmt: skip


def said(kind, name, source, agent_id="a-1", service="casino", **fields):
    tag = kind.__struct_config__.tag
    return kind(
        fact_id=fact_id(service, tag, name), agent_id=agent_id, at=AT, seen_at=AT + (source != "sdk"), source=source, **fields
    )  # fmt: skip


def bet(source="casino", payout="0", **fields):
    return said(BetSettled, "b1", source, bet_id="b1", game="dice", stake=Decimal(2), payout=Decimal(payout), **fields)


def booked(*batches):
    """The state of a monitor that booked these batches, none of which may take long."""

    async def run():
        monitor = Monitor(MemoryStore, ManualClock(AT))
        await monitor.recover()
        for batch in batches:
            async with asyncio.timeout(5):
                await monitor.book(batch)
        monitor.give_up_waiting()
        await monitor.close()
        return monitor.state

    return asyncio.run(run())


def test_a_third_report_with_something_new_is_taken_and_stops_nothing():
    """An agent that tells the same bet again, with a property that it had left out, amends it once more."""
    state = booked(
        [declared()], [bet()], [bet("sdk", latency_s=0.1)], [bet("sdk", strategy="wild")], [bet("sdk", strategy="other")],
        [declared("a-2")],
    )  # fmt: skip
    assert set(state.agents["a-1"].attribution.parts("strategy")) >= {"wild"}
    assert state.facts["amended"] == 2
    assert "a-2" in state.agents


@pytest.mark.parametrize(
    "reports",
    [
        [bet("sdk", "50"), bet()],
        [bet(), bet("sdk", "50")],
        [bet(), bet("sdk", "50"), bet("sdk", "50"), bet("sdk", "60")],
        [bet(), bet("sdk", "50", strategy="wild")],
    ],
    ids=["reported first", "polled first", "again and again", "with something new"],
)
def test_money_that_is_told_otherwise_is_named_once(reports):
    """The platform's word counts in either order, and the agent's is named with both numbers."""
    state = booked([declared()], *[[report] for report in reports])
    agent = state.agents["a-1"]
    assert {name: (one.field, one.told, one.shown) for name, one in agent.misreported.items()} == {
        "casino:bet_settled:b1": ("payout", 50.0, 0.0)
    }
    assert agent.tallies.counters["pf_casino_rounds_total"] == {("dice", "loss"): 1.0}
    assert agent.attribution.whole.net == -2.0


def test_an_honest_agent_and_one_that_rounds_are_not_named():
    """The platform lists whole cents, the agent may tell every digit; neither order makes a liar of it."""
    for reports in ([bet("sdk", "3.1449"), bet(payout="3.14")], [bet(payout="3.14"), bet("sdk", "3.1449")]):
        state = booked([declared()], *[[report] for report in reports])
        assert state.agents["a-1"].misreported == {}


def fill(number, source="trading", **fields):
    name = f"t{number}"
    return said(
        OrderFilled, name, source, service="trading", trade_id=name, order_id=f"o{number}", market="BTC-USD", side="buy",
        notional_usd=Decimal(100), price=Decimal(101), fee_usd=Decimal(1), realized_pnl_usd=Decimal(0), **fields,
    )  # fmt: skip


@pytest.mark.parametrize("first", ["polled", "reported"])
def test_reports_that_come_when_the_pages_have_moved_on_pay_no_fee_twice(first):
    """More fills than are remembered by id, each told by both: the store knows them all."""
    shown, told = ([fill(number, who) for number in range(IDS_KEPT + 50)] for who in ("trading", "sdk"))
    told = [structs.replace(report, expected_price=Decimal(100)) for report in told]
    order = [shown, told] if first == "polled" else [told, shown]
    state = booked([declared(collectors=(*READ, "trading"))], *order, told, shown)
    agent = state.agents["a-1"]
    assert agent.trading.fees == len(shown)
    assert agent.tallies.total("pf_trade_volume_usdc_total") == 100 * len(shown)
    assert agent.tallies.total("pf_trade_slippage_cost_usdc_total") == pytest.approx(len(shown))


def test_nobody_takes_a_fact_away_from_another():
    """A worker that is not read tells of a dispute under the escrow's id; the creator's own books have it all the same."""
    lock = LedgerEntry(
        fact_id=ledger_id("casino", "a-1", 0), agent_id="a-1", at=AT, seen_at=AT, source="casino", service="casino",
        currency="USD", position=0, amount=Decimal(-10), balance_after=Decimal(90), entry="escrow_lock", reference="esc-1",
    )  # fmt: skip
    created = said(
        EscrowCreated, "esc-1", "escrow", service="escrow", escrow_id="esc-1", creator="ag_a-1", counterparty="ag_w-1",
        amount_usd=Decimal(10), commission_usd=Decimal("0.1"), expires_at=AT + 3600,
    )  # fmt: skip
    told = said(EscrowDisputed, "esc-1", "sdk", "w-1", "escrow", escrow_id="esc-1")
    shown = said(EscrowDisputed, "esc-1", "escrow", service="escrow", escrow_id="esc-1")
    state = booked([declared(), declared("w-1", ())], [lock, created], [told], [shown], [shown])
    agent = state.agents["a-1"]
    assert agent.income["escrow_impairment"] == -10.0
    assert agent.tallies.counters["pf_escrow_settled_total"] == {("disputed",): 1.0}
    reversed_order = booked([declared(), declared("w-1", ())], [lock, created], [shown], [told])
    assert reversed_order.agents["a-1"].income == agent.income


def test_the_state_is_a_function_of_what_was_recorded():
    """An agent's lie and its repetitions are folded from facts: a service that only has those ends in the same state."""

    async def run():
        monitor = Monitor(lambda: store, ManualClock(AT))
        await monitor.recover()
        await monitor.book([declared()])
        for report in (bet("sdk", "50"), bet(), bet("sdk", "50", strategy="wild")):
            await monitor.book([report])
        live = digest(monitor.state)
        again = Monitor(lambda: store, ManualClock(AT))
        await again.recover()
        return live, digest(again.state)

    store = MemoryStore()
    live, replayed = asyncio.run(run())
    assert live == replayed


@pytest.mark.parametrize(("status", "taken"), [("success", False), ("rejected", True), ("error", True)])
def test_a_claim_that_no_ledger_shows_is_the_agents_to_tell(status, taken):
    """The ledger shows the faucet's money; that it refused shows nowhere else, and is counted nowhere else."""
    state = booked([declared()])
    claim = FaucetClaimed(
        fact_id="sdk:faucet_claimed:1", agent_id="a-1", at=AT, seen_at=AT, source="sdk", status=status,
        amount_usd=Decimal(status == "success"),
    )  # fmt: skip
    facts, refused = admitted(state.agents["a-1"], encode(claim), AT)
    assert (bool(facts), bool(refused)) == (taken, not taken)
    # By these two an agent knows that nothing of it is lost.
    said_to_it = [(one.problems[0].where, one.problems[0].remedy) for one in refused]
    assert said_to_it == ([] if taken else [("kind", LEAVE_OUT)])
