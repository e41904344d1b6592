"""What it costs an agent's own thread to record one order, against the same data emitted the way of the public guides.

    python -m benchmarks.instrument [--json]

The guides' way, in the same run: metrics of the official Prometheus client with `.labels()` each time, five DogStatsD
calls with tag lists through the official client as it comes, a span with twelve attributes and an event through the
OpenTelemetry SDK and its batch processor, a line through `logging` and a JSON formatter. Ours: one `telemetry.order(...)`
with each backend and with all. Both flat out, and at two hundred orders a second as an agent that trades; medians over
interleaved repeats; what was dropped is shown. Receivers run in a process of their own.
"""

from __future__ import annotations

import gc
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datadog.dogstatsd.base import DogStatsd
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from benchmarks.harness import Target, at_most, report, wants_json
from benchmarks.receivers import receiving
from fleawatch.sdk.telemetry.telemetry import Telemetry

FLAT = 4_000
PACED = 500
A_SECOND = 200
REPEATS = 5
MOST_LIGHT_S = 25e-6
SHARE = 0.25
LEAST_P99_S = 500e-6

One = Callable[[int], None]


def guide_metrics() -> One:
    """Five metrics through the official client, children looked up each time."""
    registry = CollectorRegistry()
    orders = Counter("orders", "Orders", ("agent_id", "market", "order_type", "status"), registry=registry)
    latency = Histogram("latency", "Latency", ("agent_id", "endpoint", "order_type"), registry=registry)
    pnl = Gauge("pnl", "P&L", ("agent_id", "strategy", "pnl_type"), registry=registry)
    volume = Counter("volume", "Volume", ("agent_id", "strategy", "asset", "side"), registry=registry)
    fees = Counter("fees", "Fees", ("agent_id", "strategy", "asset"), registry=registry)

    def one(number: int) -> None:
        orders.labels("a-1", "BTC-USD", "market", "success").inc()
        latency.labels("a-1", "trade/open", "market").observe(0.05)
        pnl.labels("a-1", "momentum", "realized").set(number)
        volume.labels("a-1", "momentum", "BTC", "buy").inc(500)
        fees.labels("a-1", "momentum", "BTC").inc(0.5)

    return one


def guide_datagrams(port: int) -> One:
    """Five calls with tag lists through the official client as it comes."""
    statsd = DogStatsd(host="127.0.0.1", port=port, disable_telemetry=True)

    def one(number: int) -> None:
        tags = ["agent_id:a-1", "strategy:momentum", "market:btc-usd", "order_type:market", "status:success"]
        statsd.increment("agent.order.executions_total", tags=tags)
        statsd.histogram("agent.order.latency_ms", 50.0, tags=tags)
        statsd.gauge("agent.trade.pnl_usd", number, tags=tags)
        statsd.gauge("agent.equity_usd", 1000 + number, tags=tags)
        statsd.gauge("agent.positions.open_count", 1, tags=tags)

    return one


def guide_span(provider: TracerProvider) -> One:
    """A span with twelve attributes and an event."""
    tracer = provider.get_tracer("guide")

    def one(number: int) -> None:
        with tracer.start_as_current_span("pf.trade.execute") as current:
            current.set_attribute("pf.agent_id", "a-1")
            current.set_attribute("pf.strategy", "momentum")
            current.set_attribute("pf.asset", "BTC")
            current.set_attribute("pf.market", "BTC-USD")
            current.set_attribute("pf.side", "buy")
            current.set_attribute("pf.quantity", 0.005)
            current.set_attribute("pf.order_type", "market")
            current.set_attribute("pf.expected_price", 100.0)
            current.set_attribute("pf.fill_price", 100.1)
            current.set_attribute("pf.fee_usd", 0.5)
            current.set_attribute("pf.order_id", f"ord-{number}")
            current.set_attribute("pf.slippage_bps", 10.0)
            current.add_event("order_filled", {"pf.order_id": f"ord-{number}"})

    return one


def guide_line(handler: logging.Handler) -> One:
    """A line through `logging` and a JSON formatter."""
    handler.setFormatter(_JsonFormatter())
    logger = logging.getLogger("benchmark.guide")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)

    def one(number: int) -> None:
        payload = {
            "market": "BTC-USD", "side": "buy", "size": 500, "price": 100.1, "latency_ms": 50.0, "order_id": f"ord-{number}",
        }  # fmt: skip
        logger.info("trade executed", extra={"payload": payload})

    return one


@contextmanager
def guides(ports: dict[str, int], folder: Path) -> Iterator[dict[str, One]]:
    """The guides' way, by backend and all together."""
    provider = TracerProvider()
    provider.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(endpoint=f"http://127.0.0.1:{ports['http']}/v1/traces"))
    )
    handler = logging.FileHandler(folder / "guide.log")
    each = {
        "prometheus": guide_metrics(),
        "dogstatsd": guide_datagrams(ports["udp"]),
        "otlp": guide_span(provider),
        "logs": guide_line(handler),
    }

    def everything(number: int) -> None:
        for one in each.values():
            one(number)

    try:
        yield {**each, "all": everything}
    finally:
        provider.shutdown()
        handler.close()


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        document = {
            "timestamp": self.formatTime(record), "level": record.levelname, "logger": record.name,
            "message": record.getMessage(), "service": "agent", "agent_id": "a-1", **getattr(record, "payload", {}),
        }  # fmt: skip
        return json.dumps(document)


def ours(ports: dict[str, int], folder: Path) -> dict[str, dict[str, Any]]:
    """Settings of each backend, and of all."""
    http = f"http://127.0.0.1:{ports['http']}"
    one: dict[str, dict[str, Any]] = {
        "prometheus": {},
        "dogstatsd": {"statsd": f"udp://127.0.0.1:{ports['udp']}"},
        "otlp": {"otlp": http},
        "logs": {"logs": str(folder / "ours.log")},
        "facts": {"service": http, "spool": str(folder / "spool")},
    }
    light = {**one["logs"], **one["facts"]}
    return {**one, "light": light, "all": {**light, **one["dogstatsd"], **one["otlp"]}}


def order_through(telemetry: Telemetry) -> One:
    """One order through our verbs."""

    def one(number: int) -> None:
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=500.0, expected_price=100.0) as order:
            order.filled(f"ord-{number}", trade_id=f"trd-{number}", price=100.1, fee_usd=0.5)

    return one


def flat_out(one: One, count: int = FLAT) -> float:
    """Seconds an order takes the caller, the mean of `count` in a row."""
    gc.collect()
    begun = time.perf_counter()
    for number in range(count):
        one(number)
    return (time.perf_counter() - begun) / count


def paced(one: One, count: int = PACED) -> list[float]:
    """Seconds each order takes the caller, at two hundred a second."""
    taken, due = [], time.perf_counter()
    for number in range(count):
        due += 1.0 / A_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        begun = time.perf_counter()
        one(number)
        taken.append(time.perf_counter() - begun)
    return taken


def measure() -> tuple[dict[str, float | str], dict[str, Target]]:
    """Figures in seconds an order, and what they must be."""
    flat: dict[str, list[float]] = {}
    slow: dict[str, list[float]] = {}
    dropped = 0
    with tempfile.TemporaryDirectory() as scratch, receiving() as ports:
        folder = Path(scratch)
        with guides(ports, folder) as theirs:
            for one in theirs.values():
                flat_out(one, 500)
            for repeat in range(REPEATS):
                for name, one in theirs.items():
                    flat.setdefault(f"guide_{name}", []).append(flat_out(one))
                slow.setdefault("guide", []).extend(paced(theirs["all"]))
                for name, chosen in ours(ports, folder).items():
                    with Telemetry("a-1", strategy="momentum", heartbeat_s=None, environ={}, **chosen) as telemetry:
                        through = order_through(telemetry)
                        flat_out(through, 200)
                        telemetry.flush(30)
                        flat.setdefault(f"ours_{name}", []).append(flat_out(through))
                        telemetry.flush(60)
                        if name == "all":
                            slow.setdefault("ours", []).extend(paced(through))
                            telemetry.flush(30)
                        dropped += sum(telemetry.dropped.values())
                sys.stderr.write(f"  {repeat + 1} of {REPEATS}\n")
    figures: dict[str, float | str] = {f"{name}_s": statistics.median(values) for name, values in flat.items()}
    for name, values in slow.items():
        values.sort()
        figures[f"{name}_paced_s_median"] = statistics.median(values)
        figures[f"{name}_paced_s_p99"] = values[int(len(values) * 0.99)]
    figures["dropped"] = float(dropped)
    share = statistics.median(flat["ours_all"]) / statistics.median(flat["guide_all"])
    figures["ours_to_guide"] = share
    p99, median = float(figures["ours_paced_s_p99"]), float(figures["ours_paced_s_median"])
    return figures, {
        "ours_to_guide": at_most(share, SHARE),
        "ours_light_s": at_most(float(figures["ours_light_s"]), MOST_LIGHT_S),
        "ours_paced_s_p99": at_most(p99, max(3 * median, LEAST_P99_S)),
        "ours_paced_p99_to_guide": at_most(p99 / float(figures["guide_paced_s_p99"]), 1.0),
        "dropped": at_most(float(dropped), 0.0),
    }


def main() -> int:
    """Measure and report."""
    as_json = wants_json(__doc__ or "")
    figures, targets = measure()
    return report("instrument", figures, targets, as_json)


if __name__ == "__main__":
    sys.exit(main())
