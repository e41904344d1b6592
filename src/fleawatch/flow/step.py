"""The belt: one deterministic, synchronous function that advances the fleet by one fact.

    fold -> evaluate -> advance -> route -> halt, and project beside them

Same inputs, same outputs; no clock, no I/O. Live, replay and backtest differ only in who calls it.
"""

from __future__ import annotations

from collections.abc import Iterable

from fleawatch.events import Event
from fleawatch.flow.evaluate import evaluate
from fleawatch.flow.fold import fold
from fleawatch.flow.halting.halt import halt
from fleawatch.flow.lifecycle import advance
from fleawatch.flow.outputs import Conclusion, Output
from fleawatch.flow.policy import Policy
from fleawatch.flow.project import project
from fleawatch.flow.routing.route import route
from fleawatch.flow.state import FleetState


def step(state: FleetState, event: Event, policy: Policy) -> tuple[FleetState, tuple[Output, ...]]:
    """Advance the fleet by one fact.

    `state` is changed in place, each part by the one stage that owns it, and returned. Outputs are in the order in which they are to
    be acted on. What the belt concludes from the fact is a fact itself: it is folded here, comes out as a `Conclusion` to be
    recorded behind the fact, and changes nothing when it is folded again from there.
    """
    if state.concluded:
        if event.fact_id in state.concluded:
            return state, ()
        state.concluded.clear()
    state, outputs = _stages(state, event, policy)
    waiting = [output.fact for output in outputs if isinstance(output, Conclusion)] if outputs else []
    while waiting:
        fact = waiting.pop(0)
        state.concluded[fact.fact_id] = None
        state, followed = _stages(state, fact, policy)
        waiting += [output.fact for output in followed if isinstance(output, Conclusion)]
        outputs += followed
    return state, outputs


def _stages(state: FleetState, event: Event, policy: Policy) -> tuple[FleetState, tuple[Output, ...]]:
    state = fold(state, event)
    verdicts = evaluate(state, event, policy)
    state, changes = advance(state, verdicts, event, policy)
    state, deliveries = route(state, event, changes, policy)
    return state, (*project(state, event), *changes, *deliveries, *halt(state, event, changes, policy))


def run(state: FleetState, events: Iterable[Event], policy: Policy) -> tuple[FleetState, list[Output]]:
    """Fold many facts: replay is this loop."""
    outputs: list[Output] = []
    for event in events:
        state, new = step(state, event, policy)
        outputs += new
    return state, outputs
