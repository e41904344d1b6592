"""The one way out: GET, an allowed route, a deadline, and every failure by its reason.

All adapters share one pooled session; an adapter holds a `Client`, which is the session, a base address and one
agent's key. The key travels in the Authorization header and nowhere else: redirects are refused, cookies are not kept,
and no message quotes a header.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple, TypeVar

import aiohttp
import msgspec
from yarl import URL

from fleawatch.clock import Clock
from fleawatch.errors import SourceError
from fleawatch.sources.decode import decode, word
from fleawatch.sources.routes import ALLOWED, Route
from fleawatch.units import from_iso

_T = TypeVar("_T")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}\Z")
_CHUNK: Final = 1 << 16

DEADLINE_S: Final = 10.0
SIZE_LIMIT: Final = 32 << 20
LONGEST_RETRY_S: Final = 3_600.0
"""A wait that a server asks for is believed up to an hour: its windows are a minute."""


class Raw(NamedTuple):
    """An answer before it is understood."""

    status: int
    body: bytes


def open_session(connections: int = 64) -> aiohttp.ClientSession:
    """A session whose pool holds `connections` to each host, so that a host that hangs starves only itself."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=connections, ttl_dns_cache=300),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None),
        headers={"Accept": "application/json", "User-Agent": "fleawatch"},
        auto_decompress=True,
        trust_env=False,
    )


class Client:
    """Reads one service for one agent.

    Args:
        session: shared by all clients and closed by whoever opened it.
        service: whose routes it may read.
        base: address of the service without a trailing slash.
        key: the agent's key, or None to read without one.
        deadline_s: real seconds until a call counts as timed out.
        size_limit: bytes of an answer's body beyond which it is refused.
    """

    __slots__ = (
        "_base", "_date", "_dated_at", "_deadline_s", "_headers", "_session", "_size_limit", "_urls", "clock", "service",
    )  # fmt: skip

    def __init__(
        self,
        session: aiohttp.ClientSession,
        service: str,
        base: str,
        key: str | None,
        *,
        clock: Clock,
        deadline_s: float = DEADLINE_S,
        size_limit: int = SIZE_LIMIT,
    ) -> None:
        self.service = service
        self.clock = clock
        self._session = session
        self._base = base.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._deadline_s = deadline_s
        self._size_limit = size_limit
        self._urls: dict[Route, URL] = {}
        self._date: str | None = None
        self._dated_at = 0.0

    def __repr__(self) -> str:
        return f"Client({self.service}, {self._base})"

    @property
    def clock_offset(self) -> float | None:
        """The server's clock minus ours in seconds, to its resolution of one; None before the first dated answer."""
        sent = self._sent_at()
        return None if sent is None else sent - self._dated_at

    async def get(self, route: Route, kind: type[_T], **params: str | int) -> tuple[_T, tuple[str, ...]]:
        """Read `route` as `kind`; also the wanted fields that it lacked.

        Args:
            route: one of the allowed routes of this service.
            kind: type of the answer, see `decode`.
            params: values for the route's placeholders; the rest become the query.

        Raises:
            SourceError: the call failed or its answer is unusable; see `SourceError.reason`.
        """
        return decode(await self.fetch(route, **params), kind, route)

    async def fetch(self, route: Route, **params: str | int) -> bytes:
        """Read the body of `route` as it is; raises as `get`, but does not look into a good answer."""
        raw = await self.call(route, **params)
        if raw.status == 200:
            return raw.body
        raise self._refused(route, raw)

    async def call(self, route: Route, **params: str | int) -> Raw:
        """Read whatever `route` answers, also a refusal.

        Raises:
            SourceError: `timeout`, `network`, or `invalid_body` when the answer is too long.
        """
        url = self._url(route, params)
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._exchange(url, route)
        except TimeoutError:
            raise SourceError("timeout", f"{route} did not answer within {self._deadline_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceError("network", f"{route} could not be reached: {type(error).__name__}") from None

    async def _exchange(self, url: URL, route: Route) -> Raw:
        headers = self._headers if route.keyed else None
        async with self._session.get(url, headers=headers, allow_redirects=False) as response:
            self._date = response.headers.get("Date")
            self._dated_at = self.clock.now()
            return Raw(response.status, await self._body(response, route))

    async def _body(self, response: aiohttp.ClientResponse, route: Route) -> bytes:
        length = response.content_length
        if length is not None and length <= self._size_limit and "Content-Encoding" not in response.headers:
            return await response.read()
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > self._size_limit:
                raise SourceError("invalid_body", f"{route} answered with more than {self._size_limit} bytes")
        return bytes(body)

    def _url(self, route: Route, params: Mapping[str, str | int]) -> URL:
        if route not in ALLOWED or route.service != self.service:
            raise ValueError(f"{route} is not a route that the {self.service} client may read")
        known = self._urls.get(route)
        if known is not None and not params:
            return known
        path = route.template
        for name in route.placeholders:
            value = str(params[name])
            if not _SEGMENT.match(value) or ".." in value:
                raise SourceError("schema", f"{route}: {name} was {word(value)!r}, which is no id")
            path = path.replace(f"{{{name}}}", value)
        query = {name: str(value) for name, value in params.items() if name not in route.placeholders}
        url = URL(self._base + path, encoded=True)
        if query:
            return url.with_query(query)
        if not params:
            self._urls[route] = url
        return url

    def _sent_at(self) -> float | None:
        if self._date is None:
            return None
        try:
            moment = parsedate_to_datetime(self._date)
        except ValueError:
            return None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

    def _refused(self, route: Route, raw: Raw) -> SourceError:
        """What an answer other than 200 means."""
        status = raw.status
        body = _refusal(raw.body)
        said = f"{route} answered {status}" + (f" {word(body.error)}" if body.error else "")
        if status == 429:
            return SourceError("rate_limited", said, status_code=status, retry_after=self._wait(body.reset_at))
        if status in (401, 403):
            return SourceError("unauthorized", said, status_code=status)
        if 300 <= status < 400:
            return SourceError("schema", f"{said}; a key does not follow redirects", status_code=status)
        return SourceError("http_4xx" if status < 500 else "http_5xx", said, status_code=status)

    def _wait(self, reset_at: str) -> float | None:
        """Seconds until the limit is lifted. The server's own clock decides, when it tells the time."""
        try:
            reset = from_iso(reset_at)
        except ValueError:
            return None
        for now in (self._sent_at(), self.clock.now()):
            if now is not None and 0 <= reset - now <= LONGEST_RETRY_S:
                return reset - now
        return None


class _Refusal(msgspec.Struct):
    error: str = ""
    reset_at: str = ""


def _refusal(body: bytes) -> _Refusal:
    try:
        return msgspec.json.decode(body, type=_Refusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Refusal()
