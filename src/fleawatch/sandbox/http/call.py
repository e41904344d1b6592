"""One request as a handler sees it, and what a handler may answer with."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from fleawatch.sandbox.refusal import RefusedError


@dataclass(slots=True, kw_only=True)
class Call:
    """A request.

    Attributes:
        now: simulated unix seconds; `shown` is the same as a server with a skewed clock would print it.
        key: bearer token, or None.
        address: what the rate limits count by.
        params: the variable parts of the path.
        outage: the service's upstream (exchange, chains, database) is away.
    """

    method: str
    path: str
    query_string: str
    now: float
    shown: float
    key: str | None
    address: str
    raw_body: bytes
    params: dict[str, str] = field(default_factory=dict)
    outage: bool = False
    _query: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, str]:
        """The query, last value of each name."""
        if self._query is None:
            self._query = dict(parse_qsl(self.query_string)) if self.query_string else {}
        return self._query

    def integer(self, name: str, default: int, most: int) -> int:
        """A number from the query as the servers take it: capped at `most`; a negative one breaks the query (500)."""
        try:
            value = int(self.query.get(name) or default)
        except ValueError:
            value = default
        if value < 0:
            raise RefusedError(500, "internal_error", "An unexpected error occurred")
        return min(value, most)

    def json(self, *, lenient: bool = False) -> dict[str, Any]:
        """The body as an object. A lenient route takes anything else as `{}`.

        Raises:
            RefusedError: 400 `invalid_json`.
        """
        try:
            document = msgspec.json.decode(self.raw_body)
        except msgspec.DecodeError:
            if lenient:
                return {}
            raise RefusedError(400, "invalid_json", "Request body must be valid JSON") from None
        return document if isinstance(document, dict) else {}


@dataclass(slots=True)
class Reply:
    """An answer that a handler encoded itself, or one with a status of its own."""

    body: bytes | dict[str, Any]
    status: int = 200
    content_type: str = "application/json; charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)


Answer = dict[str, Any] | list[Any] | Reply
Handler = Callable[[Call], Answer]


def finite(value: float) -> float | None:
    """`value`, or None for what JSON cannot carry."""
    return value if math.isfinite(value) else None
