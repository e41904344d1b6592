"""The words of health: four layers, four states, and the reasons between them.

    alive        the process lives, does something useful, and reaches what it needs
    performance  its money is known, and no alert about money or results stands
    behaviour    it decides as it should and nothing has stopped it
    operations   it can be watched and halted: readings, calls, latencies, keys, limits

`ok` needs evidence. `unknown` says that there is none, which is never taken for good or for bad. Each alert counts for the
layer of its family: a critical one puts it down, a warning degrades it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from fleawatch.flow.state import AlertInstance

LayerName = Literal["alive", "performance", "behaviour", "operations"]
Status = Literal["ok", "unknown", "degraded", "down"]

LAYERS: Final[tuple[LayerName, ...]] = ("alive", "performance", "behaviour", "operations")
WORSE: Final[tuple[Status, ...]] = ("ok", "unknown", "degraded", "down")
"""From best to worst: not to know is worse than to know that all is well, and better than to know of trouble."""

_FAMILIES: Final[Mapping[LayerName, frozenset[str]]] = {
    "alive": frozenset({"liveness"}),
    "performance": frozenset({"balance", "risk", "money", "flows", "costs", "results", "drawdown", "quality"}),
    "behaviour": frozenset({"stakes", "orders", "anomaly"}),
    "operations": frozenset({"gate", "errors", "keys", "escrow", "self", "resources", "latency"}),
}
_OF_SLO: Final = "slo_"
_BY_SEVERITY: Final[Mapping[str, Status]] = {"critical": "down", "warning": "degraded"}


class Reason(msgspec.Struct, frozen=True):
    """Why a layer is not well.

    Attributes:
        name: a bounded word, or the name of the alert that stands.
        status: what it makes of the layer.
        since: when it began, unix seconds; None when that is not known.
        detail: about what: a collector, a check, a part of the equity, agents of the fleet.
        agents: of the fleet: how many it is true of; 0 where it is about one agent, or about the fleet itself.
    """

    name: str
    status: Status
    since: float | None = None
    detail: str = ""
    agents: int = 0


class Layer(msgspec.Struct, frozen=True):
    """One layer. `as_of` is when its newest evidence was read or heard, unix seconds; None while there is none."""

    name: LayerName
    status: Status
    as_of: float | None
    reasons: tuple[Reason, ...] = ()


class Health(msgspec.Struct, frozen=True):
    """The four layers of an agent, or of the fleet with an empty `agent_id`; `status` is the worst of them."""

    agent_id: str
    status: Status
    layers: tuple[Layer, ...]

    def layer(self, name: LayerName) -> Layer:
        """One of the four."""
        return self.layers[LAYERS.index(name)]


def layer_of(family: str) -> LayerName:
    """The layer for which alerts of a family count.

    Raises:
        KeyError: no layer knows the family.
    """
    if family.startswith(_OF_SLO):
        return "operations"
    for name, families in _FAMILIES.items():
        if family in families:
            return name
    raise KeyError(family)


def worst(found: Iterable[Status]) -> Status:
    """The worst of some states, `ok` of none."""
    return max(found, key=WORSE.index, default="ok")


def layer(name: LayerName, as_of: float | None, reasons: Iterable[Reason]) -> Layer:
    """A layer with its reasons, worst first."""
    told = sorted(reasons, key=lambda one: (-WORSE.index(one.status), one.name, one.detail))
    return Layer(name, worst(one.status for one in told), as_of, tuple(told))


def health(agent_id: str, layers: Iterable[Layer]) -> Health:
    """Four layers as one."""
    found = tuple(layers)
    return Health(agent_id, worst(one.status for one in found), found)


def by_alerts(
    standing: Mapping[str, Mapping[str, AlertInstance]], families: Mapping[str, str], name: LayerName
) -> list[Reason]:
    """Alerts that fire and count for a layer, each once with the worst of its series. Those about nothing bad are left out.

    `families` has the family of each alert that may stand; one that this release does not know is left out.
    """
    found: list[Reason] = []
    for alert, places in standing.items():
        firing = [(one, status) for one in places.values() if (status := _status(one)) is not None]
        if not firing or alert not in families or layer_of(families[alert]) != name:
            continue
        since = min(one.since for one, _ in firing)
        found.append(Reason(alert, worst(status for _, status in firing), since, firing[0][0].summary))
    return found


def _status(instance: AlertInstance) -> Status | None:
    return _BY_SEVERITY.get(instance.severity) if instance.fired_at is not None else None
