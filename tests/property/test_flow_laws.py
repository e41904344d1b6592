"""Laws of the belt over any story of a fleet: it is deterministic, resumes exactly, counts once, and never invents."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.events import (
    AgentRetired,
    BetSettled,
    CollateralMoved,
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowRefunded,
    EscrowReleased,
    FundingPaid,
    HaltProbed,
    LedgerEntry,
    LimitsDeclared,
    LimitsInForce,
    OrderFilled,
    OrderPlaced,
    PaymentMoved,
    PositionClosed,
    PositionMarked,
    PositionOpened,
    PositionsRead,
    SignalComputed,
    SlowSpan,
    SourceUnavailable,
    StrategySwitched,
    Swapped,
)
from fleawatch.flow.policy import Policy
from fleawatch.flow.snapshot import FLEET, freeze, thaw
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import run, step
from fleawatch.testing import strategies
from fleawatch.testing.belt import Belt

FLEET_OF = {
    "a-1": ("casino", "escrow"),
    "b-1": ("casino", "escrow"),
    "t-1": ("trading",),
    "u-1": ("casino", "trading"),
    "w-1": ("wallet", "domains"),
}
CENTS = st.integers(1, 2000).map(lambda cents: cents / 100)


def escrow_facts(belt, what, key, amount):
    """One surface telling one thing about an escrow between two agents of the fleet."""
    name = f"esc_{key}"
    parts = {"escrow_id": name, "commission_usd": round(amount / 100, 6)}
    match what:
        case "lock" if belt.balances["a-1"] > amount:
            belt.row("a-1", "escrow_lock", -amount, name)
        case "create":
            belt.say(EscrowCreated, "a-1", fact_id=f"c{key}", creator="ag_a-1", counterparty="ag_b-1",
                     amount_usd=amount, expires_at=belt.now + 60, **parts)  # fmt: skip
        case "complete":
            belt.say(EscrowCompleted, "a-1", fact_id=f"d{key}", escrow_id=name)
        case "release":
            belt.say(EscrowReleased, "a-1", fact_id=f"r{key}", net_usd=round(amount * 0.99, 6), **parts)
        case "refund":
            belt.say(EscrowRefunded, "a-1", fact_id=f"f{key}", refund_usd=round(amount * 0.99, 6), **parts)
        case "dispute":
            belt.say(EscrowDisputed, "a-1", fact_id=f"x{key}", escrow_id=name)
        case "paid":
            belt.row("b-1", "escrow_release", round(amount * 0.99, 6), name)
        case "back":
            belt.row("a-1", "escrow_refund", round(amount * 0.99, 6), name)


def trading_facts(belt, what, who, key, amount):
    """One fact of a trader."""
    name = f"{who}-p{key}"
    match what:
        case "open":
            belt.say(PositionOpened, who, position_id=name, market="BTC-USD", side="buy", notional_usd=amount,
                     quantity=1, entry_price=amount, leverage=1, margin_usd=amount)  # fmt: skip
        case "mark":
            belt.say(PositionMarked, who, position_id=name, market="BTC-USD", price=1, unrealized_pnl_usd=amount - 10)
        case "close":
            belt.say(PositionClosed, who, position_id=name, market="BTC-USD", side="buy", notional_usd=10,
                     entry_price=1, realized_pnl_usd=amount - 10, fee_usd=0.5, opened_at=belt.now)  # fmt: skip
        case "fill":
            belt.say(OrderFilled, who, trade_id=name, order_id="o", market="ETH-USD", side="sell", notional_usd=amount,
                     price=1, fee_usd=0.25, realized_pnl_usd=0, expected_price=1.1)  # fmt: skip
        case "list":
            belt.say(PositionsRead, who, open_ids=(name,), marked=amount < 15)
        case "fund":
            belt.say(FundingPaid, who, market="BTC-USD", amount_usd=amount - 10)
        case "order":
            belt.say(SignalComputed, who, strategy="x", action="buy", result="acted", duration_s=0.1, market="ETH-USD")
            belt.say(OrderPlaced, who, order_id=name, market="ETH-USD", side="sell" if amount > 10 else "buy",
                     order_type="market", status="success", endpoint="trade/open", notional_usd=5, latency_s=0.1,
                     opens=True)  # fmt: skip
        case "margin":
            belt.say(CollateralMoved, who, amount_usd=amount)


def other_facts(belt, what, amount):
    """One fact of the wallet, of the agent that reports itself, or about the fleet."""
    match what:
        case "coins":
            belt.balance("w-1", amount, "wallet", currency="ETH", value_usd=None if amount > 15 else amount * 3)
            belt.balance("w-1", amount, "wallet", currency="USDC")
            belt.read("w-1", "wallet")
        case "swap":
            belt.say(Swapped, "w-1", swap_id="s", from_currency="ETH", to_currency="USDC", from_amount=1, to_amount=3)
        case "domains":
            belt.balance("w-1", amount, "domains")
        case "solo":
            belt.balance("s-1", amount)
        case "solo bet":
            belt.say(BetSettled, "s-1", bet_id="b", game="dice", stake=amount, payout=10)
        case "solo pays":
            belt.say(PaymentMoved, "s-1", payment_id="p", direction="sent", amount_usd=amount)
        case "switch":
            belt.say(StrategySwitched, "s-1", before="x", after=f"s{amount > 10}")
        case "guard":
            belt.say(LimitsDeclared, "s-1", limits={"stake_factor": amount, "order_rate": 30.0})
            belt.say(LimitsInForce, "s-1", limits={"order_rate": amount})
            belt.say(HaltProbed, "s-1", path="gate", ok=amount > 10, duration_s=0.1)
            belt.say(SlowSpan, "s-1", span_name="pf.trade.execute", duration_s=amount, threshold_s=0)
        case "retire":
            belt.say(AgentRetired, "b-1")
        case "declare":
            belt.declare("b-1", FLEET_OF["b-1"])


ACTS = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(["a-1", "b-1", "u-1"]), strategies.movements(most=1)),
    st.tuples(
        st.just("escrow"),
        st.sampled_from(["lock", "create", "complete", "release", "refund", "dispute", "paid", "back"]),
        st.integers(0, 2), CENTS,
    ),
    st.tuples(
        st.just("trade"),
        st.sampled_from(["open", "mark", "close", "fill", "list", "fund", "order", "margin"]),
        st.sampled_from(["t-1", "u-1"]), st.integers(0, 2), CENTS,
    ),
    st.tuples(
        st.just("other"),
        st.sampled_from(["coins", "swap", "domains", "solo", "solo bet", "solo pays", "switch", "guard", "retire", "declare"]),
        CENTS,
    ),
    st.tuples(st.just("read"), st.sampled_from(sorted(FLEET_OF)), st.integers(0, 1), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 15, 900, 4000])),
)  # fmt: skip
STORIES = st.lists(ACTS, min_size=3, max_size=14)


def told(story):
    """The facts of a story, on a belt that has folded them."""
    belt = Belt()
    for name, collectors in FLEET_OF.items():
        belt.watch(name, collectors, **({"trades": True} if "trading" in collectors else {}),
                   **({"capital_usd": 500} if name == "t-1" else {}))  # fmt: skip
    belt.wait(15)
    for act in story:
        belt.now += 1
        match act:
            case ("move", who, ledger):
                for movement in ledger:
                    belt.row(who, movement.entry, movement.amount, movement.reference, fee=movement.fee)
                belt.end(who, settled=10**6)
            case ("escrow", *rest):
                escrow_facts(belt, *rest)
            case ("trade", *rest):
                trading_facts(belt, *rest)
            case ("other", *rest):
                other_facts(belt, *rest)
            case ("read", who, number, worked):
                collector = FLEET_OF[who][number % len(FLEET_OF[who])]
                belt.read(who, collector) if worked else belt.fail(who, collector)
            case ("wait", seconds):
                belt.wait(seconds)
    belt.wait(15)
    return belt


def bodies(fleet, *, counters=True):
    """The frozen state; without the counts of facts and of what was ignored, when those may differ."""
    frozen = freeze(fleet)
    if not counters:
        kept = msgspec.structs.replace(fleet, facts={}, ignored={}, late=0, agents={}, happened=[])
        frozen[FLEET] = msgspec.msgpack.encode(kept)
    return frozen


@settings(max_examples=30, deadline=None)
@given(story=STORIES)
def test_the_same_facts_give_the_same_state_and_outputs(story):
    """Live, replay and backtest are one and the same."""
    belt = told(story)
    state, outputs = run(empty_fleet(), belt.facts, Policy())
    assert freeze(state) == freeze(belt.fleet)
    assert outputs == belt.outputs
    assert len({output.key for output in outputs}) == len(outputs)


@settings(max_examples=15, deadline=None)
@given(story=STORIES)
def test_a_restart_at_any_fact_changes_not_a_byte(story):
    """Frozen, thawed in any order of agents, and continued: the end is that of never having stopped."""
    facts = told(story).facts
    whole, _ = run(empty_fleet(), facts, Policy())
    end = freeze(whole)
    state = empty_fleet()
    for place, fact in enumerate(facts):
        frozen = freeze(state)
        again = thaw(dict(reversed(frozen.items())))
        assert freeze(again) == frozen
        again, _ = run(again, facts[place:], Policy())
        assert freeze(again) == end
        state, _ = step(state, fact, Policy())


@settings(max_examples=30, deadline=None)
@given(story=STORIES, data=st.data())
def test_facts_told_again_change_nothing(story, data):
    """Any of an agent's newest facts, and any ledger row, folded again at once or later, leaves every number."""
    belt = told(story)
    again = [fact for fact in belt.facts[-60:] if not isinstance(fact, AgentRetired)]
    known = [fact for fact in again if fact.agent_id in belt.fleet.agents and type(fact) in ONCE]
    before = bodies(belt.fleet, counters=False)
    if known:
        belt.fold(*data.draw(st.lists(st.sampled_from(known), min_size=1, max_size=10)))
    assert bodies(belt.fleet, counters=False) == before


ONCE = (
    BetSettled, CollateralMoved, EscrowCompleted, EscrowCreated, EscrowDisputed, EscrowRefunded, EscrowReleased,
    FundingPaid, LedgerEntry, OrderFilled, PaymentMoved, PositionClosed, StrategySwitched, Swapped,
)  # fmt: skip


def money(belt):
    """Every amount of money known of every agent, and the NAV made of it."""
    return {name: msgspec.msgpack.encode(_amounts(agent)) for name, agent in belt.fleet.agents.items()}


def _amounts(agent):
    levels = (agent.equity, agent.parts, agent.flows, agent.pending, agent.income, agent.deposits, agent.withdrawals)
    books = (agent.casino, agent.trading, agent.holdings, agent.pots, agent.tallies.counters)
    return levels, books, agent.performance.nav


@settings(max_examples=30, deadline=None)
@given(story=STORIES, data=st.data())
def test_no_fault_path_changes_a_number(story, data):
    """A failure of any collector of any agent, after any fact, leaves all money, NAV and tallies as they were."""
    facts = told(story).facts
    belt = Belt()
    for place, fact in enumerate(facts):
        belt.fold(fact)
        belt.now = max(belt.now, fact.at)
        if data.draw(st.booleans(), label=f"fail after {place}"):
            who = data.draw(st.sampled_from([*FLEET_OF, "s-1"]))
            if who in belt.fleet.agents:
                before = money(belt)
                fleet_before = msgspec.msgpack.encode(belt.fleet.performance.nav)
                reason = data.draw(st.sampled_from(["timeout", "schema", "unauthorized", "http_5xx"]))
                collector = data.draw(st.sampled_from(["casino", "escrow", "trading", "wallet", "domains", "probe"]))
                belt.say(SourceUnavailable, who, collector=collector, reason=reason, duration_s=1)
                assert money(belt) == before
                assert msgspec.msgpack.encode(belt.fleet.performance.nav) == fleet_before


@settings(max_examples=40, deadline=None)
@given(story=STORIES)
def test_the_fleet_is_the_sum_of_its_agents(story):
    """Equity is the sum of known equities and of what is on its way; P&L is that sum without what flowed."""
    belt = told(story)
    agents = [agent for agent in belt.fleet.agents.values() if agent.equity is not None]
    for agent in agents:
        assert agent.awaited is False
    performance = belt.fleet.performance
    total = sum(agent.equity for agent in agents) + sum(belt.fleet.in_transit.values())
    if performance.nav.value is not None:
        assert performance.daily.equity == pytest.approx(total, abs=1e-6)
        assert performance.changes.total == pytest.approx(total - belt.fleet.external_flows, abs=1e-6)
    assert belt.fleet.in_transit.keys() == belt.fleet.in_transit_to.keys()
    assert set(belt.fleet.creators.values()) <= set(belt.fleet.agents)


def test_a_snapshot_of_another_shape_is_refused():
    """A body that is not this release's is an error, never a wrong state."""
    belt = told([])
    frozen = freeze(belt.fleet)
    for broken in ({}, {**frozen, "a-1": b"\x00"}, {**frozen, FLEET: b"\xff"}, {**frozen, "a-1": b""}):
        with pytest.raises(ValueError, match="another shape"):
            thaw(broken)
