"""Serve the page, the API and /metrics beside the loops of a service, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn

from fleawatch.errors import FleawatchError
from fleawatch.service.service import Service
from fleawatch.web.app import create_app

_BACKLOG = 256
_DRAIN_S = 3
_FORCED = 130


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it: the service must stop before the process does."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bound(address: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        FleawatchError: the port is taken or not allowed.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        raise FleawatchError(
            f"cannot listen on {address}:{port}: {error.strerror}. Remedy: stop what listens there, or set another listen.port"
        ) from None
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> str:
    """The address of a listening socket as a base URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def serving(service: Service, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Start a service and serve it on a socket; both are stopped on leaving, the service last.

    Yields the task of the web server: when it ends before it is told to, serving is broken.
    """
    web: asyncio.Task[None] | None = None
    try:
        await service.start()
        server = _Server(
            uvicorn.Config(
                create_app(service),
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=_DRAIN_S,
            )
        )
        web = asyncio.create_task(server.serve(sockets=[listener]), name="web")
        yield web
    finally:
        if web is not None:
            server.should_exit = True
            await asyncio.gather(web, return_exceptions=True)
        listener.close()
        await service.stop()


async def until(stop: asyncio.Event, web: asyncio.Task[None]) -> None:
    """Wait until somebody wants an end.

    Raises:
        FleawatchError: the web server ended by itself.
    """
    asked = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({asked, web}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if web in done and not stop.is_set():
        raise FleawatchError("the web server ended by itself. Remedy: look at the messages above, then start it anew")


def on_signals() -> asyncio.Event:
    """An event that SIGINT or SIGTERM sets; the second signal ends the process at once. Call it in the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        if stop.is_set():
            os._exit(_FORCED)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ask)
    return stop
