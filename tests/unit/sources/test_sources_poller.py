"""The poller: on time, within bounds, each service on its own, nothing half booked. Time is that of a fake loop."""

import asyncio
import logging

import pytest

from fleawatch.errors import SourceError
from fleawatch.events import Heartbeat, SourceRead, SourceUnavailable
from fleawatch.sources.pace import Pace
from fleawatch.sources.poller import Poller
from fleawatch.sources.waiting import LedgerUnreadError
from fleawatch.testing.belt import Belt

NOW = 1_793_613_600.0


class LoopClock:
    """A clock that passes `speed` seconds in one second of the loop."""

    def __init__(self, speed=1.0):
        self.speed = speed

    def now(self):
        return NOW + asyncio.get_running_loop().time() * self.speed

    def wall(self, seconds):
        return seconds / self.speed


class Books:
    """What was booked, one list a call."""

    def __init__(self):
        self.calls = []

    async def __call__(self, facts):
        self.calls.append(list(facts))

    def of(self, kind, agent_id=None):
        return [
            fact for call in self.calls for fact in call if isinstance(fact, kind) and agent_id in (None, fact.agent_id)
        ]


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """A loop that does not wait: when nothing is ready, its time leaps to the next thing that is due."""

    def __init__(self):
        super().__init__()
        self._fake = 0.0
        ready = self._selector.select

        def leap(timeout=None):
            events = ready(0)
            if not events and timeout is None:
                raise RuntimeError("nothing will ever happen again")
            self._fake += 0 if events else timeout
            return events

        self._selector.select = leap

    def time(self):
        return self._fake


def in_fake_time(scenario):
    """Run a scenario in a loop whose time passes as fast as nothing happens."""
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        return runner.run(scenario())


def poller_of(sources, books, **options):
    options.setdefault("interval_s", 15.0)
    known = options.pop("known", None)
    return Poller(sources, options.pop("clock", LoopClock()), books, lambda _: known, **options)


async def run_for(poller, seconds):
    running = asyncio.create_task(poller.run())
    await asyncio.sleep(seconds)
    await poller.stop()
    await running


def beat(agent_id, number=0):
    return Heartbeat(fact_id=f"beat:{agent_id}:{number}", agent_id=agent_id, at=NOW, seen_at=NOW, source="test")


def failing(reason, **details):
    async def behave():
        raise SourceError(reason, "did not work", **details)

    return behave


def test_every_source_is_read_once_an_interval(fake_source):
    """Ten minutes at fifteen seconds are forty readings, give or take the jitter."""

    async def scenario():
        source = fake_source("a-1")
        await run_for(poller_of([source], Books()), 600)
        assert 38 <= len(source.reads) <= 42
        assert source.reads[0] < 15

    in_fake_time(scenario)


def test_a_thousand_sources_do_not_start_together(fake_source):
    """First readings are spread over the first interval, and the spread is the same in every run."""

    async def scenario():
        sources = [fake_source(f"a-{i}") for i in range(1_000)]
        await run_for(poller_of(sources, Books()), 15)
        starts = [source.reads[0] for source in sources]
        fullest = max(sum(int(start) == second for start in starts) for second in range(15))
        assert fullest < 120
        return starts

    assert in_fake_time(scenario) == in_fake_time(scenario)


def test_facts_and_the_end_of_the_reading_are_booked_in_one_call(fake_source):
    """What a reading brought commits together with the fact that it was read."""

    async def scenario():
        async def behave():
            return (beat("a-1"),)

        books = Books()
        await poller_of([fake_source("a-1", behave=behave)], books).sweep()
        ((fact, end),) = books.calls
        assert fact == beat("a-1")
        assert isinstance(end, SourceRead)
        assert (end.collector, end.facts, end.valid_s, end.source) == ("casino", 1, 60.0, "monitor")
        assert end.at >= NOW

    in_fake_time(scenario)


def test_a_failure_is_booked_with_its_reason_and_nothing_else(fake_source):
    """A failed reading yields one fact that names why, and no number."""

    async def scenario():
        books = Books()
        source = fake_source("a-1", behave=failing("http_5xx", status_code=503))
        (failure,) = await poller_of([source], books).sweep()
        assert books.calls == [[failure]]
        assert (failure.reason, failure.status_code, failure.detail) == ("http_5xx", 503, "did not work")

    in_fake_time(scenario)


def test_one_hanging_service_delays_no_other(fake_source):
    """Of 1,000 agents with two sources each, a service that hangs for all of them slows the other for none."""

    async def scenario():
        async def hang():
            await asyncio.sleep(3_600)

        good = [fake_source(f"a-{i}", "trading") for i in range(1_000)]
        bad = [fake_source(f"a-{i}", "casino", hang) for i in range(1_000)]
        await run_for(poller_of([*bad, *good], Books(), concurrency=64), 60)
        assert min(len(source.reads) for source in good) >= 3

    in_fake_time(scenario)


def test_one_hanging_source_of_a_thousand_delays_no_other_of_its_service(fake_source):
    """It holds one place of its service and gives it back at its deadline."""

    async def scenario():
        async def hang():
            await asyncio.sleep(3_600)

        books = Books()
        sources = [fake_source(f"a-{i}", behave=hang if i == 500 else None) for i in range(1_000)]
        await run_for(poller_of(sources, books, deadline_s=10.0), 60)
        assert min(len(source.reads) for source in sources if source is not sources[500]) >= 3
        assert {failure.reason for failure in books.of(SourceUnavailable)} == {"timeout"}
        assert {failure.agent_id for failure in books.of(SourceUnavailable)} == {"a-500"}

    in_fake_time(scenario)


def test_readings_of_one_collector_under_way_are_bounded(fake_source):
    """No more than `concurrency` at a time, even when all are asked for at once."""

    async def scenario():
        under_way = most = 0

        async def behave():
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1)
            under_way -= 1
            return ()

        await poller_of([fake_source(f"a-{i}", behave=behave) for i in range(100)], Books(), concurrency=7).sweep()
        assert most == 7

    in_fake_time(scenario)


def test_a_source_is_never_read_twice_at_a_time(fake_source):
    """A sweep during a slow reading waits for it."""

    async def scenario():
        async def slow():
            await asyncio.sleep(9)
            return ()

        source = fake_source("a-1", behave=slow)
        poller = poller_of([source], Books())
        running = asyncio.create_task(poller.run())
        await asyncio.sleep(16)
        await asyncio.gather(poller.sweep(), poller.sweep())
        await poller.stop()
        await running
        assert source.most_under_way == 1

    in_fake_time(scenario)


def test_a_failing_source_is_tried_less_and_less_often_up_to_a_minute(fake_source):
    """Waits double and stay at a minute, so that a service that works again is soon noticed."""

    async def scenario():
        source = fake_source("a-1", behave=failing("http_5xx"))
        await run_for(poller_of([source], Books()), 600)
        waits = [later - earlier for earlier, later in zip(source.reads, source.reads[1:], strict=False)]
        assert waits[:3] == pytest.approx([15, 30, 60], rel=0.06)
        assert waits[3:] == pytest.approx([60] * len(waits[3:]), rel=0.06)

    in_fake_time(scenario)


def known_agent(*, tried):
    """What is known of an agent whose ledger was never read."""
    belt = Belt()
    belt.declare("a-1", ("casino", "escrow"))
    if tried:
        belt.say(SourceUnavailable, "a-1", collector="casino", reason="timeout", duration_s=1.0)
    return belt["a-1"]


@pytest.mark.parametrize("known", [None, known_agent(tried=False)])
def test_waiting_for_the_first_reading_of_the_ledger_is_no_failure(fake_source, known):
    """Until the casino was tried once nothing has failed: nothing is told, and the reading comes again in its turn."""

    async def scenario():
        async def behave():
            raise LedgerUnreadError

        books, source = Books(), fake_source("a-1", "escrow", behave=behave)
        await run_for(poller_of([source], books, known=known), 600)
        assert 38 <= len(source.reads) <= 42
        assert books.calls == []

    in_fake_time(scenario)


def test_waiting_for_the_ledger_slows_nobody_down(fake_source):
    """A reading that called nobody is told as a failure, and comes again in its turn: no back-off."""

    async def scenario():
        async def behave():
            raise LedgerUnreadError

        books, source = Books(), fake_source("a-1", "escrow", behave=behave)
        await run_for(poller_of([source], books, known=known_agent(tried=True)), 600)
        assert 38 <= len(source.reads) <= 42
        told = books.of(SourceUnavailable)
        assert len(told) == len(source.reads)
        assert {(one.reason, one.detail) for one in told} == {("upstream", "waits for the casino's ledger")}

    in_fake_time(scenario)


def test_a_source_that_works_again_returns_to_its_rhythm(fake_source):
    """One good reading ends the waiting."""

    async def scenario():
        async def behave():
            if len(source.reads) < 4:
                raise SourceError("timeout", "no answer")
            return ()

        source = fake_source("a-1", behave=behave)
        await run_for(poller_of([source], Books()), 300)
        assert source.reads[4] - source.reads[3] == pytest.approx(15, rel=0.06)

    in_fake_time(scenario)


@pytest.mark.parametrize("speed", [1.0, 10.0])
def test_the_wait_that_a_server_asks_for_is_kept_in_its_own_time(fake_source, speed):
    """`retry_after` is in seconds of the clock, which may pass faster than real ones."""

    async def scenario():
        source = fake_source("a-1", behave=failing("rate_limited", retry_after=90.0))
        await run_for(poller_of([source], Books(), clock=LoopClock(speed)), 200)
        first, second = source.reads[:2]
        assert (second - first) * speed == pytest.approx(90, rel=0.01)

    in_fake_time(scenario)


def test_a_refused_key_is_tried_once_a_minute(fake_source):
    """It does not get better by itself, and it does not back off for ever either."""

    async def scenario():
        source = fake_source("a-1", behave=failing("unauthorized", status_code=401))
        await run_for(poller_of([source], Books()), 600)
        waits = [later - earlier for earlier, later in zip(source.reads, source.reads[1:], strict=False)]
        assert waits == pytest.approx([60] * len(waits), rel=0.06)

    in_fake_time(scenario)


def test_in_fast_time_a_source_is_read_four_times_a_real_second_at_most(fake_source):
    """Simulated time may race; sockets do not. Numbers then stay fresh for as long as four readings take."""

    async def scenario():
        source, books = fake_source("a-1"), Books()
        await run_for(poller_of([source], books, clock=LoopClock(600.0)), 10)
        assert 36 <= len(source.reads) <= 44
        assert books.of(SourceRead)[0].valid_s == pytest.approx(4 * 150)

    in_fake_time(scenario)


def test_a_mistake_in_an_adapter_is_a_failed_reading(fake_source, caplog):
    """An unforeseen exception is logged with its trace and booked as a failure; reading goes on."""

    async def scenario():
        async def behave():
            raise KeyError("balance")

        books = Books()
        (failure,) = await poller_of([fake_source("a-1", behave=behave)], books).sweep()
        assert failure.reason == "schema"
        assert "KeyError" in failure.detail

    with caplog.at_level(logging.ERROR, "fleawatch.sources.poller"):
        in_fake_time(scenario)
    assert "unforeseen" in caplog.text


def test_a_commit_that_fails_is_tried_again_later(fake_source, caplog):
    """When booking fails, the source backs off and reads again: nothing is taken for booked."""

    async def scenario():
        attempts = []

        async def book(facts):
            attempts.append(facts)
            if len(attempts) < 3:
                raise OSError("disk full")

        source = fake_source("a-1")
        await run_for(poller_of([source], book), 100)
        assert len(attempts) >= 4
        assert source.reads[2] - source.reads[1] == pytest.approx(30, rel=0.06)

    with caplog.at_level(logging.ERROR, "fleawatch.sources.poller"):
        in_fake_time(scenario)
    assert "could not be booked" in caplog.text


def test_stopping_lets_readings_finish_and_begins_no_new_one(fake_source):
    """A reading under way is booked; a waiting one does not start."""

    async def scenario():
        async def slow():
            await asyncio.sleep(3)
            return ()

        sources = [fake_source(f"a-{i}", behave=slow) for i in range(4)]
        books = Books()
        poller = poller_of(sources, books, concurrency=1, interval_s=1.0, grace_s=5.0)
        running = asyncio.create_task(poller.run())
        await asyncio.sleep(2)
        await poller.stop()
        await running
        assert sum(len(source.reads) for source in sources) == 1
        assert len(books.of(SourceRead)) == 1
        assert [source.closed for source in sources] == [1, 1, 1, 1]

    in_fake_time(scenario)


def test_a_reading_that_outlasts_the_grace_period_is_cut_short_and_books_nothing(fake_source):
    """Stopping takes no longer than the grace period, and half a reading is no reading."""

    async def scenario():
        async def slow():
            await asyncio.sleep(25)
            return (beat("a-1"),)

        books = Books()
        poller = poller_of([fake_source("a-1", behave=slow)], books, interval_s=1.0, grace_s=5.0)
        running = asyncio.create_task(poller.run())
        await asyncio.sleep(2)
        begun = asyncio.get_running_loop().time()
        await poller.stop()
        await running
        assert asyncio.get_running_loop().time() - begun == pytest.approx(5, abs=0.1)
        assert books.calls == []

    in_fake_time(scenario)


def test_a_commit_under_way_is_finished_whatever_happens(fake_source):
    """A cancelled poller never leaves a commit half done."""

    async def scenario():
        done = []

        async def book(facts):
            await asyncio.sleep(20)
            done.append(facts)

        poller = poller_of([fake_source("a-1")], book, interval_s=1.0, grace_s=1.0)
        running = asyncio.create_task(poller.run())
        await asyncio.sleep(3)
        await poller.stop()
        await running
        assert len(done) == 1

    in_fake_time(scenario)


def test_a_sweep_reads_everything_once_ledgers_before_what_follows_them(fake_source):
    """Escrows and bets are named by the ledger, so they are read after it; rare reads are not left out."""

    async def scenario():
        order = []

        def noting(name):
            async def behave():
                order.append(name)
                return ()

            return behave

        sources = [fake_source("a-1", name, noting(name)) for name in ("escrow", "bets", "casino", "trading")]
        await poller_of(sources, Books()).sweep()
        assert set(order[:2]) == {"casino", "trading"}
        assert set(order[2:]) == {"escrow", "bets"}
        assert [source.hurried for source in sources] == [1, 1, 1, 1]

    in_fake_time(scenario)


def test_sources_come_and_go_while_it_runs(fake_source):
    """An added source is read from then on, a removed one is closed and read no more."""

    async def scenario():
        first, second = fake_source("a-1"), fake_source("a-2")
        poller = poller_of([first], Books())
        running = asyncio.create_task(poller.run())
        await asyncio.sleep(20)
        poller.add(second)
        with pytest.raises(ValueError, match="already read"):
            poller.add(fake_source("a-2"))
        await asyncio.sleep(20)
        assert second.reads
        await poller.remove("a-1")
        seen = len(first.reads)
        await asyncio.sleep(60)
        assert (len(first.reads), first.closed, len(poller)) == (seen, 1, 1)
        await poller.stop()
        await running

    in_fake_time(scenario)


def test_a_pace_follows_from_a_name_alone():
    """The same source has the same rhythm in every run; two sources differ."""
    assert Pace("a/casino").first(15.0) == Pace("a/casino").first(15.0)
    assert Pace("a/casino").first(15.0) != Pace("b/casino").first(15.0)
