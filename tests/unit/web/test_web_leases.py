"""The lease protocol as gates see it: what a lease says, when it is pushed, what is booked of a gate's word."""

import asyncio
import json

import pytest

from fleawatch.events import GateChanged, HaltAcknowledged, HaltDelivered, HaltProbed, LeaseGranted, LimitsInForce
from fleawatch.service.acts import Order, Release
from fleawatch.service.leases import STREAMS_EACH
from fleawatch.testing.asgi import call, stream
from fleawatch.testing.halted import HaltBelt
from fleawatch.testing.running import beside
from fleawatch.testing.watched import agent_token, controlled, hand_watched
from fleawatch.web.app import create_app


async def one_agent():
    """A service that watches `a-1`, with money and a reading of now."""
    belt = HaltBelt()
    belt.watch("a-1")
    belt.row("a-1", "deposit", 100)
    belt.read("a-1")
    watched = await hand_watched(belt.facts, belt.now)
    return controlled(watched, ["a-1"], lease_ttl_s=3.0)


def bearer():
    return {"authorization": f"Bearer {agent_token('a-1')}"}


def report(**fields):
    base = {
        "epoch": 0, "state": "active", "reason": "ok", "limits": {"drawdown_halt": 0.2}, "unknown_limits": [], "halt_id": None,
        "last_order_at": None, "now": None,
    }  # fmt: skip
    return json.dumps({**base, **fields}).encode()


async def tell(watched, **fields):
    return await call(
        create_app(watched), "/api/v1/agents/a-1/gate", method="POST", body=report(**fields), headers=bearer()
    )


async def halt(watched, mode="halt"):
    return (await watched.control.acts.halt(Order("agent", "a-1", mode, "manual", "ann")))[0]


async def booked(watched, kind):
    await watched.control.leases.clerk.close()
    store = watched.monitor.store
    facts = await watched.monitor.in_store(lambda: store.facts(limit=10_000))
    return [fact.event for fact in facts if isinstance(fact.event, kind)]


def event_in(piece):
    name, data = piece.decode().strip().split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


@beside(one_agent)
async def test_a_lease_says_all_that_a_gate_must_know(watched):
    """State, epoch, times, limits, baselines; unknown is null."""
    answer = await call(create_app(watched), "/api/v1/agents/a-1/lease", headers=bearer())
    lease = answer.json()
    now = watched.clock.now()
    assert {name: lease[name] for name in ("agent_id", "epoch", "state", "ttl_s", "halt", "payments_frozen", "ramp")} == {
        "agent_id": "a-1", "epoch": 0, "state": "active", "ttl_s": 3.0, "halt": None, "payments_frozen": False, "ramp": None,
    }  # fmt: skip
    assert lease["limits"] == {
        "drawdown_warning": 0.1, "drawdown_critical": 0.15, "drawdown_halt": 0.2, "daily_loss_ratio": 0.1,
    }  # fmt: skip
    assert lease["baselines"] == {
        "peak_nav": 1.0,
        "nav": 1.0,
        "day_start_equity": 100.0,
        "equity": 100.0,
        "spendable": 100.0,
    }
    assert lease["expires_at"] == now + 3
    assert answer.headers["cache-control"] == "no-store"


@beside(one_agent)
async def test_a_halt_is_pushed_at_once_and_a_resume_too(watched):
    """Within the commit, not with the next renewal; the epoch rises with each."""
    async with stream(create_app(watched), "/api/v1/agents/a-1/lease/stream", headers=bearer()) as pieces:
        name, lease = event_in(await pieces.read())
        assert (name, lease["state"], lease["epoch"]) == ("lease", "active", 0)
        halt_id = await halt(watched)
        _, lease = event_in(await pieces.read(0.9))
        assert (lease["state"], lease["epoch"], lease["halt"]["halt_id"]) == ("halted", 1, halt_id)
        await watched.control.acts.resume(Release("agent", "a-1", "ann", "seen to"))
        _, lease = event_in(await pieces.read(0.9))
        assert (lease["state"], lease["epoch"], lease["halt"]) == ("active", 2, None)
    assert [(fact.halt_id, fact.path) for fact in await booked(watched, HaltDelivered)] == [(halt_id, "gate")]


@beside(one_agent)
async def test_a_lease_is_repeated_before_it_runs_out_and_is_always_newer(watched):
    """Also when the clock stands still or goes back: a gate must never take a renewal for an old one."""
    async with stream(create_app(watched), "/api/v1/agents/a-1/lease/stream", headers=bearer()) as pieces:
        first = event_in(await pieces.read())[1]
        watched.clock.at -= 10
        second = event_in(await pieces.read(2.0))[1]
        assert second["issued_at"] > first["issued_at"]


@beside(one_agent)
async def test_another_service_over_the_same_record_goes_on_where_this_one_stopped(watched):
    """State, halt and epoch come from the record, and times do not go back."""
    await halt(watched)
    before = json.loads(watched.control.leases.lease(watched.monitor.state.agents["a-1"]))
    await booked(watched, LeaseGranted)
    watched.clock.at -= 1
    again = controlled(watched, ["a-1"], lease_ttl_s=3.0)
    after = json.loads(again.control.leases.lease(watched.monitor.state.agents["a-1"]))
    assert (after["state"], after["epoch"], after["halt"]) == (before["state"], before["epoch"], before["halt"])
    assert after["issued_at"] > before["issued_at"]


@beside(one_agent)
async def test_renewals_that_change_nothing_are_booked_rarely(watched):
    """However often a gate asks."""
    for _ in range(50):
        await call(create_app(watched), "/api/v1/agents/a-1/lease", headers=bearer())
        watched.clock.advance(0.1)
        await watched.control.leases.clerk.book(watched.control.leases._due())
    assert len(await booked(watched, LeaseGranted)) <= 5


@beside(one_agent)
async def test_a_gates_word_is_booked_when_it_is_news(watched):
    """State and limits once, not with every report."""
    for _ in range(3):
        assert (await tell(watched)).status == 200
    await tell(watched, state="reducing", reason="lease_lost")
    changes = [(fact.before, fact.after, fact.reason) for fact in await booked(watched, GateChanged)]
    assert changes == [("reducing", "active", "ok"), ("active", "reducing", "lease_lost")]
    assert len(await booked(watched, LimitsInForce)) == 1


@beside(one_agent)
async def test_a_service_that_lost_epochs_learns_them_from_its_gates(watched):
    """Restored from an old backup it goes on where the gate is, so that its leases are taken again."""
    assert (await tell(watched, epoch=7)).json()["epoch"] == 7
    await halt(watched)
    assert watched.monitor.state.agents["a-1"].control.epoch == 8


@beside(one_agent)
async def test_a_gate_that_halted_itself_gets_a_lease_that_says_so(watched):
    """In the very answer, with a halt to acknowledge and an epoch above its own."""
    lease = (await tell(watched, state="halted", reason="drawdown_halt")).json()
    assert (lease["state"], lease["epoch"], lease["halt"]["reason"]) == ("halted", 1, "drawdown")


@beside(one_agent)
async def test_an_acknowledgement_is_the_agents_word_for_the_halt_in_force(watched):
    """Of another halt it is nothing; told again it is nothing new."""
    halt_id = await halt(watched)
    await tell(watched, epoch=1, state="halted", reason="ordered", halt_id="another")
    assert await booked(watched, HaltAcknowledged) == []
    for _ in range(2):
        await tell(watched, epoch=1, state="halted", reason="ordered", halt_id=halt_id)
    assert [fact.halt_id for fact in await booked(watched, HaltAcknowledged)] == [halt_id]
    assert watched.monitor.state.agents["a-1"].control.halt.steps.keys() == {"delivered", "acknowledged"}


@beside(one_agent)
async def test_a_word_of_an_epoch_that_is_over_is_refused(watched):
    """409: the gate asks for the lease of now first."""
    await halt(watched)
    assert (await tell(watched, epoch=0)).status == 409
    assert await booked(watched, GateChanged) == []


@pytest.mark.parametrize(
    "fields",
    [{"epoch": -1}, {"epoch": 2**60}, {"epoch": 10**9}, {"state": "open"}, {"reason": "Because!"}, {"reason": "x" * 99},
     {"limits": {"<b>": 1}}, {"limits": {f"x{n}": 1 for n in range(99)}}, {"now": -1}, {"surprise": 1}, {"halt_id": ""}],
)  # fmt: skip
@beside(one_agent)
async def test_a_report_that_makes_no_sense_is_refused(watched, fields):
    """422, and nothing is booked."""
    assert (await tell(watched, **fields)).status == 422
    assert await booked(watched, GateChanged) == []


@beside(one_agent)
async def test_a_gate_that_reports_without_end_is_held_back(watched):
    """429 after a burst; a second later it may again."""
    statuses = [(await tell(watched)).status for _ in range(40)]
    assert statuses.count(429) == 10
    watched.clock.advance(1)
    assert (await tell(watched)).status == 200


@beside(one_agent)
async def test_an_agent_that_is_not_watched_has_no_lease(watched):
    """404, also with a token."""
    controlled(watched, ["a-1", "gone"])
    headers = {"authorization": f"Bearer {agent_token('gone')}"}
    assert (await call(create_app(watched), "/api/v1/agents/gone/lease", headers=headers)).status == 404


@beside(one_agent)
async def test_streams_of_one_agent_are_bounded(watched):
    """429 beyond; the others go on."""
    app = create_app(watched)
    leases = watched.control.leases
    held = [leases.joined("a-1") for _ in range(STREAMS_EACH)]
    for one in held:
        one.__enter__()
    assert (await call(app, "/api/v1/agents/a-1/lease/stream", headers=bearer())).status == 429
    for one in held:
        one.__exit__(None, None, None)
    assert leases.streams == 0


class TestProbe:
    @beside(one_agent)
    async def test_an_answered_probe_says_that_a_halt_would_arrive(self, watched):
        """And trading is not touched."""
        app = create_app(watched)
        async with stream(app, "/api/v1/agents/a-1/lease/stream", headers=bearer()) as pieces:
            await pieces.read()
            drill = asyncio.create_task(watched.control.acts.drill())
            while (found := event_in(await pieces.read()))[0] != "probe":
                pass
            path = f"/api/v1/agents/a-1/probe/{found[1]['nonce']}"
            assert (await call(app, path, method="POST", headers=bearer())).status == 200
            assert [(one.ok, one.reason) for one in await drill] == [(True, "")]
        assert [fact.ok for fact in await booked(watched, HaltProbed)] == [True]
        assert watched.monitor.state.agents["a-1"].control.state == "active"

    @beside(one_agent)
    async def test_nobody_listens(self, watched):
        """Said at once, without waiting."""
        assert [(one.ok, one.reason) for one in await watched.control.acts.drill()] == [(False, "no_gate_listens")]

    @beside(one_agent)
    async def test_a_nonce_of_nobody_is_no_answer(self, watched):
        """404."""
        answer = await call(create_app(watched), "/api/v1/agents/a-1/probe/abc", method="POST", headers=bearer())
        assert answer.status == 404


class TestFacts:
    async def send(self, watched, *lines):
        body = "\n".join(json.dumps(line) for line in lines).encode()
        return await call(create_app(watched), "/api/v1/facts", method="POST", body=body, headers=bearer())

    def fact(self, watched, kind="heartbeat", **fields):
        now = watched.clock.now()
        base = {
            "kind": kind,
            "fact_id": f"sdk:{kind}:1",
            "agent_id": "a-1",
            "at": now,
            "seen_at": now,
            "source": "casino",
        }
        return {**base, **fields}

    @beside(one_agent)
    async def test_what_an_agent_did_is_taken_under_its_own_name(self, watched):
        """Whatever source it claims: what it says is its word."""
        answer = await self.send(watched, self.fact(watched))
        assert (answer.status, answer.json()["taken"]) == (200, ["sdk:heartbeat:1"])
        facts = await watched.monitor.in_store(lambda: watched.monitor.store.facts(kinds=["heartbeat"]))
        assert [fact.event.source for fact in facts] == ["sdk"]

    @pytest.mark.parametrize(
        "fields",
        [
            {"kind": "resumed", "halt_id": "h", "actor": "me", "reason": "please"},
            {"kind": "halt_confirmed", "halt_id": "h"},
            {"kind": "source_read", "collector": "casino", "duration_s": 0.1, "valid_s": 60},
            {"kind": "agent_declared", "strategy": "mine"},
            {"kind": "tick"},
            {"kind": "position_closed"},
            {"kind": "payment_moved", "payment_id": "p", "direction": "sent", "amount_usd": "1"},
            {"agent_id": "b-1"},
            {"at": 4_000_000_000.0, "seen_at": 4_000_000_000.0},
            {"surprise": 1},
        ],
    )
    @beside(one_agent)
    async def test_what_an_agent_may_not_say_is_refused_by_line(self, watched, fields):
        """It proves no halt, lifts none, and writes no books that are read. What stands beside it is taken."""
        answer = await self.send(watched, self.fact(watched, fact_id="sdk:ok:1"), self.fact(watched, **fields))
        assert answer.status == 200
        assert answer.json()["taken"] == ["sdk:ok:1"]
        assert [one["line"] for one in answer.json()["refused"]] == [2]

    @beside(one_agent)
    async def test_when_nothing_is_taken_it_is_an_error(self, watched):
        """422; too many lines are 413."""
        assert (await self.send(watched, self.fact(watched, agent_id="b-1"))).status == 422
        assert (await self.send(watched, *[{}] * 1_002)).status == 413

    @beside(one_agent)
    async def test_more_than_can_be_recorded_soon_is_asked_for_later(self, watched, monkeypatch):
        """503 with a time to wait: an agent keeps its facts and comes again."""
        monkeypatch.setattr("fleawatch.service.clerk.FULL", 0)
        answer = await self.send(watched, self.fact(watched))
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")


@beside(one_agent)
async def test_a_clock_that_was_set_back_does_not_hide_a_gate_that_is_lost(watched):
    """The record of a lease that lies hours ahead is made anew, so that its end can be seen."""
    leases, agent = watched.control.leases, watched.monitor.state.agents["a-1"]
    leases.lease(agent)
    await leases.clerk.close()
    watched.clock.at -= 6 * 3_600
    leases.lease(agent)
    (granted,) = leases._due()
    assert granted.expires_at == pytest.approx(watched.clock.now() + 3.0)
    await watched.monitor.book([granted])
    assert leases._due() == []
