"""The trading gate as guards and people have set it; nothing while nobody said anything about it."""

from __future__ import annotations

from fleawatch.catalog import gate as words
from fleawatch.catalog.labels import GATE_STATE, HALT_REASON
from fleawatch.flow.samples.shape import Value, fixed
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.samples.wording import halt_word

_NO_STATE: tuple[Value, ...] = (None,) * len(GATE_STATE.values)
_NO_REASON: tuple[Value, ...] = (None,) * len(HALT_REASON.values)
_HALTING = frozenset({"halt", "flatten"})


def state(view: AgentView) -> tuple[Value, ...] | list[Value]:
    """1 for the state the gate is in."""
    now = view.agent.control.gate
    if now is None:
        return _NO_STATE
    return [int(now == value) for value in GATE_STATE.values]


def halted(view: AgentView) -> tuple[Value, ...] | list[Value]:
    """1 for the reason of a halt in force. A reason that is not in the dictionary is somebody's own: `manual`."""
    control = view.agent.control
    if control.gate is None and control.halt is None:
        return _NO_REASON
    reason = ""
    if control.halt is not None and control.halt.mode in _HALTING:
        reason = halt_word(control.halt.reason)
        reason = reason if reason in HALT_REASON.values else "manual"
    return [int(reason == value) for value in HALT_REASON.values]


def lease_expiry(view: AgentView) -> tuple[Value]:
    """Unix time at which the agent's permission runs out; None where there is no lease."""
    return (view.agent.control.lease_until,)


READERS = (
    fixed(words.STATE, state),
    fixed(words.HALTED, halted),
    fixed(words.LEASE_EXPIRY, lease_expiry),
)
