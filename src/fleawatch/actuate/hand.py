"""The one way to change something at the platform: an allowed path, a small JSON body, a deadline, and no guess about the end.

A call that was not answered has an unknown end: it may have worked. It is never taken for failed, and never repeated here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
from yarl import URL

from fleawatch.actuate.routes import ALLOWED, Deed

DEADLINE_S: Final = 5.0
SIZE_LIMIT: Final = 1 << 16


class Answered(NamedTuple):
    """What came back: `status` None when nothing did, `word` the platform's error code, `body` the document."""

    status: int | None
    word: str
    body: Mapping[str, Any]


class Hand:
    """Acts at one service for one agent. Its text never shows the key."""

    __slots__ = ("_base", "_deadline_s", "_key", "_service", "_session")

    def __init__(
        self,
        session: aiohttp.ClientSession,
        service: str,
        base: str,
        key: str | None,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._session = session
        self._service = service
        self._base = base.rstrip("/")
        self._key = key
        self._deadline_s = deadline_s

    def __repr__(self) -> str:
        return f"Hand({self._service}, {self._base})"

    async def call(self, deed: Deed, body: Mapping[str, str | float] | None = None) -> Answered:
        """Do it once.

        Raises:
            ValueError: the deed is not on the list, or of another service.
        """
        if deed not in ALLOWED or deed.service != self._service:
            raise ValueError(f"{deed} is nothing that the {self._service} hand may do")
        headers = {"Content-Type": "application/json"}
        if deed.keyed:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            async with (
                asyncio.timeout(self._deadline_s),
                self._session.request(
                    deed.method,
                    URL(self._base + deed.path, encoded=True),
                    data=None if body is None else msgspec.json.encode(body),
                    headers=headers,
                    allow_redirects=False,
                ) as answer,
            ):
                return _answered(answer.status, await answer.content.read(SIZE_LIMIT))
        except aiohttp.ClientConnectorError:
            return Answered(None, "unreachable", {})
        except (TimeoutError, aiohttp.ClientError, OSError):
            return Answered(None, "no_answer", {})


def _answered(status: int, body: bytes) -> Answered:
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError):
        return Answered(status, "invalid_body", {})
    word = document.get("error")
    return Answered(status, word[:40] if isinstance(word, str) else "", document)
