"""The agent that the tests of several workers serve: an order a request, and what is no trade is answered by the metrics."""

from __future__ import annotations

import os
import time

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from fleawatch import Telemetry

telemetry = Telemetry(
    "a-1", strategy="momentum", metrics=os.environ["TEST_METRICS"], metrics_dir=os.environ["TEST_FOLDER"]
)
JOURNAL = os.open(os.environ["TEST_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


async def trade(request):
    """One order, one bet; says which process made them and notes it, as the platform would."""
    number = request.path_params["number"]
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=100) as order:
        order.filled(f"ord-{number}", trade_id=f"trd-{number}", price=100, fee_usd="0.25")
    with telemetry.bet("dice", 2) as bet:
        bet.settled(f"bet-{number}", 3 if number % 2 else 0)
    os.write(JOURNAL, f"{os.getpid()} {number} {time.time()}\n".encode())
    return JSONResponse({"pid": os.getpid()})


app = Starlette(routes=[Route("/trade/{number:int}", trade), Mount("/", telemetry.metrics_app())])
