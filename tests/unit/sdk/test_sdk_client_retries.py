"""Reads that are made again where that was asked for: which, after what, when, and what the agent is given in the end."""

import asyncio
import email.utils

import aiohttp
import httpx
import httpx2
import pytest
import requests
from scripted_platform import Scripted

from fleawatch import Retries
from fleawatch.errors import BadConfig
from fleawatch.sdk.client.retries import asked_s
from fleawatch.testing import capture

BALANCE, OPEN = "/api/v1/auth/balance", "/v1/trade/open"
NOBODY = "http://127.0.0.1:9/health"
NOW = 1_800_057_600.0


@pytest.fixture(name="platform")
def _platform():
    found = Scripted()
    yield found
    found.close()


class Pauses:
    """A way to wait that only moves the clock of the telemetry, and keeps how long it was to wait."""

    def __init__(self, timing):
        self.timing, self.taken = timing, []

    def __call__(self, seconds):
        self.taken.append(seconds)
        self.timing.advance(seconds)


def by(library, client_class, error):
    def call(seen, method, url, retries, **more):
        with client_class() as client:
            return seen.telemetry.client(client, retries=retries).request(method, url, **more)

    call.__name__, call.error = library, error
    return call


def later(library, client_class, error):
    def call(seen, method, url, retries, **more):
        async def work():
            async with client_class() as client:
                return await seen.telemetry.client(client, retries=retries).request(method, url, **more)

        return asyncio.run(work())

    call.__name__, call.error = library, error
    return call


CALLS = (
    by("httpx", httpx.Client, httpx.ConnectError),
    by("httpx2", httpx2.Client, httpx2.ConnectError),
    by("requests", requests.Session, requests.ConnectionError),
    later("httpx_async", httpx.AsyncClient, httpx.ConnectError),
    later("httpx2_async", httpx2.AsyncClient, httpx2.ConnectError),
)
every = pytest.mark.parametrize("call", CALLS, ids=lambda one: one.__name__)
reads = pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "get"])
writes = pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post"])


def retries(seen, **how):
    """So often, with pauses of the longest that may be drawn."""
    pauses = Pauses(seen.timing)
    return Retries(**{"times": 3, "sleep": pauses, "draw": lambda: 1.0, **how}), pauses.taken


@every
@reads
def test_a_read_is_made_again_until_it_is_answered(call, method, platform):
    """Refused for now, broken off, nobody there: the agent gets the answer that came in the end."""
    platform.says = [429, "drop", 503]
    with capture() as seen:
        how, pauses = retries(seen)
        assert call(seen, method, platform.url + BALANCE, how).status_code == 200
    assert len(platform.asked) == 4
    assert pauses == [0.25, 0.5, 1.0]
    facts = [(fact["status_code"], fact.get("attempt", 1)) for fact in seen.facts("api_call")]
    assert facts == [("429", 1), ("network", 2), ("503", 3), ("200", 4)]
    counts = [span["attributes"].get("http.request.resend_count") for span in seen.spans("pf.http.request")]
    assert counts == [None, 1, 2, 3]


@every
@writes
@pytest.mark.parametrize("word", [429, 502, 503, 504, "drop"])
def test_a_write_is_made_once(call, method, word, platform):
    """Whatever became of it: the answer or the error is the agent's at once."""
    platform.says = [word]
    with capture() as seen:
        how, pauses = retries(seen)
        try:
            answer = call(seen, method, platform.url + OPEN, how).status_code
        except (httpx.TransportError, httpx2.TransportError, requests.ConnectionError):
            answer = "drop"
    assert (answer, len(platform.asked), pauses) == (word, 1, [])


@every
def test_a_write_that_was_never_sent_is_made_once(call):
    """Nobody listens: even then it is the agent that decides."""
    with capture() as seen:
        how, pauses = retries(seen)
        with pytest.raises(call.error):
            call(seen, "POST", NOBODY, how)
    assert (len(seen.facts("api_call")), pauses) == (1, [])


@every
def test_the_last_error_is_the_agents(call):
    """After so many attempts it is raised as the client raised it, and not from another one."""
    with capture() as seen:
        how, pauses = retries(seen, times=2)
        with pytest.raises(call.error) as caught:
            call(seen, "GET", NOBODY, how)
    assert (len(seen.facts("api_call")), pauses) == (3, [0.25, 0.5])
    assert not isinstance(caught.value.__context__, call.error)


@every
def test_the_last_answer_is_the_agents(call, platform):
    """With its status and its body."""
    platform.says = [503] * 9
    with capture() as seen:
        how, _ = retries(seen)
        answer = call(seen, "GET", platform.url + BALANCE, how)
    assert (answer.status_code, answer.text, len(platform.asked)) == (503, "{}", 4)


@every
@pytest.mark.parametrize("status", [200, 302, 400, 401, 402, 404, 409, 500])
def test_other_answers_are_answers(call, status, platform):
    """What says something is not asked for again."""
    platform.says = [status] * 2
    with capture() as seen:
        assert call(seen, "GET", platform.url + BALANCE, 3).status_code == status
    assert len(platform.asked) == 1


@every
def test_nothing_is_made_again_unless_asked_for(call, platform):
    """By default, and with 0."""
    platform.says = [503, 503]
    with capture() as seen:
        for none in (None, 0):
            assert call(seen, "GET", platform.url + BALANCE, none).status_code == 503
    assert len(platform.asked) == 2


@every
def test_a_number_of_times_waits_in_the_clients_own_way(call, platform):
    """Without a way of its own it waits for real, in a thread or in the event loop."""
    platform.says = [503]
    with capture() as seen:
        assert call(seen, "GET", platform.url + BALANCE, Retries(times=1, base_s=0.01)).status_code == 200
    assert len(platform.asked) == 2


@every
def test_a_body_that_is_gone_is_not_sent_again(call, platform):
    """A stream can be read once."""
    platform.says = [503]
    chunks = (chunk for chunk in [b"{", b"}"])

    async def later_chunks():
        for chunk in chunks:
            yield chunk

    body = {
        "data" if call.__name__ == "requests" else "content": later_chunks() if "async" in call.__name__ else chunks
    }
    with capture() as seen:
        answer = call(seen, "GET", platform.url + BALANCE, 3, headers={"Content-Length": "2"}, **body)
    assert (answer.status_code, len(platform.asked)) == (503, 1)


class TestWhen:
    @pytest.mark.parametrize(
        ("header", "pause"),
        [("7", 7.25), (email.utils.formatdate(NOW + 9, usegmt=True), 9.25), ("soon", 0.25), ("-3", 0.25), ("0", 0.25)],
    )
    def test_as_the_platform_asks(self, header, pause, platform):
        """Seconds or a date, and a little more so that not all come at once; what is neither counts for nothing."""
        platform.says = [(429, {"Retry-After": header})]
        with capture() as seen:
            how, pauses = retries(seen)
            assert CALLS[0](seen, "GET", platform.url + BALANCE, how).status_code == 200
        assert pauses == [pause]

    def test_not_when_it_asks_for_longer_than_we_wait(self, platform):
        """It would be refused before: the answer goes to the agent at once."""
        platform.says = [(429, {"Retry-After": "21"})]
        with capture() as seen:
            how, pauses = retries(seen)
            assert CALLS[0](seen, "GET", platform.url + BALANCE, how).status_code == 429
        assert pauses == []

    def test_until_time_is_up(self, platform):
        """No attempt begins after that."""
        platform.says = [503] * 99
        with capture() as seen:
            how, pauses = retries(seen, times=50, base_s=1.0, most_s=4.0, within_s=10.0)
            assert CALLS[0](seen, "GET", platform.url + BALANCE, how).status_code == 503
        assert pauses == [1.0, 2.0, 4.0]
        assert len(platform.asked) == 4

    @pytest.mark.parametrize(
        "header", [None, "", " ", "1.5", "1e3", "٣", "Wed, 99 Nov 2026 00:00:00 GMT", "\x00", "9" * 10]
    )
    def test_any_header_is_a_time_or_none(self, header):
        """None for what is no time; never negative."""
        assert asked_s(header, NOW) in (None, 9_999_999_999.0)

    def test_a_date_that_has_passed_is_now(self):
        """And one without a zone is in GMT, as all of them are."""
        assert asked_s(email.utils.formatdate(NOW - 60, usegmt=True), NOW) == 0.0
        assert asked_s(email.utils.formatdate(NOW + 60), NOW) == 60.0


class TestWithOthers:
    def test_attempts_beneath_count(self, platform):
        """urllib3 makes a read again by itself: after two calls of three attempts there is none left of four."""
        platform.says = [503] * 99
        with capture() as seen, requests.Session() as session:
            session.mount("http://", requests.adapters.HTTPAdapter(max_retries=2))
            session.adapters["http://"].max_retries.status_forcelist = [503]
            session.adapters["http://"].max_retries.raise_on_status = False
            how, _ = retries(seen, times=3)
            assert seen.telemetry.client(session, retries=how).get(platform.url + BALANCE).status_code == 503
        assert len(platform.asked) == len(seen.facts("api_call")) == 6

    def test_what_follows_a_redirection_is_made_again_once(self, platform):
        """Not by the call that was redirected and by the one that follows."""
        platform.says = [(302, {"Location": "/health"}), 503]
        with capture() as seen, requests.Session() as session:
            how, pauses = retries(seen)
            assert seen.telemetry.client(session, retries=how).get(platform.url + BALANCE).status_code == 200
        assert [path for _, path in platform.asked] == [BALANCE, "/health", BALANCE]
        assert pauses == [0.25]

    def test_a_client_that_is_watched_can_be_told_later(self, platform):
        """And keeps what it was told when it is watched again."""
        platform.says = [503, 503]
        with capture() as seen, httpx.Client() as client:
            how, _ = retries(seen)
            for again in (None, how, None):
                seen.telemetry.client(client, retries=again)
            assert client.get(platform.url + BALANCE).status_code == 200
        assert len(seen.facts("api_call")) == 3

    def test_aiohttp_makes_none(self):
        """Its sessions only tell; the refusal says so."""

        async def work(telemetry):
            async with aiohttp.ClientSession() as session:
                telemetry.client(session, retries=3)

        with capture() as seen, pytest.raises(TypeError, match="nothing can be made again"):
            asyncio.run(work(seen.telemetry))

    def test_a_cancelled_pause_ends_it(self, platform):
        """The agent gives up while it waits: no further attempt."""
        platform.says = [503] * 3

        async def work(telemetry):
            async with httpx.AsyncClient() as client:
                telemetry.client(client, retries=Retries(base_s=20.0, draw=lambda: 1.0))
                await asyncio.wait_for(client.get(platform.url + BALANCE), 0.5)

        with capture() as seen, pytest.raises(TimeoutError):
            asyncio.run(work(seen.telemetry))
        assert len(platform.asked) == 1

    def test_what_goes_wrong_in_deciding_is_kept_in(self, platform):
        """Then it is not made again, and the answer is the agent's."""
        platform.says = [503]
        with capture() as seen:
            answer = CALLS[0](seen, "GET", platform.url + BALANCE, Retries(draw=lambda: 1 / 0))
        assert (answer.status_code, len(platform.asked)) == (503, 1)
        assert seen.telemetry.dropped == {"client": 1}


def test_wrong_numbers_are_refused_with_every_complaint():
    """Before anything is watched."""
    with pytest.raises(BadConfig) as caught:
        Retries(times=-1, base_s=-1, most_s=float("nan"), within_s="60")
    assert [problem.where for problem in caught.value.problems] == ["times", "base_s", "most_s", "within_s"]
    with capture() as seen, httpx.Client() as client, pytest.raises(BadConfig):
        seen.telemetry.client(client, retries=True)
