"""How far a halt has come: orders that were sent in spite of it, and the proof that there were none.

An order counts by the platform's clock. A halt is confirmed when every collector that could show an order has made a
whole reading that began after the last moment at which one could have been sent:

    the order to halt, the last order seen since, and when the agent said that it stopped (or its process was stopped)

and, when it is to be flat, no position is open. An agent of whom nobody said so, or who said so and went on, must have
been silent for longer: then its silence is all there is.
"""

from __future__ import annotations

from typing import Final

from fleawatch.events import Event, HaltConfirmed, HaltOverdue, SourceRead
from fleawatch.flow.halting.evidence import Order, forbidden, order_in, witnesses
from fleawatch.flow.halting.settings import HaltingPolicy
from fleawatch.flow.outputs import Conclusion, Notice, Output
from fleawatch.flow.state import AgentState, Halt

SOURCE: Final = "monitor"
_MARKS: Final = 16


def watch(agent: AgentState, halt: Halt, event: Event, policy: HaltingPolicy) -> list[Output]:
    """Take a fact about an agent whom `halt` holds."""
    if isinstance(event, SourceRead):
        if event.collector not in witnesses(agent):
            return []
        begun = event.at - event.duration_s if event.begun_at is None else event.begun_at
        halt.seen[event.collector] = max(begun, halt.seen.get(event.collector, 0.0))
        return _confirmed(agent, halt, event, policy)
    order = order_in(agent, event)
    if order is None or order.at <= halt.ordered_at or not forbidden(order, halt.mode, frozen=agent.control.frozen):
        return []
    if order.at <= halt.ordered_at + policy.margin_s:
        # By the clocks it may have come before the halt: no offence, and still the last moment of which nothing is proven.
        halt.last_order_at = max(order.at, halt.last_order_at or 0.0)
        return []
    return _sent(agent, halt, event, order, policy)


def proven_from(halt: Halt, policy: HaltingPolicy) -> float:
    """When a reading must have begun to prove the halt, unix seconds."""
    moments = [halt.ordered_at, halt.last_order_at or 0.0]
    stopped = halt.reached.get("process")
    acknowledged = halt.steps.get("acknowledged")
    if stopped is not None and (halt.last_order_at is None or halt.last_order_at <= stopped + policy.margin_s):
        return max(*moments, stopped) + policy.margin_s
    if acknowledged is not None and not halt.lied:
        return max(*moments, acknowledged) + policy.margin_s
    return max(moments) + policy.silent_s


def proven(agent: AgentState, halt: Halt, policy: HaltingPolicy) -> bool:
    """Whether the platform's own facts show that the halt is done."""
    wanted, since = witnesses(agent), proven_from(halt, policy)
    if not wanted or any(halt.seen.get(collector, 0.0) <= since for collector in wanted):
        return False
    return not (flattens(agent, halt, policy) and agent.trading.positions)


def flattens(agent: AgentState, halt: Halt, policy: HaltingPolicy) -> bool:
    """Whether its positions are to be closed: asked for, and allowed for this agent."""
    return halt.mode == "flatten" and agent.agent_id in policy.flatten


def overdue(agent: AgentState, halt: Halt, at: float) -> list[Output]:
    """It was not confirmed in time, which is said once."""
    if halt.overdue_at is not None:
        return []
    step = next((name for name in ("confirmed", "acknowledged", "delivered") if name in halt.steps), "ordered")
    fact = HaltOverdue(
        fact_id=f"belt:halt_overdue:{agent.agent_id}:{halt.halt_id}:{halt.ordered_at:.3f}",
        agent_id=agent.agent_id,
        at=at,
        seen_at=at,
        source=SOURCE,
        halt_id=halt.halt_id,
        step=step,
        age_s=max(0.0, at - halt.ordered_at),
        orders=halt.orders,
    )
    return [concluded(fact)]


def concluded(fact: Event) -> Conclusion:
    """A fact that follows, as an output."""
    return Conclusion(key=f"fact:{fact.fact_id}", agent_id=fact.agent_id, at=fact.at, fact=fact)


def _confirmed(agent: AgentState, halt: Halt, event: Event, policy: HaltingPolicy) -> list[Output]:
    if "confirmed" in halt.steps or not proven(agent, halt, policy):
        return []
    fact = HaltConfirmed(
        fact_id=f"belt:halt_confirmed:{agent.agent_id}:{halt.halt_id}:{event.seen_at:.3f}",
        agent_id=agent.agent_id,
        at=event.seen_at,
        seen_at=event.seen_at,
        source=SOURCE,
        halt_id=halt.halt_id,
        last_order_at=halt.last_order_at,
    )
    return [concluded(fact)]


def _sent(agent: AgentState, halt: Halt, event: Event, order: Order, policy: HaltingPolicy) -> list[Output]:
    """An order that the halt forbids was sent: what was proven is proven no more."""
    halt.last_order_at = max(order.at, halt.last_order_at or 0.0)
    news = bool(order.mark) and order.mark not in halt.marks
    if news:
        halt.orders += 1
        halt.marks.append(order.mark)
        del halt.marks[:-_MARKS]
    acknowledged = halt.steps.get("acknowledged")
    if acknowledged is not None and order.at > acknowledged + policy.margin_s:
        halt.lied = True
    outputs: list[Output] = []
    # Each doubling is told: a thousand orders are eleven lines.
    if news and halt.orders & (halt.orders - 1) == 0:
        outputs.append(_told(agent, halt, event))
    if "confirmed" in halt.steps:
        outputs += overdue(agent, halt, event.seen_at)
        del halt.steps["confirmed"]
    return outputs


def _told(agent: AgentState, halt: Halt, event: Event) -> Notice:
    return Notice(
        key=f"{event.fact_id}#after:{halt.halt_id}",
        agent_id=agent.agent_id,
        at=event.seen_at,
        event="order_after_halt",
        level="critical",
        message=f"{halt.orders} orders were sent after the halt by {halt.actor}",
        fields={"subject": halt.halt_id, "reason": "acknowledged" if halt.lied else "not_acknowledged"},
    )
