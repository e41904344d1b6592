"""A backtest's results as one JSON document, and as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from fleawatch.catalog.baseline import NOT_EVALUATED
from fleawatch.cli.output import number, table
from fleawatch.flow.backtest.results import Result, Score
from fleawatch.flow.backtest.score import LOUD
from fleawatch.units import iso

_NONE = "-"


def document(results: Sequence[Result], begun_after: int) -> dict[str, Any]:
    """Everything, for machines. Times are unix seconds, money USD, ratios 0..1; a missing number is null.

    Args:
        results: the recorded rules, and those they are compared with.
        begun_after: number of the fact with whose kept state folding began, 0 for the first.
    """
    first = results[0]
    return {
        "begin": first.begin,
        "end": first.end,
        "begun_after_fact": begun_after,
        "runs": [_run(one) for one in results],
    }


def _run(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(result)
    found["alerts"] = found.pop("episodes")
    for page in found["pages"]:
        page["alerts"] = [{"alert": alert, "agent_id": agent_id} for alert, agent_id in page["alerts"]]
    if result.rules == "baseline":
        found["not_evaluated"] = NOT_EVALUATED
    return found


def text(results: Sequence[Result], begun_after: int) -> str:
    """Tables for people: each run, and at the end what several have in common."""
    parts = [_head(results[0], begun_after), *(_of_run(one) for one in results)]
    if len(results) > 1:
        parts.append(_compared(results))
    return "\n\n".join(parts)


def _head(result: Result, begun_after: int) -> str:
    if result.begin is None or result.end is None:
        return "no facts"
    line = f"history from {iso(result.begin)} to {iso(result.end)}"
    return line if not begun_after else f"{line}, begun with the state kept after fact {begun_after:,}"


def _of_run(result: Result) -> str:
    parts = [f"== rules: {result.rules}; {result.judged} judged, {result.facts:,} facts, {result.left_out:,} left out"]
    loud = [one for one in result.episodes if one.severity != "none"]
    if loud:
        rows = [
            [
                one.severity,
                one.alert,
                one.agent_id or "fleet",
                iso(one.since),
                iso(one.fired_at),
                _NONE if one.resolved_at is None else iso(one.resolved_at),
                one.reason or _NONE,
                number(one.value, "{:.6g}", _NONE),
            ]
            for one in loud
        ]
        parts.append(
            table(("severity", "alert", "agent", "pending since", "fired", "resolved", "reason", "value"), rows)
        )
    parts += [part for part in (_pages(result), _halts(result), _score(result.score)) if part]
    if result.rules == "baseline":
        parts.append("not evaluated\n" + table(("rule", "why"), NOT_EVALUATED.items()))
    return "\n\n".join(parts)


def _pages(result: Result) -> str:
    if not result.pages:
        return "no page"
    rows = [
        [
            iso(page.at),
            page.severity,
            page.reason,
            ",".join(page.channels),
            "false" if page.false_page else "",
            page.title,
        ]
        for page in result.pages
    ]
    return table(("paged at", "severity", "reason", "channels", "", "title"), rows)


def _halts(result: Result) -> str:
    if not result.halts:
        return "nobody halted"
    rows = [
        [
            one.agent_id,
            one.by,
            one.mode,
            iso(one.at),
            "yes" if one.reachable else "no way to",
            _NONE if one.until is None else iso(one.until),
            number(one.saved_usd, "{:+,.2f}", "unknown"),
            number(one.left_usd, "{:+,.2f}", _NONE),
            one.why,
        ]
        for one in result.halts
    ]
    header = ("halted", "by", "mode", "at", "stoppable", "until", "saved, USD", "left, USD", "why")
    return table(header, rows)


def _score(score: Score | None) -> str:
    if score is None:
        return ""
    rows = [
        [
            one.name,
            one.agent_id or "fleet",
            one.alert,
            one.reason,
            number(one.detection_s, "{:,.1f}", _NONE),
            f"{one.bound_s:,.0f}",
            number(one.told_s, "{:,.1f}", _NONE),
            one.ended if not one.end or one.ended == one.end else f"{one.ended}, not {one.end}",
        ]
        for one in score.incidents
    ]
    header = ("incident", "agent", "alert", "found", "after, s", "bound, s", "told after, s", "ended")
    return table(header, rows)


def _compared(results: Sequence[Result]) -> str:
    rows = [
        [
            one.rules,
            str(sum(1 for episode in one.episodes if episode.severity in LOUD)),
            str(sum(1 for page in one.pages if page.severity in LOUD)),
            _NONE if one.score is None else str(one.score.false_pages),
            _NONE if one.score is None else number(one.score.recall, "{:.1%}", _NONE),
            _NONE if one.score is None else number(one.score.precision, "{:.1%}", _NONE),
            str(len({halted.agent_id for halted in one.halts})),
            number(one.saved_usd, "{:+,.2f}", _NONE),
        ]
        for one in results
    ]
    return table(
        ("rules", "alerts", "pages", "false pages", "recall", "precision", "agents halted", "saved, USD"), rows
    )
