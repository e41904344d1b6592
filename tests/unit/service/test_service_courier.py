"""Carrying deliveries: once, in order, patiently, and never at the cost of another channel."""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.clock import ManualClock, ScaledClock
from fleawatch.errors import DeliveryError
from fleawatch.events import Delivered
from fleawatch.flow.outputs import Notice
from fleawatch.notify.exchange import Exchange
from fleawatch.notify.memory import MemoryNotifier
from fleawatch.notify.telegram import TelegramNotifier
from fleawatch.notify.webhook import WebhookNotifier
from fleawatch.ports import Receipt
from fleawatch.service.courier import NO_SUCH_CHANNEL, Courier, Patience
from fleawatch.service.monitor import Monitor
from fleawatch.service.outbox import Outbox
from fleawatch.sinks.memory import MemorySink
from fleawatch.store import MemoryStore
from fleawatch.testing.doubles import Answer, HttpDouble
from fleawatch.testing.notifier_contract import NOW, REFUSALS, SILENCES, delivery

AWAY = DeliveryError("network", "could not be reached", retry_after=0.0)
WRONG = DeliveryError("bad_request", "answered 400", retry_after=None, status_code=400)


def limited(seconds):
    return DeliveryError("rate_limited", "answered 429", retry_after=seconds, status_code=429)


def with_monitor(work, clock=None):
    """Run `work(monitor)` over a store in memory."""

    async def run():
        monitor = Monitor(MemoryStore, clock or ManualClock(NOW))
        await monitor.recover()
        try:
            return await work(monitor)
        finally:
            await monitor.close()

    return asyncio.run(run())


async def order(monitor, *outputs):
    await monitor.in_store(lambda: monitor.store.commit([], outputs))


async def booked(monitor):
    """The facts about deliveries, as (delivery, status, reason)."""
    facts = await monitor.in_store(lambda: monitor.store.facts(kinds=["delivered"]))
    return [(fact.event.delivery_id, fact.event.status, fact.event.reason) for fact in facts]


async def dead(monitor):
    return await monitor.in_store(monitor.store.dead)


def half():
    return 0.5


class TestOneDelivery:
    def test_what_is_accepted_is_booked_and_done(self):
        """Acceptance is a fact with receipt and status code, counted, and the delivery is not claimed again."""

        class Proving(MemoryNotifier):
            async def send(self, one):
                return Receipt("r" * 500, 202) if await super().send(one) else None

        async def work(monitor):
            courier = Courier(monitor, {"ops": Proving()})
            await order(monitor, delivery())
            carried = [await courier.carry("ops") for _ in range(2)]
            (stored,) = await monitor.in_store(lambda: monitor.store.facts(kinds=["delivered"]))
            return carried, stored.event, monitor.state.tallies.counters["pf_alert_notifications_total"]

        carried, fact, counted = with_monitor(work)
        assert carried == [1, 0]
        assert isinstance(fact, Delivered)
        assert (fact.delivery_id, fact.channel, fact.agent_id, fact.status) == ("d-1", "ops", "a-1", "ok")
        assert (fact.status_code, fact.receipt, fact.at) == (202, "r" * 200, NOW)
        assert counted == {("ops", "ok"): 1.0}

    def test_a_failure_that_passes_is_tried_again_with_jitter(self):
        """The waits are random parts of 2, 4 and 8 s; every attempt is a fact."""

        async def work(monitor):
            notifier = MemoryNotifier([AWAY, AWAY, AWAY])
            courier = Courier(monitor, {"ops": notifier}, jitter=half)
            await order(monitor, delivery())
            tried = []
            for second in range(20):
                monitor.clock.at = NOW + second
                tried += [second] * await courier.carry("ops")
            return tried, await booked(monitor), [one.key for one in notifier.deliveries]

        tried, facts, accepted = with_monitor(work)
        assert tried == [0, 1, 3, 7]
        assert facts == [("d-1", "retry", "network")] * 3 + [("d-1", "ok", "")]
        assert accepted == ["d-1"]

    def test_a_permanent_failure_is_a_dead_letter_at_once(self):
        """It is not tried again, is counted as failed, and can be looked at."""

        async def work(monitor):
            courier = Courier(monitor, {"ops": MemoryNotifier([WRONG])})
            await order(monitor, delivery())
            await courier.carry("ops")
            monitor.clock.advance(9_999)
            again = await courier.carry("ops")
            return again, await booked(monitor), await dead(monitor), monitor.state.tallies.counters

        again, facts, (letter,), counters = with_monitor(work)
        assert again == 0
        assert facts == [("d-1", "failed", "bad_request")]
        assert (letter.output.key, letter.attempts, letter.error) == ("d-1", 1, "bad_request: answered 400")
        assert counters["pf_alert_notifications_total"] == {("ops", "failed"): 1.0}

    def test_patience_ends_after_so_many_tries(self):
        """One try and three retries, then it is dead."""

        async def work(monitor):
            courier = Courier(monitor, {"ops": MemoryNotifier([AWAY] * 9)})
            await order(monitor, delivery())
            for _ in range(20):
                await courier.carry("ops")
                monitor.clock.advance(61)
            return await booked(monitor), await dead(monitor)

        facts, (letter,) = with_monitor(work)
        assert [status for _, status, _ in facts] == ["retry", "retry", "retry", "failed"]
        assert letter.attempts == 4

    def test_patience_ends_at_a_time(self):
        """No try begins after `give_up_after_s`, but what waited for a restart is tried once more at least."""

        async def work(monitor):
            patience = Patience(retries=20, give_up_after_s=100.0)
            await order(monitor, delivery("old", at=NOW - 9_999), delivery("new", group="g-2"))
            courier = Courier(monitor, {"ops": MemoryNotifier([AWAY] * 99)}, patience, jitter=lambda: 1.0)
            for _ in range(40):
                await courier.carry("ops")
                monitor.clock.advance(10)
            return await booked(monitor), await dead(monitor)

        facts, letters = with_monitor(work)
        assert {letter.output.key for letter in letters} == {"old", "new"}
        assert {letter.failed_at < NOW + 100 for letter in letters} == {True}
        assert (
            len([key for key, _, _ in facts if key == "old"]) == len([key for key, _, _ in facts if key == "new"]) > 3
        )

    def test_a_mistake_of_a_channel_is_a_failure_without_its_text(self, caplog):
        """What a channel raises by mistake may hold anything: only the kind of error is told."""

        class Broken(MemoryNotifier):
            async def send(self, one):
                raise RuntimeError("https://x/bot123:secret")

        async def work(monitor):
            courier = Courier(monitor, {"ops": Broken()}, Patience(retries=0))
            await order(monitor, delivery())
            await courier.carry("ops")
            return await booked(monitor), await dead(monitor)

        facts, (letter,) = with_monitor(work)
        assert facts == [("d-1", "failed", "internal_error")]
        assert letter.error == "internal_error: failed (RuntimeError)"
        assert "secret" not in caplog.text

    def test_a_channel_that_is_not_configured_is_told_of(self):
        """A delivery for nobody dies at once and visibly, instead of waiting for ever."""

        async def work(monitor):
            courier = Courier(monitor, {"ops": MemoryNotifier()})
            await order(monitor, delivery(channel="gone"), delivery("d-2"))
            buried = [await courier.bury_strays() for _ in range(2)]
            return buried, await booked(monitor), [letter.output.key for letter in await dead(monitor)]

        assert with_monitor(work) == ([1, 0], [("d-1", "failed", NO_SUCH_CHANNEL)], ["d-1"])

    def test_waits_are_real_seconds(self):
        """In simulated time that runs 60 times as fast a retry after 2 s is due 120 s later."""

        async def work(monitor):
            courier = Courier(monitor, {"ops": MemoryNotifier([limited(2.0)])})
            await order(monitor, delivery())
            await courier.carry("ops")
            before = monitor.clock.now()
            early = await monitor.in_store(
                lambda: monitor.store.claim(now=before + 100, limit=1, lease_s=0.0, channel="ops")
            )
            late = await monitor.in_store(
                lambda: monitor.store.claim(now=before + 121, limit=1, lease_s=0.0, channel="ops")
            )
            return len(early), len(late)

        assert with_monitor(work, ScaledClock(NOW, 60.0)) == (0, 1)


@given(
    st.none() | st.floats(0, 3_600),
    st.integers(1, 30),
    st.floats(0, 1),
    st.integers(0, 20),
)
def test_a_wait_is_what_the_channel_asks_and_never_longer_than_needed(asked, attempts, jitter, retries):
    """At least as long as asked, at most that or the cap, none when it is permanent or the last try."""
    patience = Patience(retries=retries)
    wait = patience.wait(DeliveryError("x", "y", retry_after=asked), attempts, jitter)
    assert (wait is None) == (asked is None or attempts > retries)
    if wait is not None:
        assert asked <= wait <= max(asked, patience.most_s)


class Hanging(MemoryNotifier):
    """A channel that answers when it is released."""

    def __init__(self):
        super().__init__()
        self.release = asyncio.Event()

    async def send(self, one):
        await self.release.wait()
        return await super().send(one)


class Heard(MemoryNotifier):
    """A channel that says when it took something."""

    def __init__(self):
        super().__init__()
        self.heard = asyncio.Event()

    async def send(self, one):
        receipt = await super().send(one)
        self.heard.set()
        return receipt


class TestSideBySide:
    def test_the_end_waits_for_the_beginning_and_others_do_not(self):
        """Within a group nothing overtakes what is being tried again; another group goes on."""

        async def work(monitor):
            notifier = MemoryNotifier([AWAY])
            courier = Courier(monitor, {"ops": notifier}, jitter=half)
            await order(
                monitor, delivery("fired"), delivery("resolved", kind="resolved"), delivery("other", group="g-2")
            )
            for _ in range(9):
                await courier.carry("ops")
                monitor.clock.advance(0.5)
            return notifier.attempts, [one.key for one in notifier.deliveries]

        attempts, accepted = with_monitor(work)
        assert attempts == ["fired", "other", "fired", "resolved"]
        assert accepted == ["other", "fired", "resolved"]

    def test_a_channel_that_hangs_holds_up_only_itself(self):
        """Another channel and the sinks go on while one does not answer."""

        async def work(monitor):
            slow, quick, sink = Hanging(), Heard(), MemorySink()
            courier = Courier(monitor, {"slow": slow, "quick": quick})
            waiting = [delivery(f"s-{number}", channel="slow", group=f"g-{number}") for number in range(300)]
            notice = Notice(key="n", agent_id="a-1", at=NOW, event="large_loss", level="warning", message="lost")
            await order(monitor, *waiting, delivery("q-1", channel="quick"), notice)
            loops = asyncio.create_task(courier.run())
            await quick.heard.wait()
            carried = await Outbox(monitor, [sink]).carry()
            before = len(slow.deliveries)
            loops.cancel()
            await asyncio.gather(loops, return_exceptions=True)
            slow.release.set()
            await courier.close()
            return before, carried, [output.key for output in sink.outputs], len(slow.deliveries), slow.closed

        before, carried, keys, after, closed = with_monitor(work)
        assert (before, carried, keys) == (0, 1, ["n"])
        assert after == 8  # what was under way when the service stopped is ended and booked
        assert closed

    def test_a_channel_that_asks_for_time_gets_it_from_all(self):
        """After 429 with a wait the whole channel rests; another one does not."""

        async def work(monitor):
            notifier, other = MemoryNotifier([limited(30.0)]), MemoryNotifier()
            courier = Courier(monitor, {"ops": notifier, "sms": other})
            await order(monitor, delivery("d-1"))
            await courier.carry("ops")
            await order(monitor, delivery("d-2", group="g-2"), delivery("d-3", channel="sms"))
            monitor.clock.advance(29)
            rested = await courier.carry("ops"), await courier.carry("sms")
            monitor.clock.advance(1)
            return rested, await courier.carry("ops")

        assert with_monitor(work) == ((0, 1), 2)


class Crash(BaseException):
    """The process died here."""


class TestCrashes:
    def test_what_was_booked_as_accepted_is_not_sent_again(self):
        """A crash between the fact and the end of the row repeats nothing."""

        async def work(monitor):
            notifier = MemoryNotifier()
            courier = Courier(monitor, {"ops": notifier})
            await order(monitor, delivery())
            finish, monitor.store.finish = monitor.store.finish, _crash
            with pytest.raises(Crash):
                await courier.carry("ops")
            monitor.store.finish = finish
            monitor.clock.advance(121)
            again = await Courier(monitor, {"ops": notifier}).carry("ops")
            return again, notifier.attempts, await booked(monitor), await monitor.in_store(monitor.store.pending)

        assert with_monitor(work) == (1, ["d-1"], [("d-1", "ok", "")], 0)

    @pytest.mark.parametrize("seed", range(20))
    def test_crashes_lose_nothing_and_turn_nothing_round(self, seed):
        """Dying again and again at any step: all is delivered, each group in order, twice only what was not booked."""
        dice = random.Random(seed)
        keys = [f"{group}-{number}" for number in range(4) for group in ("a", "b", "c")]

        async def work(monitor):
            notifier = MemoryNotifier([dice.choice([None, None, AWAY]) for _ in range(12)])
            await order(monitor, *(delivery(key, group=key[0]) for key in keys))
            crashes = 0
            while await monitor.in_store(monitor.store.pending):
                mortal = _Mortal(monitor, dice.randrange(1, 12))
                try:
                    for _ in range(20):
                        await Courier(mortal, {"ops": notifier}, Patience(retries=99), jitter=half).carry("ops")
                        monitor.clock.advance(5)
                except Crash:
                    crashes += 1
                # What the dead process had under way ends before another one begins.
                under_way = asyncio.all_tasks() - {asyncio.current_task()}
                await asyncio.gather(*under_way, return_exceptions=True)
                monitor.clock.advance(121)
            return notifier, await booked(monitor), crashes

        notifier, facts, crashes = with_monitor(work)
        accepted = [one.key for one in notifier.deliveries]
        assert crashes > 3
        assert sorted(accepted) == sorted(keys)
        assert all(
            [key for key in accepted if key[0] == group] == [k for k in keys if k[0] == group] for group in "abc"
        )
        assert sorted(key for key, status, _ in facts if status == "ok") == sorted(keys)


def _crash(*_, **__):
    raise Crash


class _Mortal:
    """A monitor whose process dies at the n-th use of the store, and stays dead."""

    def __init__(self, monitor, uses):
        self._monitor, self._uses = monitor, uses
        self.clock, self.store = monitor.clock, monitor.store

    async def in_store(self, work):
        self._use()
        return await self._monitor.in_store(work)

    async def book(self, events):
        self._use()
        await self._monitor.book(events)

    def _use(self):
        self._uses -= 1
        if self._uses < 0:
            raise Crash


@pytest.mark.parametrize(
    "answer",
    [*SILENCES, *(Answer(row.status, b'{"ok":false}') for row in REFUSALS)],
    ids=lambda answer: str(answer)[:24],
)
def test_no_secret_reaches_log_fact_or_dead_letter(answer, caplog):
    """From the claim to the dead letter nothing tells a token, an address or a signing secret."""
    caplog.set_level(logging.DEBUG)
    secrets = ("123456:AAEhBP0av28fQ_secret", "/hook/secretpath", "signing-secret-012345")

    async def work(monitor):
        async with HttpDouble([answer]) as double:
            ways = [Exchange(deadline_s=0.2) for _ in range(2)]
            channels = {
                "tg": TelegramNotifier(ways[0], token=secrets[0], chat_id="1", base=double.url),
                "hook": WebhookNotifier(ways[1], url=double.url + secrets[1], secret=secrets[2]),
            }
            courier = Courier(monitor, channels, Patience(retries=0))
            await order(monitor, delivery(channel="tg"), delivery("d-2", channel="hook"))
            await asyncio.gather(courier.carry("tg"), courier.carry("hook"))
            await courier.close()
        facts = await monitor.in_store(monitor.store.facts)
        return repr(facts) + repr(await dead(monitor))

    said = with_monitor(work) + caplog.text + "".join(str(record.exc_info) for record in caplog.records)
    assert "'failed'" in said
    assert not [secret for secret in secrets if secret in said]
