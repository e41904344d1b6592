"""The same fleet, polled and reporting itself: in whatever order the two accounts arrive, the books are those of one."""

from __future__ import annotations

import contextlib
import random
from collections import Counter

import pytest
from agreed_sums import expectations, series_of, summed
from agreeing import ROUND_S, ROUNDS, Watch, acting, all_ledgers, run, truth_of

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.labels import AGENT_ID
from fleawatch.cli.compare import compare
from fleawatch.cli.recorded import replayed_state
from fleawatch.service.report import digest
from fleawatch.sinks.prometheus import Exposition

BEGAN_LATE = {"reported_first", "keys_later"}
"""Read only once everything had happened: equity and flows count from there, as for one who begins then and hears nobody."""
ORDERS = ("polled_first", "reported_first", "interleaved", "late", "keys_later")


async def lived(folder):
    """A fleet's history under the eyes of several services, of which one hears no agent; all are left as they ended."""
    async with acting(folder) as (fleet, bases, people), contextlib.AsyncExitStack() as ending:
        alone, deaf_late = (Watch(name, fleet.clock, bases, people, folder) for name in ("alone", "alone_late"))
        watches = {name: Watch(name, fleet.clock, bases, people, folder) for name in ORDERS}
        for watch in (alone, deaf_late, *watches.values()):
            await watch.start(read=watch.name != "keys_later")
            ending.push_async_callback(watch.stop)
        told = []
        for number in range(ROUNDS):
            await fleet.act(number)
            news = fleet.told()
            told += news
            await watches["reported_first"].hear(news)
            await watches["keys_later"].hear(news)
            if number % 2:
                await watches["interleaved"].hear(news)
            fleet.clock.advance(ROUND_S)
            await alone.poll()
            await watches["polled_first"].poll()
            await watches["late"].poll()
            await watches["interleaved"].poll()
            if not number % 2:
                await watches["interleaved"].hear(news)
        await fleet.grow_old()
        news = fleet.told()
        told += news
        for name in ("reported_first", "keys_later", "interleaved"):
            await watches[name].hear(news)
        fleet.clock.advance(ROUND_S)
        fleet.finish()
        await alone.poll(3)
        for name in ("polled_first", "late", "interleaved"):
            await watches[name].poll(3)
        await watches["polled_first"].hear(told)
        await reported_late(watches["late"], told)
        await watches["keys_later"].stop()
        await watches["keys_later"].start()
        for watch in (watches["reported_first"], watches["keys_later"], deaf_late):
            await watch.poll(4)
        bodies = {}
        for watch in (*watches.values(), deaf_late):
            fleet.clock.advance(ROUND_S)
            await watch.poll()
            bodies[watch.name] = Exposition(CATALOG).render(watch.state, fleet.clock.now()).decode()
        return {
            "ends": {"alone": alone, "alone_late": deaf_late, **watches},
            "bodies": bodies,
            "agents": fleet.bodies(),
            "told": told,
            "truth": truth_of(folder),
            "refused": [a.refused for a in fleet.agents.values()],
        }


async def reported_late(watch, told):
    """Hours later, behind a restart of the service, out of order and twice."""
    watch.clock.advance(4 * 3_600)
    await watch.poll()
    await watch.monitor.save()
    await watch.restart()
    chance = random.Random(3)
    for _ in range(2):
        lines = list(told)
        chance.shuffle(lines)
        half = len(lines) // 2
        await watch.hear(lines[:half])
        await watch.restart()
        await watch.hear(lines[half:])
        await watch.poll()


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """What was lived, and how each service ended."""
    return run(lived(tmp_path_factory.mktemp("agreement")))


def test_the_fleet_did_all_there_is(history):
    """Bets, parlays, trades, escrows of every end, claims, income, refusals: nothing below is true for want of facts."""
    truth = history["truth"]
    total = {
        kind: sum(agent[kind] for agent in truth.values()) for kind in ("bets", "trades", "fees", "referral_income")
    }
    assert all(total.values()), total
    outcomes = [agent["escrows_by_outcome"] for agent in truth.values()]
    assert all(sum(one[name] for one in outcomes) for name in ("settled", "timeout", "disputed"))
    assert sum(agent["open_escrows"] for agent in truth.values()) == 1
    assert any("kelly_limit_exceeded" in codes or "insufficient_balance" in codes for codes in history["refused"])
    kinds = {line["kind"] for line in history["told"]}
    assert kinds >= {
        "bet_settled", "order_placed", "order_filled", "parlay_settled", "escrow_created", "escrow_released", "escrow_refunded",
        "escrow_disputed", "escrow_completed", "faucet_claimed", "referral_income", "position_opened", "position_closed",
    }  # fmt: skip


@pytest.mark.parametrize("order", ["alone", *ORDERS])
def test_no_number_differs_from_the_books(history, order):
    """Every number that the sandbox's journal knows."""
    compared, mismatches = compare(history["truth"], history["ends"][order].state)
    assert mismatches == []
    assert sum(compared.values()) > 100


@pytest.mark.parametrize("order", ORDERS)
def test_every_ledger_is_that_of_a_service_that_hears_nobody(history, order):
    """P&L, fees, volumes, counts, attribution, every counter and histogram of a service: as read by polling alone."""
    mine = all_ledgers(history["ends"][order].state, heard=False)
    books = all_ledgers(history["ends"]["alone_late" if order in BEGAN_LATE else "alone"].state, heard=False)
    for name, ledger in books.items():
        for key, value in ledger.items():
            assert mine[name][key] == value, (name, key)


@pytest.mark.parametrize("order", ["polled_first", "reported_first", "interleaved", "late"])
def test_what_only_agents_know_is_there_in_every_order(history, order):
    """Slippage against the price that was expected, claims that the faucet refused, and under which strategy parlays went."""
    agents = history["ends"][order].state.agents
    told = history["told"]
    for name, agent in agents.items():
        claims = Counter(
            line["status"] for line in told if line["kind"] == "faucet_claimed" and line["agent_id"] == name
        )
        assert agent.tallies.get("pf_faucet_claims_total", ("rejected",)) == claims["rejected"]
        parlays = sum(line["kind"] == "parlay_settled" and line["agent_id"] == name for line in told)
        assert sum(part.count for part in agent.attribution.parts("market").values()) == (
            agent.casino.seen_rounds + agent.trading.trades + parlays
        )
        assert agent.tallies.total("pf_trade_slippage_cost_usdc_total") == pytest.approx(
            slippage_of(told, name), abs=1e-6
        )
    assert sum(line["kind"] == "faucet_claimed" and line["status"] == "success" for line in told) > 0
    assert sum(agent.tallies.total("pf_trade_slippage_cost_usdc_total") for agent in agents.values()) > 1


def slippage_of(told, name):
    """USD by which an agent's fills missed the price that it expected, by what it told."""
    fills = [
        line
        for line in told
        if line["kind"] == "order_filled" and line["agent_id"] == name and "expected_price" in line
    ]
    return sum(
        abs(float(one["price"]) / float(one["expected_price"]) - 1.0) * float(one["notional_usd"]) for one in fills
    )


@pytest.mark.parametrize("order", ["alone", *ORDERS])
def test_a_replay_ends_where_the_service_did(history, order):
    """Folded again from the first fact, the state has the same digest."""
    watch = history["ends"][order]
    assert digest(replayed_state(watch.path, progress=False).state) == digest(watch.state)


@pytest.mark.parametrize("order", ORDERS)
def test_sums_over_both_scrapes_are_the_books(history, order):
    """Counts and money over the pages of the service and of all agents together: nothing is there twice, nothing is missing."""
    pages = [history["bodies"][order], *history["agents"].values()]
    found = [series_of(page) for page in pages]
    for expression, expected in expectations(history["truth"], history["told"]).items():
        assert summed(found, *expression) == pytest.approx(expected, abs=0.005), expression


@pytest.mark.parametrize("order", ORDERS)
def test_no_series_of_an_agent_is_on_two_pages(history, order):
    """Whatever is said about an agent, one process says it."""
    pages = [series_of(history["bodies"][order]), *map(series_of, history["agents"].values())]
    seen = Counter(key for page in pages for key in page if "agent_id" in dict(key[1]))
    assert [key for key, count in seen.items() if count > 1] == []
    assert len(seen) > 1_000


def test_an_agent_with_a_service_exports_nothing_that_the_service_owns(history):
    """Not one family, not even of its own process; and the service none of those that agents own."""
    families = {name: {key[0] for key in series_of(page)} for name, page in history["agents"].items()}
    theirs, ours = (
        {name for metric in CATALOG.owned_by(owner) for name in names_of(metric)} for owner in ("monitor", "agent")
    )
    for name, exported in families.items():
        assert exported, name
        assert exported & theirs == set()
        assert exported <= ours
    for page in history["bodies"].values():
        assert {key[0] for key in series_of(page)} & {name for name in ours if name.startswith("pf_")} == set()


def names_of(metric):
    """Names of a metric's samples."""
    if metric.type == "histogram":
        return {f"{metric.name}_{part}" for part in ("bucket", "sum", "count")}
    return {metric.name}


def test_without_a_service_the_agents_export_everything_and_their_sums_are_the_books(tmp_path):
    """The same life without a service: what it would export the agents do, from what they told, and it adds up."""

    async def lived():
        async with acting(tmp_path, service=False) as (fleet, _, __):
            for number in range(ROUNDS):
                await fleet.act(number)
                fleet.clock.advance(ROUND_S)
            await fleet.grow_old()
            fleet.clock.advance(ROUND_S)
            pages = fleet.bodies()
            fleet.finish()
            return pages, truth_of(tmp_path)

    pages, truth = run(lived())
    found = [series_of(page) for page in pages.values()]
    rounding = 0.005 * sum(agent["bets"] for agent in truth.values())  # the platform answers a bet in whole cents
    for expression, expected in expectations(truth, None).items():
        assert summed(found, *expression) == pytest.approx(expected, abs=rounding), expression
    exported = {key[0] for page in found for key in page}
    assert exported > {metric.name for metric in CATALOG.owned_by("monitor") if metric.name.endswith("_usdc_total")} - {
        "pf_trade_funding_usdc_total", "pf_wallet_withdrawals_usdc_total"
    }  # fmt: skip
    assert any(AGENT_ID in metric.labels for metric in CATALOG.owned_by("monitor"))
