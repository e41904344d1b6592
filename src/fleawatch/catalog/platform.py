"""Fleawatch watching itself: sources, facts, alerts, notifications, telemetry, and its own process."""

from __future__ import annotations

from fleawatch.catalog import limits
from fleawatch.catalog.declare import LATENCY, alert, by_monitor, counter, gauge, histogram
from fleawatch.catalog.labels import (
    AGENT_ID,
    ALERTNAME,
    CHANNEL,
    COLLECT_REASON,
    COLLECTOR,
    FACT_KIND,
    FACT_REFUSED,
    IMPLEMENTATION,
    LABEL,
    MAJOR,
    METRIC,
    MINOR,
    PATCH,
    PYTHON,
    REVISION,
    SEVERITY,
    STATUS_ANNOTATION,
    STATUS_NOTIFICATION,
    VERSION,
)
from fleawatch.catalog.query import Age, Always, Arithmetic, Threshold
from fleawatch.units import MINUTE

_POLLER = by_monitor("the poller")
_INTAKE = by_monitor("the intake of facts")
_ALERTING = by_monitor("the alerting stages")
_OWN = by_monitor("the monitor's own process")

BUILD = gauge("fleawatch_build_info", "info", (VERSION, REVISION, PYTHON), "What is running.", _OWN)
COLLECTOR_SUCCESS = gauge(
    "pf_collector_last_success_timestamp_seconds",
    "seconds",
    (COLLECTOR,),
    "Unix time of the last complete reading by the collector.",
    _POLLER,
)
COLLECTOR_DURATION = histogram(
    "pf_collector_duration_seconds", "seconds", (COLLECTOR,), "Time one reading took.", _POLLER, buckets=LATENCY
)
COLLECTOR_ERRORS = counter(
    "pf_collector_errors_total", "1", (COLLECTOR, COLLECT_REASON), "Readings that failed.", _POLLER
)
SOURCE_SUCCESS = gauge(
    "pf_source_last_success_timestamp_seconds",
    "seconds",
    (AGENT_ID, COLLECTOR),
    "Unix time of the last complete reading of the agent by the collector.",
    _POLLER,
)
SOURCE_UP = gauge(
    "pf_source_up",
    "1",
    (AGENT_ID, COLLECTOR),
    "1 when the last reading of the agent by the collector succeeded.",
    _POLLER,
)
FACTS = counter("pf_facts_total", "1", (FACT_KIND,), "Facts that were taken in.", _INTAKE)
DUPLICATES = counter("pf_facts_duplicate_total", "1", (), "Facts that were known already and merged.", _INTAKE)
REFUSED = counter(
    "pf_facts_refused_total", "1", (FACT_REFUSED,), "Facts that were refused at the door.", _INTAKE,
    doc="Since the process began. Each is a mistake of an adapter or of a newer release, and what it told is missing.",
)  # fmt: skip
LATE = counter(
    "pf_facts_late_total", "1", (), "Facts older than the last closed grid point.", _INTAKE,
    doc="Booked when they were seen, and saying so.",
)  # fmt: skip
FIRING = gauge("pf_alerts_firing", "1", (ALERTNAME, SEVERITY), "Alerts that are firing.", _ALERTING)
NOTIFICATIONS = counter(
    "pf_alert_notifications_total", "1", (CHANNEL, STATUS_NOTIFICATION), "Notifications and how they ended.", _ALERTING
)
ANNOTATIONS = counter(
    "pf_annotations_total", "1", (STATUS_ANNOTATION,), "Board annotations and how they ended.", _ALERTING
)
OVERFLOW = counter(
    "pf_label_overflow_total",
    "1",
    (METRIC, LABEL),
    "Label values that were not allowed and became `other`.",
    by_monitor("every metric with an open label"),
)

PROCESS_CPU = counter("process_cpu_seconds_total", "seconds", (), "Processor time the process used.", _OWN)
PROCESS_RESIDENT = gauge("process_resident_memory_bytes", "bytes", (), "Memory the process holds.", _OWN)
PROCESS_VIRTUAL = gauge("process_virtual_memory_bytes", "bytes", (), "Memory the process has mapped.", _OWN)
PROCESS_START = gauge("process_start_time_seconds", "seconds", (), "Unix time at which the process began.", _OWN)
PROCESS_OPEN_FILES = gauge("process_open_fds", "1", (), "File descriptors in use.", _OWN)
PROCESS_MAX_FILES = gauge("process_max_fds", "1", (), "File descriptors the process may use.", _OWN)
PYTHON_INFO = gauge("python_info", "info", (IMPLEMENTATION, MAJOR, MINOR, PATCH, VERSION), "The interpreter.", _OWN)

METRICS = (
    BUILD, COLLECTOR_SUCCESS, COLLECTOR_DURATION, COLLECTOR_ERRORS, SOURCE_SUCCESS, SOURCE_UP, FACTS, DUPLICATES, REFUSED, LATE,
    FIRING, NOTIFICATIONS, ANNOTATIONS, OVERFLOW, PROCESS_CPU, PROCESS_RESIDENT, PROCESS_VIRTUAL, PROCESS_START,
    PROCESS_OPEN_FILES, PROCESS_MAX_FILES, PYTHON_INFO,
)  # fmt: skip

STALE_AFTER = Arithmetic("*", Threshold(limits.COLLECT_INTERVAL.name), Threshold(limits.COLLECT_MISSES.name))

ALERTS = (
    alert(
        "PFCollectorStale",
        "warning",
        Age(COLLECTOR_SUCCESS.where()) > STALE_AFTER,
        family="self",
        scope="fleet",
        hold_s=2 * MINUTE,
        summary="Collector {collector} has read nothing for {value:duration}",
        description="Several intervals passed without a complete reading by {collector}. What it reads is shown as unknown, not as "
        "zero, and limits that need it cannot be trusted.",
    ),
    alert(
        "PFNotificationFailing",
        "critical",
        NOTIFICATIONS.where(status="failed").increase(10 * MINUTE).sum("channel") > 0,
        family="self",
        scope="fleet",
        channels="another",
        summary="Notifications through {channel} fail",
        description="{channel} did not accept {value:number} notifications within ten minutes, so alerts do not arrive there. This one "
        "takes another way.",
    ),
    alert(
        "PFWatchdog",
        "none",
        Always(),
        family="self",
        scope="fleet",
        summary="Alerting works",
        description="Fires always. When it stops arriving at the dead-man receiver, evaluation or delivery is broken.",
    ),
)
