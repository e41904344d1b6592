"""An agent's program as it runs under Datadog's tracer: a span of its own, a decision within, an escrow, a failure.

With `auto` the program itself loads the tracer; without, `ddtrace-run` has.
"""

import asyncio
import sys

if "auto" in sys.argv:
    import ddtrace.auto  # noqa: F401 - loading it is what it does
from ddtrace.trace import tracer

from fleawatch import Telemetry


async def sell(telemetry):
    """Orders in a task of its own, and fails."""
    async with telemetry.order(market="BTC-USD", side="sell", notional_usd=5):
        await asyncio.sleep(0)
        raise ValueError("no funds")


def main():
    """Do what an agent does, once."""
    telemetry = Telemetry("a-1", strategy="momentum", heartbeat_s=None)
    with tracer.trace("web.request"):
        with telemetry.cycle(market="BTC-USD"):
            with telemetry.signal("BTC-USD") as signal:
                signal.computed("buy", confidence=0.8)
            with telemetry.order(market="BTC-USD", side="buy", notional_usd=500, expected_price=100) as order:
                with tracer.trace("http.request"):
                    pass
                order.filled("o-1", price="100.1", fee_usd="0.5")
            with telemetry.escrow_create(amount_usd=10, counterparty="ag_worker") as escrow:
                escrow.created("ag_me", "esc_1", expires_at=2e9)
        with tracer.trace("web.response"):
            pass
    with telemetry.escrow_release("esc_1") as release:
        release.released("9.9", commission_usd="0.1")
    try:
        asyncio.run(sell(telemetry))
    except ValueError:
        print("raised as ever")
    print("current:", tracer.current_span())
    print("shut down:", telemetry.shutdown(), telemetry.dropped)


main()
