"""Which alerts are not sent now, and why: silenced, in maintenance, inhibited, or wanted by no channel.

What is muted is looked at again whenever something may have changed; what held an alert back being over, it is sent
then. Only what people hear of inhibits: a silenced alert holds nothing else back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from fleawatch.catalog.routing import INHIBITIONS, Inhibition
from fleawatch.flow.routing.matchers import covers, value
from fleawatch.flow.routing.run import Run
from fleawatch.flow.routing.state import Firing, Muted


class Muting(NamedTuple):
    """Why an alert is not sent, and the name of the silence, window or alert that says so."""

    reason: Muted = ""
    by: str = ""


HEARD: Final = Muting()


def mute(run: Run, alerts: Iterable[Firing]) -> None:
    """Decide anew about these alerts, which hold all of an agent or none of it."""
    found = [(firing, _kept_back(run, firing)) for firing in alerts if firing.ended_at is None and firing.page]
    sources: dict[str, list[Firing]] = {}
    for firing, muting in found:
        if not muting.reason and firing.agent_id:
            sources.setdefault(firing.agent_id, []).append(firing)
    for firing, muting in found:
        _set(run, firing, muting if muting.reason else inhibited(firing, sources.get(firing.agent_id, ())))


def _set(run: Run, firing: Firing, muting: Muting) -> None:
    before = firing.muted
    firing.muted, firing.muted_by = muting
    if before == muting.reason:
        return
    if muting.reason:
        concerned = tuple(one for one in run.channels if run.wants(one, firing) or run.collects(one, firing))
        run.suppress(firing, muting.reason, concerned)
    else:
        firing.hasty = True


def _kept_back(run: Run, firing: Firing) -> Muting:
    return silenced(run, firing) or in_maintenance(run, firing) or unwanted(run, firing) or HEARD


def silenced(run: Run, firing: Firing) -> Muting | None:
    """Whether a silence in force covers it."""
    for silence in run.routing.silences.values():
        if silence.starts_at <= run.now < silence.ends_at and covers(silence.matchers, firing, silence.starts_at):
            return Muting("silenced", silence.silence_id)
    return None


def in_maintenance(run: Run, firing: Firing) -> Muting | None:
    """Whether a maintenance window that is open covers it."""
    for window in run.rules.maintenance:
        began = window.began(run.now)
        if began is not None and covers(window.matchers, firing, began):
            return Muting("maintenance", window.name)
    return None


def unwanted(run: Run, firing: Firing) -> Muting | None:
    """Whether no channel takes it."""
    taken = any(run.wants(channel, firing) or run.collects(channel, firing) for channel in run.channels)
    return None if taken else Muting("no_channel")


def inhibited(target: Firing, sources: Iterable[Firing]) -> Muting:
    """Whether another alert of its agent says it all. What became critical after a warning is inhibited by nothing."""
    if target.worsened:
        return HEARD
    for source in sources:
        if source.alert != target.alert and any(_inhibits(rule, source, target) for rule in INHIBITIONS):
            return Muting("inhibited", source.alert)
    return HEARD


def _inhibits(rule: Inhibition, source: Firing, target: Firing) -> bool:
    """A label that either side lacks is not equal: alerts of no agent hold nothing back."""
    return (
        all(value(source, label) == wanted for label, wanted in rule.source)
        and all(value(target, label) == wanted for label, wanted in rule.target)
        and all(value(source, label) == value(target, label) != "" for label in rule.equal)
    )
