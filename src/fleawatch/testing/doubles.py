"""Servers that stand in for vendors: they record the bytes that came over the wire and answer as they are told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, Self

Misbehaviour = Literal["hang", "reset", "garbage", "cut"]
"""What a server does instead of answering: keep quiet, hang up, talk no HTTP, hang up in the middle of the body."""

_NO_BODY: Final = frozenset({204, 304})


class Answer(NamedTuple):
    """A scripted answer."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Request(NamedTuple):
    """What came over the wire. Header names are lower case; `raw` is all of it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    raw: bytes


class HttpDouble:
    """A server on loopback. Use it as an asynchronous context manager.

    Args:
        answers: given one a request, in order; the last one again and again.

    Attributes:
        requests: in the order in which they came.
    """

    def __init__(self, answers: Iterable[Answer | Misbehaviour]) -> None:
        self.requests: list[Request] = []
        self._answers = deque(answers)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """Its base address."""
        if self._server is None:
            raise RuntimeError("the double was not started; use it with `async with`")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._connections):
                writer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while (request := await _request(reader)) is not None:
                self.requests.append(request)
                answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
                if not await _given(answer, writer):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self._connections.discard(writer)
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of a connection, None when it is closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, path, _ = first.split(" ")
    return Request(method, path, headers, body, head + body)


async def _given(answer: Answer | Misbehaviour, writer: asyncio.StreamWriter) -> bool:
    """Answer; whether the connection goes on."""
    if answer == "hang":
        await asyncio.sleep(30)
        return False
    if answer == "reset":
        writer.transport.abort()
        return False
    if answer == "garbage":
        writer.write(b"\x00\xffthis is no HTTP\r\n\r\n")
        return False
    if answer == "cut":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
        await writer.drain()
        return False
    length = "" if answer.status in _NO_BODY else f"Content-Length: {len(answer.body)}\r\n"
    headers = "".join(f"{name}: {value}\r\n" for name, value in answer.headers)
    writer.write(f"HTTP/1.1 {answer.status} Scripted\r\n{length}{headers}\r\n".encode() + answer.body)
    await writer.drain()
    return True
