"""The one catalog of the project: every subject's declarations, put together and checked.

It is checked when it is first imported, so that no process runs with a catalog that contradicts itself.
"""

from __future__ import annotations

from typing import Final

from fleawatch.catalog import (
    agent,
    api,
    datadog,
    escrow,
    gate,
    kept,
    labels,
    limits,
    logs,
    orders,
    performance,
    platform,
    play,
    recording,
    routing,
    slos,
    spans,
    trading,
    wallet,
)
from fleawatch.catalog.assembly import Catalog, by_name
from fleawatch.catalog.lint import lint
from fleawatch.errors import CatalogError

_SUBJECTS: Final = (trading, orders, performance, wallet, gate, play, escrow, agent, api, platform)


def checked(catalog: Catalog) -> Catalog:
    """`catalog` itself.

    Raises:
        CatalogError: it contradicts itself; the message lists every finding.
    """
    findings = lint(catalog)
    if findings:
        raise CatalogError("the catalog contradicts itself:\n" + "\n".join(f"  - {finding}" for finding in findings))
    return catalog


CATALOG: Final = checked(
    Catalog(
        metrics=by_name((metric for subject in _SUBJECTS for metric in subject.METRICS), "metrics"),
        alerts=by_name((alert for subject in (*_SUBJECTS, slos) for alert in subject.ALERTS), "alerts"),
        limits=by_name(limits.LIMITS, "limits"),
        spans=by_name(spans.SPANS, "spans"),
        attributes=by_name(spans.ATTRIBUTES, "attributes"),
        log_events=by_name(logs.LOG_EVENTS, "log events"),
        slos=by_name(slos.SLOS, "objectives"),
        recordings=by_name(recording.RECORDINGS, "recordings"),
        datadog=by_name(datadog.DATADOG, "Datadog metrics"),
        labels=labels.LABELS,
        routes=routing.ROUTES,
        inhibitions=routing.INHIBITIONS,
        kept=kept.KEPT,
        external=frozenset({agent.SCRAPE_UP}),
    )
)
"""Everything that Fleawatch can say, by name."""
