"""Which alerts are not sent now, and why: silenced, in maintenance, inhibited, or wanted by no channel.

What is muted is looked at again whenever something may have changed; what held an alert back being over, it is sent
then. Only what people hear of inhibits: a silenced alert holds nothing else back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from fleawatch.catalog.routing import INHIBITIONS, Inhibition
from fleawatch.flow.routing.matchers import ANY, covers, value
from fleawatch.flow.routing.run import Run
from fleawatch.flow.routing.settings import MaintenanceWindow
from fleawatch.flow.routing.state import Firing, Muted, Silence

Silences = dict[str, list[Silence]]
"""Silences by agent."""
Sources = list[tuple[Inhibition, Firing]]
"""Alerts that are heard, each with a rule by which it holds others back."""


class Muting(NamedTuple):
    """Why an alert is not sent, and the name of the silence, window or alert that says so."""

    reason: Muted = ""
    by: str = ""


HEARD: Final = Muting()


def mute(run: Run, alerts: Iterable[Firing]) -> set[str]:
    """Decide anew about these alerts, which hold all of an agent or none of it; the pages on which something changed."""
    silences = in_force(run)
    windows = [(window, began) for window in run.rules.maintenance if (began := window.began(run.now)) is not None]
    found = [
        (firing, silenced(firing, silences) or in_maintenance(firing, windows) or unwanted(run, firing) or HEARD)
        for firing in alerts
        if firing.ended_at is None and firing.page
    ]
    sources: dict[str, Sources] = {}
    for firing, muting in found:
        if not muting.reason and firing.agent_id:
            for rule in INHIBITIONS:
                if _has(firing, rule.source):
                    sources.setdefault(firing.agent_id, []).append((rule, firing))
    changed = set()
    for firing, muting in found:
        final = muting if muting.reason else inhibited(firing, sources.get(firing.agent_id, ()))
        if _set(run, firing, final):
            changed.add(firing.page)
    return changed


def _set(run: Run, firing: Firing, muting: Muting) -> bool:
    """Note what was decided; whether it is another reason than before."""
    before = firing.muted
    firing.muted, firing.muted_by = muting
    if before == muting.reason:
        return False
    if muting.reason:
        concerned = tuple(one for one in run.channels if run.wants(one, firing) or run.collects(one, firing))
        run.suppress(firing, muting.reason, concerned)
    else:
        firing.hasty = True
    return True


def in_force(run: Run) -> Silences:
    """The silences in force, by the one agent that they are about; under the empty name those about several, or none."""
    found: Silences = {}
    for silence in run.routing.silences.values():
        if silence.starts_at <= run.now < silence.ends_at:
            agent_id = silence.matchers.get("agent_id", ANY)
            found.setdefault("" if ANY in agent_id else agent_id, []).append(silence)
    return found


def silenced(firing: Firing, silences: Silences) -> Muting | None:
    """Whether a silence in force covers it."""
    for about in dict.fromkeys((firing.agent_id, "")):
        for silence in silences.get(about, ()):
            if covers(silence.matchers, firing, silence.starts_at):
                return Muting("silenced", silence.silence_id)
    return None


def in_maintenance(firing: Firing, windows: Sequence[tuple[MaintenanceWindow, float]]) -> Muting | None:
    """Whether an open maintenance window, of which each comes with when it opened, covers it."""
    for window, began in windows:
        if covers(window.matchers, firing, began):
            return Muting("maintenance", window.name)
    return None


def unwanted(run: Run, firing: Firing) -> Muting | None:
    """Whether no channel takes it."""
    taken = any(run.wants(channel, firing) or run.collects(channel, firing) for channel in run.channels)
    return None if taken else Muting("no_channel")


def inhibited(target: Firing, sources: Iterable[tuple[Inhibition, Firing]]) -> Muting:
    """Whether another alert of its agent says it all. What became critical after a warning is inhibited by nothing.

    A label that either side lacks is not equal: alerts of no agent hold nothing back.
    """
    if target.worsened:
        return HEARD
    for rule, source in sources:
        same = all(value(source, label) == value(target, label) != "" for label in rule.equal)
        if same and source.alert != target.alert and _has(target, rule.target):
            return Muting("inhibited", source.alert)
    return HEARD


def _has(firing: Firing, labels: tuple[tuple[str, str], ...]) -> bool:
    return all(value(firing, label) == wanted for label, wanted in labels)
