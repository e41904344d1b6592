"""Watch a client of httpx, httpx2 or requests in place, or give aiohttp what its sessions are watched with.

The client stays the user's own: it is the same object, and what its calls give back or raise is what they gave before. What
goes wrong in watching is kept in. Nothing is made again unless that was asked for, and then only what changes nothing: a
call that was not answered may have been done.
"""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from typing import Any, Final, TypeVar

from fleawatch.sdk.client import beneath
from fleawatch.sdk.client.call import Call
from fleawatch.sdk.client.endpoint import host_named
from fleawatch.sdk.client.retries import NEVER, Retries, Series
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.telemetry.operation import Desk, current_operation

Client = TypeVar("Client")
_MARK: Final = "_fleawatch_watched"
_MOVED: Final = (301, 302)
_SEE_OTHER: Final = 303


def watch(
    client: Client, desk: Desk, shield: Shield, hosts: tuple[str, ...], retries: Retries | int | None = None
) -> Client:
    """The same client, watched from now on. Watching it twice changes nothing but its retries, where they are given; of two
    telemetries the one that it was given to last has it: the first may have ended.

    Args:
        client: of `httpx`, `httpx2` (plain or async) or `requests`.
        desk: the telemetry that it is told to.
        shield: keeps in what goes wrong in watching.
        hosts: hosts that the trace context is sent to.
        retries: how its reads are made again, or how often; never when None.

    Raises:
        TypeError: it is no such client; the message says what to do for aiohttp.
        BadConfig: with every complaint about `retries`.
    """
    send = _send_of(client)
    policy = None if retries is None else Retries.of(retries)
    watched: _Watched | None = getattr(client, _MARK, None)
    if watched is None:
        watched = _Watched(desk, shield, hosts)
        watched.hook = _hook_of(client, watched)
        waits = inspect.iscoroutinefunction(send)
        setattr(client, "send", _waiting(send, watched) if waits else _plain(send, watched))  # noqa: B010 - of another's class
        setattr(client, _MARK, watched)
    else:
        watched.told_to(desk, shield, hosts)
    watched.retries = policy or watched.retries
    return client


def _send_of(client: object) -> Callable[..., Any]:
    """What every call of the client goes through."""
    families = {base.__module__.partition(".")[0] for base in type(client).__mro__}
    if "aiohttp" in families:
        raise TypeError(
            "a session of aiohttp is watched from its beginning: ClientSession(trace_configs=[telemetry.aiohttp()]); "
            "nothing can be made again there"
        )
    send = getattr(client, "send", None)
    if not families & {"httpx", "httpx2", "requests"} or not callable(send):
        raise TypeError(f"{type(client).__name__} is no client of httpx, httpx2 or requests")
    return send  # type: ignore[no-any-return]  # of another's class


def _hook_of(client: Any, watched: _Watched) -> Callable[[], None] | None:
    """Has each request of a client of httpx looked at before it is sent, also those that its `send` makes of another one.

    None for requests, whose redirections are followed through `send` itself. The hook is looked for each time, for the
    agent may have given its client other ones.
    """
    if not hasattr(client, "event_hooks"):
        return None

    def look(request: Any) -> None:
        watched.sends(request)

    async def look_waiting(request: Any) -> None:
        watched.sends(request)

    hook = look_waiting if inspect.iscoroutinefunction(client.send) else look

    def hooked() -> None:
        hooks = client.event_hooks["request"]
        if hook not in hooks:
            hooks.append(hook)

    return hooked


def _plain(send: Callable[..., Any], watched: _Watched) -> Callable[..., Any]:
    def sent(request: Any, *args: Any, **kwargs: Any) -> Any:
        series = watched.series(request)
        while True:
            try:
                with watched.begun(request, series) as call:
                    response = send(request, *args, **kwargs)
                    watched.answered(call, response)
            except Exception as error:
                pause = series.after_error(error)
                if pause is None:
                    raise
            else:
                pause = series.after_answer(response)
                if pause is None:
                    return response
                with watched.shield.kept("client"):
                    response.close()
            (watched.retries.sleep or time.sleep)(pause)

    return sent


def _waiting(send: Callable[..., Awaitable[Any]], watched: _Watched) -> Callable[..., Awaitable[Any]]:
    async def sent(request: Any, *args: Any, **kwargs: Any) -> Any:
        series = watched.series(request)
        while True:
            try:
                with watched.begun(request, series) as call:
                    response = await send(request, *args, **kwargs)
                    watched.answered(call, response)
            except Exception as error:
                pause = series.after_error(error)
                if pause is None:
                    raise
            else:
                pause = series.after_answer(response)
                if pause is None:
                    return response
                with watched.shield.kept("client"):
                    await response.aclose()
            # The event loop is the client's: it brings anyio for whichever that is.
            waits = (watched.retries.sleep or import_module("anyio").sleep)(pause)
            if inspect.isawaitable(waits):
                await waits

    return sent


class _Watched:
    """Begins and ends the calls of one client; whatever goes wrong here, the call is made.

    Attributes:
        shield: keeps in what goes wrong.
        retries: how reads are made again.
        hook: makes sure that each request of httpx is looked at; None for other clients.
    """

    def __init__(self, desk: Desk, shield: Shield, hosts: tuple[str, ...]) -> None:
        self.told_to(desk, shield, hosts)
        self.retries = NEVER
        self.hook: Callable[[], None] | None = None

    def told_to(self, desk: Desk, shield: Shield, hosts: tuple[str, ...]) -> None:
        """From the next call on, it is told to this telemetry, and only its hosts are told of the trace."""
        self._desk, self.shield, self._hosts = desk, shield, tuple(map(host_named, hosts))

    def series(self, request: Any) -> Series:
        """The attempts at a call that begins now."""
        return Series(self.retries, self._desk, self.shield, request)

    @contextlib.contextmanager
    def begun(self, request: Any, series: Series) -> Iterator[Call | None]:
        """One attempt for as long as it lasts; None where it could not be watched."""
        call = self._entered(request, series.made)
        try:
            yield call
        except BaseException as error:
            with self.shield.kept("client"):
                if call is not None and call.passed_on is not error:
                    earlier = beneath.of_error(error)
                    call.followed(earlier.codes, may_be_done=earlier.may_be_done)
                    call.answered(earlier.last or beneath.answered_before(error, str(request.method), str(request.url)))
            self._left(call, error)
            raise
        else:
            self._left(call, None)
        finally:
            series.made += 1 + (0 if call is None else len(call.earlier))

    def _entered(self, request: Any, made: int) -> Call | None:
        outer = current_operation()
        try:
            call = Call(self._desk, method=str(request.method), url=str(request.url), resends=made)
            call.__enter__()
        except Exception as error:  # noqa: BLE001 - a call is made, whatever is wrong with watching it
            self.shield.note("client", error)
            return None
        with self.shield.kept("client"):
            call.owner = self
            if self.hook is None:
                call.sends(request.method)
                if isinstance(outer, Call) and outer.owner is self:
                    outer.sends(request.method)
                call.propagate(request.headers, self._hosts)
            else:
                self.hook()
        return call

    def sends(self, request: Any) -> None:
        """A request is sent now: the one that was asked for, or one that follows a redirection or answers for a login."""
        with self.shield.kept("client"):
            call = current_operation()
            if isinstance(call, Call):
                call.sends(request.method)
                call.propagate(request.headers, self._hosts, request.url.host.lower())

    def _left(self, call: Call | None, error: BaseException | None) -> None:
        if call is not None:
            with self.shield.kept("client"):
                call.__exit__(None if error is None else type(error), error, None)

    def answered(self, call: Call | None, response: Any) -> None:
        """There is an answer."""
        if call is not None:
            with self.shield.kept("client"):
                call.answered(response.status_code)
                earlier = beneath.of_answer(response)
                call.followed(earlier.codes, may_be_done=earlier.may_be_done)


def _followed(params: Any) -> str:
    """Host that a redirection of aiohttp leads to, as aiohttp itself reads it; empty when it leads nowhere."""
    answered = params.response.headers
    try:
        target = params.url.join(type(params.url)(answered.get("Location") or answered.get("URI") or ""))
    except ValueError:
        return ""
    return (target.host or "").lower()


def _follows_with(params: Any) -> str:
    """Method with which aiohttp follows a redirection."""
    status, method = params.response.status, str(params.method).upper()
    becomes_read = (status == _SEE_OTHER and method != "HEAD") or (status in _MOVED and method == "POST")
    return "GET" if becomes_read else method


def _again(context: Any) -> tuple[str, ...]:
    """How attempts of aiohttp before the last one ended."""
    earlier: int = context.sent - 1 - context.redirected
    return (beneath.NO_ANSWER,) * earlier


def _ended(context: Any, status: int, error: BaseException | None) -> None:
    """A call of aiohttp has ended with this status, 0 without one."""
    context.call.earlier = _again(context)
    if error is not None:
        status = beneath.answered_before(error, context.method, context.asked)
    context.call.answered(status)
    context.call.__exit__(None if error is None else type(error), error, None)


def aiohttp_trace(desk: Desk, shield: Shield, hosts: tuple[str, ...]) -> Any:
    """A `TraceConfig` for sessions of aiohttp.

    A session sends a read once more by itself when a connection that was kept open turns out to be closed; it tells of
    that only by sending its headers again.
    """
    config = import_module("aiohttp").TraceConfig()
    hosts = tuple(map(host_named, hosts))

    async def start(session: Any, context: Any, params: Any) -> None:
        del session
        with shield.over("client"):
            context.sent = context.redirected = 0
            context.method, context.asked = params.method, str(params.url)
            context.call = Call(desk, method=params.method, url=context.asked)
            context.call.__enter__()
            context.call.sends(params.method)
            context.call.propagate(params.headers, hosts)

    async def sent(session: Any, context: Any, params: Any) -> None:
        del session, params
        context.sent += 1

    async def redirected(session: Any, context: Any, params: Any) -> None:
        del session
        context.redirected += 1
        with shield.over("client"):
            context.call.sends(_follows_with(params))
            context.call.propagate(params.headers, hosts, _followed(params))

    async def end(session: Any, context: Any, params: Any) -> None:
        del session
        with shield.over("client"):
            _ended(context, params.response.status, None)

    async def failed(session: Any, context: Any, params: Any) -> None:
        del session
        with shield.over("client"):
            _ended(context, 0, params.exception)

    config.on_request_start.append(start)
    config.on_request_headers_sent.append(sent)
    config.on_request_redirect.append(redirected)
    config.on_request_end.append(end)
    config.on_request_exception.append(failed)
    return config
