"""What one fact gives people to read: lines of the log and marks on the charts. Metrics are rendered from the state."""

from __future__ import annotations

from typing import Final

from fleawatch.events import Event
from fleawatch.flow.outputs import Level, Notice
from fleawatch.flow.state import FleetState, Happening
from fleawatch.flow.verdict import Pairs

LARGE: Final = 0.05
"""A trade is large when it moved more than this share of the agent's equity."""

_EVENTS: Final[dict[str, tuple[str, Level]]] = {
    "faucet": ("faucet_claim", "info"),
    "deposit": ("wallet_top_up", "info"),
    "payment_received": ("wallet_top_up", "info"),
    "referral": ("referral_income", "info"),
    "escrow_ended": ("escrow_settled", "info"),
    "strategy_switch": ("strategy_switch", "info"),
    "total_loss": ("large_loss", "warning"),
    "unexplained_money": ("unexplained_money", "warning"),
    "source_failed": ("collector_error", "warning"),
    "source_recovered": ("collector_recovered", "info"),
    "notification_failed": ("notification_failed", "critical"),
    "halt_ordered": ("trading_halted", "critical"),
    "halt_overdue": ("halt_overdue", "critical"),
    "resumed": ("trading_resumed", "info"),
}

_UNTOLD: Final[tuple[str, Level]] = ("", "info")
_SUBJECT_LABELS: Final = {"slow_span": "span_name"}


def project(fleet: FleetState, event: Event) -> tuple[Notice, ...]:
    """Notices of what the last folded fact brought to light, in order. Empty for almost every fact."""
    if not fleet.happened:
        return ()
    notices = (_notice(fleet, event, number, what) for number, what in enumerate(fleet.happened))
    return tuple(notice for notice in notices if notice is not None)


def event_of(fleet: FleetState, what: Happening) -> str:
    """The log event that tells of it; empty when none does."""
    return _large(fleet, what) if what.what == "trade" else _EVENTS.get(what.what, _UNTOLD)[0]


def labels_of(event: str, what: Happening) -> Pairs:
    """Labels of an alert about it beside the agent's id."""
    label = _SUBJECT_LABELS.get(event)
    return ((label, what.subject),) if label is not None else ()


def _notice(fleet: FleetState, event: Event, number: int, what: Happening) -> Notice | None:
    name, level = event_of(fleet, what), _EVENTS.get(what.what, _UNTOLD)[1]
    if not name:
        return None
    fields: dict[str, str | float | int | bool | None] = {"reason": what.reason}
    if name == "notification_failed":
        fields["channel"] = what.subject
    else:
        fields |= {"amount_usd": round(what.amount, 6), "subject": what.subject}
    return Notice(
        key=f"{event.fact_id}#{number}",
        agent_id=what.agent_id,
        at=what.at,
        event=name,
        level=level,
        message=_message(name, what),
        fields=fields,
    )


def _large(fleet: FleetState, what: Happening) -> str:
    agent = fleet.agents.get(what.agent_id)
    if agent is None or agent.equity is None or abs(what.amount) <= LARGE * max(agent.equity, 1.0):
        return ""
    return "large_win" if what.amount > 0 else "large_loss"


def _message(name: str, what: Happening) -> str:
    money = f"{abs(what.amount):.2f} USD"
    return {
        "faucet_claim": f"the faucet paid {money}",
        "wallet_top_up": f"{money} came in",
        "referral_income": f"{money} of referral income",
        "escrow_settled": f"an escrow of {money} ended: {what.reason}",
        "strategy_switch": f"now follows {what.subject}",
        "large_win": f"won {money} at once",
        "large_loss": "lost everything" if what.what == "total_loss" else f"lost {money} at once",
        "unexplained_money": f"{money} cannot be explained by the books",
        "collector_error": f"{what.subject} cannot be read: {what.reason}",
        "notification_failed": f"channel {what.subject} gave a notification up: {what.reason}",
        "collector_recovered": f"{what.subject} is read again after: {what.reason}",
        "trading_halted": f"halted by {what.subject}: {what.reason}",
        "halt_overdue": f"the halt was {what.subject} and is not confirmed in time: {what.reason}",
        "trading_resumed": f"resumed by {what.subject}: {what.reason}",
    }[name]
