"""Live updates: which numbers changed, pushed to every open page by Server-Sent Events.

One task looks at the state while anybody listens, at most every second, and compares what is shown now with what was
shown before. A client holds what it has not been sent yet by cell: one that is slow gets the newest text of each cell
later, never a queue of old ones, so nothing grows. One that takes nothing for half a minute is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from starlette.types import Receive, Scope, Send

from fleawatch.web.cells import Cell, cells
from fleawatch.web.fleetview import fleet_view
from fleawatch.web.problems import unavailable
from fleawatch.web.watch import Watched

PAUSE_S: Final = 1.0
"""Least time between two looks, real seconds; a look that takes long is made more rarely still."""
BEAT_S: Final = 10.0
SLOW_S: Final = 30.0
CLIENTS: Final = 64
_SHARE: Final = 10.0
"""A look may take a tenth of the time."""

_encode: Final = msgspec.json.Encoder().encode
_HEADERS: Final = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"))


class Client:
    """An open page and what it has not been sent yet.

    Attributes:
        prefix: keys of the cells it shows begin with it.
        pending: newest cell of each key that changed.
        regroup: whether agents came or went.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.pending: dict[str, Cell] = {}
        self.regroup = False
        self.ready = asyncio.Event()

    def offer(self, changed: dict[str, Cell], *, regroup: bool) -> None:
        """Take what changed, as far as it is shown."""
        prefix = self.prefix
        self.pending.update((key, cell) for key, cell in changed.items() if key.startswith(prefix))
        self.regroup = self.regroup or regroup
        if self.pending or self.regroup:
            self.ready.set()

    def take(self) -> Iterator[bytes]:
        """The messages of what is pending, which is then no longer pending."""
        self.ready.clear()
        if self.regroup:
            self.regroup = False
            yield message("agents", {})
        if self.pending:
            changed, self.pending = self.pending, {}
            yield message("cells", changed)


class Hub:
    """Watches the state for all clients."""

    def __init__(self, watched: Watched, *, pause_s: float = PAUSE_S, most: int = CLIENTS) -> None:
        self._watched = watched
        self._pause_s = pause_s
        self._most = most
        self._clients: set[Client] = set()
        self._task: asyncio.Task[None] | None = None
        self._shown: dict[str, Cell] = {}

    @contextlib.contextmanager
    def joined(self, prefix: str) -> Iterator[Client]:
        """A client that listens until the end of the block, beginning with everything it shows.

        Raises:
            RequestError: 503, too many listen already.
        """
        if len(self._clients) >= self._most:
            raise unavailable(
                f"{len(self._clients)} clients listen already",
                "close other pages, or poll /api/v1/fleet",
                retry_after_s=30,
            )
        client = Client(prefix)
        if not self._clients:
            self._shown = self._look()
            self._task = asyncio.create_task(self._run(), name="live")
        self._clients.add(client)
        client.offer(self._shown, regroup=False)
        try:
            yield client
        finally:
            self._clients.discard(client)
            if not self._clients and self._task is not None:
                self._task.cancel()
                self._task = None

    def _look(self) -> dict[str, Cell]:
        watched = self._watched
        view = fleet_view(watched.monitor.state, watched.clock.now(), watched.config.collect.max_age_s)
        return dict(cells(view))

    async def _run(self) -> None:
        pause = self._pause_s
        while True:
            await asyncio.sleep(pause)
            begun = time.perf_counter()
            self._compare()
            pause = max(self._pause_s, _SHARE * (time.perf_counter() - begun))

    def _compare(self) -> None:
        before, now = self._shown, self._look()
        self._shown = now
        changed = {
            key: cell for key, cell in now.items() if (known := before.get(key)) is None or _differs(known, cell)
        }
        regroup = before.keys() != now.keys()
        if changed or regroup:
            for client in self._clients:
                client.offer(changed, regroup=regroup)


def _differs(before: Cell, now: Cell) -> bool:
    """Whether anybody could see a difference; that a number was read again and is the same is none."""
    return (
        before.text != now.text
        or before.look != now.look
        or before.hint != now.hint
        or before.number.value != now.number.value
    )


class LiveResponse:
    """An endless response: changed cells as they come, a beat when nothing does."""

    def __init__(self, hub: Hub, prefix: str, *, now: Callable[[], float], beat_s: float = BEAT_S) -> None:
        self._hub = hub
        self._prefix = prefix
        self._beat_s = beat_s
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._hub.joined(self._prefix) as client:
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
                return
            sending = asyncio.create_task(self._send(client, send))
            leaving = asyncio.create_task(_left(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sending, leaving):
                    task.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)

    async def _send(self, client: Client, send: Send) -> None:
        await self._push(send, b"retry: 2000\n\n" + message("beat", {"at": self._now()}))
        while True:
            try:
                async with asyncio.timeout(self._beat_s):
                    await client.ready.wait()
            except TimeoutError:
                await self._push(send, message("beat", {"at": self._now()}))
                continue
            for part in client.take():
                await self._push(send, part)

    async def _push(self, send: Send, body: bytes) -> None:
        async with asyncio.timeout(SLOW_S):
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def message(event: str, data: Any) -> bytes:
    """One message of the stream. JSON has no line breaks of its own, so one data line holds it."""
    return b"event: " + event.encode() + b"\ndata: " + _encode(data) + b"\n\n"
