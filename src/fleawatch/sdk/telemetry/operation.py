"""One operation of an agent, from its beginning to its end: a context manager, sync and async, and a decorator.

In the caller's thread it reads the clock twice and writes down what it is told. Whatever ends the block ends the operation: a
return, an error, a time-out, a cancellation; the error goes on as it came. What became of it is read off by the worker.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from fleawatch.events.span import SpanKind, SpanLink, SpanRecord
from fleawatch.sdk.telemetry.context import Ids, Place, current, entered, left
from fleawatch.sdk.telemetry.creations import Creations
from fleawatch.sdk.telemetry.draft import Draft
from fleawatch.sdk.telemetry.resends import Resends

if TYPE_CHECKING:
    from fleawatch.sdk.telemetry.provider import Live, Provider

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Desk(Protocol):
    """What an operation needs of the telemetry it belongs to. `provider` is None while spans are made by the worker."""

    ids: Ids
    strategy: str
    creations: Creations
    resends: Resends
    provider: Provider | None

    def now_ns(self) -> int:
        """Unix nanoseconds."""
        ...

    def elapsed_ns(self) -> int:
        """Nanoseconds on a clock that nobody sets."""
        ...

    def hand_in(self, operation: Operation) -> None:
        """Take a finished operation. Never raises in production, never blocks."""
        ...


class Operation:
    """Base of all operations. Use one once; as a decorator each call of the function is an operation of its own.

    Attributes:
        span_name, span_kind: of the catalog.
        place: ids; None before the block is entered.
        error: what ended the block, None without.
        around: the operation that the error goes on to, None for the outermost one; set when an error ends the block.
        counted: an error that an operation within it was already counted for.
        doubt: class of what ended a call within it that may have been done all the same; empty without.
        attributes: of the span; None values are left out.
        moments: events within the span: name, unix nanoseconds, attributes.
        links: spans of other traces that it belongs to.
        record: its span, where a provider made it; else the worker makes it.
    """

    __slots__ = (
        "_arguments", "_began", "_desk", "_follows", "_live", "_outer", "_taken_on", "_token", "around", "attributes", "counted",
        "doubt", "ended_ns", "error", "links", "moments", "place", "record", "started_ns",
    )  # fmt: skip

    span_name: ClassVar[str] = ""
    span_kind: ClassVar[SpanKind] = "internal"
    linked: ClassVar[bool] = False
    """Whether it begins a trace of its own that is linked to the current one."""
    repeatable: ClassVar[bool] = False
    """Whether its call can be made again: the platform refuses the second one."""

    def __init__(self, desk: Desk, **arguments: Any) -> None:
        self._desk = desk
        self._follows = desk.strategy  # the agent may follow another one when the worker asks
        self._arguments = arguments
        self.place: Place | None = None
        self.error: BaseException | None = None
        self.around: Operation | None
        self.counted: BaseException | None = None
        self.doubt = ""
        self._taken_on = False
        self.attributes: dict[str, Any] = {}
        self.moments: list[tuple[str, int, dict[str, Any]]] = []
        self.links: tuple[SpanLink, ...] = ()
        self.record: SpanRecord | None = None
        self.started_ns = self.ended_ns = self._began = 0
        self._token: Token[Context] | None = None
        self._outer: Token[Operation | None] | None = None
        self._live: Live | None = None

    # The block.

    def __enter__(self) -> Self:
        desk = self._desk
        parent = self.stand(current())
        if desk.provider is not None:
            self._live = desk.provider.begin(self, parent)
        if self._live is not None:
            self.place = self._live.place
        else:
            self.place = desk.ids.under(parent)
            self._token = entered(self.place)
        self._outer = _innermost.set(self)
        self.started_ns = desk.now_ns()
        self._began = desk.elapsed_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        desk = self._desk
        self.ended_ns = self.started_ns + desk.elapsed_ns() - self._began
        self.error = error
        if error is not None:
            self._ended_by(error)
        here = self._left_here()
        if here and self._token is not None:
            left(self._token)
        if self._live is not None and desk.provider is not None:
            desk.provider.end(self, self._live, here=here)
        self._token = self._live = None
        if here:
            self._outer = None
        desk.hand_in(self)

    def _ended_by(self, error: BaseException) -> None:
        if self._taken_on and not self.doubt:
            self.doubt = type(error).__name__
        self.around = self.beneath()

    def _left_here(self) -> bool:
        """Make the operation around it the innermost again; False where it is none of those that are running here.

        A generator that its caller gave up is closed by the garbage collector or the event loop, in a context of theirs. Of two
        that take turns the first may end before the second, and what was around it is current again: the second leaves that alone.
        """
        if self._outer is None or not self._runs_here():
            return False
        try:
            _innermost.reset(self._outer)
        except ValueError:
            return False
        return True

    def _runs_here(self) -> bool:
        """Whether it is the innermost operation, or one around that."""
        found = _innermost.get()
        while found is not None and found is not self:
            found = found.beneath()
        return found is self

    def beneath(self) -> Operation | None:
        """The operation that was the innermost one when it began; None without one, and once it was left."""
        outer = None if self._outer is None else self._outer.old_value
        return outer if isinstance(outer, Operation) else None

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: _Function) -> _Function:
        """Decorate a function, generator or callable object, plain or async; inside it `current_operation()` is the operation.

        A generator's operation lasts from the first item that is asked for to its end.
        """
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def stepped(*args: Any, **kwargs: Any) -> Any:
                with type(self)(self._desk, **self._arguments):
                    return (yield from function(*args, **kwargs))

            return stepped  # type: ignore[return-value]  # it takes and gives what the function does
        if inspect.isasyncgenfunction(function):
            return functools.wraps(function)(self._streamed(function))  # type: ignore[return-value]  # as above
        if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):

            @functools.wraps(function)
            async def waited(*args: Any, **kwargs: Any) -> Any:
                with type(self)(self._desk, **self._arguments):
                    return await function(*args, **kwargs)

            return waited  # type: ignore[return-value]  # it takes and gives what the function does

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self._desk, **self._arguments):
                return function(*args, **kwargs)

        return called  # type: ignore[return-value]  # it takes and gives what the function does

    def _streamed(self, function: Callable[..., AsyncGenerator[Any, Any]]) -> Callable[..., AsyncGenerator[Any, Any]]:
        async def streamed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
            with type(self)(self._desk, **self._arguments):
                async with contextlib.aclosing(function(*args, **kwargs)) as items:
                    step: Awaitable[Any] = anext(items)
                    while True:
                        try:
                            item = await step
                        except StopAsyncIteration:
                            return
                        # What its caller sends or throws is for the function, as `yield from` has it.
                        try:
                            step = items.asend((yield item))
                        except GeneratorExit:
                            raise
                        except BaseException as error:  # noqa: BLE001 - it is the function's to handle
                            step = items.athrow(error)

        return streamed

    def stand(self, outer: SpanContext) -> SpanContext | None:
        """Whose child it is, None for a root; sets what it is linked to. `outer` is the current span, if that is valid."""
        if not self.linked:
            return outer
        if outer.is_valid:
            self.links = (SpanLink(trace_id=outer.trace_id, span_id=outer.span_id),)
        return None

    # What it is told.

    def note(self, name: str, **attributes: Any) -> None:
        """Something happened within the operation: an event of its span."""
        if self._live is not None and self._desk.provider is not None:
            self._desk.provider.note(self._live, name, attributes)
        self.moments.append((name, self._desk.now_ns(), attributes))

    def was_called(self, took_ns: int) -> None:
        """A call within it that changes something has ended, after so many nanoseconds."""

    def left_open(self, why: str) -> None:
        """A call within it that changes something was not answered, and may have been done; `why` is a class of errors."""
        self.doubt = why

    def was_answered(self, *, taken_on: bool) -> None:
        """A call within it that changes something was answered: that settles an earlier one, if both are one.

        `taken_on`: the platform said that it did it. Whatever then keeps the agent from reading what came of it, such as a body that
        cannot be parsed, does not undo it.
        """
        self._taken_on = self._taken_on or taken_on
        if self.repeatable:
            self.doubt = ""

    # What the worker reads.

    @property
    def duration_s(self) -> float:
        """How long it took, seconds."""
        return (self.ended_ns - self.started_ns) / 1e9

    @property
    def ended_at(self) -> float:
        """When it ended, unix seconds."""
        return self.ended_ns / 1e9

    @property
    def trace_id(self) -> str | None:
        """Trace id as 32 hex digits; None before it began."""
        return None if self.place is None else f"{self.place.trace_id:032x}"

    def outcome(self) -> str:
        """`success`, or what the error was: `timeout`, `cancelled` or `error`."""
        return outcome_of(self.error)

    def is_open(self) -> bool:
        """Whether nobody knows what became of it, unless it was told: time was up, or an answer never came."""
        return bool(self.doubt) or self.outcome() in ("timeout", "cancelled")

    def why(self) -> str | None:
        """Class of the error that ended the block, else of what ended a call that was left open; None without either."""
        return (self.doubt or None) if self.error is None else type(self.error).__name__

    def drafts(self) -> list[Draft]:
        """The facts that follow from it; called once, by the worker."""
        return []

    def described(self) -> dict[str, Any]:
        """Attributes of its span; called once, by the worker."""
        return self.attributes


_innermost: Final[ContextVar[Operation | None]] = ContextVar("fleawatch_operation", default=None)


def current_operation() -> Operation | None:
    """The innermost operation whose block is running in this task or thread; None outside of any."""
    return _innermost.get()


_CANCELLED: Final = frozenset({"CancelledError", "Cancelled"})


def outcome_of(error: BaseException | None) -> str:
    """What an error says of an attempt: `success` without one, `timeout`, `cancelled` or `error`.

    It is the error that is seen within the block: an `asyncio.timeout` around it shows there as a cancellation, and becomes a
    TimeoutError only where it ends. A program that is told to end, such as by `sys.exit` in a handler of a signal, cancels
    what it is doing.
    """
    if error is None:
        return "success"
    if isinstance(error, TimeoutError):
        return "timeout"
    # By name: neither asyncio nor trio is loaded for a program that does not use it.
    if type(error).__name__ in _CANCELLED or isinstance(error, (KeyboardInterrupt, GeneratorExit, SystemExit)):
        return "cancelled"
    # Clients have time-outs of their own that are no TimeoutError: ReadTimeout, ConnectTimeout, ServerTimeoutError.
    return "timeout" if "timeout" in type(error).__name__.lower() else "error"
