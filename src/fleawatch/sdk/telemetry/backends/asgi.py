"""Metrics as an ASGI application, which never holds up the event loop of the agent: it awaits the worker's answer.

The one module of the SDK that knows asyncio; it is loaded by whoever asks for the application, who has a loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from fleawatch.sdk.telemetry.backends.prometheus import WITHIN_S, Page, failed_page, fixed_page
from fleawatch.sinks.negotiation import negotiate

if TYPE_CHECKING:
    from fleawatch.sdk.telemetry.telemetry import Telemetry

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def asgi(telemetry: Telemetry) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An ASGI application, to be mounted; the path below the mount decides, and none is the metrics."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {name.lower(): value for name, value in scope.get("headers", ())}
        method = str(scope.get("method", "GET"))
        path = str(scope.get("path", "")).removeprefix(str(scope.get("root_path", ""))) or "/metrics"
        accepted = [headers.get(name, b"").decode("latin-1") for name in (b"accept", b"accept-encoding")]
        found = fixed_page(method, path) or await _metrics(telemetry, *accepted)
        sent = [(name.lower().encode(), value.encode()) for name, value in found.headers()]
        await send({"type": "http.response.start", "status": found.status, "headers": sent})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else found.body})

    return app


async def _metrics(telemetry: Telemetry, accept: str, accept_encoding: str) -> Page:
    content_type, openmetrics = negotiate(accept)
    try:
        answer = asyncio.wrap_future(telemetry.ask_metrics(openmetrics=openmetrics))
        async with asyncio.timeout(WITHIN_S):
            found = Page(200, content_type, await answer)
            return await asyncio.to_thread(found.packed, accept_encoding)
    except Exception as error:  # noqa: BLE001 - the scraper is told, it is counted, and nobody else's work ends
        return failed_page(telemetry, error)


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
