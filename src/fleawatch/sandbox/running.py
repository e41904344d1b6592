"""A sandbox that runs: the world driven by a scaled clock, a port for every server, an end at which the books close."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from fleawatch.clock import Clock, ScaledClock
from fleawatch.sandbox import books
from fleawatch.sandbox.characters.cast import Troupe
from fleawatch.sandbox.faults import FaultPlan
from fleawatch.sandbox.http.agents import AgentsFront
from fleawatch.sandbox.http.casino import CasinoFront
from fleawatch.sandbox.http.control import ControlFront, counts
from fleawatch.sandbox.http.domains import DomainsFront
from fleawatch.sandbox.http.escrow import EscrowFront, FaucetFront
from fleawatch.sandbox.http.front import Desk, Front
from fleawatch.sandbox.http.gateway import GatewayFront
from fleawatch.sandbox.http.trading import TradingFront
from fleawatch.sandbox.http.wallet import WalletFront
from fleawatch.sandbox.people import Person
from fleawatch.sandbox.world import DEFAULT_ORIGIN, World

HOST: Final = "127.0.0.1"
_TICK: Final = 0.05
_FRONTS: Final[tuple[type[Front], ...]] = (
    CasinoFront,
    EscrowFront,
    FaucetFront,
    TradingFront,
    WalletFront,
    DomainsFront,
    GatewayFront,
    AgentsFront,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a sandbox is asked for.

    Attributes:
        seed, agents, origin: what the books are a function of, together with the time.
        speed: simulated seconds per real second.
        seconds: real seconds to run; the books stop at exactly `seconds * speed` simulated seconds. Infinite = no end.
        books: where the books go when they stop, or None.
        faults: a fixed plan, or None for none to begin with.
        ports: fixed ports by service; the others are chosen by the system.
        troupe: who plays, in place of the usual cast.
    """

    seed: int
    agents: int
    origin: float = DEFAULT_ORIGIN
    speed: float = 1.0
    seconds: float = float("inf")
    books: Path | None = None
    faults: FaultPlan | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    troupe: Troupe | None = None

    @property
    def horizon(self) -> float:
        """Simulated seconds from the origin to the end."""
        return self.seconds * self.speed


class Sandbox:
    """Serve a world. `await start()`, read `ready`, and `await close()` in the end; `ended` is set when the books stop.

    Args:
        settings: what to run.
        on_end: called once, with the second line of output, when the books have stopped and are written.
        clock: what drives the world; by default simulated time at the speed of the settings, from `start` on.
    """

    def __init__(
        self,
        settings: Settings,
        on_end: Callable[[dict[str, Any]], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.ended = asyncio.Event()
        self.token = secrets.token_hex(16)
        self.bases: dict[str, str] = {}
        self._on_end = on_end
        self._runners: list[web.ServerRunner] = []
        self._ticker: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self.world = World(settings.seed, settings.agents, settings.origin, settings.troupe)
        self.clock: Clock = clock or ScaledClock(settings.origin, settings.speed)
        end = settings.origin + settings.horizon
        self.desk = Desk(self.world, self.clock, end, settings.faults or FaultPlan())

    async def start(self) -> None:
        """Listen on every port and let the time run.

        Raises:
            OSError: a fixed port is taken.
        """
        for front in _FRONTS:
            self.bases[front.service] = await self._serve(front(self.desk))
        self.bases["control"] = await self._serve(ControlFront(self.desk, self.token, self.finish))
        if isinstance(self.clock, ScaledClock):
            # Building the world took a while; the origin is when everything listens.
            self.clock.started = time.time()
        self._ticker = asyncio.create_task(self._tick())

    async def _serve(self, front: Front) -> str:
        runner = web.ServerRunner(web.Server(front, access_log=None), shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, HOST, self.settings.ports.get(front.service, 0))
        await site.start()
        port = self.desk.ports[front.service] = runner.addresses[0][1]
        return f"http://{HOST}:{port}"

    async def _tick(self) -> None:
        while not self.desk.closed:
            if self.desk.catch_up() >= self.desk.end:
                self.finish()
                return
            await asyncio.sleep(min(_TICK, max(0.001, self.clock.wall(self.desk.end - self.clock.now()))))

    def finish(self) -> None:
        """Stop the books: at the end when it has come, now when it has not. A second call does nothing."""
        if self.desk.closed:
            return
        now = self.clock.now()
        if now >= self.desk.end:
            self.world.advance(self.settings.horizon)
        else:
            self.world.advance(now - self.settings.origin)
            self.desk.end = now
        self.desk.closed = True
        try:
            if self.settings.books is not None:
                books.write(self.world, self.settings.books)
            if self._on_end is not None:
                self._on_end(self.summary())
        except Exception as error:  # noqa: BLE001 - kept for whoever awaits `wait`, instead of dying in a background task
            self._failure = error
        self.ended.set()

    async def wait(self) -> None:
        """Wait until the books have stopped.

        Raises:
            StoreError: the books could not be written.
        """
        await self.ended.wait()
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Stop the time, let hanging answers go and free the ports."""
        self.desk.stopping.set()
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        for runner in self._runners:
            await runner.cleanup()

    def ready(self) -> dict[str, Any]:
        """The first line of output; see the package's docstring."""
        return {
            "bases": {service: base for service, base in self.bases.items() if service != "control"},
            "control": {"base": self.bases["control"], "token": self.token},
            "seed": self.settings.seed,
            "origin": self.settings.origin,
            "speed": self.settings.speed,
            "started": self.clock.started if isinstance(self.clock, ScaledClock) else None,
            "end": self.desk.end if self.settings.horizon < float("inf") else None,
            "agents": [self._agent(person) for person in self.world.fleet],
        }

    def _agent(self, person: Person) -> dict[str, Any]:
        trades = "trading" in person.keys and person.declares_capital
        return {
            "agent_id": person.name,
            "strategy": person.strategy,
            "character": person.character,
            "environment": person.environment,
            "capital_usd": float(person.capital) if trades else None,
            "keys": person.keys,
            "platform_ids": person.platform_ids,
            "addresses": person.addresses,
            "health_url": f"{self.bases['agents']}/agents/{person.name}",
        }

    def summary(self) -> dict[str, Any]:
        """The second line of output; see the package's docstring."""
        path = self.settings.books
        return {
            "ended": True,
            "seed": self.settings.seed,
            "simulated": self.world.elapsed,
            "end": self.desk.end,
            "books": None if path is None else str(path),
            **counts(self.desk),
        }
