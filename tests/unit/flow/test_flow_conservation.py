"""The fleet's money as one: what its agents' books leave over, and what two sides of an internal payment do."""

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import AgentRetired, EscrowCreated, EscrowDisputed, EscrowReleased, LedgerEntry, ledger_id
from fleawatch.flow.conservation import fleet_residual
from fleawatch.flow.fold.transit import PAIRED_KEPT
from fleawatch.flow.lifecycle import firing
from fleawatch.flow.policy import Policy
from fleawatch.flow.samples import READERS
from fleawatch.testing.belt import Belt

WHO = ("casino", "escrow")
METRIC = READERS["pf_fleet_conservation_residual_usdc"]


class Fleet(Belt):
    """Agents that are polled whole: balance, ledger, escrows."""

    def poll(self, *names):
        """Read these agents, a little later."""
        self.wait(5, tick=False)
        for name in names:
            self.balance(name, self.balances[name])
            self.end(name)
            for collector in WHO:
                self.read(name, collector)
        self.wait(1)

    def escrow(self, amount=10):
        """The service tells of the escrow that the creator has locked."""
        self.say(
            EscrowCreated, "creator", escrow_id="esc_1", creator="ag_creator", counterparty="ag_worker",
            amount_usd=amount, commission_usd=amount / 100, expires_at=self.now + 86_400,
        )  # fmt: skip

    def release(self, amount=10):
        """The service tells of its release."""
        self.say(EscrowReleased, "creator", escrow_id="esc_1", net_usd=amount * 0.99, commission_usd=amount / 100)

    @property
    def total(self):
        return fleet_residual(self.fleet).total

    @property
    def metric(self):
        return METRIC.read(self.fleet, self.now).get(())


@pytest.fixture(name="fleet")
def _fleet():
    fleet = Fleet()
    for name in ("creator", "worker"):
        fleet.watch(name, WHO)
        fleet.row(name, "deposit", 100)
    fleet.poll("creator", "worker")
    return fleet


def locked(fleet):
    """An escrow between the two that both surfaces have told of."""
    fleet.row("creator", "escrow_lock", -10, "esc_1")
    fleet.escrow()
    fleet.poll("creator", "worker")
    return fleet


def test_a_fleet_without_books_has_no_residual():
    """Nothing is claimed of money that nobody keeps a ledger of."""
    belt = Fleet()
    assert fleet_residual(belt.fleet) == (None, None, None, ("no agent has a ledger",))
    belt.watch("t-1", ("trading",))
    assert fleet_residual(belt.fleet).total is None
    assert belt.metric is None


def test_clean_books_leave_nothing(fleet):
    """Bets, flows, payments between the two and an escrow from lock to release: all is explained."""
    fleet.bet("creator", 10, 25)
    fleet.row("creator", "payment_sent", -30, "pay_1")
    fleet.row("worker", "payment_received", 30, "pay_1")
    locked(fleet)
    fleet.release()
    fleet.row("worker", "escrow_release", "9.9", "esc_1")
    fleet.poll("creator", "worker")
    assert fleet_residual(fleet.fleet) == (0.0, 0.0, 0.0, ())
    assert fleet.metric == 0.0
    assert fleet.fleet.paired == {}


def test_it_is_unknown_while_a_book_is(fleet):
    """A balance that no row explains yet is no residual, and the reason says whose it is."""
    fleet.balance("worker", 99)
    found = fleet_residual(fleet.fleet)
    assert (found.total, found.between) == (None, 0.0)
    assert found.reasons == ("worker casino: a balance differs, and its ledger was not read since",)
    fleet.end("worker")
    assert fleet_residual(fleet.fleet) == (-1.0, -1.0, 0.0, ())


def test_it_is_unknown_while_an_agent_was_never_read(fleet):
    """A book that is to be read and was not may hold anything."""
    fleet.declare("new", ("casino", "domains"))
    assert fleet_residual(fleet.fleet).reasons == ("new casino: not read yet", "new domains: not read yet")
    assert fleet.metric is None
    fleet.say(AgentRetired, "new")
    assert fleet.total == 0.0


def test_the_metric_is_absent_while_a_book_is_too_old(fleet):
    """What was read too long ago is not what is."""
    assert fleet.metric == 0.0
    fleet.wait(61)
    assert fleet.metric is None
    assert fleet.total == 0.0


def test_books_of_other_currencies_are_no_part_of_the_sum(fleet):
    """A coin is not converted by a guess."""
    for position, after in enumerate((5, 7)):
        fleet.say(
            LedgerEntry, "worker", fact_id=ledger_id("wallet", "worker", position), service="wallet", currency="ETH",
            position=position, amount=5, balance_after=after, entry="deposit",
        )  # fmt: skip
    assert fleet["worker"].books["wallet:ETH"].conservation.residual() == -3
    assert fleet.total == 0.0


def test_residuals_of_two_agents_that_cancel_do_not_hide_each_other(fleet):
    """The same amount gone here and come there without a row is the larger of the two, not nothing."""
    fleet.balances["creator"] -= 7
    fleet.balances["worker"] += 7
    fleet.poll("creator", "worker")
    assert abs(fleet.total) == 7


@pytest.mark.parametrize("first", ["creator", "worker"])
def test_a_release_of_which_one_side_was_seen_is_unknown_until_the_other_agent_was_read(fleet, first):
    """Between two readings nobody can say whether money is missing."""
    locked(fleet)
    if first == "creator":
        fleet.release()
    else:
        fleet.row("worker", "escrow_release", "9.9", "esc_1")
    other = "worker" if first == "creator" else "creator"
    found = fleet_residual(fleet.fleet)
    assert (found.total, found.books) == (None, 0.0)
    assert found.reasons == (f"{other} escrow: only one side of a payment inside the fleet was seen",)
    fleet.wait(1)
    if first == "creator":
        fleet.row("worker", "escrow_release", "9.9", "esc_1")
    else:
        fleet.release()
    fleet.poll("creator", "worker")
    assert fleet.total == 0.0


def test_a_worker_that_is_never_paid_is_missing_money_that_no_book_shows(fleet):
    """Both ledgers add up, and yet what the creator paid has not arrived."""
    locked(fleet)
    fleet.release()
    fleet.poll("creator", "worker")
    assert fleet_residual(fleet.fleet) == (-9.9, 0.0, -9.9, ())


def test_a_creator_that_is_never_charged_is_money_from_nowhere(fleet):
    """The worker was paid, and the service, asked since, does not say that anybody released it."""
    locked(fleet)
    fleet.row("worker", "escrow_release", "9.9", "esc_1")
    fleet.poll("creator", "worker")
    assert fleet_residual(fleet.fleet) == (9.9, 0.0, 9.9, ())
    fleet.say(EscrowDisputed, "creator", escrow_id="esc_1")
    assert fleet.total is None


def test_a_side_that_the_agents_own_books_lack_is_counted_once(fleet):
    """A lock without a row is missing from the creator's ledger; that its release was never booked is the same fault."""
    fleet.escrow()
    fleet.balances["creator"] -= 10
    fleet.release()
    fleet.row("worker", "escrow_release", "9.9", "esc_1")
    fleet.poll("creator", "worker")
    assert fleet_residual(fleet.fleet) == (-10, -10, 0.0, ())


def test_a_creator_whose_escrows_nobody_reads_owes_no_answer():
    """Where no source tells of releases, the missing side says nothing."""
    fleet = Fleet()
    for name in ("creator", "worker"):
        fleet.watch(name)
        fleet.row(name, "deposit", 100)
    fleet.poll("creator", "worker")
    fleet.row("creator", "escrow_lock", -10, "esc_1")
    fleet.row("worker", "escrow_release", "9.9", "esc_1")
    fleet.poll("creator", "worker")
    assert fleet.total == 0.0


def test_two_sides_of_an_escrow_that_differ_are_unexplained(fleet):
    """A cent more arrived than was sent, though either ledger adds up; it is told once."""
    locked(fleet)
    fleet.release()
    fleet.row("worker", "escrow_release", "9.91", "esc_1")
    fleet.poll("creator", "worker")
    assert fleet_residual(fleet.fleet) == (0.01, 0.0, 0.01, ())
    told = [notice for notice in fleet.outputs if notice.event == "unexplained_money"]
    assert [(notice.agent_id, notice.fields["amount_usd"]) for notice in told] == [("worker", 0.01)]


def test_an_escrow_that_is_paid_twice_is_money_from_nowhere(fleet):
    """The second payment has no creator, and does not wait for one."""
    locked(fleet)
    fleet.release()
    for _ in range(2):
        fleet.row("worker", "escrow_release", "9.9", "esc_1")
    fleet.poll("creator", "worker")
    assert fleet_residual(fleet.fleet) == (9.9, 0.0, 9.9, ())
    assert fleet.fleet.in_transit == {}


def test_two_sides_of_a_payment_that_differ_are_unexplained(fleet):
    """Where the rows say that they belong together, they are the same money."""
    fleet.row("creator", "payment_sent", -30, "pay_1")
    fleet.row("worker", "payment_received", "29.99", "pay_1")
    fleet.poll("creator", "worker")
    assert fleet_residual(fleet.fleet) == (-0.01, 0.0, -0.01, ())


@pytest.mark.parametrize(
    ("reference", "entry", "amount", "later"),
    [
        ("pay_1", "payment_received", 29, 3),
        ("pay_1", "payment_sent", -29, 0),
        ("ag_worker", "payment_received", 29, 0),
        (None, "payment_received", 29, 0),
    ],
)
def test_rows_that_may_belong_to_different_payments_are_not_compared(fleet, reference, entry, amount, later):
    """Long apart, in one direction, named after an agent, or without a name: each is a flow with somebody."""
    fleet.row("creator", "payment_sent", -30, reference)
    fleet.wait(later, tick=False)
    fleet.row("worker", entry, amount, reference)
    fleet.poll("creator", "worker")
    assert fleet.total == 0.0


def test_payments_with_strangers_are_flows_and_their_memory_is_bounded(fleet):
    """The other side never comes; an agent that leaves is no side any more."""
    for number in range(PAIRED_KEPT + 5):
        fleet.row("creator", "payment_sent", "-0.01", f"pay_{number}")
    fleet.row("creator", "payment_received", "0.01", f"pay_{PAIRED_KEPT}")
    fleet.poll("creator", "worker")
    assert (fleet.total, len(fleet.fleet.paired)) == (0.0, PAIRED_KEPT)
    fleet.say(AgentRetired, "creator")
    assert fleet.fleet.paired == {}


def judged(fleet):
    """The fleet with the two alerts about unexplained money in force."""
    names = ("PFUnexplainedMoney", "PFFleetUnexplainedMoney")
    fleet.policy = Policy(alerts=tuple(CATALOG.alerts[name] for name in names))
    return fleet


def fires(fleet, seconds=150):
    """What fires after a while in which everybody is read."""
    for _ in range(seconds // 15):
        fleet.wait(15)
        fleet.poll("creator", "worker")
    return [(agent_id, one.alert, one.value) for agent_id, one in firing(fleet.fleet)]


def test_money_that_two_agents_do_not_agree_on_is_the_fleets_alert(fleet):
    """Neither agent's books are wrong, so neither has one."""
    locked(judged(fleet))
    assert fires(fleet) == []
    fleet.release()
    fleet.poll("creator", "worker")
    assert fires(fleet, 45) == []
    assert fires(fleet) == [("", "PFFleetUnexplainedMoney", 9.9)]
    fleet.row("worker", "escrow_release", "9.9", "esc_1")
    fleet.poll("creator", "worker")
    assert fires(fleet) == []


def test_money_that_one_agents_books_lack_is_told_once(fleet):
    """The fleet lacks it too, and says nothing of its own."""
    judged(fleet)
    fleet.balances["creator"] -= 10
    fleet.poll("creator", "worker")
    assert [(agent_id, alert) for agent_id, alert, _ in fires(fleet)] == [("creator", "PFUnexplainedMoney")]
    assert fleet.total == -10.0
