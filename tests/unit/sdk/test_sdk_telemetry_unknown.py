"""What was sent and not answered is unknown: not failed, not done, until it is told what reading says."""

import asyncio

import aiohttp
import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter
from scripted_platform import Scripted
from urllib3.util import Retry, connection

from fleawatch import Retries
from fleawatch.testing import capture

OPEN, PLAY, CREATE = "/v1/trade/open", "/api/v1/games/dice", "/escrow/create"
GONE = (httpx.TransportError, requests.ConnectionError, aiohttp.ClientError)


@pytest.fixture(name="platform")
def _platform():
    found = Scripted()
    yield found
    found.close()


def by_httpx(telemetry, url):
    with httpx.Client() as client:
        return telemetry.client(client, retries=3).post(url).status_code


def by_requests(telemetry, url):
    with requests.Session() as session:
        return telemetry.client(session, retries=3).post(url).status_code


def by_aiohttp(telemetry, url):
    async def work():
        async with (
            aiohttp.ClientSession(trace_configs=[telemetry.aiohttp()]) as session,
            session.post(url) as response,
        ):
            return response.status

    return asyncio.run(work())


every = pytest.mark.parametrize("post", [by_httpx, by_requests, by_aiohttp])


def order(telemetry):
    return telemetry.order(market="BTC-USD", side="buy", notional_usd=500)


def orders(seen):
    """Attempts to order as metrics count them, by status."""
    counted = {}
    for name, value in seen.metrics().items():
        if name.startswith("pf_orders_total"):
            counted[name.partition('status="')[2].partition('"')[0]] = value
    return counted


@every
@pytest.mark.parametrize("raises", [True, False])
def test_an_order_that_was_not_answered_is_unknown(post, raises, platform):
    """Whether the agent lets the error out of the block or goes on: no fill, no success, no refusal."""
    platform.says = ["drop"]

    def work(telemetry):
        with order(telemetry):
            try:
                post(telemetry, platform.url + OPEN)
            except GONE:
                if raises:
                    raise

    with capture() as seen:
        try:
            work(seen.telemetry)
        except GONE:
            assert raises
    (placed,) = seen.facts("order_placed")
    assert placed["status"] == "timeout"
    assert not seen.facts("order_filled")
    assert orders(seen) == {"timeout": 1}
    (span,) = seen.spans("pf.trade.execute")
    assert (span["attributes"]["pf.order_status"], span["error_type"]) == ("timeout", placed["reason"])
    assert span["error_type"]
    assert len(platform.asked) == 1


@every
def test_an_order_that_was_never_sent_is_known(post):
    """Nobody listens: it does not exist, and counts as an error."""
    with capture() as seen, pytest.raises(GONE), order(seen.telemetry):
        post(seen.telemetry, "http://127.0.0.1:9" + OPEN)
    (placed,) = seen.facts("order_placed")
    assert placed["status"] == "error"


@pytest.mark.parametrize(
    ("status", "unknown"), [(502, True), (504, True), (500, False), (503, False), (429, False), (400, False)]
)
def test_an_answer_of_somebody_between_is_none(status, unknown, platform):
    """A gateway that waited in vain says nothing of the order; the platform's own refusal does."""
    platform.says = [status]
    with capture() as seen, httpx.Client() as client, pytest.raises(httpx.HTTPStatusError), order(seen.telemetry):
        seen.telemetry.client(client).post(platform.url + OPEN).raise_for_status()
    (placed,) = seen.facts("order_placed")
    assert placed["status"] == ("timeout" if unknown else "error")


def test_a_read_that_was_not_answered_leaves_nothing_open(platform):
    """The price could not be asked; the order was answered."""
    platform.says = ["drop", 200]
    with capture() as seen, httpx.Client() as client, order(seen.telemetry):
        seen.telemetry.client(client)
        with pytest.raises(httpx.TransportError):
            client.get(platform.url + "/v1/markets/BTC/price")
        client.post(platform.url + OPEN)
    (placed,) = seen.facts("order_placed")
    assert placed["status"] == "success"


def test_a_second_order_does_not_settle_the_first(platform):
    """An agent that sends it again may have two: only a word about it ends the doubt."""
    platform.says = ["drop", 200]
    with capture() as seen, httpx.Client() as client, order(seen.telemetry):
        seen.telemetry.client(client)
        with pytest.raises(httpx.TransportError):
            client.post(platform.url + OPEN)
        client.post(platform.url + OPEN)
    (placed,) = seen.facts("order_placed")
    assert placed["status"] == "timeout"


@pytest.mark.parametrize(
    ("tell", "status"),
    [
        (lambda order: order.filled("ord-1", price=100), "success"),
        (lambda order: order.accepted("ord-1"), "success"),
        (lambda order: order.rejected("absent"), "rejected"),
    ],
    ids=["filled", "accepted", "rejected"],
)
def test_what_reading_says_settles_it(tell, status, platform):
    """Found, resting, or not there: the attempt ends as what it came to."""
    platform.says = ["drop"]
    with capture() as seen, httpx.Client() as client, order(seen.telemetry) as attempt:
        with pytest.raises(httpx.TransportError):
            seen.telemetry.client(client).post(platform.url + OPEN)
        tell(attempt)
    (placed,) = seen.facts("order_placed")
    (span,) = seen.spans("pf.trade.execute")
    assert (placed["status"], span["attributes"]["pf.order_status"]) == (status, status)
    assert bool(span["error_type"]) == (status == "rejected")


@pytest.mark.parametrize("raises", [True, False])
def test_a_bet_that_was_not_answered_is_unknown(raises, platform):
    """It counts as `timeout` and moves no money until its settlement is told."""
    platform.says = ["drop"]

    def work(telemetry, client):
        with telemetry.bet("dice", 5):
            try:
                telemetry.client(client, retries=Retries()).post(platform.url + PLAY)
            except httpx.TransportError:
                if raises:
                    raise

    with capture() as seen, httpx.Client() as client:
        try:
            work(seen.telemetry, client)
        except httpx.TransportError:
            assert raises
    assert [fact["status"] for fact in seen.facts("order_placed")] == ["timeout"]
    assert not seen.facts("bet_settled")
    assert seen.spans("pf.bet.place")[0]["error_type"] == "RemoteProtocolError"
    assert len(platform.asked) == 1


def test_a_bet_that_was_found_is_settled(platform):
    """With what reading says of it."""
    platform.says = ["drop"]
    with capture() as seen, httpx.Client() as client, seen.telemetry.bet("dice", 5) as bet:
        with pytest.raises(httpx.TransportError):
            seen.telemetry.client(client).post(platform.url + PLAY)
        bet.settled("bet_1", 10)
    assert [fact["status"] for fact in seen.facts("order_placed")] == ["success"]
    assert [fact["payout"] for fact in seen.facts("bet_settled")] == ["10"]


def escrow(telemetry):
    return telemetry.escrow_create(amount_usd=10, counterparty="ag_other")


def failures(seen):
    """Escrows that metrics count as failed."""
    return sum(value for name, value in seen.metrics().items() if name.startswith("pf_escrow_") and "failed" in name)


@pytest.mark.parametrize("raises", [True, False])
def test_an_escrow_that_was_not_answered_has_not_failed(raises, platform):
    """Its money may be locked: told is that nobody knows, and no failure is counted."""
    platform.says = ["drop"]

    def work(telemetry, client):
        with escrow(telemetry):
            try:
                telemetry.client(client).post(platform.url + CREATE)
            except httpx.TransportError:
                if raises:
                    raise

    with capture() as seen, httpx.Client() as client:
        try:
            work(seen.telemetry, client)
        except httpx.TransportError:
            assert raises
    (fact,) = seen.facts("escrow_failed")
    (span,) = seen.spans("pf.escrow.create")
    (line,) = seen.logs("escrow_transaction")
    assert (fact["unknown"], fact["reason"]) == (True, "RemoteProtocolError")
    assert (span["attributes"]["pf.escrow_status"], span["error_type"]) == ("unknown", "RemoteProtocolError")
    assert (line["escrow.status"], line["level"]) == ("unknown", "error")
    assert failures(seen) == 0


def test_an_escrow_whose_time_was_up_has_not_failed_either():
    """Also with a client that nobody watches."""
    with capture() as seen, pytest.raises(TimeoutError), escrow(seen.telemetry):
        raise TimeoutError
    (fact,) = seen.facts("escrow_failed")
    assert fact["unknown"]
    assert failures(seen) == 0


def test_an_escrow_that_was_refused_has_failed(platform):
    """An answer is an answer."""
    platform.says = [402]
    with capture() as seen, httpx.Client() as client, pytest.raises(httpx.HTTPStatusError), escrow(seen.telemetry):
        seen.telemetry.client(client).post(platform.url + CREATE).raise_for_status()
    (fact,) = seen.facts("escrow_failed")
    assert "unknown" not in fact
    assert failures(seen) > 0


STEPS = pytest.mark.parametrize(
    ("verb", "kind", "tell"),
    [
        ("escrow_complete", "escrow_completed", lambda step: step.completed()),
        ("escrow_release", "escrow_released", lambda step: step.released(9, commission_usd=1)),
        ("escrow_dispute", "escrow_disputed", lambda step: step.disputed()),
    ],
    ids=["complete", "release", "dispute"],
)


@STEPS
@pytest.mark.parametrize("told", [True, False])
def test_a_step_of_an_escrow_that_was_not_answered_is_unknown(verb, kind, tell, told, platform):
    """It is told as done only when reading says so."""
    platform.says = ["drop"]
    with capture() as seen, httpx.Client() as client, getattr(seen.telemetry, verb)("esc_1") as step:
        with pytest.raises(httpx.TransportError):
            seen.telemetry.client(client).post(f"{platform.url}/{verb.replace('_', '/')}/esc_1")
        if told:
            tell(step)
    assert len(seen.facts(kind)) == told
    (span,) = seen.spans(f"pf.{verb.replace('_', '.')}")
    state = kind.removeprefix("escrow_") if told else "unknown"
    assert (span["attributes"]["pf.escrow_status"], bool(span["error_type"])) == (state, not told)


@pytest.mark.parametrize(("second", "kinds"), [(200, 1), (409, 1), (429, 0), ("drop", 0)])
def test_a_step_that_can_be_made_again_is_settled_by_its_second_answer(second, kinds, platform):
    """The platform does it once: done now, or refused because it was done before."""
    platform.says = ["drop", second]
    with capture() as seen, httpx.Client() as client, seen.telemetry.escrow_complete("esc_1"):
        seen.telemetry.client(client)
        for _ in range(2):
            try:
                client.post(f"{platform.url}/escrow/complete/esc_1")
            except httpx.TransportError:
                continue
    assert len(seen.facts("escrow_completed")) == kinds


def test_a_step_that_fails_is_not_done():
    """Its span does not say that it was."""
    with capture() as seen, pytest.raises(ValueError, match="no"), seen.telemetry.escrow_complete("esc_1"):
        raise ValueError("no")
    (span,) = seen.spans("pf.escrow.complete")
    assert "pf.escrow_status" not in span["attributes"]
    assert not seen.facts("escrow_completed")


@every
@pytest.mark.parametrize("told", [True, False])
def test_an_order_that_the_platform_took_is_no_failure_when_its_answer_cannot_be_read(post, told, platform):
    """The agent breaks over the body: the order may exist, unless it was told what became of it."""
    platform.says = [200]

    def work(telemetry):
        with order(telemetry) as attempt:
            assert post(telemetry, platform.url + OPEN) == 200
            if told:
                attempt.rejected("insufficient_margin")
            raise ValueError("no JSON")

    with capture() as seen:
        with pytest.raises(ValueError, match="no JSON"):
            work(seen.telemetry)
        assert [fact["status"] for fact in seen.facts("order_placed")] == ["rejected" if told else "timeout"]


def follows_httpx(telemetry, url):
    with httpx.Client(follow_redirects=True) as client:
        telemetry.client(client).post(url).raise_for_status()


def follows_requests(telemetry, url):
    with requests.Session() as session:
        telemetry.client(session).post(url, timeout=5).raise_for_status()


def follows_aiohttp(telemetry, url):
    async def work():
        async with (
            aiohttp.ClientSession(trace_configs=[telemetry.aiohttp()]) as session,
            session.post(url) as response,
        ):
            response.raise_for_status()

    asyncio.run(work())


FAILED = (httpx.HTTPError, requests.RequestException, aiohttp.ClientError)
NOWHERE = "http://127.0.0.1:9/v1/trade/o-1"


@pytest.mark.parametrize("post", [follows_httpx, follows_requests, follows_aiohttp])
class TestRedirectedOrders:
    @pytest.mark.parametrize(
        "says",
        [[(303, {"Location": NOWHERE})], [(302, {"Location": NOWHERE})], [(303, {"Location": "/o-1"}), 404]],
        ids=["see other", "found", "not found there"],
    )
    def test_a_read_that_follows_does_not_undo_an_order(self, post, says, platform):
        """The order was answered with where to look: that nobody can look there is no proof that it was not done."""
        platform.says = list(says)
        with capture() as seen, pytest.raises(FAILED), order(seen.telemetry):
            post(seen.telemetry, platform.url + OPEN)
        assert orders(seen) == {"timeout": 1}

    def test_an_order_sent_on_that_reached_nobody_was_not_done(self, post, platform):
        """The first host only said where to send it, and there nobody took it."""
        platform.says = [(307, {"Location": NOWHERE})]
        with capture() as seen, pytest.raises(FAILED), order(seen.telemetry):
            post(seen.telemetry, platform.url + OPEN)
        assert orders(seen) == {"error": 1}


def raises_httpx(telemetry, url):
    with httpx.Client(event_hooks={"response": [httpx.Response.raise_for_status]}) as client:
        telemetry.client(client).post(url)


def raises_later_httpx(telemetry, url):
    async def judge(response):
        response.raise_for_status()

    async def work():
        async with httpx.AsyncClient(event_hooks={"response": [judge]}) as client:
            await telemetry.client(client).post(url)

    asyncio.run(work())


def raises_requests(telemetry, url):
    def judge(response, *_, **__):
        assert response.content is not None  # read, so that its connection is given back
        response.raise_for_status()

    with requests.Session() as session:
        session.hooks["response"].append(judge)
        telemetry.client(session).post(url, timeout=5)


def raises_aiohttp(telemetry, url):
    async def work():
        async with (
            aiohttp.ClientSession(raise_for_status=True, trace_configs=[telemetry.aiohttp()]) as session,
            session.post(url, params={"a": "b c"}),
        ):
            pass

    asyncio.run(work())


@pytest.mark.parametrize("post", [raises_httpx, raises_later_httpx, raises_requests, raises_aiohttp])
class TestClientsThatRaiseForTheStatus:
    @pytest.mark.parametrize("status", [400, 422, 429, 500, 503])
    def test_a_refusal_is_an_answer(self, post, status, platform):
        """A client that raises by itself was answered as much as one whose answer the agent judges."""
        platform.says = [status]
        with capture() as seen, pytest.raises(FAILED), order(seen.telemetry):
            post(seen.telemetry, platform.url + OPEN)
        assert orders(seen) == {"error": 1}
        assert seen.fact("api_call")["status_code"] == str(status)
        assert seen.span("pf.http.request")["attributes"]["http.response.status_code"] == status

    @pytest.mark.parametrize("status", [502, 504])
    def test_a_gateway_without_an_answer_leaves_it_open(self, post, status, platform):
        """Somebody between had no answer: nobody knows."""
        platform.says = [status]
        with capture() as seen, pytest.raises(FAILED), order(seen.telemetry):
            post(seen.telemetry, platform.url + OPEN)
        assert orders(seen) == {"timeout": 1}

    def test_what_is_raised_of_a_redirection_leaves_it_open(self, post, platform):
        """The read that follows is refused, or not even made: that says nothing of the order."""
        platform.says = [(303, {"Location": "/o-1"}), 404]
        with capture() as seen, pytest.raises(FAILED), order(seen.telemetry):
            post(seen.telemetry, platform.url + OPEN)
        assert orders(seen) == {"timeout": 1}


class TestRepeatedBeneath:
    """Clients of requests whose own adapter sends writes again."""

    def post(self, telemetry, url, times):
        with requests.Session() as session:
            again = Retry(times, allowed_methods=None, status_forcelist=[503], backoff_factor=0)
            session.mount("http://", HTTPAdapter(max_retries=again))
            telemetry.client(session).post(url, timeout=5).raise_for_status()

    def test_a_refusal_of_the_second_leaves_the_first_open(self, platform):
        """The first was sent and not answered; that the second is refused may be because the first was done."""
        platform.says = ["drop", 409]
        with capture() as seen, pytest.raises(FAILED), order(seen.telemetry):
            self.post(seen.telemetry, platform.url + OPEN, 2)
        assert orders(seen) == {"timeout": 1}

    def test_that_nobody_took_the_second_leaves_the_first_open(self, platform, monkeypatch):
        """The last error says that nothing was sent: of the last attempt."""
        platform.says = ["drop"]
        connect, made = connection.create_connection, []

        def once(*arguments, **more):
            made.append(arguments)
            if len(made) > 1:
                raise ConnectionRefusedError
            return connect(*arguments, **more)

        monkeypatch.setattr(connection, "create_connection", once)
        with capture() as seen, pytest.raises(FAILED), order(seen.telemetry):
            self.post(seen.telemetry, platform.url + OPEN, 1)
        assert (len(made), orders(seen)) == (2, {"timeout": 1})

    def test_what_was_refused_twice_was_not_done(self, platform):
        """Both were answered, and neither was taken."""
        platform.says = [503, 400]
        with capture() as seen, pytest.raises(FAILED), order(seen.telemetry):
            self.post(seen.telemetry, platform.url + OPEN, 2)
        assert orders(seen) == {"error": 1}
