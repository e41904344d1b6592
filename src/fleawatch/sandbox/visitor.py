"""A sandbox for the length of a `with` block, and a visitor who asks it things: for tests and demonstrations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from fleawatch.clock import Clock
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.running import Sandbox, Settings


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer: its status, headers, raw body, and the body decoded where it is JSON."""

    status: int
    headers: dict[str, str]
    raw: bytes
    body: Any


class Visitor:
    """A client of one sandbox."""

    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
        self.sandbox = sandbox
        self._session = session

    def agent(self, character: str) -> Person:
        """The first fleet agent of this character."""
        return next(person for person in self.sandbox.world.fleet if person.character == character)

    async def ask(
        self,
        method: str,
        service: str,
        path: str,
        *,
        key: str | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        seconds: float = 10.0,
    ) -> Reading:
        """Send one request. `body` is sent as JSON, bytes as they are.

        Raises:
            aiohttp.ClientError: the connection broke.
            TimeoutError: no answer within `seconds`.
        """
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {key}"
        content = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        async with self._session.request(
            method,
            self.sandbox.bases[service] + path,
            headers=sent,
            timeout=aiohttp.ClientTimeout(total=seconds),
            allow_redirects=False,
            **content,
        ) as response:
            raw = await response.read()
            is_json = response.content_type == "application/json"
            return Reading(response.status, dict(response.headers), raw, await _decoded(response) if is_json else None)

    async def get(self, service: str, path: str, key: str | None = None) -> Reading:
        """Read `path`."""
        return await self.ask("GET", service, path, key=key)

    async def post(self, service: str, path: str, body: Any = None, key: str | None = None) -> Reading:
        """Write to `path`."""
        return await self.ask("POST", service, path, key=key, body=body)

    async def control(self, path: str, body: Any = None) -> Reading:
        """Use the sandbox's own controls."""
        method = "GET" if path.startswith(("/state", "/orders")) else "POST"
        return await self.ask(method, "control", path, key=self.sandbox.token, body=body)


async def _decoded(response: aiohttp.ClientResponse) -> Any:
    try:
        return await response.json()
    except ValueError:
        return None


@asynccontextmanager
async def visiting(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Visitor]:
    """Run a sandbox and a visitor to it; both are gone when the block ends."""
    sandbox = Sandbox(settings, clock=clock)
    try:
        await sandbox.start()
        async with aiohttp.ClientSession() as session:
            yield Visitor(sandbox, session)
    finally:
        await sandbox.close()
