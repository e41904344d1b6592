"""The agent that the tests of several workers serve: an order and a bet a request; anything else is answered by the metrics."""

from __future__ import annotations

import json
import os
import time
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount, Route

from fleawatch import Telemetry

telemetry = Telemetry(
    "a-1", strategy="momentum", metrics=os.environ["TEST_METRICS"], metrics_dir=os.environ["TEST_FOLDER"]
)
JOURNAL = os.open(os.environ["TEST_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def trade(number):
    """One order, one bet; says which process made them and notes it, as the platform would."""
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=100) as order:
        order.filled(f"ord-{number}", trade_id=f"trd-{number}", price=100, fee_usd="0.25")
    with telemetry.bet("dice", 2) as bet:
        bet.settled(f"bet-{number}", 3 if number % 2 else 0)
    os.write(JOURNAL, f"{os.getpid()} {number} {time.time()} {order.trace_id} {bet.trace_id}\n".encode())
    return json.dumps({"pid": os.getpid()}).encode()


async def answer(request):
    """A request for a trade."""
    return Response(trade(request.path_params["number"]), media_type="application/json")


@asynccontextmanager
async def lifespan(_app):
    """Uvicorn ends its workers by a signal, after which nothing is run: the last word is told here."""
    yield
    telemetry.shutdown()


def named(inner):
    """An application that says which process answers."""

    async def outer(scope, receive, send):
        async def told(message):
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-pid", str(os.getpid()).encode())]
            await send(message)

        await inner(scope, receive, told)

    return outer


app = named(
    Starlette(routes=[Route("/trade/{number:int}", answer), Mount("/", telemetry.metrics_app())], lifespan=lifespan)
)
metrics = telemetry.metrics_wsgi()


def wsgi(environ, start):
    """The same for servers without an event loop."""

    def told(status, headers):
        start(status, [*headers, ("X-Pid", str(os.getpid()))])

    kind, _, number = environ["PATH_INFO"].strip("/").partition("/")
    if kind != "trade":
        return metrics(environ, told)
    told("200 OK", [("Content-Type", "application/json")])
    return [trade(int(number))]
