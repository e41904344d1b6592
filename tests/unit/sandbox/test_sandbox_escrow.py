"""Escrow: its states, who may do what, the commission, and the sweep that refunds what has expired."""

from decimal import Decimal

import pytest

from fleawatch.sandbox.kernel import Kernel
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.refusal import RefusedError
from fleawatch.sandbox.services.platform import Platform


@pytest.fixture(name="platform")
def _platform():
    return Platform(Kernel(7, 1_000_000.0))


@pytest.fixture(name="parties")
def _parties(platform):
    """A referrer, the creator it brought, and a worker."""
    bank = platform.bank
    referrer = bank.register(Person(name="referrer", character="flat", strategy="s"))
    creator = bank.register(Person(name="creator", character="flat", strategy="s"), referrer.referral_code)
    worker = bank.register(Person(name="worker", character="flat", strategy="s"))
    bank.deposit(creator, 500.0)
    return referrer, creator, worker


def create(platform, creator, worker, amount=100.0, hours=1, **extra):
    return platform.escrow.create(
        creator,
        amount_usd=amount,
        description="a job",
        counterparty_agent_id=worker.id,
        timeout_hours=hours,
        **extra,
    )


def create_until_trouble(platform, creator, worker):
    for _ in range(300):
        platform.escrow.release(creator, create(platform, creator, worker, 0.10).id)


class TestMoney:
    def test_the_whole_amount_leaves_at_create(self, platform, parties):
        """The balance falls by the amount, which now sits in the escrow's own account."""
        _, creator, worker = parties
        escrow = create(platform, creator, worker)
        assert creator.exact == Decimal(450)
        assert platform.kernel.journal.balance(escrow.account) == 100
        assert creator.rows[-1].reason == f"escrow_lock: {escrow.id}"

    def test_release_pays_net_of_one_percent_and_the_referrer_of_the_creator(self, platform, parties):
        """99 to the worker, 15 % of the 1 % to the creator's referrer, nothing left."""
        referrer, creator, worker = parties
        escrow = create(platform, creator, worker)
        platform.escrow.complete(worker, escrow.id)
        platform.escrow.release(creator, escrow.id)
        assert worker.exact == Decimal(99)
        assert referrer.exact == Decimal("0.15")
        assert platform.kernel.journal.balance(escrow.account) == 0
        assert platform.kernel.journal.balance("fees:escrow:creator") == 1

    def test_a_code_in_the_call_names_another_referrer(self, platform, parties):
        """The owner of `referral_code` earns instead of the creator's own referrer."""
        referrer, creator, worker = parties
        escrow = create(platform, creator, worker, referral_code=worker.referral_code)
        platform.escrow.release(creator, escrow.id)
        assert referrer.exact == 0
        assert worker.exact == Decimal("99.15")

    def test_an_expired_escrow_goes_back_less_the_commission(self, platform, parties):
        """Also when the work was completed: the creator gets 99, the counterparty nothing."""
        _, creator, worker = parties
        escrow = create(platform, creator, worker)
        platform.escrow.complete(worker, escrow.id)
        platform.kernel.run_until(platform.kernel.now + 3_600 + 300)
        assert escrow.status == "refunded"
        assert escrow.released_at is not None
        assert creator.exact == Decimal(549)
        assert worker.exact == 0

    def test_the_sweep_comes_every_five_minutes(self, platform, parties):
        """Just past its time an escrow is still open, until the next sweep."""
        _, creator, worker = parties
        platform.kernel.run_until(platform.kernel.now + 10)
        escrow = create(platform, creator, worker)
        platform.kernel.run_until(escrow.auto_release_at + 200.0)
        assert escrow.is_open
        platform.kernel.run_until(escrow.auto_release_at + 300.0)
        assert escrow.status == "refunded"

    def test_disputed_money_stays_locked_for_good(self, platform, parties):
        """No call and no sweep leaves this state."""
        _, creator, worker = parties
        escrow = create(platform, creator, worker)
        platform.escrow.dispute(worker, escrow.id)
        with pytest.raises(RefusedError, match="409 invalid_status"):
            platform.escrow.release(creator, escrow.id)
        platform.kernel.run_until(platform.kernel.now + 9_000)
        assert escrow.status == "disputed"
        assert escrow.events[-1]["note"] == "No reason provided"
        assert platform.kernel.journal.balance(escrow.account) == 100

    def test_some_attempts_fail_after_the_debit_and_are_undone(self, platform, parties):
        """Two rows that cancel, an error 500, and an id that nobody finds."""
        _, creator, worker = parties
        with pytest.raises(RefusedError, match="500 internal_error"):
            create_until_trouble(platform, creator, worker)
        escrow_id = platform.escrow.failed[0][0]
        reasons = [row.reason for row in creator.rows if escrow_id in row.reason]
        assert reasons == [f"escrow_lock: {escrow_id}", f"escrow_create_failed_refund: {escrow_id}"]
        with pytest.raises(RefusedError, match="404 not_found"):
            platform.escrow.find(escrow_id)


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "status", "error"),
        [
            ({"amount_usd": 0.09}, 400, "invalid_amount"),
            ({"amount_usd": "nothing"}, 400, "invalid_amount"),
            ({"description": " x "}, 400, "invalid_description"),
            ({"counterparty_agent_id": "worker"}, 400, "invalid_counterparty"),
            ({"counterparty_agent_id": "ag_000000000000"}, 404, "counterparty_not_found"),
            ({"amount_usd": 900}, 402, "insufficient_balance"),
        ],
    )
    def test_create(self, platform, parties, change, status, error):
        """Each mistake has its code; too little money is 402 here, unlike at the casino."""
        _, creator, worker = parties
        fields = {"amount_usd": 5, "description": "a job", "counterparty_agent_id": worker.id} | change
        with pytest.raises(RefusedError) as refused:
            platform.escrow.create(creator, **fields)
        assert (refused.value.status, refused.value.error) == (status, error)

    def test_nobody_hires_oneself(self, platform, parties):
        """`self_escrow`."""
        with pytest.raises(RefusedError, match="self_escrow"):
            create(platform, parties[1], parties[1])

    def test_roles(self, platform, parties):
        """Only the counterparty completes, only the creator releases, only the two dispute."""
        referrer, creator, worker = parties
        escrow = create(platform, creator, worker)
        for call, actor in (
            (platform.escrow.complete, creator),
            (platform.escrow.release, worker),
            (platform.escrow.dispute, referrer),
        ):
            with pytest.raises(RefusedError, match="403"):
                call(actor, escrow.id)

    def test_a_second_release_is_a_conflict(self, platform, parties):
        """409, and no money moves twice."""
        _, creator, worker = parties
        escrow = create(platform, creator, worker)
        platform.escrow.release(creator, escrow.id)
        with pytest.raises(RefusedError, match="409"):
            platform.escrow.release(creator, escrow.id)
        assert worker.exact == Decimal(99)

    def test_hours_are_whole_and_clamped(self, platform, parties):
        """From 1 to 720, 24 when none is given."""
        _, creator, worker = parties
        hours = [create(platform, creator, worker, 1, wanted).timeout_hours for wanted in (0.5, 2.9, 9_999, None)]
        assert hours == [1, 2, 720, 24]

    def test_public_totals_leave_refunds_out(self, platform, parties):
        """A refund counts neither as released nor as commission."""
        _, creator, worker = parties
        create(platform, creator, worker)
        platform.escrow.release(creator, create(platform, creator, worker, 50).id)
        platform.kernel.run_until(platform.kernel.now + 4_000)
        stats = platform.escrow.stats()
        assert (stats["total_created"], stats["total_released"]) == (2, 1)
        assert (stats["total_volume_usd"], stats["total_commission_usd"]) == (150.0, 0.5)
