"""One call to the platform: a client span, and the fact that it was made and how it ended."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, ClassVar

from fleawatch.catalog.labels import METHOD
from fleawatch.events import ApiCall
from fleawatch.events.span import SpanKind
from fleawatch.sdk.client.endpoint import endpoint_of, shown
from fleawatch.sdk.telemetry.draft import Draft
from fleawatch.sdk.telemetry.operation import Desk, Operation
from fleawatch.sdk.telemetry.propagation import chosen, inject

_FAILED_FROM = 400


class Call(Operation):
    """An attempt to call; each retry is one of its own. Keys, bodies and queries are never looked at."""

    __slots__ = ("_code", "endpoint", "host", "method", "url")
    span_name: ClassVar[str] = "pf.http.request"
    span_kind: ClassVar[SpanKind] = "client"

    def __init__(self, desk: Desk, *, method: str, url: str) -> None:
        super().__init__(desk, method=method, url=url)
        self.method = method.upper() if method.upper() in METHOD.values else "other"
        self.endpoint = endpoint_of(url)
        self.url, self.host = shown(url, self.endpoint)
        self._code = 0

    def propagate(self, headers: MutableMapping[str, str], hosts: tuple[str, ...]) -> None:
        """Put the trace context into the headers, for hosts that may know it, as `OTEL_PROPAGATORS` says."""
        if self.host in hosts:
            inject(headers, chosen())

    def answered(self, status: int) -> None:
        """The status of the answer."""
        self._code = status

    def code(self) -> str:
        """Three digits, or what there was instead of an answer."""
        if self.error is None or self._code:
            return f"{self._code:03d}" if self._code else "invalid_body"
        outcome = self.outcome()
        return "network" if outcome == "error" else outcome

    def drafts(self) -> list[Draft]:
        fields = {
            "endpoint": self.endpoint,
            "method": self.method,
            "status_code": self.code(),
            "duration_s": self.duration_s,
            "trace_id": self.trace_id,
        }
        return [Draft(ApiCall, self.ended_at, "", fields)]

    def described(self) -> dict[str, Any]:
        failed = self._code >= _FAILED_FROM
        return {
            "http.request.method": self.method,
            "http.response.status_code": self._code or None,
            "url.full": self.url,
            "server.address": self.host,
            "error.type": str(self._code) if failed else None,
            **self.attributes,
        }
