"""An agent under Datadog's tracer that logs: says for each line which span of Datadog's was active when it was written.

One line of JSON for each place: what the tracer said, and what our handler wrote.
"""

import io
import json
import logging
import sys

from ddtrace.trace import tracer

from fleawatch import Telemetry
from fleawatch.sdk.telemetry.logging import Formatter, Origin


def main():
    """Log at each place."""
    telemetry = Telemetry("a-1", strategy="momentum", heartbeat_s=None, logs=sys.argv[1])
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Formatter(Origin.of(telemetry)))
    log = logging.getLogger("bot")
    log.addHandler(handler)
    log.propagate = False

    def say(place, operation=None):
        log.warning(place)
        line = json.loads(stream.getvalue().splitlines()[-1])
        active = tracer.current_span()
        print(json.dumps({
            "place": place, "line": line, "dd": None if active is None else [active.trace_id, active.span_id],
            "own": None if operation is None else [operation.place.trace_id, operation.place.span_id],
        }))  # fmt: skip

    say("nowhere")
    with tracer.trace("web.request"):
        say("datadog")
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=5) as order:
            say("order in datadog", order)
            with tracer.trace("http.request"):
                say("datadog in order in datadog", order)
            order.filled("o-1", price="100")
        say("datadog again")
    with telemetry.order(market="BTC-USD", side="sell", notional_usd=5) as order:
        say("order", order)
        order.filled("o-2", price="100")
    say("nowhere again")
    telemetry.shutdown()


main()
