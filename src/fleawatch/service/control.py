"""Everything through which agents are stopped and let go, as one part of a service."""

from __future__ import annotations

from fleawatch.clock import Clock
from fleawatch.service.access import Tokens
from fleawatch.service.acts import Acts
from fleawatch.service.config import Config
from fleawatch.service.desk import Desk
from fleawatch.service.gates import Gates
from fleawatch.service.leases import Leases
from fleawatch.service.monitor import Monitor


class Control:
    """Tokens, leases, what gates report, and acts on agents and on alerts."""

    def __init__(self, config: Config, monitor: Monitor, clock: Clock, tokens: Tokens) -> None:
        access = config.access
        self.tokens = tokens
        self.leases = Leases(monitor, clock, access.lease_ttl_s)
        self.gates = Gates(self.leases, clock)
        self.acts = Acts(
            monitor,
            clock,
            self.leases,
            directory=config.store.path,
            drilled=tokens.agents,
            drill_every_s=access.drill_every_s,
        )
        self.desk = Desk(monitor, clock)
