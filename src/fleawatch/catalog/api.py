"""Calls to the platform: how many, how slow, how many fail, and whether keys are still accepted."""

from __future__ import annotations

from fleawatch.catalog import limits
from fleawatch.catalog.declare import LATENCY, alert, alias, by_agent, by_monitor, clears_at, counter, gauge, histogram
from fleawatch.catalog.labels import (
    AGENT_ID,
    ENDPOINT,
    FIELD,
    METHOD,
    OUTCOME_API,
    SERVICE,
    STATUS_API,
    STATUS_CODE,
)
from fleawatch.catalog.query import Firing, Ratio
from fleawatch.catalog.spec import Transform
from fleawatch.units import MINUTE

_CALLS = by_agent("the agent's own calls")

REQUESTS = counter(
    "pf_api_requests_total",
    "1",
    (AGENT_ID, ENDPOINT, METHOD, STATUS_CODE, OUTCOME_API),
    "Calls to the platform, every attempt, answered or not.",
    _CALLS,
    doc="`error` is a status from the client or server error classes, or no answer at all.",
)
ERRORS = counter(
    "pf_api_errors_total",
    "1",
    (AGENT_ID, ENDPOINT, STATUS_CODE),
    "Calls to the platform that failed.",
    _CALLS,
    doc="The failed part of `pf_api_requests_total`, kept for queries that know it.",
)
DURATION = histogram(
    "pf_api_request_duration_seconds",
    "seconds",
    (AGENT_ID, ENDPOINT, METHOD, STATUS_API),
    "Time from sending a call to its answer or failure.",
    _CALLS,
    buckets=LATENCY,
    aliases=(
        alias(
            "purpleflea_api_latency_ms",
            ("agent_id", "endpoint"),
            "monitoring",
            how=Transform(take="last", scale=1_000.0),
        ),
    ),
    doc="Carries the trace of a sampled call as exemplar.",
)
SCHEMA_ERRORS = counter(
    "pf_response_schema_errors_total",
    "1",
    (ENDPOINT, FIELD),
    "Answers whose field was missing or of another type.",
    by_monitor("answers of the platform"),
)
KEY_ACCEPTED = gauge(
    "pf_key_accepted",
    "1",
    (AGENT_ID, SERVICE),
    "1 while the service accepts the agent's key.",
    by_monitor("answers of the platform"),
    doc="Zero after two refusals in a row; one again with the first success.",
)

METRICS = (REQUESTS, ERRORS, DURATION, SCHEMA_ERRORS, KEY_ACCEPTED)


def error_share(window_s: float, *by: str) -> Ratio:
    """The share of calls within `window_s` that failed, per combination of `by`; none without enough calls."""
    failed = REQUESTS.where(outcome="error").increase(window_s).sum(*by)
    return failed.over(REQUESTS.where().increase(window_s).sum(*by), minimum=limits.CALLS_JUDGED)


ERROR_SHARE = error_share(5 * MINUTE, "agent_id")

ALERTS = (
    alert(
        "PFApiErrorRateElevated",
        "info",
        ERROR_SHARE > limits.API_ERRORS_ELEVATED,
        family="errors",
        hold_s=5 * MINUTE,
        clear=clears_at((limits.API_ERRORS_ELEVATED, limits.API_ERRORS_ELEVATED_CLEAR)),
        summary="{value:percent} of the calls of {agent_id} fail",
        description="More calls of {agent_id} fail than usual. Worth knowing, not yet worth waking anybody.",
    ),
    alert(
        "PFApiErrorRateHigh",
        "warning",
        ERROR_SHARE > limits.API_ERRORS_HIGH,
        family="errors",
        hold_s=2 * MINUTE,
        clear=clears_at((limits.API_ERRORS_HIGH, limits.API_ERRORS_HIGH_CLEAR)),
        summary="{value:percent} of the calls of {agent_id} fail",
        description="Calls of {agent_id} to the platform fail. The breakdown by endpoint and status tells a bad key, a bad request and "
        "an outage apart.",
    ),
    alert(
        "PFApiErrorRateCritical",
        "critical",
        ERROR_SHARE > limits.API_ERRORS_CRITICAL,
        family="errors",
        hold_s=2 * MINUTE,
        clear=clears_at((limits.API_ERRORS_CRITICAL, limits.API_ERRORS_CRITICAL_CLEAR)),
        summary="The platform fails for {agent_id}: {value:percent} of its calls",
        description="So many calls of {agent_id} fail that it cannot be relied on to close positions. A halt may need other means.",
    ),
    alert(
        "PFAgentDegraded",
        "critical",
        Firing("PFApiErrorRateHigh") & (Firing("PFOrderLatencyHigh") | Firing("PFOrderLatencyCritical")),
        family="errors",
        hold_s=2 * MINUTE,
        summary="{agent_id} is degraded: its calls fail and its orders are slow",
        description="Errors and latency together mean that {agent_id} acts late or not at all on what it decides.",
    ),
    alert(
        "PFKeyRejected",
        "critical",
        KEY_ACCEPTED.where().equals(0)
        | (REQUESTS.where(status_code=("401", "403")).increase(5 * MINUTE).sum("agent_id") >= limits.KEY_REFUSALS),
        family="keys",
        summary="A key of {agent_id} is refused",
        description="The platform answers 401 or 403. Nothing of {agent_id} can be read or moved there until the key is replaced; "
        "what is shown of it is its last known state.",
    ),
)
