"""Ways to stand in front of an order: a decorator and context managers, for plain and for async code.

Asking the gate neither waits nor does I/O, so the same code serves threads and event loops.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, cast

from fleawatch.sdk.gate.answer import Answer, Sized

_Function = TypeVar("_Function", bound=Callable[..., Any])
Ask = Callable[[Sized | None], Answer]


class Passage:
    """`with` or `async with`: enters with the gate's answer, or raises TradingHalted before anything is done."""

    __slots__ = ("_ask", "_order")

    def __init__(self, ask: Ask, order: Sized | None) -> None:
        self._ask = ask
        self._order = order

    def __enter__(self) -> Answer:
        return self._ask(self._order).or_raise()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held, so nothing is given back."""

    async def __aenter__(self) -> Answer:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held, so nothing is given back."""


def guarded(ask: Ask, function: _Function, order: Callable[..., Sized | None] | None) -> _Function:
    """`function`, called only when the gate allows it.

    Args:
        ask: `may_open` or `may_close`.
        function: plain or async.
        order: finds the order in the arguments; without it, the first argument that has a `notional_usd` is the order.
    """
    find = order or _first_sized
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def later(*args: Any, **kwargs: Any) -> Any:
            ask(find(*args, **kwargs)).or_raise()
            return await function(*args, **kwargs)

        return cast("_Function", later)

    @functools.wraps(function)
    def now(*args: Any, **kwargs: Any) -> Any:
        ask(find(*args, **kwargs)).or_raise()
        return function(*args, **kwargs)

    return cast("_Function", now)


def _first_sized(*args: Any, **kwargs: Any) -> Sized | None:
    for value in (*args, *kwargs.values()):
        if hasattr(value, "notional_usd"):
            return cast("Sized", value)
    return None
