"""The bet history: every bet once, whatever the order of the list and however the allowance is spread."""

import asyncio
import math
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.clock import ManualClock
from fleawatch.events import BetSettled, SchemaSurprise
from fleawatch.flow.state import Casino, SourceStatus
from fleawatch.sources.budget import Budget
from fleawatch.sources.decode import decode
from fleawatch.sources.purpleflea import bets as bets_module
from fleawatch.sources.purpleflea.bets import BetsSource
from fleawatch.units import from_iso, iso

NOW = 1_793_613_600.0
HISTORY = "/api/v1/bets/history"


def test_a_bet_is_told_with_gross_payout_and_as_rounded(with_bench):
    """Stake and gross payout; the history rounds to cents and the fact says so."""

    async def scenario(bench):
        await bench.read("casino")
        (bet,) = await bench.read("bets")
        assert isinstance(bet, BetSettled)
        assert bet.fact_id == "casino:bet_settled:bet_1"
        assert (bet.game, str(bet.stake), str(bet.payout), bet.exact, bet.source) == (
            "coin_flip",
            "5.0",
            "7.5",
            False,
            "casino",
        )

    with_bench(scenario)


def test_the_history_is_asked_only_when_the_ledger_has_unseen_bets(with_bench):
    """Sixty calls a minute for a whole fleet are not spent on nothing."""

    async def scenario(bench):
        assert str(await bench.fail("bets")) == "waits for the casino's ledger"
        assert HISTORY not in bench.double.paths()
        await bench.read("casino")
        await bench.read("bets")
        await bench.read("bets")
        assert bench.double.paths().count(HISTORY) == 1

    with_bench(scenario)


def test_a_server_that_refuses_closes_the_allowance_for_everybody(with_bench, fail_with):
    """A 429 means that somebody else spends from the same limit: no source calls before it is lifted."""

    async def scenario(bench):
        await bench.read("casino")
        bench.double.answers[HISTORY] = fail_with(429, "rate_limited")
        assert (await bench.fail("bets")).reason == "rate_limited"
        assert bench.platform.budget.free(bench.clock.now()) == 0
        assert await bench.read("bets") == []
        assert bench.double.paths().count(HISTORY) == 1
        assert bench.platform.budget.free(bench.clock.now() + 70) > 0

    with_bench(scenario)


def test_bets_that_the_history_never_shows_are_given_up_and_reported(with_bench):
    """After the whole history was read, what is missing is out of reach: said once, not asked for for ever."""

    async def scenario(bench):
        await bench.read("casino")
        bench.state.casino.staked_bets = 3
        facts = await bench.read("bets")
        assert [fact.field for fact in facts if isinstance(fact, SchemaSurprise)] == ["history_gap"]
        assert await bench.read("bets") == []
        assert bench.double.paths().count(HISTORY) == 1

    with_bench(scenario)


class Server:
    """The history as the platform sorts it: seconds newest first, inside a second oldest first."""

    def __init__(self):
        self.bets: list[tuple[int, str]] = []
        self.during: list[int] = []
        self.calls = 0

    def bet(self, second: int) -> None:
        self.bets.append((second, f"bet_{len(self.bets)}"))

    async def get(self, route, kind, *, limit, offset, since=None):
        self.calls += 1
        first = -math.inf if since is None else from_iso(since)
        listed = sorted((bet for bet in self.bets if bet[0] >= first), key=lambda bet: -bet[0])
        page = listed[offset : offset + limit]
        body = {
            "bets": [{"id": name, "game": "dice", "amount": 1, "amount_won": 0, "at": iso(at)} for at, name in page],
            "pagination": {"has_more": offset + len(page) < len(listed)},
        }
        while self.during:
            self.bet(self.during.pop())
        return decode(msgspec.json.encode(body), kind, route)


story = st.lists(
    st.tuples(
        st.lists(st.integers(0, 2), max_size=9),  # bets before the reading: seconds to let pass before each
        st.integers(0, 4),  # bets that arrive while it is under way
        st.integers(0, 3),  # calls that the allowance has for it
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=100, deadline=None)
@given(story)
def test_no_bet_is_ever_lost_or_told_wrongly(chapters):
    """Whatever arrives between and during pages, and wherever the allowance ends, every bet is told."""
    server, clock = Server(), ManualClock(NOW)
    budget = Budget()
    allowance = 0

    def take(*_):
        nonlocal allowance
        allowance -= 1
        return allowance >= 0

    budget.take = take
    client = SimpleNamespace(get=server.get, clock=clock)
    source = BetsSource("a-1", client, budget)
    casino = Casino()
    known = SimpleNamespace(casino=casino, sources={"casino": SourceStatus("casino", read_at=NOW)})
    told: dict[str, BetSettled] = {}

    def read(calls):
        nonlocal allowance
        allowance = calls
        casino.staked_bets = len(server.bets)
        for fact in asyncio.run(source.read(known, clock.now())):
            if isinstance(fact, BetSettled) and fact.fact_id not in told:
                told[fact.fact_id] = fact
                casino.seen_rounds += 1
                if fact.at > casino.last_bet_at:
                    casino.last_bet_at, casino.last_bet_ids = fact.at, [fact.bet_id]
                elif fact.at == casino.last_bet_at:
                    casino.last_bet_ids.append(fact.bet_id)

    original, bets_module.PAGE = bets_module.PAGE, 3
    try:
        for gaps, during, calls in chapters:
            for gap in gaps:
                clock.advance(gap)
                server.bet(int(clock.now()))
            server.during = [int(clock.now())] * during if calls else []
            read(calls)
        clock.advance(1)
        for _ in range(4):
            read(1_000)
    finally:
        bets_module.PAGE = original
    assert {fact.bet_id for fact in told.values()} == {name for _, name in server.bets}


def test_bets_that_a_skewed_clock_dated_back_are_found_further_back(with_bench):
    """A bet dated before the newest known one is not in the next page; the count says so, and it is looked for."""
    server, clock = Server(), ManualClock(NOW)
    source = BetsSource("a-1", SimpleNamespace(get=server.get, clock=clock), Budget())
    casino = Casino(staked_bets=1)
    known = SimpleNamespace(casino=casino, sources={})
    server.bet(int(NOW) - 1)
    (first,) = asyncio.run(source.read(known, clock.now()))
    casino.seen_rounds, casino.last_bet_at, casino.last_bet_ids = 1, first.at, [first.bet_id]
    server.bet(int(NOW) - 300)
    casino.staked_bets = 2
    assert asyncio.run(source.read(known, clock.now())) == ()
    found = asyncio.run(source.read(known, clock.now()))
    assert "bet_1" in {fact.bet_id for fact in found}


@pytest.mark.parametrize("seconds", [0.0, 59.9, 65.9])
def test_the_allowance_never_exceeds_the_servers_window(seconds):
    """In no window as long as the server's are there more calls than the server allows."""
    budget = Budget(60, 60)
    assert sum(budget.take("a", 1, 1_000.0) for _ in range(100)) == 54
    assert not budget.take("a", 1, 1_000.0 + seconds)
    assert budget.take("a", 1, 1_067.0)


def test_the_agent_with_most_unseen_bets_goes_first_and_nobody_waits_for_ever():
    """Need decides, until somebody has waited for a whole window."""
    budget = Budget(2, 60)
    budget.refused(0.0, 10.0)
    assert not budget.take("little", 1, 1.0)
    assert not budget.take("much", 500, 1.0)
    budget.refused(0.0, 0.0)
    budget._closed_until = 0.0
    budget._calls = 1
    assert not budget.take("little", 1, 2.0)
    assert budget.take("much", 500, 2.0)
    assert not budget.take("much", 500, 3.0)
    served = [
        (at, who)
        for at in range(4, 200)
        for who, unseen in (("much", 500), ("little", 1))
        if budget.take(who, unseen, at)
    ]
    assert [who for _, who in served] == ["much", "little"]


def test_an_agent_that_is_gone_blocks_nobody():
    """A wish that nobody repeats is forgotten after a few windows, a settled one at once."""
    budget = Budget(1, 60)
    budget._closed_until = 50.0
    assert not budget.take("gone", 900, 1.0)
    assert not budget.take("here", 1, 51.0)
    budget.settle("gone")
    assert budget.take("here", 1, 52.0)
