"""Unknown is never zero: whichever call of a reading fails, and however, the reading books nothing."""

import pytest
from aiohttp import web

from fleawatch.errors import SourceError
from fleawatch.events import decode, encode
from fleawatch.sources.routes import ALLOWED

FAULTS = {
    "500": lambda _: web.json_response({"error": "internal_error"}, status=500),
    "429": lambda _: web.json_response({"error": "rate_limited"}, status=429),
    "401": lambda _: web.json_response({"error": "invalid_key"}, status=401),
    "html": lambda _: web.Response(body=b"<html>502</html>"),
    "truncated": lambda _: web.Response(body=b'{"agent_id": "ag_4f1c09'),
    "empty object": lambda _: web.json_response({}),
    "array": lambda _: web.json_response([]),
    "null": lambda _: web.Response(body=b"null"),
    "error in 200": lambda _: web.json_response({"error": "upstream", "balance_usd": 0, "positions": []}),
}
CALLS = {"casino": 4, "bets": 1, "escrow": 1, "trading": 4, "wallet": 4, "domains": 4}
"""How many first calls of a first reading are spoiled, one at a time."""


async def prepared(bench, collector):
    """Let the ledger be known where a source depends on it."""
    if collector in ("bets", "escrow"):
        await bench.read("casino")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("collector", CALLS)
def test_a_fault_at_any_call_fails_the_whole_reading(with_bench, collector, fault):
    """No path from a spoiled answer leads to a fact, and the next good reading is complete."""

    async def scenario(bench):
        await prepared(bench, collector)
        for spoiled in range(CALLS[collector]):
            first = len(bench.double.requests)

            async def spoil(request, number, at=first + spoiled):
                return FAULTS[fault](request) if number == at else None

            bench.double.before = spoil
            bench.clock.advance(120)
            with pytest.raises(SourceError) as caught:
                await bench.sources[collector].read(bench.state, bench.clock.now())
            assert caught.value.reason
            assert len(bench.double.requests) == first + spoiled + 1
        bench.double.before = None
        assert await bench.read(collector, after=120)

    with_bench(scenario)


@pytest.mark.parametrize("collector", CALLS)
def test_a_dropped_connection_fails_the_reading_as_network(with_bench, collector):
    """A connection that breaks off in the middle is no answer."""

    async def scenario(bench):
        await prepared(bench, collector)

        async def broken(request):
            request.transport.abort()
            return web.Response()

        server = web.ServerRunner(web.Server(broken), shutdown_timeout=0.1)
        await server.setup()
        await web.TCPSite(server, "127.0.0.1", 0).start()
        source = bench.sources[collector]
        source._client._urls.clear()
        source._client._base = f"http://127.0.0.1:{server.addresses[0][1]}"
        error = await bench.fail(collector)
        await server.cleanup()
        assert error.reason == "network"

    with_bench(scenario)


def test_every_call_of_every_source_is_a_get_of_the_list_with_its_key_in_one_place(with_bench):
    """All sources together: allowed templates, GET, the key in Authorization only, no invented address."""

    async def scenario(bench):
        await bench.read("casino")
        for collector in ("bets", "escrow", "trading", "wallet", "domains", "probe"):
            await bench.read(collector)
        templates = {route.template.replace("{escrow_id}", "esc_00000000000000a1") for route in ALLOWED}
        for request in bench.double.requests:
            assert request.method == "GET"
            assert request.path.removeprefix("/agents/a-1") in templates or request.path in templates
            assert "X-Forwarded-For" not in request.headers
            assert "Cookie" not in request.headers
            request.headers.pop("Authorization", None)
            told = " ".join((request.path, *request.query.values(), *request.headers.values()))
            assert not any(prefix in told for prefix in ("sk_live_", "sk_trade_", "pk_live_", "sk_domains_"))
        assert not any("export" in path for path in bench.double.paths())

    with_bench(scenario)


def test_facts_of_good_readings_have_unique_ids_and_survive_the_wire(with_bench):
    """Every fact of a full round can be written down and read back, and none shares its id with another."""

    async def scenario(bench):
        told = []
        for collector in ("casino", "bets", "escrow", "trading", "wallet", "domains", "probe"):
            told += await bench.read(collector)
        assert len({fact.fact_id for fact in told}) == len(told)
        assert all(decode(encode(fact)) == fact for fact in told)

    with_bench(scenario)


def test_a_list_that_repeats_a_row_tells_it_once(with_bench):
    """A repeated row of a list is one fact; a repeated chain is no answer to what was asked."""

    async def scenario(bench):
        answers = bench.double.answers
        for path, rows in (
            ("/v1/trade/history", "trades"),
            ("/v1/wallet/activity", "events"),
            ("/v1/domains", "domains"),
        ):
            answers[path][rows] += answers[path][rows]
        for collector in ("trading", "wallet", "domains"):
            facts = await bench.read(collector)
            assert len({fact.fact_id for fact in facts}) == len(facts)
        balances = answers["/v1/wallet/usdc-balance"]["balances"]
        balances.append(balances[0])
        assert (await bench.fail("wallet")).reason == "upstream"

    with_bench(scenario)
