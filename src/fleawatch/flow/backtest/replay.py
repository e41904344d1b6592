"""History through the belt, under the rules that were recorded or under others, and what came out kept.

Under the recorded rules every fact is folded as it was, and alerts, pages and halts are those of the live run. Under
other rules the facts that only the recorded rules brought about are left out: declarations of rules, halts that alerts
ordered, their delivery, acknowledgement, proof and resume, gates that closed because they were told to, and what people
did about alerts that may never fire now. What agents, their own gates and people did by themselves stays. Alerts then
order no halt in the belt: the record cannot obey, and would only look as if somebody could not be halted. Who would
have been stopped is told from the alerts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from msgspec import structs

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import (
    AlertAcknowledged,
    AlertCleared,
    Delivered,
    Event,
    GateChanged,
    HaltAcknowledged,
    HaltConfirmed,
    HaltDelivered,
    HaltOrdered,
    HaltOverdue,
    Resumed,
    RulesDeclared,
)
from fleawatch.flow.backtest.money import Ledger
from fleawatch.flow.backtest.results import Episode, Halted, Page, Result
from fleawatch.flow.halting.halt import GATE
from fleawatch.flow.outputs import AlertChange, Conclusion, Delivery, Output
from fleawatch.flow.rules import RulesInForce
from fleawatch.flow.state import FleetState, empty_fleet
from fleawatch.flow.step import step

Substitute = Callable[[RulesDeclared | None], RulesDeclared]
"""Other rules: given a recorded declaration, or None before the first fact, the one that is in force instead."""

_NEWS: Final = frozenset({"first", "new_alerts", "severity_raised"})
_RANK: Final = {"none": 0, "info": 1, "warning": 2, "critical": 3}
_TOLD: Final = frozenset({"ordered", "payments_frozen"})
_FOLLOWS: Final = (HaltDelivered, HaltAcknowledged, HaltConfirmed, HaltOverdue)


class Backtest:
    """One run over a history, fact by fact.

    Args:
        name: what the rules are called.
        other: rules to judge by; None for those that the facts declare.
        state: where to begin when the oldest readings are gone; changed in place.
    """

    def __init__(
        self, name: str = "recorded", other: Substitute | None = None, state: FleetState | None = None
    ) -> None:
        self._name = name
        self._other = other
        self._fleet = state or empty_fleet()
        self._rules = RulesInForce()
        self._facts = self._left_out = 0
        self._begin: float | None = None
        self._end: float | None = None
        self._episodes: list[Episode] = []
        self._firing: dict[str, Episode] = {}
        self._pages: dict[tuple[str, str, float], Page] = {}
        self._kinds: Counter[str] = Counter()
        self._ledger = Ledger()
        self._dropped: set[str] = set()
        self._acts = self._fleet.rules is None or self._fleet.rules.halting.act

    def take(self, event: Event) -> tuple[Output, ...]:
        """Fold the next fact; what came out of it, empty for one that is left out."""
        if self._begin is None:
            self._begin = event.seen_at
            if self._other is not None:
                self._fold(self._declared(self._other(self._fleet.rules), event))
        self._end = max(self._end or 0.0, event.seen_at)
        self._ledger.history(event, self._fleet)
        if self._other is not None and self._follows(event):
            self._left_out += 1
            if isinstance(event, RulesDeclared):
                return self._fold(self._declared(self._other(event), event))
            return ()
        self._facts += 1
        return self._fold(event)

    def _declared(self, rules: RulesDeclared, event: Event) -> RulesDeclared:
        """Other rules as a fact, in force from `event` on, under which alerts order nothing."""
        self._acts = rules.halting.act
        return structs.replace(
            rules,
            fact_id=f"backtest:rules_declared:{event.fact_id}",
            at=event.at,
            seen_at=event.seen_at,
            source="backtest",
            halting=structs.replace(rules.halting, act=False),
        )

    def result(self) -> Result:
        """What the rules did so far."""
        halts = self._ledger.closed(self._fleet, self._end or 0.0)
        known = [one.saved_usd for one in halts if one.saved_usd is not None]
        return Result(
            rules=self._name,
            judged=len(self._rules.policy(self._fleet).alerts),
            facts=self._facts,
            left_out=self._left_out,
            begin=self._begin,
            end=self._end,
            episodes=[structs.replace(one) for one in self._episodes],
            pages=[structs.replace(one) for one in self._pages.values()],
            halts=halts,
            notifications=dict(sorted(self._kinds.items())),
            saved_usd=sum(known) if known else None,
        )

    def _fold(self, event: Event) -> tuple[Output, ...]:
        self._fleet, outputs = step(self._fleet, event, self._rules.policy(self._fleet))
        for output in outputs:
            match output:
                case AlertChange():
                    self._changed(output)
                    if output.change == "fired" and self._acts:
                        self._ledger.alert(output, self._fleet, self._rules.policy(self._fleet))
                case Delivery():
                    self._sent(output)
                case Conclusion(fact=HaltOrdered(actor=actor) as order) if actor == GATE:
                    self._ledger.order(order, self._fleet)
        if isinstance(event, RulesDeclared) and self._other is None:
            self._acts = event.halting.act
        if isinstance(event, HaltOrdered) and event.actor not in CATALOG.alerts:
            self._ledger.order(event, self._fleet)
        return outputs

    def _changed(self, change: AlertChange) -> None:
        if change.change == "fired":
            episode = self._firing[change.fingerprint] = Episode(
                alert=change.alert,
                agent_id=change.agent_id,
                severity=change.severity,
                since=change.started_at,
                fired_at=change.at,
                reason=change.reason,
                value=change.value,
                action=change.action,
                summary=change.summary,
                fingerprint=change.fingerprint,
                labels=change.labels,
            )
            self._episodes.append(episode)
            return
        known = self._firing.get(change.fingerprint)
        if known is None:  # it fired before the history begins
            return
        if change.change == "resolved":
            known.resolved_at, known.ended = change.at, change.reason
            del self._firing[change.fingerprint]
        else:
            known.severity = max(known.severity, change.severity, key=_RANK.__getitem__)

    def _sent(self, delivery: Delivery) -> None:
        self._kinds[delivery.kind] += 1
        if delivery.kind != "alert" or delivery.reason not in _NEWS:
            return
        key = (delivery.group, delivery.reason, delivery.at)
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = Page(
                page_id=delivery.group,
                at=delivery.at,
                severity=delivery.severity,
                title=delivery.title,
                reason=delivery.reason,
                channels=[],
                alerts=[],
            )
        page.channels.append(delivery.channel)
        page.severity = max(page.severity, delivery.severity, key=_RANK.__getitem__)
        named = [(note.alert, note.labels.get("agent_id", "")) for note in delivery.alerts if note.ended_at is None]
        page.alerts += [one for one in named if one not in page.alerts]

    def _follows(self, event: Event) -> bool:
        """Whether it would not be in the history but for the recorded rules."""
        match event:
            case RulesDeclared() | Delivered() | AlertAcknowledged() | AlertCleared():
                return True
            case HaltOrdered():
                by_alert = event.actor in CATALOG.alerts
                if by_alert:
                    self._dropped.add(event.halt_id)
                return by_alert
            case GateChanged():
                return event.reason in _TOLD and bool(self._dropped)
            case Resumed():
                return event.halt_id in self._dropped
        return isinstance(event, _FOLLOWS) and event.halt_id in self._dropped


def backtest(
    facts: Iterable[Event], *, name: str = "recorded", other: Substitute | None = None, state: FleetState | None = None
) -> Result:
    """A whole history under one set of rules; see `Backtest`."""
    run = Backtest(name, other, state)
    for event in facts:
        run.take(event)
    return run.result()


__all__ = ["Backtest", "Halted", "Substitute", "backtest"]
