"""Halts that other alerting systems order: the bodies of Alertmanager (version 4), Grafana and Datadog.

What is firing halts the agent, or the strategy, that its labels name; the fleet only where the label `pf_scope` says so. What is
resolved resumes nobody. A notification that is repeated names the same halt, so that it does not halt again what was
resumed meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, cast

from fleawatch.errors import Problem
from fleawatch.events.control import HaltMode, HaltScope
from fleawatch.service.acts import Order
from fleawatch.units import AGENT_ID
from fleawatch.web.problems import RequestError, shortened

LARGEST: Final = 1 << 20
MOST: Final = 1_000
"""Alerts of one notification."""

_MODES: Final = frozenset({"reduce", "halt", "freeze_payments"})
_TRIGGERED: Final = frozenset({"triggered", "re-triggered", "alert", "triggered from no data"})
_TEXT: Final = 200


def orders_in(document: Any, actor: str) -> tuple[list[Order], int, list[Problem]]:
    """The halts that a notification orders, how many of its alerts order none because they are resolved, and what is wrong.

    One alert that names nobody keeps no other from halting: senders group alerts and send nothing again that was refused.

    Raises:
        RequestError: 422 with everything that is wrong, where nothing can be ordered; 413 for too many alerts.
    """
    if not isinstance(document, Mapping):
        raise _refused(Problem("", "was no JSON object", "send the body of Alertmanager, Grafana or Datadog"))
    if isinstance(document.get("alerts"), list):
        return _alertmanager(document["alerts"], actor)
    if "alert_transition" in document:
        return _datadog(document, actor)
    raise _refused(
        Problem("", "had neither alerts nor alert_transition", "send the body of Alertmanager, Grafana or Datadog")
    )


def _alertmanager(alerts: list[Any], actor: str) -> tuple[list[Order], int, list[Problem]]:
    """Alertmanager's webhook, version 4, and Grafana's, which has the same alerts in it."""
    if len(alerts) > MOST:
        raise RequestError(413, (Problem("alerts", f"were {len(alerts)}, more than {MOST}", "group them less"),))
    orders: list[Order] = []
    problems: list[Problem] = []
    resolved = 0
    for index, alert in enumerate(alerts):
        where = f"alerts[{index}]"
        labels = alert.get("labels") if isinstance(alert, Mapping) else None
        if (
            not isinstance(alert, Mapping)
            or not isinstance(labels, Mapping)
            or alert.get("status") not in ("firing", "resolved")
        ):
            problems.append(
                Problem(where, "was no alert", "send status (firing or resolved), labels, startsAt, fingerprint")
            )
            continue
        if alert["status"] == "resolved":
            resolved += 1
            continue
        identity, begun = alert.get("fingerprint"), alert.get("startsAt")
        if not _is_text(identity) or not _is_text(begun):
            problems.append(
                Problem(
                    where, "had no fingerprint or no startsAt", "send both: they tell a repeated alert from a new one"
                )
            )
            continue
        name = labels.get("alertname")
        found = _order(where, labels, f"{identity}:{begun}", str(name or "alert"), actor)
        orders += [found] if isinstance(found, Order) else []
        problems += [found] if isinstance(found, Problem) else []
    if problems and not orders:
        raise _refused(*problems)
    return orders, resolved, problems


def _datadog(document: Mapping[str, Any], actor: str) -> tuple[list[Order], int, list[Problem]]:
    """A Datadog webhook whose payload names `alert_transition`, `alert_cycle_key`, `alert_title` and `tags`."""
    if str(document["alert_transition"]).strip().lower() not in _TRIGGERED:
        return [], 1, []
    tags = document.get("tags")
    listed = tags.split(",") if isinstance(tags, str) else tags if isinstance(tags, list) else []
    labels = dict(str(tag).strip().partition(":")[::2] for tag in listed)
    cycle = document.get("alert_cycle_key")
    if not _is_text(cycle):
        raise _refused(
            Problem("alert_cycle_key", "was missing", 'add "alert_cycle_key": "$ALERT_CYCLE_KEY" to the payload')
        )
    title = document.get("alert_title")
    found = _order("tags", labels, str(cycle), str(title or "monitor"), actor)
    if isinstance(found, Problem):
        raise _refused(found)
    return [found], 0, []


def _order(where: str, labels: Mapping[str, Any], identity: str, name: str, actor: str) -> Order | Problem:
    agent_id, strategy = labels.get("agent_id"), labels.get("strategy")
    mode = labels.get("pf_action") or "halt"
    if not isinstance(mode, str) or mode not in _MODES:
        return Problem(
            f"{where}.pf_action",
            f"was {shortened(str(mode))}",
            f"give one of {', '.join(sorted(_MODES))}, or none for halt",
        )
    scope: HaltScope = "agent"
    target = agent_id
    if not agent_id and strategy:
        scope, target = "strategy", strategy
    elif not agent_id and labels.get("pf_scope") == "fleet":
        scope, target = "fleet", ""
    elif not isinstance(agent_id, str) or AGENT_ID.match(agent_id) is None:
        return Problem(where, "named nobody to halt", "give it the label agent_id or strategy, or pf_scope=fleet")
    digest = hashlib.sha256(f"webhook:{identity}:{scope}:{target}:{mode}".encode()).hexdigest()[:16]
    return Order(
        scope=scope,
        target=str(target)[:_TEXT],
        mode=cast("HaltMode", mode),
        reason="manual",
        actor=actor,
        note=str(name)[:_TEXT],
        halt_id=digest,
        source="webhook",
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _TEXT


def _refused(*problems: Problem) -> RequestError:
    return RequestError(422, problems)
