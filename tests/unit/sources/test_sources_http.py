"""The HTTP client: an allow-list, one method, exact numbers, and every failure by its reason."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime

import msgspec
import pytest
from aiohttp import web
from msgspec import UNSET, UnsetType

from fleawatch.clock import ManualClock
from fleawatch.errors import SourceError
from fleawatch.sources import routes
from fleawatch.sources.decode import Answer, decode
from fleawatch.sources.http import Client
from fleawatch.sources.routes import ALLOWED, CASINO_BALANCE, CASINO_BETS, ESCROW, Route

NOW = 1_793_613_600.0
KEY = "sk_live_" + "ab" * 24


class Money(Answer, frozen=True, kw_only=True):
    balance_usd: Decimal
    tier: str | UnsetType = UNSET


def client(double, session, **options):
    return Client(session, options.pop("service", "casino"), double.base, KEY, clock=ManualClock(NOW), **options)


def refusal(with_double, answer, **options):
    """The error of reading a balance that is answered so."""

    async def scenario(double, session):
        double.answers["/api/v1/auth/balance"] = answer
        with pytest.raises(SourceError) as caught:
            await client(double, session, **options).get(CASINO_BALANCE, Money)
        return caught.value

    return with_double(scenario)


def test_a_number_keeps_every_digit_that_the_server_wrote(with_double):
    """A JSON double is read from its text: 997.5430000000001 is no other number."""

    async def scenario(double, session):
        double.answers["/api/v1/auth/balance"] = b'{"balance_usd": 997.5430000000001, "tier": "free"}'
        answer, surprises = await client(double, session).get(CASINO_BALANCE, Money)
        assert answer.balance_usd == Decimal("997.5430000000001")
        assert surprises == ()

    with_double(scenario)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "http_4xx"), (404, "http_4xx"), (401, "unauthorized"), (403, "unauthorized"), (429, "rate_limited"),
     (500, "http_5xx"), (503, "http_5xx"), (302, "schema")],
)  # fmt: skip
def test_a_refusal_is_named_by_its_status(with_double, fail_with, status, reason):
    """Each status has one bounded reason, and the status itself is kept."""
    error = refusal(with_double, fail_with(status, "some_code"))
    assert (error.reason, error.status_code) == (reason, status)
    assert "some_code" in str(error)


def test_a_redirect_is_not_followed(with_double):
    """A key does not travel to wherever an answer points."""

    async def scenario(double, session):
        double.answers["/api/v1/auth/balance"] = lambda _: web.Response(status=302, headers={"Location": "/elsewhere"})
        with pytest.raises(SourceError, match="redirect"):
            await client(double, session).get(CASINO_BALANCE, Money)
        assert double.paths() == ["/api/v1/auth/balance"]

    with_double(scenario)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"balance_usd": 1', b"\xff\xfe", b'{"balance_usd": NaN}'])
def test_a_body_that_is_no_json_is_an_invalid_body(with_double, body):
    """Garbage with status 200 is a failure."""
    assert refusal(with_double, body).reason == "invalid_body"


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"balance_usd": null}', b'{"balance_usd": {}}', b'{"balance_usd": "much"}']
)
def test_a_body_of_another_form_is_a_schema_failure_that_names_route_and_field(with_double, body):
    """A missing or mistyped needed field fails the reading and says where."""
    error = refusal(with_double, body)
    assert error.reason == "schema"
    assert "/api/v1/auth/balance" in str(error)


def test_an_error_inside_a_200_is_an_upstream_failure(with_double):
    """A good status does not make an `error` field a number."""
    error = refusal(with_double, {"balance_usd": 0, "error": "rpc down"})
    assert error.reason == "upstream"


def test_an_answer_beyond_the_size_limit_is_refused(with_double):
    """A body is never read beyond its limit, whether its length was announced or not."""
    assert refusal(with_double, b'{"balance_usd": 1}' + b" " * 2_000, size_limit=1_000).reason == "invalid_body"

    async def scenario(double, session):
        async def handle(request):
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(100):
                await response.write(b" " * 100)
            return response

        runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        double.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        with pytest.raises(SourceError) as caught:
            await client(double, session, size_limit=1_000).get(CASINO_BALANCE, Money)
        await runner.cleanup()
        return caught.value

    assert with_double(scenario).reason == "invalid_body"


def test_a_call_that_hangs_ends_at_its_deadline(with_double):
    """The deadline is in real seconds and covers the whole call."""

    async def scenario(double, session):
        async def hang(*_):
            await asyncio.sleep(1)

        double.before = hang
        begun = asyncio.get_running_loop().time()
        with pytest.raises(SourceError) as caught:
            await client(double, session, deadline_s=0.05).get(CASINO_BALANCE, Money)
        assert asyncio.get_running_loop().time() - begun < 0.5
        return caught.value

    assert with_double(scenario).reason == "timeout"


def test_a_server_that_is_not_there_is_a_network_failure(with_double):
    """A refused connection is not a timeout."""

    async def scenario(double, session):
        double.base = "http://127.0.0.1:9"
        with pytest.raises(SourceError) as caught:
            await client(double, session).get(CASINO_BALANCE, Money)
        return caught.value

    assert with_double(scenario).reason == "network"


@pytest.mark.parametrize("ahead", [0, 7_200, -7_200])
def test_the_wait_of_a_rate_limit_is_measured_on_the_servers_own_clock(with_double, fail_with, ahead):
    """`reset_at` is compared with the Date of the same answer, so a skewed server asks for the same wait."""
    sent = NOW + ahead
    dated = format_datetime(datetime.fromtimestamp(sent, UTC), usegmt=True)

    def answer(_):
        body = {"error": "rate_limit_exceeded", "reset_at": datetime.fromtimestamp(sent + 40, UTC).isoformat()}
        return web.json_response(body, status=429, headers={"Date": dated})

    async def scenario(double, session):
        double.answers["/api/v1/auth/balance"] = answer
        reader = client(double, session)
        with pytest.raises(SourceError) as caught:
            await reader.get(CASINO_BALANCE, Money)
        assert reader.clock_offset == pytest.approx(ahead)
        return caught.value

    assert with_double(scenario).retry_after == pytest.approx(40)


@pytest.mark.parametrize("reset_at", ["", "soon", "1970-01-01T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_senseless_reset_time_asks_for_no_wait(with_double, fail_with, reset_at):
    """A wait in the past or of more than an hour is not believed."""
    assert refusal(with_double, fail_with(429, "rate_limited", reset_at=reset_at)).retry_after is None


def test_only_routes_of_the_list_and_of_the_service_can_be_read(with_double):
    """A route that is not allowed is a mistake in the program and is refused before anything is sent."""

    async def scenario(double, session):
        reader = client(double, session)
        for route in (
            Route("casino", "/api/v1/auth/withdraw"),
            Route("wallet", "/v1/wallet/export"),
            routes.TRADING_POSITIONS,
            Route("casino", "/api/v1/auth/balance", keyed=False),
        ):
            with pytest.raises(ValueError, match="may read"):
                await reader.get(route, Money)
        assert double.requests == []

    with_double(scenario)


def test_the_list_holds_no_route_that_could_act_or_reveal_a_secret():
    """Nothing that moves money or shows a private key is on the list."""
    words = (
        "export",
        "withdraw/",
        "/open",
        "/close",
        "/pay",
        "/create",
        "/send",
        "/register",
        "/swap/",
        "/claim",
        "/games",
    )
    for route in ALLOWED:
        assert not any(word in route.template for word in words), route
        assert not route.template.endswith("/withdraw")


@pytest.mark.parametrize("escrow_id", ["../v1/wallet/export", "a/b", "", "x?y=1", "..", "a b", "%2e%2e", "a#b"])
def test_an_id_cannot_lead_to_another_path(with_double, escrow_id):
    """An id from an answer becomes one segment of a path or the call is refused."""

    async def scenario(double, session):
        with pytest.raises(SourceError, match="no id"):
            await client(double, session, service="escrow").get(ESCROW, Money, escrow_id=escrow_id)
        assert double.requests == []

    with_double(scenario)


def test_the_key_travels_in_one_header_and_nowhere_else(with_double):
    """The key is in Authorization, not in the address, and no forwarding header is made up."""

    async def scenario(double, session):
        double.answers["/api/v1/bets/history"] = {"balance_usd": 1}
        reader = client(double, session)
        await reader.get(CASINO_BETS, Money, limit=200, since="2026-11-02T00:00:00.000Z")
        (request,) = double.requests
        assert request.method == "GET"
        assert request.headers.pop("Authorization") == f"Bearer {KEY}"
        assert not any(KEY in text for text in (*request.headers.values(), request.path, *request.query.values()))
        assert "X-Forwarded-For" not in request.headers
        assert request.query == {"limit": "200", "since": "2026-11-02T00:00:00.000Z"}
        assert KEY not in repr(reader)

    with_double(scenario)


def test_a_message_never_repeats_a_key(with_double, fail_with):
    """A server that echoes the key does not get it into our messages."""
    assert KEY not in str(refusal(with_double, fail_with(401, f"unknown key {KEY}")))


def test_a_body_without_a_wanted_field_is_used_and_says_so(with_double):
    """A reading goes on without a field that it can do without."""

    async def scenario(double, session):
        double.answers["/api/v1/auth/balance"] = {"balance_usd": 5}
        return await client(double, session).get(CASINO_BALANCE, Money)

    answer, surprises = with_double(scenario)
    assert (answer.balance_usd, answer.tier, surprises) == (5, UNSET, ("tier",))


class Line(msgspec.Struct, frozen=True):
    id: str
    price: Decimal
    note: str | None = None


class Lines(Answer, frozen=True, kw_only=True):
    lines: list[Line]


def test_a_mistyped_field_that_is_not_needed_is_left_out_by_name():
    """One bad optional field in a list does not cost the list, and the digits stay exact on the way."""
    body = b'{"lines": [{"id": "a", "price": 1.10000000000000000001, "note": 7}, {"id": "b", "price": 2}]}'
    answer, surprises = decode(body, Lines, CASINO_BALANCE)
    assert answer.lines == [Line("a", Decimal("1.10000000000000000001")), Line("b", Decimal(2))]
    assert surprises == ("lines[].note",)


def test_a_mistyped_field_that_is_needed_costs_the_answer():
    """A needed field of a wrong type inside a list is named in the failure."""
    with pytest.raises(SourceError, match="price") as caught:
        decode(b'{"lines": [{"id": "a", "price": true}]}', Lines, CASINO_BALANCE)
    assert caught.value.reason == "schema"
