"""Escrows in every order in which two surfaces can tell of them, alone and between two agents of the fleet."""

import itertools

import pytest

from fleawatch.events import (
    AgentDeclared,
    AgentRetired,
    BalanceRead,
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowFailed,
    EscrowRefunded,
    EscrowReleased,
)
from fleawatch.flow.fold.escrow import DISPUTED_KEPT, ENDED_KEPT
from fleawatch.testing.belt import Belt

WHO = ("casino", "escrow")


@pytest.fixture
def belt():
    """A creator and a worker of one fleet with 100 USD each."""
    belt = Belt()
    for name in ("creator", "worker"):
        belt.watch(name, WHO)
        belt.row(name, "deposit", 100)
    belt.wait(15)
    return belt


def lock(belt, escrow_id="esc_1", amount=10):
    """The creator's ledger shows the lock."""
    belt.row("creator", "escrow_lock", -amount, escrow_id)


def create(belt, escrow_id="esc_1", worker="ag_worker", amount=10):
    """The service tells of the escrow."""
    belt.say(
        EscrowCreated, "creator", escrow_id=escrow_id, creator="ag_creator", counterparty=worker, amount_usd=amount,
        commission_usd=amount / 100, expires_at=belt.now + 86_400,
    )  # fmt: skip


def release(belt, escrow_id="esc_1", amount=10):
    """The service tells of the release."""
    belt.say(EscrowReleased, "creator", escrow_id=escrow_id, net_usd=amount * 0.99, commission_usd=amount / 100)


def refund(belt, escrow_id="esc_1", amount=10):
    """The service tells of the refund."""
    belt.say(EscrowRefunded, "creator", escrow_id=escrow_id, refund_usd=amount * 0.99, commission_usd=amount / 100)


def dispute(belt, escrow_id="esc_1"):
    """The service tells of the dispute."""
    belt.say(EscrowDisputed, "creator", escrow_id=escrow_id)


def returned(belt, escrow_id="esc_1", amount="9.9"):
    """The creator's ledger shows the refund."""
    belt.row("creator", "escrow_refund", amount, escrow_id)


def test_locked_money_is_still_the_creators(belt):
    """Funding an escrow moves money between two parts and is neither P&L nor flow."""
    lock(belt)
    agent = belt["creator"]
    assert (agent.equity, agent.parts["escrow"], agent.flows, agent.performance.nav.value) == (100, 10, 100, 1.0)
    create(belt)
    belt.say(EscrowCompleted, "creator", escrow_id="esc_1")
    assert agent.escrows["esc_1"].status == belt["worker"].escrows["esc_1"].status == "completed"
    assert agent.equity == 100


@pytest.mark.parametrize("order", list(itertools.permutations([lock, create, release])))
def test_a_release_costs_the_amount_in_every_order(belt, order):
    """Whichever of lock, creation and release is seen first, the end is the same."""
    for tell in order:
        tell(belt)
    agent = belt["creator"]
    assert agent.equity == pytest.approx(90)
    assert agent.income == {"escrow": pytest.approx(-10)}
    assert agent.escrows == {}
    assert agent.tallies.get("pf_escrow_settled_total", ("settled",)) == 1
    assert agent.tallies.get("pf_escrow_fees_usdc_total", ()) == pytest.approx(0.1)
    assert agent.parts["escrow"] == 0


@pytest.mark.parametrize(
    "order", [p for p in itertools.permutations([lock, create, refund, returned]) if p.index(lock) < p.index(returned)]
)
def test_a_timeout_costs_the_commission_in_every_order(belt, order):
    """The ledger's rows keep their order; the service's facts may come anywhere between them."""
    for tell in order:
        tell(belt)
    agent = belt["creator"]
    assert agent.equity == pytest.approx(99.9)
    assert sum(agent.income.values()) == pytest.approx(-0.1)
    assert agent.escrows == {}
    assert agent.tallies.get("pf_escrow_settled_total", ("timeout",)) == 1


@pytest.mark.parametrize("order", list(itertools.permutations([lock, create, dispute])))
def test_a_dispute_takes_the_amount_out_of_the_equity_at_once(belt, order):
    """In every order it is an impairment of its own class, and stays visible as money at risk."""
    for tell in order:
        tell(belt)
    agent = belt["creator"]
    assert agent.equity == pytest.approx(90)
    assert agent.income == {"escrow_impairment": pytest.approx(-10)}
    assert agent.escrows["esc_1"].impaired == 10
    assert agent.tallies.get("pf_escrow_settled_total", ("disputed",)) == 1
    drawdown = agent.performance.summary("all_time").drawdown
    assert drawdown == pytest.approx(0.1)


@pytest.mark.parametrize("order", [(refund, returned), (returned, refund)])
def test_money_that_returns_from_a_dispute_reverses_the_impairment(belt, order):
    """The loss is taken back, and only the commission stays lost."""
    for tell in (lock, create, dispute, *order):
        tell(belt)
    agent = belt["creator"]
    assert agent.equity == pytest.approx(99.9)
    assert agent.income["escrow_impairment"] == 0
    assert agent.income["escrow"] == pytest.approx(-0.1)
    assert agent.escrows == {}


def test_a_disputed_escrow_that_is_released_stays_lost_and_is_counted_once(belt):
    """The creator's loss was booked with the dispute; the worker's income brings the fleet's back."""
    for tell in (lock, create, dispute, release):
        tell(belt)
    assert belt["creator"].equity == pytest.approx(90)
    assert belt["creator"].tallies.total("pf_escrow_settled_total") == 1
    belt.row("worker", "escrow_release", "9.9", "esc_1")
    belt.wait(15)
    assert belt.fleet.in_transit == {}


def test_a_failed_creation_is_counted_once_and_costs_nothing(belt):
    """The undoing row and the agent's own report are the same failure."""
    lock(belt)
    belt.row("creator", "escrow_lock_undone", 10, "esc_1")
    belt.say(EscrowFailed, "creator", escrow_id="esc_1", amount_usd=10, reason="internal_error")
    agent = belt["creator"]
    assert (agent.equity, agent.escrows) == (100, {})
    assert agent.tallies.get("pf_escrow_settled_total", ("failed",)) == 1


def test_a_late_fact_does_not_open_an_ended_escrow_again(belt):
    """Creation, completion and release told again after the end change nothing."""
    for tell in (lock, create, release, create, release, dispute):
        tell(belt)
    belt.say(EscrowCompleted, "creator", escrow_id="esc_1")
    agent = belt["creator"]
    assert (agent.escrows, agent.equity) == ({}, pytest.approx(90))
    assert agent.tallies.total("pf_escrow_settled_total") == 1


def test_locks_without_a_name_are_kept_apart(belt):
    """Rows that do not say which escrow they fund are each their own."""
    belt.row("creator", "escrow_lock", -10)
    belt.row("creator", "escrow_lock", -5)
    assert (belt["creator"].equity, belt["creator"].parts["escrow"]) == (100, 15)


@pytest.mark.parametrize("worker_first", [True, False])
def test_a_payment_inside_the_fleet_costs_only_the_commission(belt, worker_first):
    """Between the two readings the fleet's equity is corrected, after them it stands alone."""
    lock(belt)
    create(belt)
    belt.wait(15)
    sides = [lambda: release(belt), lambda: belt.row("worker", "escrow_release", "9.9", "esc_1")]
    for side in reversed(sides) if worker_first else sides:
        side()
        belt.wait(15)
        expected = 200 if worker_first and belt.fleet.in_transit else 199.9
        assert belt.fleet.performance.daily.equity == pytest.approx(expected)
    assert belt.fleet.in_transit == belt.fleet.in_transit_to == {}
    assert belt.fleet.performance.changes.total == pytest.approx(-0.1)
    assert (belt["creator"].equity, belt["worker"].equity) == (pytest.approx(90), pytest.approx(109.9))


def test_a_release_told_before_the_lock_was_seen_does_not_inflate_the_fleet(belt):
    """While the creator's balance does not show the lock, nothing is on its way yet."""
    create(belt)
    release(belt)
    belt.wait(15)
    assert belt.fleet.performance.daily.equity == pytest.approx(200)
    lock(belt)
    belt.wait(15)
    assert belt.fleet.performance.daily.equity == pytest.approx(199.9)
    belt.row("worker", "escrow_release", "9.9", "esc_1")
    belt.wait(15)
    assert (belt.fleet.in_transit, belt.fleet.performance.daily.equity) == ({}, pytest.approx(199.9))


def test_a_worker_that_was_paid_before_the_lock_was_seen_is_not_paid_twice(belt):
    """An escrow that lived between two readings of its creator leaves nothing on its way."""
    belt.row("worker", "escrow_release", "9.9", "esc_1")
    lock(belt)
    create(belt)
    release(belt)
    belt.wait(15)
    assert (belt.fleet.in_transit, belt.fleet.performance.daily.equity) == ({}, pytest.approx(199.9))
    assert belt["worker"].escrows == {}


def whole(belt, *names):
    """These agents' ledgers are read to their ends, a little later."""
    belt.wait(1, tick=False)
    for name in names:
        belt.end(name)
        belt.read(name)


@pytest.mark.parametrize("told", [(create, release), (create,), ()])
def test_a_worker_that_is_paid_before_anybody_read_the_lock_is_no_gain_of_the_fleet(belt, told):
    """An escrow that lived between two readings of its creator: the payment waits until all ledgers were read."""
    belt.row("worker", "escrow_release", "9.9", "esc_1")
    whole(belt, "worker")
    belt.wait(15)
    performance = belt.fleet.performance
    assert (belt["worker"].equity, performance.daily.equity) == (pytest.approx(109.9), pytest.approx(200))
    assert performance.nav.value == pytest.approx(1.0)
    lock(belt)
    whole(belt, "creator")
    for tell in told:
        tell(belt)
        belt.wait(15)
        assert performance.daily.equity == pytest.approx(199.9 if tell is release else 200)
    whole(belt, "worker", "creator")
    belt.wait(15)
    if release in told:
        assert (belt.fleet.in_transit, performance.changes.total) == ({}, pytest.approx(-0.1))
    else:
        assert (belt.fleet.in_transit_to, performance.daily.equity) == ({"esc_1": "creator"}, pytest.approx(200))
    assert performance.drawdowns["all_time"].high() == pytest.approx(1.0)


def test_a_release_told_before_the_lock_completes_a_payment_that_waits(belt):
    """The service may tell of all of it before the creator's ledger shows the lock."""
    belt.row("worker", "escrow_release", "9.9", "esc_1")
    belt.wait(15)
    create(belt)
    release(belt)
    belt.wait(15)
    assert belt.fleet.performance.daily.equity == pytest.approx(200)
    lock(belt)
    belt.wait(15)
    assert (belt.fleet.in_transit, belt.fleet.performance.daily.equity) == ({}, pytest.approx(199.9))


def test_a_payment_by_a_stranger_is_income_once_all_ledgers_were_read(belt):
    """Nobody of the fleet has named it, so it came from outside."""
    belt.row("worker", "escrow_release", "9.9", "esc_9")
    belt.wait(15)
    assert belt.fleet.performance.changes.total == 0
    whole(belt, "creator")
    belt.wait(15)
    assert belt.fleet.performance.changes.total == 0
    whole(belt, "worker")
    belt.wait(15)
    assert (belt.fleet.in_transit, belt.fleet.performance.changes.total) == ({}, pytest.approx(9.9))


def test_a_payment_waits_for_no_ledger_that_cannot_be_read(belt):
    """An agent whose key is refused may not hold up the income of the others for ever."""
    belt.row("worker", "escrow_release", "9.9", "esc_9")
    belt.fail("creator", reason="unauthorized")
    whole(belt, "worker")
    belt.wait(15)
    assert belt.fleet.performance.changes.total == pytest.approx(9.9)


def test_an_agent_that_is_alone_in_its_fleet_waits_for_nobody():
    """Its only possible payers are strangers."""
    belt = Belt()
    belt.watch("worker", WHO)
    belt.row("worker", "deposit", 100)
    belt.wait(15)
    belt.row("worker", "escrow_release", "9.9", "esc_9")
    belt.wait(15)
    assert (belt.fleet.in_transit, belt.fleet.performance.changes.total) == ({}, pytest.approx(9.9))


def test_a_payer_that_joins_later_was_a_stranger_when_it_paid(belt):
    """Its equity comes in without the money, so the worker's gain is the fleet's."""
    belt.declare("late", WHO)
    belt.row("worker", "escrow_release", "9.9", "esc_1")
    belt.wait(1)
    belt.row("late", "deposit", 50)
    belt.row("late", "escrow_lock", -10, "esc_1")
    belt.wait(15)
    assert (belt.fleet.in_transit, belt.fleet.performance.changes.total) == ({}, pytest.approx(9.9))


def test_history_of_agents_that_join_is_never_on_its_way():
    """Escrows that were released before the first reading leave no correction, in whichever order agents are read."""
    for first, second in (("creator", "worker"), ("worker", "creator")):
        belt = Belt()
        for name in ("creator", "worker"):
            belt.declare(name, WHO)

        def creator(belt=belt):
            belt.row("creator", "deposit", 100)
            lock(belt)
            belt.end("creator")
            belt.read("creator")
            belt.read("creator", "escrow")
            assert belt["creator"].equity is None
            create(belt)
            release(belt)
            belt.read("creator", "escrow")

        def worker(belt=belt):
            belt.row("worker", "deposit", 100)
            belt.row("worker", "escrow_release", "9.9", "esc_1")
            belt.end("worker")
            belt.read("worker")
            belt.read("worker", "escrow")

        for name in (first, second):
            {"creator": creator, "worker": worker}[name]()
            belt.wait(15)
        assert belt.fleet.in_transit == {}
        assert belt.fleet.performance.daily.equity == pytest.approx(199.9)
        assert belt.fleet.performance.nav.value == 1.0


def test_a_first_sum_waits_until_its_escrows_are_told():
    """A ledger full of old locks is no equity: until the service has said which are open there is no sum."""
    belt = Belt()
    belt.declare("creator", WHO)
    belt.read("creator", "escrow")
    belt.row("creator", "deposit", 100)
    lock(belt)
    belt.end("creator")
    belt.read("creator")
    assert (belt["creator"].equity, belt["creator"].awaited) == (None, True)
    belt.wait(15)
    create(belt)
    release(belt)
    belt.read("creator", "escrow")
    assert (belt["creator"].equity, belt["creator"].first_equity) == (pytest.approx(90), pytest.approx(90))
    assert belt["creator"].performance.summary("all_time").drawdown_max == 0.0


def test_an_escrow_that_the_service_does_not_know_holds_up_no_sum_for_ever():
    """After two more readings of the service the ledger's word has to do."""
    belt = Belt()
    belt.declare("creator", WHO)
    belt.row("creator", "deposit", 100)
    lock(belt)
    belt.end("creator")
    belt.read("creator")
    for _ in range(2):
        assert belt["creator"].equity is None
        belt.wait(15)
        belt.read("creator", "escrow")
    assert belt["creator"].equity == 100


def test_a_worker_of_a_foreign_creator_has_no_money_in_the_escrow(belt):
    """Told of by its worker, an escrow is income to come and nobody's locked money."""
    belt.say(
        EscrowCreated, "worker", escrow_id="esc_9", creator="ag_stranger", counterparty="ag_worker", amount_usd=10,
        commission_usd=0.1, expires_at=belt.now + 60,
    )  # fmt: skip
    held = belt["worker"].escrows["esc_9"]
    assert (held.role, held.locked, belt["worker"].equity) == ("counterparty", 0, 100)
    assert belt["worker"].tallies.total("pf_escrow_initiated_total") == 0
    belt.row("worker", "escrow_release", "9.9", "esc_9")
    belt.say(EscrowReleased, "worker", escrow_id="esc_9", net_usd="9.9", commission_usd="0.1")
    assert (belt["worker"].escrows, belt["worker"].equity) == ({}, pytest.approx(109.9))


@pytest.mark.parametrize("leaver", ["creator", "worker"])
def test_an_agent_that_leaves_takes_what_is_on_its_way_along_as_a_flow(belt, leaver):
    """No correction outlives the agent whose side is missing, and nothing of it is P&L."""
    lock(belt)
    create(belt)
    if leaver == "worker":
        release(belt)
    else:
        belt.row("worker", "escrow_release", "9.9", "esc_1")
    belt.wait(15)
    before = belt.fleet.performance.nav.value
    assert belt.fleet.in_transit
    belt.say(AgentRetired, leaver)
    belt.wait(15)
    assert belt.fleet.in_transit == belt.fleet.in_transit_to == belt.fleet.creators == {}
    assert belt.fleet.performance.nav.value == pytest.approx(before)


def test_payments_inside_the_fleet_net_to_nothing(belt):
    """A payment is a flow out of one agent and into the other; the fleet's flows and NAV end where they were."""
    external, nav = belt.fleet.external_flows, belt.fleet.performance.nav.value
    belt.row("creator", "payment_sent", -30)
    belt.wait(15)
    belt.row("worker", "payment_received", 30)
    belt.wait(15)
    assert (belt.fleet.external_flows, belt.fleet.performance.nav.value) == (external, nav)
    assert belt.fleet.performance.changes.total == 0


def test_an_agent_that_reports_itself_locks_and_gets_back_without_a_jump():
    """Without a ledger the balance is moved by the facts, unless it was read after them."""
    belt = Belt()
    belt.say(AgentDeclared, "creator", strategy="s")
    belt.balance("creator", 100)
    belt.wait(1)
    create(belt, worker="ag_stranger")
    assert (belt["creator"].equity, belt["creator"].parts) == (100, {"casino": 90, "escrow": 10})
    belt.wait(1)
    belt.balance("creator", 90)
    assert belt["creator"].equity == 100
    belt.wait(1)
    refund(belt)
    assert belt["creator"].equity == pytest.approx(99.9)
    belt.wait(1)
    belt.balance("creator", "99.9")
    assert belt["creator"].equity == pytest.approx(99.9)


def test_a_balance_read_after_the_lock_shows_it_already():
    """A fact that arrives after the balance which holds its effect moves it no second time."""
    belt = Belt()
    belt.balance("creator", 100)
    belt.wait(10)
    belt.balance("creator", 90)
    belt.say(
        EscrowCreated, "creator", at=belt.now - 5, escrow_id="esc_1", creator="x", counterparty="y", amount_usd=10,
        commission_usd=0.1, expires_at=belt.now,
    )  # fmt: skip
    assert (belt["creator"].equity, belt["creator"].parts["casino"]) == (100, 90)


def test_a_self_reporting_worker_of_the_fleet_earns_by_its_creators_fact(belt):
    """Its income is known from the release; its balance will show it by itself."""
    belt.declare("solo", ())
    belt.balance("solo", 50)
    lock(belt)
    create(belt, worker="ag_solo")
    assert "esc_1" in belt["solo"].escrows
    release(belt)
    assert (belt["solo"].escrows, belt["solo"].income["escrow"]) == ({}, pytest.approx(9.9))
    belt.wait(15)
    assert belt.fleet.in_transit == {}


def test_what_is_kept_of_ended_and_disputed_escrows_is_bounded(belt):
    """Years of escrows leave a bounded memory, and a dispute that is forgotten stays a loss."""
    belt.row("creator", "deposit", 1000)
    for number in range(ENDED_KEPT + 10):
        for tell in (lock, create, release):
            tell(belt, f"esc_r{number}", amount=1)
    for number in range(DISPUTED_KEPT + 5):
        for tell in (lock, create):
            tell(belt, f"esc_d{number}", amount=1)
        dispute(belt, f"esc_d{number}")
    agent = belt["creator"]
    assert len(agent.ended_escrows) == ENDED_KEPT
    assert len(agent.escrows) == DISPUTED_KEPT
    assert len(belt.fleet.creators) == DISPUTED_KEPT
    assert (belt.fleet.ignored["dispute_forgotten"], agent.impaired_before) == (5, 5)
    assert agent.equity == pytest.approx(1100 - ENDED_KEPT - 10 - DISPUTED_KEPT - 5)


def test_a_balance_of_a_gateway_is_locked_money_where_it_says_so():
    """A gateway tells levels: what is spendable and what is locked, and both are the equity."""
    belt = Belt()
    belt.declare("a-1", ("gateway",))
    for service, amount in (("wallet", 70), ("escrow", 30)):
        belt.say(
            BalanceRead, "a-1", source="gateway", service=service, currency="USDC", amount=amount, value_usd=amount,
            account="gateway",
        )  # fmt: skip
    assert belt["a-1"].equity is None
    belt.read("a-1", "gateway")
    assert belt["a-1"].parts == {"wallet": 70, "escrow": 30}
    assert belt["a-1"].equity == 100
    belt.fail("a-1", "gateway")
    assert set(belt["a-1"].unknown) == {"wallet", "escrow"}
