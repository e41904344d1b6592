"""Call an ASGI application in-process: one request, one answer, or a stream that is read piece by piece."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import msgspec
from starlette.types import ASGIApp, Scope


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `headers` by lower-case name; of repeated ones the last."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


@dataclass(slots=True)
class Stream:
    """A response that is still being sent. `read` gives the next piece of its body."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    async def read(self, within_s: float = 5.0) -> bytes:
        """The next piece; TimeoutError when none comes in time."""
        async with asyncio.timeout(within_s):
            return await self.pieces.get()


async def call(
    app: ASGIApp,
    path: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    raises: bool = True,
) -> Answer:
    """The whole answer to one request. `path` may carry a query.

    With `raises=False`, what the application raises after it has answered is left to it, as a client would not see it.
    """
    started: dict[str, Any] = {}
    found = bytearray()
    requests = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Mapping[str, Any]:
        if not requests:
            await asyncio.Event().wait()  # the client stays until it has its answer
        return requests.pop()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            found.extend(message.get("body", b""))

    try:
        await app(_scope(path, method, headers or {}), receive, send)  # type: ignore[arg-type]  # plain mappings are messages
    except Exception:
        if raises or not started:
            raise
    return Answer(started["status"], _headers(started), bytes(found))


@contextlib.asynccontextmanager
async def stream(app: ASGIApp, path: str, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Stream]:
    """A response that goes on until the caller leaves; leaving disconnects the client."""
    found, begun, gone = Stream(), asyncio.Event(), asyncio.Event()

    async def receive() -> Mapping[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            found.status, found.headers = message["status"], _headers(message)
            begun.set()
        elif message.get("body"):
            found.pieces.put_nowait(message["body"])

    async def run() -> None:
        await app(_scope(path, "GET", headers or {}), receive, send)  # type: ignore[arg-type]  # as above

    task = asyncio.create_task(run())
    try:
        async with asyncio.timeout(5):
            await begun.wait()
        yield found
    finally:
        gone.set()
        async with asyncio.timeout(5):
            await asyncio.gather(task, return_exceptions=True)


def _scope(path: str, method: str, headers: Mapping[str, str]) -> Scope:
    route, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(route),
        "raw_path": quote(route, safe="/%").encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 9712),
    }


def _headers(message: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in message["headers"]}
