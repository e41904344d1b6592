"""Rules about alerts and their limits: completeness, sides, clearing levels, texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from fleawatch.catalog import query as q
from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.findings import Finding
from fleawatch.catalog.lint_references import alert_trees
from fleawatch.catalog.spec import Alert
from fleawatch.catalog.tree import walk

FORMS: Final = frozenset({"percent", "money", "duration", "number"})
"""How a value may be written in a summary or description."""

_ALERT_NAME: Final = re.compile(r"PF[A-Z][A-Za-z0-9]+")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_SIDES: Final = {">": "above", ">=": "above", "<": "below", "<=": "below"}


def _where(alert: Alert) -> str:
    return f"alert {alert.name}"


def complete(catalog: Catalog) -> Iterator[Finding]:
    """An alert says what it is, how urgent, and where to read what to do; times are not negative."""
    for alert in catalog.alerts.values():
        where = _where(alert)
        if _ALERT_NAME.fullmatch(alert.name) is None:
            yield Finding("alert-name", where, "write PF and then CamelCase")
        for field in ("summary", "description", "severity", "family"):
            if not getattr(alert, field):
                yield Finding(f"no-{field}", where, f"give it a {field}")
        if not alert.runbook:
            yield Finding("no-runbook", where, "give it a runbook of its own name")
        elif alert.runbook != alert.name:
            yield Finding("runbook-name", where, f"its runbook is {alert.runbook}; name it after the alert")
        if min(alert.hold_s, alert.keep_firing_s, alert.clear.good_s) < 0 or alert.samples < 1:
            yield Finding("alert-time", where, "times are not negative, and at least one sample is needed")
        if alert.minimum and alert.minimum.at_least not in catalog.limits:
            yield Finding("unknown-limit", where, f"its minimum {alert.minimum.at_least} is no limit")


def sides(catalog: Catalog) -> Iterator[Finding]:
    """A limit stands on the right: of `>` when it is breached above, of `<` when it is breached below."""
    for alert in catalog.alerts.values():
        for tree in alert_trees(alert):
            for node in walk(tree):
                if isinstance(node, q.Compare) and isinstance(node.left, q.Threshold):
                    yield Finding("limit-left", _where(alert), f"write the value first, then {node.left.limit}")
                if not isinstance(node, q.Compare) or not isinstance(node.right, q.Threshold):
                    continue
                limit = catalog.limits.get(node.right.limit)
                if limit is None or limit.direction == "none":
                    continue
                if _SIDES.get(node.op) != limit.direction:
                    yield Finding(
                        "limit-direction",
                        _where(alert),
                        f"{limit.name} is breached {limit.direction}, but is asked with {node.op}",
                    )


def clearing(catalog: Catalog) -> Iterator[Finding]:
    """A clearing level replaces a limit that the condition uses, and lies on its safe side."""
    for alert in catalog.alerts.values():
        used = {node.limit for node in walk(alert.condition) if isinstance(node, q.Threshold)}
        for threshold, level in alert.clear.levels:
            where = _where(alert)
            if threshold not in used:
                yield Finding(
                    "clear-unused", where, f"its condition does not use {threshold}, so {level} clears nothing"
                )
            fires, clears = catalog.limits.get(threshold), catalog.limits.get(level)
            if fires is None or clears is None:
                missing = level if clears is None else threshold
                yield Finding("unknown-limit", where, f"{missing} is no limit")
                continue
            if fires.default is None or clears.default is None:
                continue
            wrong = clears.default > fires.default if fires.direction == "above" else clears.default < fires.default
            if wrong:
                yield Finding(
                    "clear-side",
                    where,
                    f"it fires {fires.direction} {fires.default:g} and would clear at {clears.default:g}, on the wrong side",
                )
        if alert.clear.manual and (alert.clear.levels or alert.keep_firing_s):
            yield Finding("clear-manual", _where(alert), "only a person resolves it; levels and times have no meaning")


def texts(catalog: Catalog) -> Iterator[Finding]:
    """A placeholder is a label or field that the alert has, `value` in a known form, or a limit."""
    for alert in catalog.alerts.values():
        known = _words(catalog, alert)
        for text in (alert.summary, alert.description):
            for placeholder in _PLACEHOLDER.findall(text):
                name, _, form = placeholder.partition(":")
                if name == "limit":
                    good = form in catalog.limits
                else:
                    good = name in known and (not form or (name == "value" and form in FORMS))
                if not good:
                    yield Finding(
                        "placeholder", _where(alert), f"{{{placeholder}}} says nothing here; see Alert for the forms"
                    )


def _words(catalog: Catalog, alert: Alert) -> set[str]:
    words = {"value"} | ({"agent_id"} if alert.scope == "agent" else set())
    for node in walk(alert.condition):
        if isinstance(node, q.Select) and node.metric in catalog.metrics:
            words.update(catalog.metrics[node.metric].label_names)
        if isinstance(node, q.Event) and node.kind in catalog.log_events:
            words.update(catalog.log_events[node.kind].fields)
    return words


def limits(catalog: Catalog) -> Iterator[Finding]:
    """A limit says what it limits, in a unit."""
    for limit in catalog.limits.values():
        if not limit.help or not limit.unit:
            yield Finding("limit-form", f"limit {limit.name}", "give it a unit and a sentence")


ALERT_RULES: Final = (complete, sides, clearing, texts, limits)
