"""Escrows by id: told once when funded, and once for every change of state."""

from decimal import Decimal

import pytest

from fleawatch.events import (
    EscrowCompleted,
    EscrowCreated,
    EscrowDisputed,
    EscrowRefunded,
    EscrowReleased,
    SchemaSurprise,
)
from fleawatch.units import from_iso, iso

D = Decimal
NOW = 1_793_613_600.0
PATH = "/escrow/esc_00000000000000a1"


def test_a_funded_escrow_is_told_once(with_bench):
    """The ledger names it, the service describes it, and a second reading has nothing new."""

    async def scenario(bench):
        await bench.read("casino")
        (created,) = await bench.read("escrow")
        assert isinstance(created, EscrowCreated)
        assert created.fact_id == "escrow:escrow_created:esc_00000000000000a1"
        assert (created.creator, created.counterparty) == ("ag_000000000001", "ag_000000000002")
        assert (created.amount_usd, created.commission_usd) == (D("5.0"), D("0.05"))
        assert created.expires_at == NOW + 3020
        assert await bench.read("escrow") == []

    with_bench(scenario)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"status": "completed", "completed_at": iso(NOW)}, [EscrowCompleted]),
        ({"status": "released", "released_at": iso(NOW)}, [EscrowReleased]),
        (
            {"status": "released", "completed_at": iso(NOW - 5), "released_at": iso(NOW)},
            [EscrowCompleted, EscrowReleased],
        ),
        ({"status": "refunded", "released_at": iso(NOW)}, [EscrowRefunded]),
        ({"status": "disputed", "disputed_at": iso(NOW)}, [EscrowDisputed]),
    ],
)
def test_a_change_of_state_is_told_when_it_happened(with_bench, change, kinds):
    """Each step is one fact with the platform's own time, and both steps are told when two happened between readings."""

    async def scenario(bench):
        await bench.read("casino")
        await bench.read("escrow")
        bench.double.answers[PATH].update(change)
        facts = await bench.read("escrow")
        assert [type(fact) for fact in facts] == kinds
        assert facts[-1].at == NOW

    with_bench(scenario)


def test_a_refund_keeps_the_commission(with_bench):
    """The creator gets the amount less one percent, and the time is the field `released_at`."""

    async def scenario(bench):
        await bench.read("casino")
        bench.double.answers[PATH].update({"status": "refunded", "released_at": iso(NOW)})
        created, refunded = await bench.read("escrow")
        assert isinstance(created, EscrowCreated)
        assert (refunded.refund_usd, refunded.commission_usd) == (D("4.95"), D("0.05"))
        assert refunded.at == from_iso(iso(NOW))

    with_bench(scenario)


def test_who_disputed_is_told_when_the_platform_tells_a_participant(with_bench):
    """The events of an escrow are shown to its participants."""

    async def scenario(bench):
        await bench.read("casino")
        steps = [
            {"event": "created", "actor_id": "ag_000000000001"},
            {"event": "disputed", "actor_id": "ag_000000000002"},
        ]
        bench.double.answers[PATH].update({"status": "disputed", "disputed_at": iso(NOW), "events": steps})
        *_, disputed = await bench.read("escrow")
        assert disputed.actor == "ag_000000000002"

    with_bench(scenario)


def test_a_disputed_escrow_is_read_rarely(with_bench):
    """No call leaves that state, so it is looked at every ten minutes, and at once when asked to hurry."""

    async def scenario(bench):
        await bench.read("casino")
        bench.double.answers[PATH].update({"status": "disputed", "disputed_at": iso(NOW)})
        await bench.read("escrow")
        await bench.read("escrow")
        bench.double.requests.clear()
        await bench.read("escrow")
        assert bench.double.requests == []
        await bench.read("escrow", after=600)
        assert bench.double.paths() == [PATH]
        bench.sources["escrow"].hurry()
        await bench.read("escrow")
        assert len(bench.double.requests) == 2

    with_bench(scenario)


def test_an_escrow_that_the_service_does_not_know_stays_as_it_was(with_bench):
    """A 404 is no end of an escrow: its money stays locked, and the oddity is told."""

    async def scenario(bench):
        await bench.read("casino")
        del bench.double.answers[PATH]
        facts = await bench.read("escrow")
        assert [type(fact) for fact in facts] == [SchemaSurprise]
        assert bench.state.parts["escrow"] == 5.0

    with_bench(scenario)


def test_before_the_ledger_was_read_there_is_no_reading(with_bench):
    """Nobody was asked and nobody knows which escrows there are: the reading says what it waits for."""

    async def scenario(bench):
        error = await bench.fail("escrow")
        assert (error.reason, str(error)) == ("upstream", "waits for the casino's ledger")
        assert bench.double.requests == []

    with_bench(scenario)


def test_an_agent_without_escrows_is_read_without_a_call(with_bench):
    """Once its ledger is known and names none, that none is open is a true statement."""

    async def scenario(bench):
        bench.double.answers["/api/v1/kelly/history"]["bankroll_curve"].pop()
        bench.double.answers["/api/v1/auth/balance"]["balance_usd"] = 102.5
        await bench.read("casino")
        bench.double.requests.clear()
        assert await bench.read("escrow") == []
        assert bench.double.requests == []

    with_bench(scenario)


def test_an_unknown_state_costs_the_reading(with_bench):
    """A status that nobody knows is not taken for one of the known ones."""

    async def scenario(bench):
        await bench.read("casino")
        bench.double.answers[PATH]["status"] = "liquidated"
        assert (await bench.fail("escrow")).reason == "schema"

    with_bench(scenario)
