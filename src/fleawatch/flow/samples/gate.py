"""The trading gate as guards and people have set it, and whether it could be shut; nothing while nobody said anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fleawatch.catalog import gate as words
from fleawatch.catalog.labels import GATE_STATE, HALT_REASON
from fleawatch.flow.fold.limits import differing
from fleawatch.flow.samples.shape import Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.samples.wording import halt_word
from fleawatch.flow.state import AgentState
from fleawatch.units import MINUTE

PROBE_AGE: Final = 15 * MINUTE
"""Seconds after which a probe says nothing about now."""
ANSWERS_WITHIN: Final = 2 * MINUTE
"""Seconds that an agent has to take up limits that were declared anew, before its old ones count as differing."""

_NO_STATE: tuple[Value, ...] = (None,) * len(GATE_STATE.values)
_NOTHING: tuple[Value, ...] = (None,) * (len(GATE_STATE.values) + len(HALT_REASON.values) + 1)
_HALTING = frozenset({"halt", "flatten"})


def gate(view: AgentView) -> Sequence[Value]:
    """1 for the state the gate is in, 1 for the reason of a halt in force, and when the agent's permission runs out.

    A reason that is not in the dictionary is somebody's own: `manual`. Unix time; None where there is no lease.
    """
    control = view.agent.control
    if control.gate is None and control.halt is None:
        return _NOTHING if control.lease_until is None else (*_NOTHING[:-1], control.lease_until)
    reason = ""
    if control.halt is not None and control.halt.mode in _HALTING:
        reason = halt_word(control.halt.reason)
        reason = reason if reason in HALT_REASON.values else "manual"
    state = _NO_STATE if control.gate is None else [int(control.gate == value) for value in GATE_STATE.values]
    return (*state, *(int(reason == value) for value in HALT_REASON.values), control.lease_until)


def safety(view: AgentView) -> tuple[Value, Value]:
    """Whether the agent could be halted now, and how many limits the agent does not enforce as declared.

    0 also while a halt is overdue and not confirmed, whatever its gate answers. None: before the first probe, and when the last is long ago; until limits were declared and told, or while the agent
    may still take them up.
    """
    control = view.agent.control
    probed = control.probe_ok is not None and view.at - control.probe_at <= PROBE_AGE
    taking_up = control.limits_at < control.declared_at and view.at - control.declared_at < ANSWERS_WITHIN
    ready = 0 if unstopped(view.agent) else int(bool(control.probe_ok)) if probed else None
    return (ready, None if taking_up else differing(view.agent))


def unstopped(agent: AgentState) -> bool:
    """Whether a halt of the agent is overdue and not confirmed."""
    halt = agent.control.halt
    return halt is not None and halt.overdue_at is not None and "confirmed" not in halt.steps


READERS = (
    fixed(words.STATE, words.HALTED, words.LEASE_EXPIRY, read=gate),
    fixed(words.READY, words.LIMITS_DIFFERING, read=safety),
)
