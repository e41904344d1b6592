"""One call to the platform: a client span, and the facts that it was made, how often, and how each attempt ended."""

from __future__ import annotations

from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from fleawatch.catalog.labels import METHOD
from fleawatch.events import ApiCall
from fleawatch.events.span import SpanKind
from fleawatch.sdk.client.beneath import code_of
from fleawatch.sdk.client.endpoint import endpoint_of, shown
from fleawatch.sdk.client.safety import is_safe, may_be_done
from fleawatch.sdk.telemetry.context import current
from fleawatch.sdk.telemetry.draft import Draft
from fleawatch.sdk.telemetry.operation import Desk, Operation, current_operation
from fleawatch.sdk.telemetry.propagation import chosen, inject
from fleawatch.sdk.telemetry.resends import Key

_FAILED_FROM: Final = 400
_DONE: Final = range(200, 300)
_BROKEN_FROM: Final = 500
_TOO_MANY: Final = 429


class Call(Operation):
    """A call, with the attempts that a client made beneath it. Keys, bodies and queries are never looked at.

    Args:
        resends: how often whoever makes it has made it before, at least; 0 for a first attempt.

    Attributes:
        resends: the same, as far as it is known after all.
        carried: headers that were put into it for hosts that may know the trace.
        earlier: how attempts beneath it ended before the last one, as `ApiCall.status_code` has it.
        led_to_read: whether it changes something and what was sent last is a read that follows it, such as to where it was
            redirected: what becomes of that says nothing of what was asked first.
        owner: what watches the client that makes it; None where that makes no call within a call.
        passed_on: error of a call within it, such as one that follows a redirection: what led to it was counted there.
    """

    __slots__ = (
        "_code", "_digest", "_doubted", "_key", "_safe", "_sent", "_within", "carried", "earlier", "endpoint", "host", "led_to_read", "method",
        "owner", "passed_on", "resends", "url",
    )  # fmt: skip
    span_name: ClassVar[str] = "pf.http.request"
    span_kind: ClassVar[SpanKind] = "client"

    def __init__(self, desk: Desk, *, method: str, url: str, resends: int = 0) -> None:
        super().__init__(desk, method=method, url=url)
        self.method = method.upper() if method.upper() in METHOD.values else "other"
        self.endpoint = endpoint_of(url)
        self.url, self.host = shown(url, self.endpoint)
        self.resends = resends
        self.earlier: tuple[str, ...] = ()
        self.led_to_read = False
        self.owner: object = None
        self.passed_on: BaseException | None = None
        self._safe = is_safe(method)
        self._doubted = self._sent = False
        self._code = 0
        self._digest = hash((method.upper(), url))
        self._within: Operation | None = None
        self.carried: set[tuple[str, str]] = set()
        self._key: Key | None = None

    def __enter__(self) -> Self:
        self._within = current_operation()
        if isinstance(self._within, Call):
            # A redirection is followed with the headers of the call that was redirected.
            self.carried = self._within.carried
        self._key = self._follows_on()
        if self._key is not None:
            self.resends = max(self.resends, self._desk.resends.made(self._key))
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._remember(error)

    def _follows_on(self) -> Key | None:
        """Where it may follow a call that failed; None outside of any trace."""
        within = None if self._within is None else self._within.place
        if within is not None and not self._safe:
            return within.trace_id, within.span_id, self._digest
        outer = current()
        return (outer.trace_id, 0, self._digest) if outer.is_valid else None

    def _remember(self, error: BaseException | None) -> None:
        answered = self._code and self._code != _TOO_MANY and self._code < _BROKEN_FROM
        if self._key is not None:
            if answered:
                self._desk.resends.answered(self._key)
            else:
                self._desk.resends.failed(self._key, self.resends + len(self.earlier) + 1)
        if isinstance(self._within, Call):
            self._within.passed_on = error
        if self._within is not None and not self._safe:
            self._within.was_called(self.ended_ns - self.started_ns)
            undone_is_sure = not (self._doubted or self.led_to_read)
            if may_be_done(self._code, error) or not (undone_is_sure or self._code in _DONE):
                self._within.left_open(str(self._code) if error is None else type(error).__name__)
            elif answered:
                self._within.was_answered(taken_on=self._code in _DONE)

    def propagate(self, headers: MutableMapping[str, str], hosts: tuple[str, ...], host: str | None = None) -> None:
        """Put the trace context into the headers, for hosts that may know it, as `OTEL_PROPAGATORS` says.

        Args:
            headers: of the request that is sent now.
            hosts: that may know it.
            host: that it is sent to, the call's own when None. For one that may not know it, what was put there for
                another host is taken out.
        """
        for name, value in self.carried:
            if headers.get(name) == value:
                del headers[name]
        if (self.host if host is None else host) in hosts:
            put: dict[str, str] = {}
            inject(put, chosen())
            self.carried.update(put.items())
            headers.update(put)

    def sends(self, method: str) -> None:
        """A request of it is sent now: its own, one that follows a redirection, or a login."""
        reads = is_safe(method)
        self.led_to_read = reads and self._sent and not self._safe
        self._sent = self._sent or not reads

    def followed(self, codes: tuple[str, ...], *, may_be_done: bool) -> None:
        """Its client made attempts before the last one, which ended so; whether one of them may have been done."""
        self.earlier, self._doubted = codes, may_be_done

    def answered(self, status: int) -> None:
        """The status of the answer."""
        self._code = status

    def code(self) -> str:
        """Three digits, or what there was instead of an answer."""
        if self._code:
            return f"{self._code:03d}"
        return "invalid_body" if self.error is None else code_of(self.error)

    def drafts(self) -> list[Draft]:
        codes = (*self.earlier, self.code())
        return [
            self._draft(code, self.resends + number, None if number < len(codes) else self.duration_s)
            for number, code in enumerate(codes, start=1)
        ]

    def _draft(self, code: str, attempt: int, duration_s: float | None) -> Draft:
        fields = {
            "endpoint": self.endpoint,
            "method": self.method,
            "status_code": code,
            "duration_s": duration_s,
            "attempt": attempt,
            "trace_id": self.trace_id,
        }
        return Draft(ApiCall, self.ended_at, "", fields)

    def described(self) -> dict[str, Any]:
        failed = self._code >= _FAILED_FROM
        return {
            "http.request.method": self.method,
            "http.response.status_code": self._code or None,
            "http.request.resend_count": self.resends + len(self.earlier) or None,
            "url.full": self.url,
            "server.address": self.host,
            "error.type": str(self._code) if failed else None,
            **self.attributes,
        }
