"""What one fact gives people to read: lines of the log and marks on the charts. Metrics are rendered from the state."""

from __future__ import annotations

from typing import Final

from fleawatch.events import Event
from fleawatch.flow.outputs import Level, Notice
from fleawatch.flow.state import FleetState, Happening
from fleawatch.flow.verdict import Pairs

_EVENTS: Final[dict[str, tuple[str, Level]]] = {
    "faucet": ("faucet_claim", "info"),
    "deposit": ("wallet_top_up", "info"),
    "bonus": ("wallet_top_up", "info"),
    "payment_received": ("wallet_top_up", "info"),
    "referral": ("referral_income", "info"),
    "strategy_switch": ("strategy_switch", "info"),
    "deployment": ("deployment", "info"),
    "large_win": ("large_win", "info"),
    "large_loss": ("large_loss", "info"),
    "total_loss": ("large_loss", "warning"),
    "anomaly": ("anomaly_detected", "warning"),
    "unexplained_money": ("unexplained_money", "warning"),
    "unlisted_recipient": ("unlisted_recipient", "critical"),
    "slow_span": ("slow_span", "warning"),
    "report_differs": ("report_differs", "warning"),
    "source_failed": ("collector_error", "warning"),
    "source_recovered": ("collector_recovered", "info"),
    "notification_failed": ("notification_failed", "critical"),
    "halt_ordered": ("trading_halted", "critical"),
    "halt_overdue": ("halt_overdue", "critical"),
    "resumed": ("trading_resumed", "info"),
}


_LABELS: Final[dict[str, tuple[str, ...]]] = {
    "slow_span": ("span_name",),
    "strategy_switch": ("after", "before"),
    "report_differs": ("report_field",),
}


def project(fleet: FleetState, event: Event) -> tuple[Notice, ...]:
    """Notices of what the last folded fact brought to light, in order. Empty for almost every fact."""
    if not fleet.happened:
        return ()
    notices = (_notice(event, number, what) for number, what in enumerate(fleet.happened))
    return tuple(notice for notice in notices if notice is not None)


def event_of(_: FleetState, what: Happening) -> str:
    """The log event of the catalog that tells of it, which an alert's `event(...)` waits for; empty when none does."""
    return _event(what)[0]


def labels_of(event: str, what: Happening) -> Pairs:
    """Labels of an alert about it beside the agent's id: those fields of the event whose values are bounded."""
    return tuple((name, str(what.fields[name])) for name in _LABELS.get(event, ()) if name in what.fields)


def value_of(what: Happening) -> float | None:
    """What an alert about it shows: seconds, or USD without a sign. None when it is neither."""
    return what.duration_s or abs(what.amount) or None


def _event(what: Happening) -> tuple[str, Level]:
    if what.what == "escrow_ended":
        # Only a release settles one; a refund or a dispute is another end.
        return ("escrow_settled" if what.reason == "settled" else "escrow_transaction", "info")
    return _EVENTS.get(what.what, ("", "info"))


def _notice(event: Event, number: int, what: Happening) -> Notice | None:
    name, level = _event(what)
    if not name:
        return None
    own: dict[str, str | float] = {"amount_usd": round(what.amount, 6), "subject": what.subject, "reason": what.reason}
    return Notice(
        key=f"{event.fact_id}#{number}",
        agent_id=what.agent_id,
        at=what.at,
        event=name,
        level=level,
        message=_message(name, what),
        fields={**{key: value for key, value in own.items() if value}, **what.fields},
    )


def _message(name: str, what: Happening) -> str:
    money = f"{abs(what.amount):.2f} USD"
    return {
        "faucet_claim": f"the faucet paid {money}",
        "wallet_top_up": f"{money} came in",
        "referral_income": f"{money} of referral income",
        "escrow_settled": f"an escrow of {money} ended: {what.reason}",
        "escrow_transaction": f"an escrow of {money} ended: {what.reason}",
        "strategy_switch": f"now follows {what.subject}",
        "deployment": f"version {what.subject} was deployed",
        "large_win": f"won {money} at once",
        "large_loss": "lost everything" if what.what == "total_loss" else f"lost {money} at once",
        "anomaly_detected": f"{what.subject.replace('_', ' ')}: {_score(what)}",
        "unexplained_money": f"{money} cannot be explained by the books",
        "unlisted_recipient": f"{money} went to {what.subject}, who is not on the list",
        "slow_span": f"{what.subject} took {what.duration_s:.3f} s",
        "report_differs": f"told {what.reason} {what.fields.get('told_usd', 0.0)} of {what.subject}, the platform says "
        f"{what.fields.get('shown_usd', 0.0)}",
        "collector_error": f"{what.subject} cannot be read: {what.reason}",
        "notification_failed": f"channel {what.fields.get('channel', '')} gave a notification up: {what.reason}",
        "collector_recovered": f"{what.subject} is read again after: {what.reason}",
        "trading_halted": f"halted by {what.subject}: {what.reason}",
        "halt_overdue": f"the halt was {what.subject} and is not confirmed in time: {what.reason}",
        "trading_resumed": f"resumed by {what.subject}: {what.reason}",
    }[name]


def _score(what: Happening) -> str:
    """What stands out, for people: a return as a share, or how far the latest returns differ."""
    value = what.fields.get("return")
    if isinstance(value, float):
        return f"a return of {value:+.2%}"
    return f"a score of {what.fields.get('score', 0.0):.2f}"
