"""The way of notifications over HTTP: POST or GET, a deadline, a bounded answer, and failures without addresses.

An address may hold a secret (Telegram's token stands in the path, a chat's webhook is one), so no error, log line or
span may carry it: failures are raised anew outside of the handlers that caught them, redirects are not followed, and
tracing of this client is switched off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
from opentelemetry import context
from yarl import URL

from fleawatch.errors import DeliveryError

DEADLINE_S: Final = 5.0
ANSWER_LIMIT: Final = 64 << 10
"""Bytes of an answer that are read; the rest is left where it is."""
LONGEST_WAIT_S: Final = 3_600.0
"""A wait that a channel asks for is believed up to an hour."""

_UNTRACED: Final = "suppress_instrumentation"
"""Key by which OpenTelemetry's instrumentations are told to look away."""

_PASSING: Final = frozenset({408, 425, 429})
"""4xx that mean "later": timeout, too early, too many."""

_REASONS: Final = {
    400: "bad_request", 401: "unauthorized", 403: "forbidden", 404: "not_found", 408: "timeout", 410: "gone",
    413: "too_large", 425: "too_early", 429: "rate_limited",
}  # fmt: skip


class Answer(NamedTuple):
    """What a channel answered. `body` is cut at `ANSWER_LIMIT`; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> dict[str, Any]:
        """The body as a JSON object; empty when it is none."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return found if isinstance(found, dict) else {}


class Exchange:
    """Calls one channel's server. Opens its session at the first call, inside the running loop.

    Args:
        deadline_s: real seconds for one call, from connecting to the end of the answer.
        now: unix time, for waits that are written as a date.
    """

    def __init__(self, *, deadline_s: float = DEADLINE_S, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self._deadline_s = deadline_s
        self._session: aiohttp.ClientSession | None = None

    def __repr__(self) -> str:
        return "Exchange()"

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a JSON body.

        Raises:
            DeliveryError: no answer came; all of these can be tried again.
        """
        return await self._call("POST", url, body, {"Content-Type": "application/json", **(headers or {})})

    async def get(self, url: str) -> Answer:
        """Ask without a body; raises as `post`."""
        return await self._call("GET", url, None, {})

    async def close(self) -> None:
        """Close the session; another call would open a new one."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _call(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        token = context.attach(context.set_value(_UNTRACED, True))
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._exchanged(method, url, body, headers)
        except TimeoutError:
            reason, what = "timeout", f"did not answer within {self._deadline_s:g} s"
        except aiohttp.ClientSSLError:
            reason, what = "tls", "does not prove who it is (TLS)"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason, what = "network", f"could not be reached ({type(error).__name__})"
        finally:
            context.detach(token)
        # Raised here and not in a handler: an error that was caught names the address, and would travel along.
        raise DeliveryError(reason, what, retry_after=0.0)

    async def _exchanged(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "fleawatch"},
                trust_env=False,
            )
        async with self._session.request(
            method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
        ) as response:
            read = bytearray()
            async for chunk in response.content.iter_chunked(ANSWER_LIMIT):
                read += chunk
                if len(read) >= ANSWER_LIMIT:
                    response.close()
                    break
            found = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, found, bytes(read[:ANSWER_LIMIT]))


def refusal(answer: Answer, now: float, *, reason: str = "", wait: float | None = None) -> DeliveryError | None:
    """Why an answer is no acceptance by its status code, None for 2xx.

    What comes from the server's side (5xx) or passes (408, 425, 429) can be tried again; all else cannot, redirects
    included: a secret is not carried to where a server points.

    Args:
        answer: as it came.
        now: unix time, for `Retry-After` as a date.
        reason: the vendor's own bounded word, where it gives one.
        wait: seconds to wait as the vendor's body says; the `Retry-After` header otherwise.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    again = status >= 500 or status in _PASSING
    if wait is None:
        wait = retry_after(answer.headers.get("retry-after", ""), now)
    return DeliveryError(
        reason
        or _REASONS.get(status)
        or ("redirect" if status < 400 else "refused" if status < 500 else "server_error"),
        f"answered {status}" + (f" ({reason})" if reason else ""),
        retry_after=min(max(0.0, wait), LONGEST_WAIT_S) if again else None,
        status_code=status,
    )


def garbage(answer: Answer) -> DeliveryError:
    """A 2xx whose body is not the vendor's: nobody knows whether the message arrived, so it is tried again."""
    return DeliveryError(
        "invalid_answer", f"answered {answer.status} with another body than its own", retry_after=0.0,
        status_code=answer.status,
    )  # fmt: skip


def retry_after(value: str, now: float) -> float:
    """Seconds of a `Retry-After` header, given as seconds or as an HTTP date (RFC 9110, 10.2.3); 0 when it says nothing."""
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 12:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)
