"""Results against incidents that are known to have happened: time to detect, recall, precision, false pages.

A page is of an incident when one of its alerts is about that incident's agent (or is the fleet's own) and it comes
between the incident's onset and its end. Pages of severity info and below are no pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fleawatch.flow.backtest.baseline import Firing
from fleawatch.flow.backtest.results import Episode, Found, Halted, Label, Page, Result, Score

_STATES: Final = {"freeze_payments": "frozen", "reduce": "reducing", "halt": "halted", "flatten": "halted"}
_ORDER: Final = ("none", "told", "frozen", "reducing", "halted")
NOT_COUNTED: Final = "not counted for rules outside the belt"
LOUD: Final = frozenset({"warning", "critical"})


def scored(result: Result, labels: Sequence[Label], *, any_alert: bool = False) -> Score:
    """The score; pages of `result` are marked as false or not.

    Args:
        result: of one set of rules.
        labels: the incidents of the same history.
        any_alert: whether any alert above info about the agent finds an incident: for rules that have other names.
    """
    end = result.end or 0.0
    loud = [page for page in result.pages if page.severity in LOUD]
    for page in loud:
        page.false_page = not any(_is_of(page, label, end) for label in labels)
    found = tuple(_found(result, label, loud, end, any_alert=any_alert) for label in labels)
    false = sum(1 for page in loud if page.false_page)
    return Score(
        incidents=found,
        recall=sum(one.caught for one in found) / len(found) if found else None,
        precision=(len(loud) - false) / len(loud) if loud else None,
        pages=len(loud),
        false_pages=false,
    )


def _found(result: Result, label: Label, loud: list[Page], end: float, *, any_alert: bool) -> Found:
    until = end if label.until is None else label.until
    fired = [one for one in result.episodes if _names(one, label, any_alert=any_alert)]
    after = [one.fired_at - label.onset for one in fired if label.onset <= one.fired_at <= until]
    detection = min(after, default=None)
    before = any(one.fired_at < label.onset and _fires_at(one, label.onset) for one in fired)
    if detection is None:
        reason = "fired_before" if before else "never"
    else:
        reason = "in_time" if detection <= label.bound_s else "too_late"
    told = min((page.at - label.onset for page in loud if _is_of(page, label, end)), default=None)
    return Found(
        name=label.name,
        agent_id=label.agent_id,
        alert=label.alert,
        caught=reason == "in_time",
        reason=reason,
        bound_s=label.bound_s,
        detection_s=detection,
        told_s=told,
        end=label.end,
        ended=_ended(result.halts, label, until, told=told is not None),
    )


def _names(episode: Episode, label: Label, *, any_alert: bool) -> bool:
    return _concerns(label, episode.agent_id) and (
        episode.severity in LOUD if any_alert else episode.alert == label.alert
    )


def _concerns(label: Label, agent_id: str, *others: str) -> bool:
    """Whether something about an agent, or about the fleet, can be about the incident. One of the fleet is about all."""
    return not label.agent_id or agent_id in ("", label.agent_id, *others)


def _fires_at(episode: Episode, at: float) -> bool:
    return episode.resolved_at is None or episode.resolved_at > at


def _is_of(page: Page, label: Label, end: float) -> bool:
    until = end if label.until is None else label.until
    return label.onset <= page.at <= until and any(_concerns(label, agent, *label.others) for _, agent in page.alerts)


def _ended(halts: Iterable[Halted], label: Label, until: float, *, told: bool) -> str:
    states = ["told" if told else "none"]
    states += [_STATES[one.mode] for one in halts if one.agent_id == label.agent_id and label.onset <= one.at <= until]
    return max(states, key=_ORDER.index)


def baseline_result(
    firings: Sequence[Firing], *, facts: int, begin: float | None, end: float | None, judged: int
) -> Result:
    """The firings of the guides' rules in the shape of a result: each is an episode and a page of its own.

    How long they fire is not followed, and what a halt by them is worth is not counted.
    """
    episodes = [
        Episode(
            alert=f"{one.guide}: {one.alert}",
            agent_id=one.agent_id,
            severity=one.severity,
            since=one.since,
            fired_at=one.at,
            value=one.value,
            action="halt" if one.halts else "none",
        )
        for one in firings
    ]
    halts: dict[str, Halted] = {}
    for one in firings:
        if one.halts and one.agent_id not in halts:
            halts[one.agent_id] = Halted(
                agent_id=one.agent_id,
                by=f"{one.guide}: {one.alert}",
                mode="halt",
                at=one.told_at,
                reachable=True,
                why=NOT_COUNTED,
            )
    pages = [
        Page(
            page_id=f"{one.guide}:{one.alert}:{one.agent_id}",
            at=one.told_at,
            severity=one.severity,
            title=f"{one.alert} of {one.agent_id or 'the fleet'}",
            reason="first",
            channels=[one.guide],
            alerts=[(one.alert, one.agent_id)],
        )
        for one in firings
    ]
    return Result(
        rules="baseline", judged=judged, facts=facts, left_out=0, begin=begin, end=end, episodes=episodes, pages=pages,
        halts=list(halts.values()), notifications={"alert": len(pages)},
    )  # fmt: skip
