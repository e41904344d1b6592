"""Routing under the hands of a test: alerts begin and end as told, on a clock that only the test moves.

desk = Desk()
desk.fire("PFDrawdownWarning", "a-1")      # family, severity and action as the catalog declares them
desk.wait(10)                              # a Tick
assert desk.sent[-1].reason == "first"
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, TypeVar

from fleawatch.catalog.fleet import CATALOG
from fleawatch.catalog.spec import Severity
from fleawatch.events import Event, Heartbeat, Tick
from fleawatch.events.base import kind_of
from fleawatch.flow.outputs import AlertChange, Delivery, Notice
from fleawatch.flow.policy import Policy
from fleawatch.flow.routing.route import route
from fleawatch.flow.routing.settings import RoutingPolicy
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.flow.state import empty_fleet
from fleawatch.testing.belt import MIDNIGHT

_Kind = TypeVar("_Kind", bound=Event)


class Desk:
    """A fleet of which only the routing is looked at.

    Attributes:
        now: unix seconds.
        sent: deliveries so far, in order.
        notices: alerts that were not sent, in order.
    """

    def __init__(self, rules: RoutingPolicy | None = None, now: float = MIDNIGHT) -> None:
        self.policy = Policy(routing=rules or RoutingPolicy())
        self.fleet = empty_fleet()
        self.now = now
        self.sent: list[Delivery] = []
        self.notices: list[Notice] = []
        self._firing: dict[str, AlertChange] = {}
        self._facts = 0

    def fire(
        self, alert: str, agent_id: str = "", severity: Severity | None = None, **labels: str
    ) -> tuple[Delivery, ...]:
        """An alert begins to fire; what is sent because of it."""
        return self.change(self.changed("fired", alert, agent_id, severity, **labels))

    def become(self, severity: Severity, alert: str, agent_id: str = "", **labels: str) -> tuple[Delivery, ...]:
        """An alert that fires changes its severity."""
        return self.change(self.changed("severity_changed", alert, agent_id, severity, **labels))

    def end(self, alert: str, agent_id: str = "", **labels: str) -> tuple[Delivery, ...]:
        """An alert resolves."""
        return self.change(self.changed("resolved", alert, agent_id, None, **labels))

    def changed(
        self, change: Any, alert: str, agent_id: str = "", severity: Severity | None = None, **labels: str
    ) -> AlertChange:
        """A change of an alert now, as the lifecycle makes it."""
        declared = CATALOG.alerts[alert]
        whole = {"pf_family": declared.family, "pf_scope": declared.scope, "alertname": alert, **labels}
        if agent_id:
            whole = {"strategy": "steady", **whole, "agent_id": agent_id}
        mark = fingerprint(alert, agent_id, **labels)
        before = self._firing.get(mark)
        made = AlertChange(
            key=f"{self._facts}:{mark}:{change}",
            agent_id=agent_id,
            at=self.now,
            alert=alert,
            fingerprint=mark,
            change=change,
            severity=severity or (before.severity if before is not None else declared.severity),
            labels=whole,
            reason="held",
            summary=f"{alert} of {agent_id or 'the fleet'}",
            description="It does what its name says.",
            started_at=self.now if before is None or change == "fired" else before.started_at,
            action=declared.action,
        )
        self._firing[mark] = made
        return made

    def change(self, *changes: AlertChange) -> tuple[Delivery, ...]:
        """Several changes by one fact."""
        return self.take(self.make(Heartbeat, changes[0].agent_id if changes else ""), *changes)

    def say(self, kind: type[Event], agent_id: str = "", **fields: Any) -> tuple[Delivery, ...]:
        """A fact that changes no alert by itself."""
        return self.take(self.make(kind, agent_id, **fields))

    def wait(self, seconds: float) -> tuple[Delivery, ...]:
        """Time passes, and a Tick says so."""
        self.now += seconds
        return self.say(Tick)

    def make(self, kind: type[_Kind], agent_id: str = "", **fields: Any) -> _Kind:
        """A fact that happens now."""
        self._facts += 1
        name = f"test:{kind_of(kind.__name__)}:{self._facts}"
        base = {"fact_id": name, "agent_id": agent_id, "at": self.now, "seen_at": self.now, "source": "test"}
        return kind(**{**base, **fields})

    def take(self, event: Event, *changes: AlertChange) -> tuple[Delivery, ...]:
        """Route one fact with its changes; what is sent because of it."""
        self.fleet, outputs = route(self.fleet, event, changes, self.policy)
        new = tuple(one for one in outputs if isinstance(one, Delivery))
        self.sent += new
        self.notices += [one for one in outputs if isinstance(one, Notice)]
        return new

    def restart(self) -> None:
        """Go on from a snapshot."""
        self.fleet = thaw(freeze(self.fleet))


def fingerprint(alert: str, agent_id: str = "", **labels: str) -> str:
    """The fingerprint of an alert on a desk."""
    return sha256(repr((alert, agent_id, sorted(labels.items()))).encode()).hexdigest()[:16]
