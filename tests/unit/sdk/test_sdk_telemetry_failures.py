"""Whatever happens to a backend, the trade does not notice: same result, same exception, no waiting, and losses are counted."""

import asyncio
import contextlib
import os
import socket
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fleawatch import Telemetry
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.telemetry.pipeline import Pipeline

ORDERS = 40


class OwnError(Exception):
    """What the agent's own code raises."""


@contextlib.contextmanager
def answering(answer):
    """An HTTP server that answers every request as it is told: the raw bytes after the request was read."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.wfile.write(answer)
            self.close_connection = True

        def do_PUT(self):
            self.do_POST()

        def do_DELETE(self):
            self.do_POST()

        def log_message(self, *_):
            """A test is no place for an access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def dead():
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def slow():
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield f"http://127.0.0.1:{found.getsockname()[1]}"


def refusing():
    """A server that refuses everything for good."""
    return answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def broken():
    """A server that breaks at everything."""
    return answering(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")


def babbling():
    """A server that does not speak the protocol."""
    return answering(b"\x00\xff not what was asked for \r\n" * 50)


def by_http(setting, fault):
    """A backend behind HTTP with a fault."""

    @contextlib.contextmanager
    def opened(_):
        with fault() as address:
            yield {setting: address}

    return opened


@contextlib.contextmanager
def statsd_without_a_server(_):
    """Datagrams to a port where nothing listens."""
    with dead() as address:
        yield {"statsd": address.replace("http", "udp")}


@contextlib.contextmanager
def statsd_without_a_socket(place):
    """A path where there is no socket."""
    yield {"statsd": f"unix://{place}/none.sock"}


@contextlib.contextmanager
def statsd_that_reads_nothing(place):
    """A socket whose buffer is full and stays so."""
    path = place / "full.sock"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as flood,
    ):
        server.bind(str(path))
        flood.setblocking(False)
        flood.connect(str(path))
        with contextlib.suppress(BlockingIOError):
            while True:
                flood.send(b"x" * 1_000)
        yield {"statsd": f"unix://{path}"}


@contextlib.contextmanager
def log_on_a_full_disk(_):
    """The file system has no room."""
    yield {"logs": "/dev/full"}


@contextlib.contextmanager
def log_that_nobody_reads(place):
    """A pipe whose reader has stopped reading."""
    path = place / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with path.open("wb", buffering=0) as flood:
        os.set_blocking(flood.fileno(), False)
        while flood.write(b"x" * 4_096):
            pass
    try:
        yield {"logs": str(path)}
    finally:
        os.close(reader)


LOSSY = {
    "dogstatsd, no server": ("dogstatsd", statsd_without_a_server),
    "dogstatsd, no socket": ("dogstatsd", statsd_without_a_socket),
    "dogstatsd, full": ("dogstatsd", statsd_that_reads_nothing),
    "logs, disk full": ("logs", log_on_a_full_disk),
    "logs, nobody reads": ("logs", log_that_nobody_reads),
    **{
        f"{sink}, {fault.__name__}": (sink, by_http(setting, fault))
        for sink, setting in (("otlp", "otlp"), ("pushgateway", "pushgateway"), ("annotations", "grafana"))
        for fault in (dead, slow, refusing, broken, babbling)
    },
}
WAITING = {
    f"facts, {fault.__name__}": ("facts", by_http("service", fault))
    for fault in (dead, slow, refusing, broken, babbling)
}


@pytest.fixture(params=[*LOSSY, *WAITING])
def faulty(request, tmp_path):
    """Telemetry with a faulty backend, the name of its sink, and whether what it is given is lost."""
    name, opened = (LOSSY | WAITING)[request.param]
    with opened(tmp_path) as chosen:
        telemetry = Telemetry("a-1", heartbeat_s=None, spool=str(tmp_path / "spool"), environ={}, **chosen)
        yield telemetry, name, request.param in LOSSY
        with contextlib.suppress(OSError):
            telemetry.shutdown(0.3)


@pytest.fixture
def production(monkeypatch):
    """Turns into production when it is called: pytest names its test anew after the fixtures are made."""
    return lambda: monkeypatch.delenv("PYTEST_CURRENT_TEST")


def trades(telemetry):
    """An agent's work: results, an error of its own, a cancellation. What came back, in order."""
    answer = {"order_id": "o-1"}

    @telemetry.order(market="BTC-USD", side="buy", notional_usd=500)
    def place():
        return answer

    @telemetry.order(market="BTC-USD", side="buy", notional_usd=500)
    async def hang():
        await asyncio.sleep(60)

    async def give_up():
        task = asyncio.create_task(hang())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for _ in range(ORDERS):
        assert place() is answer
    own = OwnError("no margin")
    with pytest.raises(OwnError) as caught, telemetry.order(market="BTC-USD", side="buy", notional_usd=500):
        raise own
    assert caught.value is own
    assert own.__context__ is None
    assert own.__cause__ is None
    asyncio.run(give_up())
    telemetry.strategy_switch("calm")


def counted(telemetry, family, **labels):
    """The sum of the samples of a family with these labels."""
    families = text_string_to_metric_families(telemetry.metrics().decode())
    return sum(
        sample.value
        for one in families
        for sample in one.samples
        if sample.name == family and labels.items() <= sample.labels.items()
    )


def test_the_trade_is_the_same_with_a_faulty_backend(faulty, production):
    """Results and exceptions are the agent's own, and all of it ends while the backend still hangs."""
    production()
    telemetry, _, _ = faulty
    trades(telemetry)
    telemetry.flush(0.3)
    assert counted(telemetry, "pf_order_latency_seconds_count") == ORDERS + 2


def test_what_a_faulty_backend_did_not_get_is_counted_or_waits(faulty, tmp_path, production):
    """A loss is a number; facts that can still be sent are in the spool instead."""
    production()
    telemetry, name, lost = faulty
    trades(telemetry)
    telemetry.flush(0.3)
    telemetry.shutdown(0.5)
    counted_as_lost = telemetry.dropped.get(f"sink_{name}", 0)
    if lost:
        assert counted_as_lost > 0
    else:
        assert counted_as_lost == 0
        kept = b"".join(path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file())
        assert kept.count(b'"strategy_switched"') == 1


class Raising:
    """A sink that raises wherever it can."""

    name = "raising"
    dropped = 0

    def __init__(self, where):
        self._where = where

    def _do(self, what):
        if what in self._where:
            raise OwnError(what)

    def take(self, seen, state):
        self._do("take")

    def tell(self, notices):
        self._do("tell")

    def counts(self):
        self._do("counts")
        return {}

    def beat(self, state, now):
        self._do("beat")

    def flush(self, within_s):
        self._do("flush")
        return True

    def close(self, within_s):
        self._do("close")

    def after_fork(self):
        self._do("after_fork")


EVERYWHERE = ("take", "tell", "counts", "beat", "flush", "close")


@pytest.mark.parametrize("where", EVERYWHERE)
def test_a_sink_that_raises_costs_neither_the_trade_nor_the_other_sinks_anything(where, monkeypatch):
    """Its errors are counted under its name; what the others show is complete."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    telemetry = Telemetry("a-1", sinks=[Raising({where})], heartbeat_s=None, environ={})
    trades(telemetry)
    telemetry.flush()
    telemetry._pipeline.call(telemetry.projector.beat, 5)
    assert counted(telemetry, "pf_order_latency_seconds_count") == ORDERS + 2
    telemetry.shutdown()
    assert telemetry.dropped["sink_raising"] >= 1


@pytest.mark.parametrize("where", ["take", "tell", "flush", "close"])
def test_under_pytest_a_sink_that_raises_is_heard(where):
    """At `flush` or `shutdown`, never within the trade."""
    telemetry = Telemetry("a-1", sinks=[Raising({where})], heartbeat_s=None, environ={})
    trades(telemetry)
    with pytest.raises(OwnError, match=where):
        _ = telemetry.flush(), telemetry.shutdown()
    with contextlib.suppress(OwnError):
        telemetry.shutdown()


class Hostile:
    """A value that breaks whoever looks at it."""

    def __str__(self):
        raise OwnError("str")

    __repr__ = __float__ = __hash__ = __eq__ = __bool__ = __str__


def test_a_value_that_breaks_costs_its_own_operation_and_no_other(monkeypatch):
    """Operations of the same batch are counted, the broken one is counted as dropped."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    telemetry = Telemetry("a-1", heartbeat_s=None, environ={})
    for number in range(10):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
            order.filled(Hostile() if number == 4 else f"o-{number}", price=100)
    telemetry.flush()
    assert counted(telemetry, "pf_orders_total", status="success") == 9
    assert sum(telemetry.dropped.values()) >= 1
    telemetry.shutdown()


def test_an_operation_may_end_in_a_context_it_did_not_begin_in(caplog):
    """A stream that is given up is closed elsewhere: no error reaches the agent or its log, and the operation is counted."""
    telemetry = Telemetry("a-1", heartbeat_s=None, environ={})

    def stream():
        with telemetry.cycle():
            yield 1

    async def begin(streams):
        one = stream()
        next(one)
        streams.append(one)

    streams = []
    asyncio.run(begin(streams))
    streams.pop().close()
    with telemetry.cycle() as after:
        assert after.place.parent_id == 0
    telemetry.flush()
    assert counted(telemetry, "pf_decision_cycle_duration_seconds_count") == 2
    assert not [one for one in caplog.records if one.name == "opentelemetry.context"]
    telemetry.shutdown()


def test_nothing_of_a_backend_runs_in_the_callers_thread(tmp_path, monkeypatch):
    """Every connection, datagram and write belongs to a thread of the telemetry."""
    threads = set()

    def spied(name, real):
        def done(self, *args, **more):
            threads.add((name, threading.current_thread() is threading.main_thread()))
            return real(self, *args, **more)

        return done

    for name in ("connect", "send", "sendall", "sendto"):
        monkeypatch.setattr(socket.socket, name, spied(name, getattr(socket.socket, name)), raising=False)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    with dead() as address:
        telemetry = Telemetry(
            "a-1", heartbeat_s=None, environ={}, otlp=address, pushgateway=address, grafana=address, service=address,
            spool=str(tmp_path / "spool"), logs=str(tmp_path / "log"), statsd=address.replace("http", "udp"),
        )  # fmt: skip
        threads.clear()
        trades(telemetry)
        within = {name for name, ours in threads if ours}
        telemetry.flush(0.5)
        telemetry.shutdown(0.5)
    assert not within
    assert threads


class Fatal(str):
    """A text that ends the program of whoever reads it."""

    __slots__ = ()

    def __str__(self):
        raise SystemExit(3)


def test_a_value_that_ends_the_program_costs_its_own_operation_and_no_other(monkeypatch):
    """The thread lives on, the operations beside it are counted, and so is what was lost."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    telemetry = Telemetry("a-1", heartbeat_s=None, environ={})
    for number in range(10):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
            order.filled(Fatal("o") if number == 4 else f"o-{number}", price=100)
    assert telemetry.flush()
    assert counted(telemetry, "pf_orders_total", status="success") == 9
    assert sum(telemetry.dropped.values()) >= 1
    assert telemetry.shutdown()


class Ending(Raising):
    """A sink that would end the program."""

    def _do(self, what):
        if what in self._where:
            raise SystemExit(what)


def test_a_sink_that_ends_the_program_ends_nothing(monkeypatch):
    """What a sink raises to end the program is counted, and every order with it."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    telemetry = Telemetry("a-1", sinks=[Ending({"take"})], heartbeat_s=None, environ={})
    for _ in range(2):
        with telemetry.order(market="BTC-USD", side="buy", notional_usd=500):
            pass
        assert telemetry.flush()
    assert counted(telemetry, "pf_orders_total", status="success") == 2
    assert telemetry.dropped
    telemetry.shutdown()


class Slow(deque):
    """A queue that is left slowly."""

    def __init__(self):
        super().__init__()
        self.left, self.go_on = threading.Event(), threading.Event()

    def popleft(self):
        found = super().popleft()
        self.left.set()
        self.go_on.wait(10)
        return found


def test_a_flush_waits_for_what_has_just_left_the_queue():
    """Also while it is counted nowhere: what flush says was carried, was."""
    worked = []
    pipeline = Pipeline(worked.extend, lambda: None, lambda: None, Shield())
    pipeline._queue = queue = Slow()
    pipeline.put("order")
    assert queue.left.wait(10)
    assert not pipeline.flush(0.02)
    queue.go_on.set()
    assert pipeline.flush(10)
    assert worked == ["order"]
    pipeline.close(1)
