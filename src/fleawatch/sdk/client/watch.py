"""Watch a client of httpx, httpx2 or requests in place, or give aiohttp what its sessions are watched with.

The client stays the user's own: it is the same object, and what its calls give back or raise is what they gave before. What
goes wrong in watching is kept in. Nothing is retried here: a call that was not answered may have been done.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, TypeVar

from fleawatch.sdk.client.call import Call
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.telemetry.operation import Desk

Client = TypeVar("Client")
_MARK = "_fleawatch_watched"


def watch(client: Client, desk: Desk, shield: Shield, hosts: tuple[str, ...]) -> Client:
    """The same client, watched from now on. Watching it twice changes nothing.

    Args:
        client: of `httpx`, `httpx2` (plain or async) or `requests`.
        desk: the telemetry that it is told to.
        shield: keeps in what goes wrong in watching.
        hosts: hosts that the trace context is sent to.

    Raises:
        TypeError: it is no such client; the message says what to do for aiohttp.
    """
    send = _send_of(client)
    if getattr(client, _MARK, False):
        return client
    watched = _Watched(desk, shield, hosts)

    def plain(request: Any, *args: Any, **kwargs: Any) -> Any:
        with watched.begun(request) as call:
            response = send(request, *args, **kwargs)
            watched.answered(call, response)
            return response

    async def waited(request: Any, *args: Any, **kwargs: Any) -> Any:
        with watched.begun(request) as call:
            response = await send(request, *args, **kwargs)
            watched.answered(call, response)
            return response

    setattr(client, "send", waited if inspect.iscoroutinefunction(send) else plain)  # noqa: B010 - of another's class
    setattr(client, _MARK, True)
    return client


def _send_of(client: object) -> Callable[..., Any]:
    """What every call of the client goes through."""
    families = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    if "aiohttp" in families:
        raise TypeError(
            "a session of aiohttp is watched from its beginning: ClientSession(trace_configs=[telemetry.aiohttp()])"
        )
    send = getattr(client, "send", None)
    if not families & {"httpx", "httpx2", "requests"} or not callable(send):
        raise TypeError(f"{type(client).__name__} is no client of httpx, httpx2 or requests")
    return send  # type: ignore[no-any-return]  # of another's class


class _Watched:
    """Begins and ends the calls of one client; whatever goes wrong here, the call is made."""

    def __init__(self, desk: Desk, shield: Shield, hosts: tuple[str, ...]) -> None:
        self._desk = desk
        self._shield = shield
        self._hosts = hosts

    @contextlib.contextmanager
    def begun(self, request: Any) -> Iterator[Call | None]:
        """The call for as long as it lasts; None where it could not be watched."""
        call = self._entered(request)
        try:
            yield call
        except BaseException as error:
            self._left(call, error)
            raise
        self._left(call, None)

    def _entered(self, request: Any) -> Call | None:
        try:
            call = Call(self._desk, method=str(request.method), url=str(request.url))
            call.__enter__()
        except Exception as error:  # noqa: BLE001 - a call is made, whatever is wrong with watching it
            self._shield.note("client", error)
            return None
        self._kept(lambda: call.propagate(request.headers, self._hosts))
        return call

    def _left(self, call: Call | None, error: BaseException | None) -> None:
        if call is not None:
            self._kept(lambda: call.__exit__(None if error is None else type(error), error, None))

    def answered(self, call: Call | None, response: Any) -> None:
        """There is an answer."""
        if call is not None:
            self._kept(lambda: call.answered(response.status_code))

    def _kept(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - as above
            self._shield.note("client", error)


def aiohttp_trace(desk: Desk, shield: Shield, hosts: tuple[str, ...]) -> Any:
    """A `TraceConfig` for sessions of aiohttp."""
    config = import_module("aiohttp").TraceConfig()

    async def start(session: Any, context: Any, params: Any) -> None:
        del session
        with shield.over("client"):
            context.call = Call(desk, method=params.method, url=str(params.url))
            context.call.__enter__()
            context.call.propagate(params.headers, hosts)

    async def end(session: Any, context: Any, params: Any) -> None:
        del session
        with shield.over("client"):
            context.call.answered(params.response.status)
            context.call.__exit__(None, None, None)

    async def failed(session: Any, context: Any, params: Any) -> None:
        del session
        with shield.over("client"):
            context.call.__exit__(type(params.exception), params.exception, None)

    config.on_request_start.append(start)
    config.on_request_end.append(end)
    config.on_request_exception.append(failed)
    return config
