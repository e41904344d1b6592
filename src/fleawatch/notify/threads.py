"""Work that blocks, for channels whose libraries know no event loop: each piece in a daemon thread with a deadline.

A thread that never returns keeps no process alive and holds up nothing but its own delivery. After the deadline it is
left alone, so what it does may still succeed: the delivery is then sent twice rather than not at all.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from fleawatch.errors import DeliveryError

T = TypeVar("T")


async def in_thread(work: Callable[[], T], deadline_s: float, name: str) -> T:
    """Run `work` and return what it returns; errors are raised as they are.

    Raises:
        DeliveryError: it took longer than `deadline_s` real seconds.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(result)  # type: ignore[arg-type]  # without an error there is a result
        else:
            done.set_exception(error)

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001 - it is raised again where it is awaited
            error = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=run, name=f"fleawatch-{name}", daemon=True).start()
    finished, _ = await asyncio.wait({done}, timeout=deadline_s)
    if not finished:
        done.cancel()
        raise DeliveryError("timeout", f"took longer than {deadline_s:g} s", retry_after=0.0)
    return done.result()
