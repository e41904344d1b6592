"""What a run is worth: whether the named alert came in time, whether the agent stopped, who was woken for nothing.

The sandbox's journal says which orders were accepted, its books say what the agent owns. The label of an incident is
looked at here only, after the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final, get_args

from fleawatch.cli.compare import Mismatch, compare
from fleawatch.cli.incidents.stage import Record
from fleawatch.events import HaltConfirmed, HaltOrdered
from fleawatch.flow.outputs import Delivery
from fleawatch.flow.state import AgentState
from fleawatch.sandbox.incidents.incident import End, Incident
from fleawatch.sandbox.journal import ORDERS, Action, Attempt

_MILDEST_FIRST: Final[tuple[End, ...]] = get_args(End)
_PAGES: Final = frozenset({"alert", "escalation", "repeat"})
_PAYMENTS: Final[frozenset[Action]] = frozenset({"payment", "withdrawal"})
_SENT: Final[Mapping[str, frozenset[Action]]] = {
    "reduce": ORDERS - {"escrow_create"},
    "freeze_payments": _PAYMENTS | {"escrow_create"},
    "halt": ORDERS | _PAYMENTS | {"close"},
    "flatten": ORDERS | _PAYMENTS,
}
"""What a halt of each mode forbids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one incident; times in simulated seconds, money in USD.

    Attributes:
        caught: the expected alert told of the agent within its bound.
        detection_s: from the first wrong act to that alert; None when it never came.
        halted: the agent was stopped from something.
        confirmed_s: from the order of the last halt to its proof; None where there was none.
        orders_after_halt: what a halt forbids and the platform accepted later than it, by the sandbox's journal.
        end: how the agent was left, one of the incident's ends.
        false_pages: notifications above info about agents that did nothing wrong.
        equity_saved_usd: what the agent owns at the end more than it would own had nobody stopped it.
        baseline_caught: whether the rules of the public guides told of it within the same bound, on the same facts.
        mismatches: numbers of the service that differ from the books.
    """

    name: str
    expected_alert: str
    caught: bool
    detection_s: float | None
    bound_s: float
    halted: bool
    confirmed_s: float | None
    orders_after_halt: int
    end: End
    end_expected: End
    false_pages: int
    equity_saved_usd: float
    baseline_caught: bool
    mismatches: int

    @property
    def passed(self) -> bool:
        """Whether it went as it must."""
        left = _MILDEST_FIRST.index(self.end) >= _MILDEST_FIRST.index(self.end_expected)
        sound = self.caught and left and not self.mismatches
        return sound and not self.orders_after_halt and not self.false_pages

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def outcome(incident: Incident, record: Record, unguarded: Decimal, *, baseline: bool) -> Outcome:
    """Judge a run.

    Args:
        incident: what was played.
        record: what came of it.
        unguarded: what the agent owns at the end of the same world when nobody watches.
        baseline: whether the rules of the public guides told of it.
    """
    person = record.people[0]
    began = record.origin if person.wrong_since is None else person.wrong_since
    fired = [
        change.at - began
        for change in record.changes
        if change.alert == incident.alert
        and change.agent_id == person.name
        and change.change == "fired"
        and change.at >= began
    ]
    detection = min(fired, default=None)
    return Outcome(
        name=incident.name,
        expected_alert=incident.alert,
        caught=person.wrong_since is not None and detection is not None and detection <= incident.bound_s,
        detection_s=None if detection is None else round(detection, 3),
        bound_s=incident.bound_s,
        halted=bool(_orders(record, person.name)),
        confirmed_s=_confirmed(record, person.name),
        orders_after_halt=len(sent_after(record, person.name)),
        end=left(record, person.name),
        end_expected=incident.end,
        false_pages=len(false_pages(record, {person.name})),
        equity_saved_usd=float(round((record.equity(person.name) or Decimal(0)) - unguarded, 2)),
        baseline_caught=baseline,
        mismatches=len(mismatches(record)),
    )


def sent_after(record: Record, agent_id: str) -> list[Attempt]:
    """What halts of an agent forbid and the platform accepted later than they were ordered."""
    orders = _orders(record, agent_id)
    return [
        attempt
        for attempt in record.attempts
        if attempt.agent_id == agent_id and attempt.accepted and any(_forbids(order, attempt) for order in orders)
    ]


def _forbids(order: HaltOrdered, attempt: Attempt) -> bool:
    return attempt.at > order.at and attempt.action in _SENT[order.mode]


def left(record: Record, agent_id: str) -> End:
    """How an agent was left, by the belt's own state."""
    agent = _agent(record, agent_id)
    if agent.control.state == "halted":
        return "halted"
    if agent.control.state == "reducing":
        return "reducing"
    return "frozen" if agent.control.frozen else "told"


def false_pages(record: Record, guilty: set[str]) -> list[Delivery]:
    """Notifications above info in which some alert is about nobody who went wrong."""
    return [one for one in record.deliveries if _is_page(one) and _is_false(one, guilty)]


def mismatches(record: Record) -> Sequence[Mismatch]:
    """Numbers that differ from the books."""
    if record.state is None:
        raise ValueError("the run has not ended; play it first")
    return compare(record.truth, record.state)[1]


def _is_page(delivery: Delivery) -> bool:
    return delivery.kind in _PAGES and delivery.severity in ("warning", "critical")


def _is_false(delivery: Delivery, guilty: set[str]) -> bool:
    return any(note.labels.get("agent_id", "") not in guilty for note in delivery.alerts)


def _orders(record: Record, agent_id: str) -> list[HaltOrdered]:
    return [fact for fact in record.facts if isinstance(fact, HaltOrdered) and fact.agent_id == agent_id]


def _confirmed(record: Record, agent_id: str) -> float | None:
    proofs = [fact for fact in record.facts if isinstance(fact, HaltConfirmed) and fact.agent_id == agent_id]
    if not proofs:
        return None
    ordered = {order.halt_id: order.at for order in _orders(record, agent_id)}
    return round(proofs[-1].at - ordered[proofs[-1].halt_id], 3)


def _agent(record: Record, agent_id: str) -> AgentState:
    if record.state is None:
        raise ValueError("the run has not ended; play it first")
    return record.state.agents[agent_id]
