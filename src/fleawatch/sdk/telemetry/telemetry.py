"""`fleawatch.Telemetry`: one declaration, every backend.

    telemetry = Telemetry("momentum-01", strategy="momentum", metrics="127.0.0.1:8000")
    with telemetry.order(market="BTC-USD", side="buy", notional_usd=500) as order:
        answer = exchange.open(...)
        order.filled(answer.id, price=answer.price)

The caller's thread writes down what it is told; one daemon thread makes facts of it, folds them and carries them to the
sinks. Nothing here raises into the agent's code, unless a test of pytest is running: there it does, at `flush`.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, overload

from fleawatch.ending import at_end, not_at_end
from fleawatch.errors import BadConfig
from fleawatch.events import FaucetClaimed
from fleawatch.ports import TelemetrySink
from fleawatch.sdk.client.reconcile import Reconciled, Reconciliation, Row, elapsed_s
from fleawatch.sdk.client.retries import Retries
from fleawatch.sdk.client.watch import aiohttp_trace, watch
from fleawatch.sdk.shield import Shield
from fleawatch.sdk.telemetry.backends import sinks_for
from fleawatch.sdk.telemetry.backends.prometheus import AgentCollector, refuse_beside_push
from fleawatch.sdk.telemetry.backends.prometheus import sink as scrape
from fleawatch.sdk.telemetry.backends.serving import MetricsServer, wsgi
from fleawatch.sdk.telemetry.context import Ids
from fleawatch.sdk.telemetry.creations import Creations
from fleawatch.sdk.telemetry.describe import Describer
from fleawatch.sdk.telemetry.draft import Draft, Drafter
from fleawatch.sdk.telemetry.faucet import FaucetClaim
from fleawatch.sdk.telemetry.money import (
    BalanceCheck,
    Bet,
    EscrowComplete,
    EscrowCreate,
    EscrowDispute,
    EscrowRelease,
    EscrowTimeout,
)
from fleawatch.sdk.telemetry.operation import Operation
from fleawatch.sdk.telemetry.pipeline import Pipeline
from fleawatch.sdk.telemetry.projector import Projector
from fleawatch.sdk.telemetry.provider import Provider, under_datadog
from fleawatch.sdk.telemetry.rehearsal import rehearse
from fleawatch.sdk.telemetry.resends import Resends
from fleawatch.sdk.telemetry.settings import Settings, settings
from fleawatch.sdk.telemetry.told import Told
from fleawatch.sdk.telemetry.trading import ConfirmationPoll, Cycle, Number, Order, Signal
from fleawatch.sdk.telemetry.words import Words
from fleawatch.sdk.timing import Timing

HEARTBEAT_S: Final = 15.0

_Client = TypeVar("_Client")


class Telemetry(Words):
    """What one agent says of itself.

    Args:
        agent_id: as the fleet calls it; `PF_AGENT_ID` when None.
        sinks: further backends, after those of the settings.
        file: TOML file with settings.
        heartbeat_s: how often a sign of life is told; None for never.
        ids: of spans; seeded in tests.
        timing: the clocks; moved by hand in tests.
        environ: in place of the process's environment.
        chosen: any of `Settings`, by name.

    Raises:
        BadConfig: with every complaint about the settings.
    """

    def __init__(
        self,
        agent_id: str | None = None,
        *,
        sinks: Sequence[TelemetrySink] = (),
        file: str | Path | None = None,
        heartbeat_s: float | None = HEARTBEAT_S,
        ids: Ids | None = None,
        timing: Timing | None = None,
        environ: Mapping[str, str] | None = None,
        **chosen: Any,
    ) -> None:
        self.settings: Settings = settings({"agent_id": agent_id, **chosen}, environ, file)
        if self.settings.traces == "own" and under_datadog():
            self.settings = replace(self.settings, traces="provider")
        self.strategy = self.settings.strategy
        self.ids = ids or Ids(self.settings.sample)
        self.shield = Shield()
        self._timing = timing
        self._now = time.time if timing is None else timing.now
        self.creations = Creations(self.settings.spool, self.settings.agent_id)
        self.resends = Resends()
        describer = Describer(self.settings.agent_id, frozenset(self.settings.private), self.settings.addresses)
        self.provider = Provider(describer, self.shield) if self.settings.traces == "provider" else None
        self._heartbeat_s = heartbeat_s
        self._acted_ns = 0
        self._told_alive = time.monotonic()
        self._closing = threading.Lock()
        self._scrape = scrape(self.settings)
        drafter = Drafter(self.settings.agent_id, self._now)
        self.projector = Projector(
            self.settings.agent_id, self.strategy, (self._scrape, *sinks_for(self.settings), *sinks), drafter, self.shield, self._now,
            environment=self.settings.environment, version=self.settings.version, describer=describer,
        )  # fmt: skip
        self._server: MetricsServer | None = None
        self._pipeline = Pipeline(self.projector.work, self._beat, self._renew, self.shield)
        if self.settings.metrics is not None:
            try:
                self._server = MetricsServer(self, self.settings.metrics, shared=bool(self.settings.metrics_dir))
            except BadConfig:
                self._pipeline.close(1.0)
                self.projector.close(1.0)
                raise
        if self.provider is None:
            # A provider's context is not always one that can be gone back from.
            rehearse()
        # Registered after the pipeline's own, so it runs before: sinks are closed too when the program ends.
        self._at_exit = partial(_shutdown, weakref.ref(self))
        at_end(self._at_exit)
        self._end_with_child()

    # What operations need (`operation.Desk`).

    def now_ns(self) -> int:
        """Unix nanoseconds."""
        return time.time_ns() if self._timing is None else round(self._timing.now() * 1e9)

    def elapsed_ns(self) -> int:
        """Nanoseconds on a clock that nobody sets."""
        return time.perf_counter_ns() if self._timing is None else round(self._timing.elapsed() * 1e9)

    def hand_in(self, operation: Operation) -> None:
        """Take a finished operation."""
        self._acted_ns = operation.ended_ns
        self._pipeline.put(operation)

    # Operations.

    def cycle(self, *, market: str = "", cycle_id: str = "") -> Cycle:
        """A decision cycle: `with telemetry.cycle(market="BTC-USD") as cycle:`."""
        return Cycle(self, market=market, cycle_id=cycle_id)

    def signal(self, market: str = "", **more: Any) -> Signal:
        """Computing a signal; see `Signal`."""
        return Signal(self, market=market, **more)

    def order(self, **order: Any) -> Order:
        """An attempt to order; see `Order`."""
        return Order(self, **order)

    def confirmation_poll(self, order_id: str) -> ConfirmationPoll:
        """Asking until an order is confirmed; see `ConfirmationPoll`."""
        return ConfirmationPoll(self, order_id=order_id)

    def bet(self, game: str, stake: Number, **more: Any) -> Bet:
        """A bet of `stake` USD; see `Bet`."""
        return Bet(self, game=game, stake=stake, **more)

    def balance_check(self, **more: Any) -> BalanceCheck:
        """Reading a balance; see `BalanceCheck`."""
        return BalanceCheck(self, **more)

    def escrow_create(self, **escrow: Any) -> EscrowCreate:
        """Funding an escrow; see `EscrowCreate`."""
        return EscrowCreate(self, **escrow)

    def escrow_complete(self, escrow_id: str) -> EscrowComplete:
        """Saying that the work is done."""
        return EscrowComplete(self, escrow_id=escrow_id)

    def escrow_release(self, escrow_id: str, *, release_reason: str = "") -> EscrowRelease:
        """Paying the worker; see `EscrowRelease`."""
        return EscrowRelease(self, escrow_id=escrow_id, release_reason=release_reason)

    def escrow_dispute(self, escrow_id: str, *, actor: str = "") -> EscrowDispute:
        """Disputing an escrow."""
        return EscrowDispute(self, escrow_id=escrow_id, actor=actor)

    def escrow_timeout(self, escrow_id: str) -> EscrowTimeout:
        """An escrow came back after its time; see `EscrowTimeout`."""
        return EscrowTimeout(self, escrow_id=escrow_id)

    @overload
    def faucet_claim(self) -> FaucetClaim: ...

    @overload
    def faucet_claim(self, status: str, amount_usd: Number = 0) -> None: ...

    def faucet_claim(self, status: str | None = None, amount_usd: Number = 0) -> FaucetClaim | None:
        """Asking the faucet; see `FaucetClaim`. With a status it is one word: `success`, `rejected`, `error`, `timeout`, `cancelled`."""
        if status is None:
            return FaucetClaim(self)
        self._tell(FaucetClaimed, status=status, amount_usd=amount_usd)
        return None

    # The client.

    def client(self, client: _Client, *, retries: Retries | int | None = None) -> _Client:
        """Watch a client of httpx, httpx2 or requests: each attempt is a span and counts. The same client comes back.

        A client of two telemetries is watched by the one that it was given to last.

        Args:
            client: plain or async.
            retries: how often a read (GET, HEAD, OPTIONS) that was refused for now or not answered is made again, or how;
                nothing else ever is. Never when None.

        Raises:
            TypeError: it is no such client; for aiohttp see `aiohttp`.
            BadConfig: with every complaint about `retries`.
        """
        return watch(client, self, self.shield, self.settings.propagate_hosts, retries)

    def aiohttp(self) -> Any:
        """What watches sessions of aiohttp: `ClientSession(trace_configs=[telemetry.aiohttp()])`. It can make no call again."""
        return aiohttp_trace(self, self.shield, self.settings.propagate_hosts)

    def reconcile(
        self,
        read: Callable[[], Iterable[Row]],
        is_it: Callable[[Row], bool],
        *,
        sleep: Callable[[float], None] = time.sleep,
        **how: Any,
    ) -> Reconciled[Row]:
        """Look for an order that was not answered, until it is found, proven absent, or time is up; it is never sent again.

        Args:
            read: reads the rows among which it would be. An error is a reading that says nothing.
            is_it: whether a row is the order; compare what you asked for, and leave out what was there before.
            sleep: waits between two readings.
            how: `order_id`; seconds `within_s` (60), `every_s` (2); `settled_s` (15), how long after the attempt a reading
                must begin for an order that is not in it to be absent.
        """
        return Reconciliation(self, is_it, **how).by(read, sleep, elapsed_s)

    async def reconcile_async(
        self,
        read: Callable[[], Awaitable[Iterable[Row]]],
        is_it: Callable[[Row], bool],
        *,
        sleep: Callable[[float], Awaitable[Any]],
        **how: Any,
    ) -> Reconciled[Row]:
        """The same with coroutines; `sleep` is that of your loop, such as `asyncio.sleep`."""
        return await Reconciliation(self, is_it, **how).by_awaiting(read, sleep, elapsed_s)

    def _put(self, draft: Draft) -> None:
        self._pipeline.put(Told(draft))

    # Metrics.

    def metrics(self, *, openmetrics: bool = False, within_s: float = 2.0) -> bytes:
        """What a scrape would read now.

        Raises:
            TimeoutError: the worker did not come to it in time.
        """
        return self._pipeline.call(lambda: self._scrape.body(self._now(), openmetrics=openmetrics), within_s)

    def ask_metrics(self, *, openmetrics: bool = False) -> Future[bytes]:
        """The same for a scraper, without waiting. What has ended is no success: `up` is then 0, and nothing looks alive."""
        return self._pipeline.ask(lambda: self._scrape.body(self._now(), openmetrics=openmetrics))

    @property
    def metrics_port(self) -> int | None:
        """Where the metrics server listens; None without one, and while another process of the agent has the address."""
        return None if self._server is None else self._server.port

    def metrics_app(self) -> Any:
        """An ASGI application that serves the metrics: `app.mount("/metrics", telemetry.metrics_app())`."""
        refuse_beside_push(self.settings)
        from fleawatch.sdk.telemetry.backends.asgi import asgi  # noqa: PLC0415 - needs the event loop of its caller

        return asgi(self)

    def metrics_wsgi(self) -> Any:
        """The same as a WSGI application."""
        refuse_beside_push(self.settings)
        return wsgi(self)

    def collector(self) -> Any:
        """A collector for a registry of `prometheus_client`: `registry.register(telemetry.collector())`."""
        refuse_beside_push(self.settings)
        return AgentCollector(self)

    # The agent's own log.

    def log_handler(self, where: str = "stdout", level: int | str = 0) -> Any:
        """A handler for `logging` that writes lines of JSON with the current ids; see `fleawatch.sdk.telemetry.logging`."""
        logging = import_module("fleawatch.sdk.telemetry.logging")
        return logging.Handler(logging.Origin.of(self), where, level)

    def log_formatter(self) -> Any:
        """A formatter for any handler of `logging`: the same lines."""
        logging = import_module("fleawatch.sdk.telemetry.logging")
        return logging.Formatter(logging.Origin.of(self))

    def log_processor(self) -> Any:
        """A processor for structlog: the same fields, the same scrubbing."""
        logging = import_module("fleawatch.sdk.telemetry.logging")
        return logging.processor(logging.Origin.of(self))

    # Life.

    @property
    def dropped(self) -> dict[str, int]:
        """What was lost, by where: the queue, facts that were none, each sink, errors kept in."""
        found = {"queue": self._pipeline.dropped, "refused": self.projector.refused}
        found |= {f"sink_{sink.name}": sink.dropped for sink in self.projector.sinks}
        return {name: count for name, count in (found | self.shield.dropped).items() if count}

    @property
    def withheld(self) -> int:
        """Facts that the service was not sent, because it reads them itself. Nothing of them is lost."""
        return sum(getattr(sink, "withheld", 0) for sink in self.projector.sinks)

    def _beat(self) -> None:
        now = time.monotonic()
        if self._heartbeat_s is not None and now - self._told_alive >= self._heartbeat_s:
            self._told_alive = now
            self.heartbeat()
        if self._server is not None:
            self._server.beat()
        self.projector.beat()
        with self.shield.over("creations"):
            self.creations.save()

    def _end_with_child(self) -> None:
        """Be closed at the end of a child of `multiprocessing` too, which runs nothing of `atexit`, only finalizers of its own."""
        process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
        if process is not None and util is not None and process.parent_process() is not None:
            util.Finalize(None, self._at_exit, exitpriority=0)

    def _renew(self) -> None:
        """This is the child of a fork."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            # It forgets the parent's finalizers first, and then calls what was registered here.
            util.register_after_fork(self, Telemetry._end_with_child)
        self.ids.after_fork()
        self.creations.after_fork()
        if self._server is not None:
            self._server.after_fork()
        self.projector.after_fork()

    def flush(self, within_s: float = 5.0) -> bool:
        """Carry everything that was told so far; whether it was carried within the time."""
        deadline = time.monotonic() + within_s
        return self._pipeline.flush(within_s) and self.projector.flush(max(0.05, deadline - time.monotonic()))

    def shutdown(self, within_s: float = 5.0) -> bool:
        """Carry everything and let go; whether all was carried within the time. Calling it again does nothing."""
        with self._closing:
            not_at_end(self._at_exit)
            deadline = time.monotonic() + within_s
            server, self._server = self._server, None
            if server is not None:
                server.close()
            try:
                carried = self._pipeline.close(within_s)
                if carried:
                    with self.shield.over("telemetry"):
                        self.projector.finish()
                return carried
            finally:
                with self.shield.over("creations"):
                    self.creations.save()
                self.projector.close(max(0.05, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()


def _shutdown(ref: weakref.ref[Telemetry]) -> None:
    telemetry = ref()
    if telemetry is not None:
        telemetry.shutdown(2.0)
