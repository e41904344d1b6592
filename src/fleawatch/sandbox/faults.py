"""Faults on demand: what goes wrong, at which service, for whom and when.

A fault spoils answers, never books: simulated agents do not feel it. Times are simulated unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from fleawatch.sandbox.entropy import stream

Service = Literal["casino", "escrow", "faucet", "trading", "wallet", "domains", "gateway", "agents"]
Kind = Literal["latency", "error", "rate_limit", "hang", "garbage", "false_zero", "skew", "drop"]

SERVICES: Final[tuple[Service, ...]] = get_args(Service)
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
DEFAULT_AMOUNT: Final[dict[str, float]] = {"latency": 0.25, "skew": 90.0}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        service: whose answers it spoils.
        kind: `latency` waits `amount` real seconds, `error` is HTTP 500, `rate_limit` HTTP 429, `hang` answers nothing
            until the fault ends and then drops the connection, `garbage` sends JSON that breaks off, `false_zero` is an
            upstream outage in the platform's own shape (zeros at trading and wallet, an empty document from an agent,
            a failing database elsewhere), `skew` moves the Date header and the times of answering by `amount` seconds,
            `drop` closes the connection without an answer.
        start, end: simulated unix seconds; it holds from `start` until before `end`.
        agent: only for requests of this fleet agent, None for all.
        path: only for paths that begin so, "" for all.
        amount: real seconds for `latency`, simulated seconds for `skew`, unused otherwise.
    """

    service: Service
    kind: Kind
    start: float
    end: float
    agent: str | None = None
    path: str = ""
    amount: float = 0.0

    def hits(self, service: str, path: str, agent: str | None, at: float) -> bool:
        """Whether it spoils this request."""
        return (
            self.service == service
            and self.start <= at < self.end
            and (self.agent is None or self.agent == agent)
            and path.startswith(self.path)
        )


@dataclass(slots=True)
class FaultPlan:
    """Faults to come. The first one that hits a request decides."""

    faults: list[Fault] = field(default_factory=list)

    @classmethod
    def seeded(cls, seed: int, origin: float, horizon: float) -> FaultPlan:
        """Every kind at every service once, one after the other, from 5 % to 80 % of `horizon` seconds after `origin`."""
        random = stream(seed, "faults")
        pairs = [(service, kind) for service in SERVICES for kind in KINDS]
        random.shuffle(pairs)
        slot = horizon * 0.75 / len(pairs)
        faults = []
        for index, (service, kind) in enumerate(pairs):
            start = origin + horizon * 0.05 + index * slot
            end = start + slot * random.uniform(0.5, 0.95)
            faults.append(Fault(service, kind, start, end, amount=DEFAULT_AMOUNT.get(kind, 0.0)))
        return cls(faults)

    def add(self, document: dict[str, Any], now: float) -> Fault:
        """Add the fault that a control request describes: service, kind, and optionally `after` and `seconds`
        (simulated, 0 and 60), agent, path, amount.

        Raises:
            ValueError: the service or kind is unknown or a number is not one.
        """
        service, kind = document.get("service"), document.get("kind")
        if service not in SERVICES:
            raise ValueError(f"service was {service!r}; use one of {', '.join(SERVICES)}")
        if kind not in KINDS:
            raise ValueError(f"kind was {kind!r}; use one of {', '.join(KINDS)}")
        start = now + float(document.get("after", 0.0))
        end = start + float(document.get("seconds", 60.0))
        amount = float(document.get("amount", DEFAULT_AMOUNT.get(kind, 0.0)))
        agent = document.get("agent")
        path = str(document.get("path") or "")
        fault = Fault(service, kind, start, end, None if agent is None else str(agent), path, amount)
        self.faults.append(fault)
        return fault

    def find(self, service: str, path: str, agent: str | None, at: float) -> Fault | None:
        """The fault that spoils this request, or None."""
        for fault in self.faults:
            if fault.hits(service, path, agent, at):
                return fault
        return None

    def active(self, at: float) -> list[Fault]:
        """All faults in force at `at`."""
        return [fault for fault in self.faults if fault.start <= at < fault.end]
