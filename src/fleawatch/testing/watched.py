"""A running service made of real parts and no platform: facts are booked by hand, time moves by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from fleawatch.catalog.fleet import CATALOG
from fleawatch.clock import ManualClock
from fleawatch.errors import Problem
from fleawatch.events import Event
from fleawatch.service.access import Identity, Tokens
from fleawatch.service.config import Agent, Config
from fleawatch.service.control import Control
from fleawatch.service.monitor import Monitor
from fleawatch.sinks.prometheus import Exposition
from fleawatch.store.memory import MemoryStore
from fleawatch.testing.fleet import end_of, example_facts


@dataclass
class HandWatched:
    """What `fleawatch.web.watch.Watched` asks for, with everything in reach.

    Attributes:
        problems: what `readiness` says.
        stalled: what `unhealthy` says.
        control: as the service has it; None where nothing can be changed.
    """

    monitor: Monitor
    clock: ManualClock
    config: Config
    started_at: float
    exposition: Exposition = field(default_factory=lambda: Exposition(CATALOG))
    problems: tuple[Problem, ...] = ()
    stalled: str = ""
    control: Control | None = None

    def readiness(self) -> tuple[Problem, ...]:
        return self.problems

    def unhealthy(self) -> str:
        return self.stalled

    async def close(self) -> None:
        """Close the store."""
        await self.monitor.close()


async def hand_watched(facts: Iterable[Event] = (), at: float = 0.0) -> HandWatched:
    """A service over a memory store that has booked `facts`; it is `at` o'clock."""
    clock = ManualClock(at)
    monitor = Monitor(MemoryStore, clock)
    await monitor.recover()
    await monitor.book(facts)
    config = Config(agents=(Agent(id="example", health_url="http://127.0.0.1:1"),))
    return HandWatched(monitor, clock, config, at)


async def example_watched(agents: int = 12, hours: float = 24.0, seed: int = 7) -> HandWatched:
    """A service that has watched the fleet of `example_facts`, right after its last fact."""
    return await hand_watched(example_facts(agents, hours, seed), end_of(hours))


TOKENS = {"operator": "operator-token-0001", "viewer": "viewer-token-000001"}


def controlled(watched: HandWatched, agents: Iterable[str] = (), *, lease_ttl_s: float = 90.0) -> HandWatched:
    """The same service with tokens: `TOKENS` by role, and `agent-token-ID` padded to 32 characters for each agent."""
    known = [(text, Identity(role, role)) for role, text in TOKENS.items()]  # type: ignore[arg-type]  # names are roles
    known += [(agent_token(name), Identity(name, "agent", name)) for name in agents]
    access = watched.config.access.model_copy(update={"lease_ttl_s": lease_ttl_s})
    config = watched.config.model_copy(update={"access": access})
    watched.control = Control(config, watched.monitor, watched.clock, Tokens(known))
    return watched


def agent_token(agent_id: str) -> str:
    """The token of an agent of `controlled`."""
    return f"agent-token-{agent_id}".ljust(32, "x")
