"""Samples one by one, for whoever carries few of them: complete label values, and a number or a distribution."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.spec import Metric
from fleawatch.flow.samples.registry import Readers
from fleawatch.flow.samples.view import AgentView
from fleawatch.flow.state import AgentState, FleetState
from fleawatch.flow.tally import Distribution, Labels


class Sample(NamedTuple):
    """One series at one moment. `labels` are values in the order of the metric's declaration."""

    metric: Metric
    labels: Labels
    value: float | Distribution


def samples(readers: Readers, fleet: FleetState, at: float) -> Iterator[Sample]:
    """Every sample of the fleet at `at`, agents by id; what is not defined is left out."""
    counted = readers.counted
    for _, agent in sorted(fleet.agents.items()):
        yield from _of_agent(readers, agent, at)
    for reader in readers.fleet:
        for labels, value in reader.read(fleet, at).items():
            if value is not None and math.isfinite(value):
                yield Sample(reader.metric, labels, value)
    for name, series in counted.fleet_counters(fleet):
        yield from (Sample(counted.of_fleet[name], labels, value) for labels, value in series.items())
    for name, distributions in counted.fleet_histograms(fleet):
        yield from (Sample(counted.of_fleet[name], labels, value) for labels, value in distributions.items())


def _of_agent(readers: Readers, agent: AgentState, at: float) -> Iterator[Sample]:
    view = AgentView(agent, at)
    counted = readers.counted
    yield from _gauges(readers, view)
    for name, series in counted.counters(view):
        yield from (
            _sample(counted.of_agents[name], view, labels, value)
            for labels, value in series.items()
            if value is not None
        )
    for name, distributions in counted.histograms(view):
        yield from (_sample(counted.of_agents[name], view, labels, value) for labels, value in distributions.items())


def _gauges(readers: Readers, view: AgentView) -> Iterator[Sample]:
    for fixed in readers.fixed:
        places = ((metric, labels) for metric, every in fixed.parts for labels in every)
        for (metric, labels), value in zip(places, fixed.read(view), strict=True):
            if value is not None and math.isfinite(value):
                yield _sample(metric, view, labels, value)
    for keyed in readers.keyed:
        for labels, value in keyed.read(view).items():
            if value is not None and math.isfinite(value):
                yield _sample(keyed.metric, view, labels, value)


def _sample(metric: Metric, view: AgentView, labels: Labels, value: float | Distribution) -> Sample:
    return Sample(metric, (view.agent.agent_id, *labels) if AGENT_ID in metric.labels else labels, value)
