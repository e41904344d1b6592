"""The two ends of a task: asking for it, a span that produces; doing it, a span that consumes, in a trace of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Self

from opentelemetry.baggage import set_baggage
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import SpanContext

from fleawatch.events.span import SpanKind, SpanLink
from fleawatch.sdk.handoff.token import Reason
from fleawatch.sdk.telemetry.context import Place
from fleawatch.sdk.telemetry.operation import Desk, Operation
from fleawatch.sdk.telemetry.provider import remote


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What is believed of a token.

    Attributes:
        reason: why nothing is; empty when it is believed.
        requester: agent that asks, by its fleet's name; empty without a token that is believed.
        task_type: kind of the task.
        baggage: of the names that are allowed here.
        link: to the span that asks; None without.
        trusted: whether the requester's trace is gone on with instead of being linked.
    """

    reason: Reason = ""
    requester: str = ""
    task_type: str = ""
    baggage: Mapping[str, str] = field(default_factory=dict)
    link: SpanLink | None = None
    trusted: bool = False


class TaskCreate(Operation):
    """A task is handed to another agent."""

    __slots__ = ("_seal", "_token_text", "escrow_id", "task_type", "worker")
    span_name: ClassVar[str] = "pf.task.create"
    span_kind: ClassVar[SpanKind] = "producer"

    def __init__(
        self,
        desk: Desk,
        *,
        seal: Callable[[Place, str, str], str],
        task_type: str,
        worker: str = "",
        escrow_id: str = "",
    ) -> None:
        super().__init__(desk, seal=seal, task_type=task_type, worker=worker, escrow_id=escrow_id)
        self._seal, self.task_type, self.worker, self.escrow_id = seal, task_type, worker, escrow_id
        self._token_text: str | None = None

    @property
    def token(self) -> str:
        """The context of this span for the worker, within the block; empty when it could not be signed."""
        if self._token_text is None:
            self._token_text = "" if self.place is None else self._seal(self.place, self.task_type, self.worker)
        return self._token_text

    def describe(self, text: str) -> str:
        """A description for the escrow, with the token at its end. Everybody who knows the escrow can read both."""
        return f"{text} [{self.token}]" if self.token else text

    def created(self, escrow_id: str) -> None:
        """The platform's id of the escrow that carries it."""
        self.escrow_id = escrow_id

    def described(self) -> dict[str, Any]:
        return {
            "pf.task_type": self.task_type,
            "pf.escrow_id": self.escrow_id,
            "pf.counterparty": self.worker,
            **self.attributes,
        }


class TaskExecute(Operation):
    """A task is done for another agent: a root of its own, linked to the request.

    Whether it is sampled is decided here, whatever the requester decided. Only the trace of an agent that is trusted by
    name is gone on with.
    """

    __slots__ = ("_carried", "escrow_id", "received")
    span_name: ClassVar[str] = "pf.task.execute"
    span_kind: ClassVar[SpanKind] = "consumer"
    linked: ClassVar[bool] = True

    def __init__(self, desk: Desk, *, received: Received, escrow_id: str = "") -> None:
        super().__init__(desk, received=received, escrow_id=escrow_id)
        self.received, self.escrow_id = received, escrow_id
        self._carried: Token[Context] | None = None

    def stand(self, outer: SpanContext) -> SpanContext | None:
        super().stand(outer)
        link = self.received.link
        if link is None:
            return None
        if self.escrow_id:
            self._desk.creations.remember(self.escrow_id, link.trace_id, link.span_id, self._desk.now_ns() / 1e9)
        if self.received.trusted:
            return remote(link.trace_id, link.span_id, sampled=self._desk.ids.samples(link.trace_id))
        self.links = (link, *self.links)
        return None

    def __enter__(self) -> Self:
        super().__enter__()
        if self.received.baggage:
            context = get_current()
            for name, value in self.received.baggage.items():
                context = set_baggage(name, value, context)
            self._carried = attach(context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._carried is not None:
            detach(self._carried)
            self._carried = None
        super().__exit__(kind, error, trace)

    def described(self) -> dict[str, Any]:
        return {
            "pf.requester_agent_id": self.received.requester,
            "pf.task_type": self.received.task_type,
            "pf.escrow_id": self.escrow_id,
            **self.attributes,
        }
