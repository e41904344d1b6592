"""Attempts at one call are seen, whoever makes them: the agent's loop, urllib3 beneath requests, aiohttp by itself."""

import asyncio

import aiohttp
import httpx
import pytest
import requests
from requests.adapters import HTTPAdapter
from scripted_platform import Scripted
from urllib3.util.retry import Retry

from fleawatch.sdk.client.beneath import Earlier, of_answer, of_error
from fleawatch.sdk.telemetry.resends import Resends
from fleawatch.testing import capture

BALANCE, OPEN = "/api/v1/auth/balance", "/v1/trade/open"


@pytest.fixture(name="platform")
def _platform():
    found = Scripted()
    yield found
    found.close()


def counts(seen):
    """How often each call was made before, as its span says; None on a first attempt."""
    return [span["attributes"].get("http.request.resend_count") for span in seen.spans("pf.http.request")]


def attempts(seen):
    """Status and ordinal of each attempt, as the facts say."""
    return [(fact["status_code"], fact.get("attempt", 1)) for fact in seen.facts("api_call")]


class TestOfTheAgent:
    def test_its_own_loop(self, platform):
        """Refused, broken, refused for now, answered: the spans of one operation count up, and the next one begins anew."""
        platform.says = [503, "drop", 429]
        with capture() as seen, httpx.Client() as client, seen.telemetry.balance_check():
            seen.telemetry.client(client)
            for _ in range(5):
                try:
                    client.get(platform.url + BALANCE)
                except httpx.HTTPError:
                    continue
        assert counts(seen) == [None, 1, 2, 3, None]
        assert attempts(seen) == [("503", 1), ("network", 2), ("429", 3), ("200", 4), ("200", 1)]
        assert [line["attempt"] for line in seen.logs("api_call_failed")] == [1, 2, 3]

    def test_a_read_is_the_same_one_in_each_operation_of_a_trace(self, platform):
        """A loop around the operation is a loop around the call."""
        platform.says = [503]
        with capture() as seen, httpx.Client() as client, seen.telemetry.cycle():
            seen.telemetry.client(client)
            for _ in range(2):
                with seen.telemetry.balance_check():
                    client.get(platform.url + BALANCE)
        assert counts(seen) == [None, 1]

    def test_a_write_is_another_one_in_the_next_operation(self, platform):
        """One order was refused, the next is no second attempt at it; within one order it is."""
        platform.says = [429, 429, 429]
        with capture() as seen, httpx.Client() as client, seen.telemetry.cycle():
            seen.telemetry.client(client)
            for times in (1, 2):
                with seen.telemetry.order(market="BTC-USD", side="buy", notional_usd=5):
                    for _ in range(times):
                        client.post(platform.url + OPEN)
        assert counts(seen) == [None, None, 1]

    def test_other_calls_are_other_calls(self, platform):
        """Another method, address or query is no second attempt; nor is anything after a proper answer."""
        platform.says = [503, 200, 200, 404]
        with capture() as seen, httpx.Client() as client, seen.telemetry.cycle():
            seen.telemetry.client(client)
            client.get(platform.url + BALANCE)
            client.head(platform.url + BALANCE)
            client.get(platform.url + BALANCE + "?a=1")
            client.get(platform.url + "/escrow/e-1")
            client.get(platform.url + "/escrow/e-1")
        assert counts(seen) == [None] * 5

    def test_outside_of_any_trace_nothing_is_known(self, platform):
        """A call that failed and one an hour later are two calls: nothing says that they are one."""
        platform.says = [503]
        with capture() as seen, httpx.Client() as client:
            seen.telemetry.client(client)
            for _ in range(2):
                client.get(platform.url + BALANCE)
        assert counts(seen) == [None, None]
        assert len(seen.telemetry.resends) == 0

    def test_two_clients_of_one_agent_make_one_call(self, platform):
        """The agent that changes to another client after an error still makes the call again."""
        platform.says = [503]
        with capture() as seen, httpx.Client() as one, requests.Session() as other, seen.telemetry.cycle():
            seen.telemetry.client(one).get(platform.url + BALANCE)
            seen.telemetry.client(other).get(platform.url + BALANCE)
        assert counts(seen) == [None, 1]

    def test_what_is_remembered_is_bounded(self):
        """Of too many calls the oldest are forgotten, and an answer forgets its own."""
        resends = Resends(most=3)
        for number in range(5):
            resends.failed((number, 0, 0), 1)
        assert [resends.made((number, 0, 0)) for number in range(5)] == [0, 0, 1, 1, 1]
        resends.answered((4, 0, 0))
        assert (len(resends), resends.made((4, 0, 0))) == (2, 0)


def retrying(**how):
    """A session whose adapter makes calls again by itself."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(backoff_factor=0, **how)))
    return session


class TestOfUrllib3:
    def test_its_history_counts(self, platform):
        """One call of the agent, three attempts at the platform: each is counted, and only the whole has a duration."""
        platform.says = [503, "drop"]
        with capture() as seen, retrying(total=5, status_forcelist=[503]) as session, seen.telemetry.cycle():
            assert seen.telemetry.client(session).get(platform.url + BALANCE).status_code == 200
        assert len(platform.asked) == 3
        assert attempts(seen) == [("503", 1), ("network", 2), ("200", 3)]
        assert [fact.get("duration_s") is None for fact in seen.facts("api_call")] == [True, True, False]
        assert counts(seen) == [2]
        metrics = seen.metrics()
        made = {name: value for name, value in metrics.items() if name.startswith("pf_api_requests_total")}
        timed = {name: value for name, value in metrics.items() if "pf_api_request_duration_seconds_count" in name}
        assert (sum(made.values()), sum(timed.values())) == (3, 1)

    @pytest.mark.parametrize("how", [{"total": 2}, {"total": 9, "status": 2}])
    def test_also_when_it_gave_up(self, platform, how):
        """Its error goes to the agent, and has no history; what it counted last is among its frames."""
        platform.says = [503, 503, 503]
        with (
            capture() as seen,
            retrying(status_forcelist=[503], **how) as session,
            pytest.raises(requests.exceptions.RetryError),
        ):
            seen.telemetry.client(session).get(platform.url + BALANCE)
        assert len(platform.asked) == 3
        assert attempts(seen) == [("503", 1), ("503", 2), ("503", 3)]

    def test_also_when_nobody_listens(self):
        """Attempts to connect are attempts."""
        with capture() as seen, retrying(total=2) as session, pytest.raises(requests.ConnectionError):
            seen.telemetry.client(session).get("http://127.0.0.1:9/health")
        assert attempts(seen) == [("network", 1), ("network", 2), ("network", 3)]

    def test_also_when_the_last_one_must_not_be_made_again(self, platform):
        """A write that broke off is not repeated by urllib3 either; what came before it counts."""
        platform.says = [503, "drop"]
        how = {"total": 5, "status_forcelist": [503], "allowed_methods": None}
        with capture() as seen, retrying(**how, read=False) as session, pytest.raises(requests.ConnectionError):
            seen.telemetry.client(session).post(platform.url + OPEN)
        assert attempts(seen) == [("503", 1), ("network", 2)]

    def test_with_a_loop_around_it(self, platform):
        """The agent's attempts and those beneath are counted through."""
        platform.says = [503, 500]
        with capture() as seen, retrying(total=5, status_forcelist=[503]) as session, seen.telemetry.cycle():
            seen.telemetry.client(session)
            for _ in range(2):
                session.get(platform.url + BALANCE)
        assert attempts(seen) == [("503", 1), ("500", 2), ("200", 3)]
        assert counts(seen) == [1, 2]

    def test_a_redirection_is_no_attempt(self, platform):
        """What follows it is a call of its own; attempts beneath either are counted once."""
        platform.says = [503, (302, {"Location": "/health"}), 503]
        with capture() as seen, retrying(total=5, status_forcelist=[503]) as session, seen.telemetry.cycle():
            assert seen.telemetry.client(session).get(platform.url + BALANCE).status_code == 200
        assert len(platform.asked) == 4
        # The call that was redirected ended last, as what it came to.
        assert attempts(seen) == [("503", 1), ("200", 2), ("503", 1), ("200", 2)]

    def test_an_error_after_a_redirection_is_counted_once(self, platform):
        """By the call that follows it."""
        platform.says = [(302, {"Location": "/health"}), 503, 503]
        with (
            capture() as seen,
            retrying(total=1, status_forcelist=[503]) as session,
            pytest.raises(requests.exceptions.RetryError),
        ):
            seen.telemetry.client(session).get(platform.url + BALANCE)
        assert attempts(seen) == [("503", 1), ("503", 2), ("network", 1)]

    def test_what_is_no_history_says_nothing(self):
        """Answers and errors of other clients."""
        assert of_answer(httpx.Response(200)) == Earlier()
        assert of_error(ValueError()) == of_error(OSError("x")) == Earlier()


class TestOfAiohttp:
    def test_it_sends_a_read_again_when_a_kept_connection_was_closed(self, platform):
        """The first one used the connection; on the second the platform hangs up, and aiohttp sends it once more."""
        platform.says = [200, "drop", 200]

        async def work(telemetry):
            async with aiohttp.ClientSession(trace_configs=[telemetry.aiohttp()]) as session:
                for _ in range(2):
                    async with session.get(platform.url + BALANCE) as response:
                        await response.read()

        with capture() as seen, seen.telemetry.cycle():
            asyncio.run(work(seen.telemetry))
        assert len(platform.asked) == 3
        assert attempts(seen) == [("200", 1), ("network", 1), ("200", 2)]
        assert counts(seen) == [None, 1]

    def test_a_write_is_sent_once(self, platform):
        """And its error is the agent's."""
        platform.says = [200, "drop", 200]

        async def work(telemetry):
            async with aiohttp.ClientSession(trace_configs=[telemetry.aiohttp()]) as session:
                async with session.get(platform.url + BALANCE) as response:
                    await response.read()
                await session.post(platform.url + OPEN)

        with capture() as seen, pytest.raises(aiohttp.ClientError):
            asyncio.run(work(seen.telemetry))
        assert attempts(seen) == [("200", 1), ("network", 1)]

    def test_a_redirection_is_no_attempt(self, platform):
        """Headers are sent for it, and it is told of."""
        platform.says = [(302, {"Location": "/health"})]

        async def work(telemetry):
            async with (
                aiohttp.ClientSession(trace_configs=[telemetry.aiohttp()]) as session,
                session.get(platform.url + BALANCE) as response,
            ):
                assert response.status == 200

        with capture() as seen:
            asyncio.run(work(seen.telemetry))
        assert (len(platform.asked), attempts(seen)) == (2, [("200", 1)])
