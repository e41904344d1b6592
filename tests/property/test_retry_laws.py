"""Laws of making calls again, whatever the platform does: a write is made once, and the last word is the agent's."""

import asyncio
import math

import httpx
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import BaseAdapter

from fleawatch import Retries
from fleawatch.sdk.client.retries import asked_s
from fleawatch.testing import Captured

ERRORS = (
    httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ReadError, httpx.WriteError, httpx.PoolTimeout,
    httpx.RemoteProtocolError, httpx.ProxyError, httpx.UnsupportedProtocol, ValueError, TimeoutError, ConnectionResetError,
)  # fmt: skip
OF_REQUESTS = (
    requests.ConnectionError, requests.ConnectTimeout, requests.ReadTimeout, requests.exceptions.SSLError,
    requests.exceptions.ChunkedEncodingError, requests.exceptions.RetryError, TimeoutError, ConnectionResetError, ValueError,
)  # fmt: skip

writes = st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "post", "Put", "PURGE", "CONNECT", "TRACE"])
reads = st.sampled_from(["GET", "HEAD", "OPTIONS", "get"])
headers = st.one_of(
    st.none(), st.integers(0, 30).map(str), st.sampled_from(["soon", "-1", "Fri, 31 Dec 1999 23:59:59 GMT"])
)
answers = st.tuples(st.sampled_from([429, 502, 503, 504, 429, 503, 200, 302, 400, 404, 409, 500]), headers)
policies = st.fixed_dictionaries(
    {
        "times": st.integers(0, 6),
        "base_s": st.floats(0, 10),
        "most_s": st.integers(0, 40),
        "within_s": st.integers(0, 200),
        "draw": st.floats(0, 1, exclude_max=True).map(lambda drawn: lambda: drawn),
    }
)


def scripts(errors):
    """What becomes of one attempt after the other; the last one stays."""
    return st.lists(st.one_of(answers, st.sampled_from(errors)), min_size=1, max_size=9)


class Platform:
    """Answers by its script and keeps what it gave; pauses move the telemetry's clock."""

    def __init__(self, script):
        self.script, self.given, self.pauses, self.begun = script, [], [], []
        self.seen = Captured("a-1", "", 1)

    def pause(self, seconds):
        self.pauses.append(seconds)
        self.seen.timing.advance(seconds)

    def next(self, answer):
        """What the next attempt is given; `answer` makes one of a status and headers."""
        word = self.script[min(len(self.given), len(self.script) - 1)]
        self.begun.append(self.seen.timing.elapsed())
        if isinstance(word, tuple):
            status, asks = word
            self.given.append(answer(status, {} if asks is None else {"Retry-After": asks}))
            return self.given[-1]
        self.given.append(word("none"))
        raise self.given[-1]

    def reply(self, request):
        return self.next(lambda status, asks: httpx.Response(status, headers=asks))


def by_httpx(platform, method, policy):
    with httpx.Client(transport=httpx.MockTransport(platform.reply)) as client:
        return platform.seen.telemetry.client(client, retries=policy).request(method, "http://p/v1/trade/open")


def by_async(platform, method, policy):
    async def work():
        async with httpx.AsyncClient(transport=httpx.MockTransport(platform.reply)) as client:
            return await platform.seen.telemetry.client(client, retries=policy).request(
                method, "http://p/v1/trade/open"
            )

    return asyncio.run(work())


class Adapter(BaseAdapter):
    """Of requests, with a script in place of a network."""

    def __init__(self, platform):
        super().__init__()
        self.platform = platform

    def send(self, request, **_):
        def answer(status, asks):
            response = requests.Response()
            response.status_code, response.request, response.url, response._content = status, request, request.url, b""
            response.headers.update(asks)
            return response

        return self.platform.next(answer)

    def close(self):
        """Nothing is open."""


def by_requests(platform, method, policy):
    with requests.Session() as session:
        session.mount("http://", Adapter(platform))
        return platform.seen.telemetry.client(session, retries=policy).request(method, "http://p/v1/trade/open")


def outcome(call, script, method, how):
    """The platform after the call, and what the agent was given: an answer or an error."""
    platform = Platform(script)
    try:
        return platform, call(platform, method, Retries(sleep=platform.pause, **how))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the agent is given
        return platform, error
    finally:
        platform.seen.telemetry.shutdown()


calls_of_httpx = st.sampled_from([by_httpx, by_async])


@given(calls_of_httpx, writes, scripts(ERRORS), policies)
def test_a_write_is_made_once_by_httpx(call, method, script, how):
    """Whatever became of it."""
    platform, got = outcome(call, script, method, how)
    assert (len(platform.given), platform.pauses) == (1, [])
    assert got is platform.given[0]


@given(writes, scripts(OF_REQUESTS), policies)
def test_a_write_is_made_once_by_requests(method, script, how):
    """Whatever became of it."""
    platform, got = outcome(by_requests, script, method, how)
    assert (len(platform.given), platform.pauses) == (1, [])
    assert got is platform.given[0]


def holds(platform, got, how):
    """What is true of every call, also of one that was made again."""
    assert got is platform.given[-1]
    assert len(platform.given) <= how["times"] + 1
    assert len(platform.pauses) == len(platform.given) - 1
    assert all(began - platform.begun[0] <= how["within_s"] + 1e-6 for began in platform.begun)
    for number, (before, pause) in enumerate(zip(platform.given, platform.pauses, strict=False), start=1):
        asked = None
        if not isinstance(before, Exception):
            assert before.status_code in (429, 502, 503, 504)
            asked = asked_s(before.headers.get("Retry-After"), platform.seen.timing.at)
        longest = min(how["most_s"], how["base_s"] * 2 ** (number - 1))
        assert 0 <= pause <= (longest if asked is None else how["most_s"] + how["base_s"]) + 1e-9
        assert asked is None or pause >= asked
    facts = platform.seen.facts("api_call")
    assert [fact.get("attempt", 1) for fact in facts] == list(range(1, len(platform.given) + 1))
    assert math.isfinite(sum(platform.pauses))


@given(calls_of_httpx, reads, scripts(ERRORS), policies)
def test_the_last_word_is_the_agents_by_httpx(call, method, script, how):
    """The very answer or error of the last attempt, of no more than were asked for, within the time."""
    holds(*outcome(call, script, method, how), how)


@given(reads, scripts(OF_REQUESTS), policies)
def test_the_last_word_is_the_agents_by_requests(method, script, how):
    """As for httpx."""
    holds(*outcome(by_requests, script, method, how), how)


@given(st.one_of(st.text(), st.from_regex(r"[0-9]{1,400}", fullmatch=True)), st.floats(0, 4e9))
def test_any_retry_after_is_a_time_or_none(header, now):
    """Never negative, never an error."""
    asked = asked_s(header, now)
    assert asked is None or asked >= 0
