"""Rules about names that point at other declarations: every one must exist and be of the right kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fleawatch.catalog import query as q
from fleawatch.catalog.assembly import Catalog
from fleawatch.catalog.datadog import TAGS_FROM_THE_FACT
from fleawatch.catalog.findings import Finding
from fleawatch.catalog.spec import Alert
from fleawatch.catalog.tree import Node, walk


def questions(catalog: Catalog) -> Iterator[tuple[str, Node]]:
    """Every query tree of the catalog with the place it stands at."""
    for alert in catalog.alerts.values():
        for tree in alert_trees(alert):
            yield f"alert {alert.name}", tree
    for recording in catalog.recordings.values():
        yield f"recording {recording.name}", recording.expression
    for slo in catalog.slos.values():
        yield f"objective {slo.name}", slo.bad
        yield f"objective {slo.name}", slo.total


def alert_trees(alert: Alert) -> Iterator[Node]:
    """The query trees of one alert: condition, minimum, escalation."""
    yield alert.condition
    if alert.minimum:
        yield alert.minimum.of
    if alert.escalation:
        yield alert.escalation.when


def nodes(catalog: Catalog) -> Iterator[Finding]:
    """Metrics, limits, alerts and events that a question names are declared."""
    for where, tree in questions(catalog):
        for node in walk(tree):
            match node:
                case q.Select(metric, _) if metric not in catalog.metrics and metric not in catalog.external:
                    yield Finding("unknown-metric", where, f"it reads {metric}, which nobody declares")
                case q.Threshold(limit) if limit not in catalog.limits:
                    yield Finding("unknown-limit", where, f"it compares with {limit}, which is no limit")
                case q.Firing(alert) if alert not in catalog.alerts:
                    yield Finding("unknown-alert", where, f"it waits for {alert}, which is no alert")
                case q.Event(kind, _) if kind not in catalog.log_events:
                    yield Finding("unknown-event", where, f"it waits for {kind}, which is no log event")


def filters(catalog: Catalog) -> Iterator[Finding]:
    """A filter names a label of its metric and values that the label can have."""
    for where, tree in questions(catalog):
        for node in walk(tree):
            if not isinstance(node, q.Select) or node.metric not in catalog.metrics:
                continue
            metric = catalog.metrics[node.metric]
            for match in node.where:
                label = next((each for each in metric.labels if each.name == match.label), None)
                if label is None:
                    yield Finding("unknown-label", where, f"{metric.name} has no label {match.label}")
                    continue
                allowed = metric.windows if match.label == "window" else label.values
                for value in match.values:
                    if allowed and value not in allowed:
                        yield Finding("label-value", where, f"{match.label} of {metric.name} is never {value}")


def groupings(catalog: Catalog) -> Iterator[Finding]:
    """What is grouped by a label reads at least one metric that has it."""
    for where, tree in questions(catalog):
        for node in walk(tree):
            if not isinstance(node, (q.Aggregate, q.Quantile, q.WithinShare)):
                continue
            metrics = [each.metric for each in walk(node.of) if isinstance(each, q.Select)]
            carried = {
                name for each in metrics if each in catalog.metrics for name in catalog.metrics[each].label_names
            }
            for label in node.by:
                if label not in carried:
                    yield Finding("unknown-label", where, f"it groups by {label}, which none of its metrics has")


def kinds(catalog: Catalog) -> Iterator[Finding]:
    """Growth is asked of counters and histograms, change of gauges, quantiles of histograms."""
    wanted: dict[type[q.Value], tuple[str, ...]] = {
        q.Rate: ("counter", "histogram"),
        q.Increase: ("counter", "histogram"),
        q.Delta: ("gauge",),
        q.Quantile: ("histogram",),
        q.WithinShare: ("histogram",),
    }
    for where, tree in questions(catalog):
        for node in walk(tree):
            if not isinstance(node, (q.Rate, q.Increase, q.Delta, q.Quantile, q.WithinShare)):
                continue
            metric = catalog.metrics.get(node.of.metric)
            if metric is not None and metric.type not in wanted[type(node)]:
                yield Finding("wrong-type", where, f"{type(node).__name__} of {metric.name}, which is a {metric.type}")
            if isinstance(node, q.WithinShare) and metric is not None and node.bound not in metric.buckets:
                yield Finding("no-such-bucket", where, f"{node.bound:g} is not a bucket of {metric.name}")


def spans(catalog: Catalog) -> Iterator[Finding]:
    """Spans name declared attributes and limits; no two share a name or an alias."""
    names: dict[str, str] = {}
    for span in catalog.spans.values():
        where = f"span {span.name}"
        for attribute in span.attributes:
            if attribute not in catalog.attributes:
                yield Finding("unknown-attribute", where, f"it carries {attribute}, which is no attribute")
        if span.slow and span.slow not in catalog.limits:
            yield Finding("unknown-limit", where, f"{span.slow} is no limit")
        for name in (span.name, *span.aliases):
            if name in names:
                yield Finding("alias-collision", where, f"{name} is claimed by {names[name]} too")
            names[name] = span.name


def datadog(catalog: Catalog) -> Iterator[Finding]:
    """A Datadog metric comes from a declared metric, and its tags from that metric's labels or from the fact."""
    for sent in catalog.datadog.values():
        where = f"datadog {sent.name}"
        if not sent.metric:
            continue
        metric = catalog.metrics.get(sent.metric)
        if metric is None:
            yield Finding("unknown-metric", where, f"it is made from {sent.metric}, which nobody declares")
            continue
        for tag, label in sent.tags:
            if label not in metric.label_names and label not in TAGS_FROM_THE_FACT:
                yield Finding("unknown-label", where, f"tag {tag} needs label {label}, which {metric.name} lacks")
        expected = {"counter": "count", "gauge": "gauge", "histogram": "distribution"}[metric.type]
        if sent.type != expected:
            yield Finding("wrong-type", where, f"a {metric.type} is sent as {expected}, not as {sent.type}")


def recordings(catalog: Catalog) -> Iterator[Finding]:
    """A recorded name is level:metric:operations; a copied name is used once."""
    copies: set[str] = set()
    for recording in catalog.recordings.values():
        where = f"recording {recording.name}"
        if recording.name.count(":") != 2:
            yield Finding("recording-name", where, "write level:metric:operations")
        for name, _ in recording.copies:
            if name in copies or name in catalog.recordings:
                yield Finding("alias-collision", where, f"the copy {name} is claimed twice")
            copies.add(name)


def routes(catalog: Catalog) -> Iterator[Finding]:
    """Routes and inhibitions that name an alert name one that exists, and every severity has a route."""
    selected = [("route " + route.name, route.alertname) for route in catalog.routes if route.alertname]
    for inhibition in catalog.inhibitions:
        pairs = (*inhibition.source, *inhibition.target)
        selected += [("inhibition", value) for label, value in pairs if label == "alertname"]
    for where, name in selected:
        if name not in catalog.alerts:
            yield Finding("unknown-alert", where, f"{name} is no alert")
    routed = {route.severity for route in catalog.routes}
    named = {route.alertname for route in catalog.routes}
    for alert in catalog.alerts.values():
        if alert.severity not in routed and alert.name not in named:
            yield Finding("no-route", f"alert {alert.name}", f"no route takes severity {alert.severity}")


REFERENCE_RULES: Final = (nodes, filters, groupings, kinds, spans, datadog, recordings, routes)
