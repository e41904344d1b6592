"""Sources of levels: on-chain addresses, domains, the gateway, and the agent's own word."""

from decimal import Decimal

import pytest
from aiohttp import web

from fleawatch.events import (
    BalanceRead,
    DepositCredited,
    DomainBought,
    HealthRead,
    ReferralTotals,
    SchemaSurprise,
    Swapped,
)

D = Decimal
USDC, COINS = "/v1/wallet/usdc-balance", "/v1/wallet/portfolio-value"
HEALTH, METRICS = "/agents/a-1/health", "/agents/a-1/metrics"


def of(facts, kind):
    return [fact for fact in facts if isinstance(fact, kind)]


def test_addresses_are_read_by_chain_and_coin(with_bench):
    """USDC and native coins of every configured address; a coin without a price has no value, not the value zero."""

    async def scenario(bench):
        facts = await bench.read("wallet")
        found = {(one.currency, one.account): (one.amount, one.value_usd) for one in of(facts, BalanceRead)}
        assert found == {
            ("USDC", "base:0x12ab34cd"): (D("100.25"), D("100.25")),
            ("USDC", "solana:So1anaAddr"): (50, 50),
            ("ETH", "base:0x12ab34cd"): (D("0.5"), D("1500.00")),
            ("SOL", "solana:So1anaAddr"): (0, None),
        }
        assert len({fact.fact_id for fact in facts}) == len(facts)
        (pot,) = of(facts, ReferralTotals)
        assert (pot.service, pot.earned_usd, pot.available_usd) == ("wallet", D("1.5"), D("1.0"))

    with_bench(scenario)


def test_a_swap_is_told_once_before_the_balances_that_it_explains(with_bench):
    """Base units become coins; the second reading does not repeat it."""

    async def scenario(bench):
        facts = await bench.read("wallet")
        swap = facts[0]
        assert isinstance(swap, Swapped)
        assert (swap.from_currency, swap.from_amount, swap.to_currency, swap.to_amount) == (
            "USDC",
            25,
            "ETH",
            D("0.0083"),
        )
        assert of(await bench.read("wallet"), Swapped) == []

    with_bench(scenario)


def test_swaps_of_a_reading_that_was_not_booked_are_told_again(with_bench):
    """Nothing is taken for told before it is booked."""

    async def scenario(bench):
        await bench.read("wallet", book=False)
        assert len(of(await bench.read("wallet"), Swapped)) == 1

    with_bench(scenario)


def test_swaps_are_read_page_by_page_until_a_known_one(with_bench):
    """A first reading takes all pages, a later one only as many as have news."""

    async def scenario(bench):
        swap = bench.double.answers["/v1/wallet/activity"]["events"][0]
        many = [dict(swap, id=f"swp_{i}", created_at=swap["created_at"] + i) for i in range(250)][::-1]

        def page(request):
            offset, limit = int(request.query["offset"]), int(request.query["limit"])
            rows = many[offset : offset + limit]
            return web.json_response({"events": rows, "has_more": offset + limit < len(many)})

        bench.double.answers["/v1/wallet/activity"] = page
        swaps = of(await bench.read("wallet"), Swapped)
        assert [one.swap_id for one in swaps] == [f"swp_{i}" for i in range(250)]
        many.insert(0, dict(swap, id="swp_new", created_at=swap["created_at"] + 300))
        bench.double.requests.clear()
        assert [one.swap_id for one in of(await bench.read("wallet"), Swapped)] == ["swp_new"]
        assert bench.double.paths().count("/v1/wallet/activity") == 1

    with_bench(scenario)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (USDC, {"chain": "base", "usdc_balance": 0, "error": "RPC request failed"}),
        (COINS, {"chain": "base", "balance": 0, "price_usd": None, "value_usd": None, "error": "fetch failed"}),
        (COINS, {"chain": "base", "balance": None, "price_usd": 3000.0, "value_usd": None}),
        (USDC, {"chain": "polygon", "usdc_balance": 5}),
    ],
)
def test_a_zero_of_a_chain_that_failed_is_no_zero(with_bench, path, change):
    """One failed or missing chain fails the reading: nothing of it is booked, the last values stay."""

    async def scenario(bench):
        await bench.read("wallet")
        rows = bench.double.answers[path].get("balances") or bench.double.answers[path]["wallets"]
        rows[0] = change
        assert (await bench.fail("wallet")).reason == "upstream"
        assert bench.state.parts["wallet"] == 1650.25

    with_bench(scenario)


def test_domains_tell_deposits_and_purchases_before_the_balance(with_bench):
    """Causes first: what was paid in and what was bought explain the balance that follows."""

    async def scenario(bench):
        facts = await bench.read("domains")
        assert [type(fact) for fact in facts] == [DepositCredited, DomainBought, ReferralTotals, BalanceRead]
        assert (facts[0].amount_usd, facts[0].service) == (D("40.0"), "domains")
        assert (facts[1].domain, facts[1].price_usd) == ("flea.com", D("14.26"))
        assert facts[3].amount == D("27.12")
        bench.double.requests.clear()
        assert [type(fact) for fact in await bench.read("domains")] == [BalanceRead]
        assert bench.double.paths() == ["/v1/auth/account"]

    with_bench(scenario)


def test_a_deposit_that_is_not_credited_is_no_money(with_bench):
    """Pending and failed deposits are not told."""

    async def scenario(bench):
        bench.double.answers["/v1/auth/deposits"]["deposits"][0]["status"] = "pending"
        assert of(await bench.read("domains"), DepositCredited) == []

    with_bench(scenario)


def test_an_account_that_changes_while_it_is_read_is_read_again(with_bench):
    """Balance and causes are of one moment, or the reading fails."""

    async def scenario(bench):
        balances = iter([10.0, 20.0, 30.0, 30.0])
        bench.double.answers["/v1/auth/account"] = lambda _: web.json_response({"balance_usd": next(balances)})
        facts = await bench.read("domains")
        assert facts[-1].amount == 30
        assert bench.double.paths().count("/v1/domains") == 3
        ticks = iter(range(100))
        bench.double.answers["/v1/auth/account"] = lambda _: web.json_response({"balance_usd": next(ticks)})
        assert (await bench.fail("domains")).reason == "upstream"

    with_bench(scenario)


def test_a_gateway_tells_levels_only(with_bench):
    """Dollars as the casino's balance, other coins without a price, and what is locked in escrow."""

    async def scenario(bench):
        facts = await bench.read("gateway")
        found = {(one.service, one.currency, one.wallet_type): (one.amount, one.value_usd) for one in facts}
        assert found == {
            ("casino", "USDC", "hot"): (D("80.5"), D("80.5")),
            ("wallet", "ETH", "hot"): (D("0.25"), None),
            ("escrow", "USDC", "escrow"): (D("5.0"), D("5.0")),
        }
        del bench.double.answers["/api/escrow"]
        facts = await bench.read("gateway")
        assert len(of(facts, BalanceRead)) == 2
        assert len(of(facts, SchemaSurprise)) == 1

    with_bench(scenario, keys={"gateway": "pf_live_1"})


def test_a_health_page_is_told_with_its_checks(with_bench):
    """Checks by their common names, use as ratios, the last action as a time; money for comparison only."""

    async def scenario(bench):
        (health,) = await bench.read("probe")
        assert health.up
        assert {one.name: one.ok for one in health.checks} == {
            "exchange_api": True, "wallet": True, "heartbeat": True, "memory": True, "cpu": True,
        }  # fmt: skip
        assert health.last_action_at == health.at - 12.5
        assert (health.memory_ratio, health.cpu_ratio) == (0.4, 0.12)
        assert (health.balance_usd, health.pnl_24h_usd, health.open_positions) == (D("97.5"), -2.5, 1)

    with_bench(scenario)


def test_a_degraded_agent_is_alive(with_bench):
    """A 503 with its checks is an answer of a living agent."""

    async def scenario(bench):
        page = dict(bench.double.answers[HEALTH], status="degraded")
        page["checks"]["wallet"]["ok"] = False
        bench.double.answers[HEALTH] = lambda _: web.json_response(page, status=503)
        (health,) = await bench.read("probe")
        assert health.up
        assert ("wallet", False) in [(one.name, one.ok) for one in health.checks]

    with_bench(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: web.Response(status=404, text="not found"),
        lambda _: web.Response(status=500, text="oops"),
        lambda _: web.Response(status=503, text="<html>no backend</html>"),
        lambda _: web.json_response({}, status=503),
    ],
)
def test_an_agent_that_does_not_answer_as_one_is_down_and_that_is_a_fact(with_bench, answer):
    """The probe never fails: no living answer is the reading."""

    async def scenario(bench):
        bench.double.answers[HEALTH] = answer
        (health,) = [fact for fact in await bench.read("probe") if isinstance(fact, HealthRead)]
        assert not health.up
        assert health.checks == ()
        assert health.balance_usd is None

    with_bench(scenario)


def test_an_agent_whose_server_is_gone_is_down(with_bench):
    """A refused connection is the plainest answer."""

    async def scenario(bench):
        bench.sources["probe"]._client._base = "http://127.0.0.1:9/agents/a-1"
        (health,) = await bench.read("probe")
        assert not health.up

    with_bench(scenario)


def test_an_agent_with_senseless_figures_is_alive_without_them(with_bench):
    """A negative balance or no figures at all are left out, not turned into zero."""

    async def scenario(bench):
        bench.double.answers[METRICS] = {"balance": -5, "pnl_24h": "much", "open_positions": 2}
        health = of(await bench.read("probe"), HealthRead)[0]
        assert (health.balance_usd, health.pnl_24h_usd, health.open_positions) == (None, None, 2)
        bench.double.answers[METRICS] = {}
        health = of(await bench.read("probe"), HealthRead)[0]
        assert (health.up, health.balance_usd, health.open_positions) == (True, None, None)

    with_bench(scenario)


def test_no_key_is_sent_to_an_agents_own_server(with_bench):
    """A health page has no business with a platform key."""

    async def scenario(bench):
        await bench.read("probe")
        assert not any("Authorization" in request.headers for request in bench.double.requests)

    with_bench(scenario)
