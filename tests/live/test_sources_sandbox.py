"""The real sources against the local platform: what they tell adds up to what its journal says is true."""

import asyncio
import contextlib
import json
import sys
from collections import Counter
from decimal import Decimal

import pytest

from fleawatch.clock import ScaledClock
from fleawatch.events import AgentDeclared, LedgerEntry, OrderFilled, PositionClosed, SourceUnavailable
from fleawatch.flow.fold import fold
from fleawatch.flow.state import empty_fleet
from fleawatch.sandbox.truth import truth
from fleawatch.sources.build import AgentKeys, Platform, sources_for
from fleawatch.sources.http import open_session
from fleawatch.sources.poller import Poller

pytestmark = pytest.mark.live

AGENTS, SPEED, SECONDS = 16, 120, 6


class Watch:
    """A fleet that is watched: every fact once, folded in the order of booking."""

    def __init__(self) -> None:
        self.fleet = empty_fleet()
        self.booked: dict[str, object] = {}

    async def book(self, facts) -> None:
        for fact in facts:
            if fact.fact_id not in self.booked:
                self.booked[fact.fact_id] = fact
                fold(self.fleet, fact)

    def of(self, kind, agent_id):
        return [fact for fact in self.booked.values() if isinstance(fact, kind) and fact.agent_id == agent_id]


@contextlib.asynccontextmanager
async def platform_process(books, *options):
    command = [
        "--seed",
        "7",
        "--agents",
        str(AGENTS),
        "--speed",
        str(SPEED),
        "--for",
        str(SECONDS),
        "--books",
        str(books),
    ]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fleawatch.sandbox", *command, *options, stdin=pipe, stdout=pipe
    )
    try:
        yield process, json.loads(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()
        process._transport.close()


async def watched(books, *options) -> Watch:
    """Poll a whole simulated run, and once more when its books have stopped."""
    watch = Watch()
    async with platform_process(books, *options) as (process, ready), open_session() as session:
        clock = ScaledClock(ready["origin"], ready["speed"], ready["started"])
        platform = Platform(bases=ready["bases"], session=session, clock=clock)
        sources = []
        for agent in ready["agents"]:
            fields = ("agent_id", "keys", "platform_ids", "addresses", "health_url")
            found = sources_for(AgentKeys(**{name: agent[name] for name in fields}), platform)
            capital = agent["capital_usd"]
            declared = AgentDeclared(
                fact_id=f"declared:{agent['agent_id']}", agent_id=agent["agent_id"], at=clock.now(), seen_at=clock.now(),
                source="test", strategy=agent["strategy"], platform_ids=agent["platform_ids"],
                capital_usd=None if capital is None else Decimal(str(capital)), trades="trading" in agent["keys"],
                collectors=tuple(source.collector for source in found),
            )  # fmt: skip
            await watch.book([declared])
            sources += found
        poller = Poller(sources, clock, watch.book, watch.fleet.agents.get)
        running = asyncio.create_task(poller.run())
        while not json.loads(await process.stdout.readline()).get("ended"):
            pass
        await poller.stop()
        await running
        await poller.sweep()
        await poller.sweep()
    return watch


@pytest.mark.parametrize("options", [(), ("--faults",)], ids=["calm", "faults"])
def test_what_is_told_adds_up_to_what_is_true(tmp_path, options):
    """Balances, bets, trades, equity, attribution and escrows equal the journal's, faults or not."""
    books = tmp_path / "books.db"
    watch = asyncio.run(watched(books, *options))
    if options:
        reasons = {fact.reason for fact in watch.booked.values() if isinstance(fact, SourceUnavailable)}
        assert {"http_5xx", "rate_limited", "invalid_body", "network"} <= reasons
    true = truth(books)
    assert set(true) == set(watch.fleet.agents)
    for name, facts in true.items():
        agent = watch.fleet.agents[name]
        if "unauthorized" in {status.reason for status in agent.sources.values()}:
            continue
        _compare(watch, agent, facts)


def _compare(watch, agent, true):
    casino, trading = agent.casino, agent.trading
    rows = watch.of(LedgerEntry, agent.agent_id)
    assert [row.position for row in sorted(rows, key=lambda row: row.position)] == list(range(len(rows)))
    assert float(sum(row.amount for row in rows)) == pytest.approx(float(true["balance"]), abs=1e-6)
    assert agent.books["casino:USD"].conservation.residual() in (0.0, None)
    if true["equity"] is not None:
        assert agent.equity == pytest.approx(float(true["equity"]), abs=0.005)
    assert (casino.settled_bets + casino.parlays, trading.trades) == (true["bets"], true["trades"])
    assert (casino.wins + casino.losses + casino.pushes) == true["bets"]
    assert casino.seen_rounds == casino.staked_bets
    assert (casino.wagered, casino.paid) == pytest.approx((float(true["wagered"]), float(true["paid"])), abs=1e-6)
    by_game = {game: paid - wagered for game, (_, wagered, paid) in casino.games.items()}
    if casino.parlay[0]:
        by_game["parlay"] = casino.parlay[2] - casino.parlay[1]
    assert by_game == pytest.approx({game: float(net) for game, net in true["net_pnl_by_game"].items()}, abs=1e-6)
    net = Counter()
    for closed in watch.of(PositionClosed, agent.agent_id):
        net[closed.market] += closed.realized_pnl_usd
    for fill in watch.of(OrderFilled, agent.agent_id):
        net[fill.market] -= fill.fee_usd
    assert {m: float(v) for m, v in net.items()} == pytest.approx(
        {m: float(v) for m, v in true["net_pnl_by_market"].items()}, abs=1e-6
    )
    open_now = [
        one for one in agent.escrows.values() if one.role == "creator" and one.status in ("funded", "completed")
    ]
    assert len(open_now) == true["open_escrows"]
    assert sum(one.amount for one in open_now) == pytest.approx(float(true["open_escrow_amount"]), abs=1e-6)
