"""Tests that run in an event loop beside a service: a decorator that gives each its own, and closes it afterwards."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from fleawatch.testing.watched import HandWatched

Test = Callable[..., Awaitable[None]]


def beside(make: Callable[[], Awaitable[HandWatched]]) -> Callable[[Test], Callable[..., None]]:
    """A decorator for `async def test(watched, ...)`: its `watched` is what `make` gives; other parameters are pytest's."""

    def decorate(test: Test) -> Callable[..., None]:
        async def run(*args: Any, **kwargs: Any) -> None:
            watched = await make()
            try:
                await test(*args, watched=watched, **kwargs)
            finally:
                if watched.control is not None:
                    await watched.control.leases.clerk.close()
                await watched.close()

        @functools.wraps(test)
        def wrapper(*args: Any, **kwargs: Any) -> None:
            asyncio.run(run(*args, **kwargs))

        signature = inspect.signature(test)
        kept = [one for name, one in signature.parameters.items() if name != "watched"]
        wrapper.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]  # pytest reads it
        return wrapper

    return decorate
