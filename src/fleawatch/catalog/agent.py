"""The agent's process: whether it lives, acts, keeps its promises to its host, and tells the right time."""

from __future__ import annotations

from fleawatch.catalog import limits
from fleawatch.catalog.declare import alert, by_agent, by_monitor, clears_at, counter, gauge
from fleawatch.catalog.gate import STOPPED
from fleawatch.catalog.labels import AGENT_ID, CHECK, COMPONENT, ENVIRONMENT, SPAN_NAME, STRATEGY, VERSION
from fleawatch.catalog.query import Absent, Age, Select, event
from fleawatch.catalog.spans import ALL_FINANCIAL
from fleawatch.catalog.spec import Escalation
from fleawatch.units import HOUR, MINUTE

_PROBE = by_monitor("the agent's health page and heartbeats")
_PROCESS = by_agent("the agent's own process")

SCRAPE_UP = "up"
"""Written by whoever scrapes, not by us: whether the target answered."""

INFO = gauge(
    "pf_agent_info",
    "info",
    (AGENT_ID, STRATEGY, ENVIRONMENT, VERSION),
    "What is watched.",
    by_monitor("the configuration"),
)
UP = gauge(
    "pf_agent_up", "1", (AGENT_ID,), "1 when the agent answers as a living agent.", _PROBE,
    doc="The monitor's view, which outlives the agent's own. A sign of life holds for `silence` seconds: an agent that sends "
    "heartbeats and falls silent is 0. Absent while its health page was not asked lately and it never sent any.",
)  # fmt: skip
CHECKS = gauge(
    "pf_health_check_ok", "1", (AGENT_ID, CHECK), "1 when the check of the agent's health page passed.", _PROBE
)
LAST_ACTION = gauge(
    "pf_agent_last_action_timestamp_seconds",
    "seconds",
    (AGENT_ID,),
    "Unix time at which the agent last did something useful.",
    by_monitor("heartbeats, bets, orders, escrows, signals and decision cycles"),
    doc="A heartbeat by itself is nothing useful. Of an agent that has done nothing yet, when it was first heard.",
)
CLOCK_OFFSET = gauge(
    "pf_clock_offset_seconds",
    "seconds",
    (AGENT_ID,),
    "The agent's clock against ours; positive when it is ahead.",
    by_monitor("timestamps the agent sends"),
)
ERRORS = counter(
    "pf_agent_errors_total", "1", (AGENT_ID, COMPONENT), "Errors of the agent's parts, and operations that failed.", _PROCESS,
    doc="Orders, bets, creations of escrows, claims, signals, cycles and calls have counters of their own. Any other operation that ends "
    "with an error, a time-out or a cancellation, and did not come to what it was for, counts here under the name of its span without "
    "`pf.`. One error counts once, at the innermost of them that it ended.",
)  # fmt: skip
MEMORY = gauge(
    "pf_agent_memory_ratio", "ratio", (AGENT_ID,), "Memory in use as a share of what the agent may use.", _PROCESS,
    doc="Against the limit of its control group, not the host's memory.",
)  # fmt: skip
CPU = gauge(
    "pf_agent_cpu_ratio", "ratio", (AGENT_ID,), "Processor time in use as a share of what the agent may use.", _PROCESS
)
SLOW_SPANS = counter("pf_slow_spans_total", "1", (SPAN_NAME,), "Spans that took longer than their limit.", _PROCESS)
SPAN_ERRORS = gauge(
    "pf_span_errors_ratio",
    "ratio",
    (SPAN_NAME,),
    "Share of the latest financial spans that failed.",
    _PROCESS,
    doc="`financial` is all of them together: orders, bets and the steps of escrows, sampled or not. A name is those of that name. "
    "Absent while there are too few.",
)
SPANS_DROPPED = counter("pf_spans_dropped_total", "1", (), "Spans that could not be exported.", _PROCESS)
DOGSTATSD_DROPPED = counter("pf_dogstatsd_dropped_total", "1", (), "Datadog packets that could not be sent.", _PROCESS)

METRICS = (
    INFO, UP, CHECKS, LAST_ACTION, CLOCK_OFFSET, ERRORS, MEMORY, CPU, SLOW_SPANS, SPAN_ERRORS, SPANS_DROPPED,
    DOGSTATSD_DROPPED,
)  # fmt: skip

ALERTS = (
    alert(
        "PFAgentDown",
        "critical",
        Select(SCRAPE_UP).equals(0) | Absent(INFO.where(), HOUR) | UP.where().equals(0),
        family="liveness",
        hold_s=2 * MINUTE,
        clear=clears_at(good_s=2 * MINUTE),
        summary="{agent_id} is down",
        description="{agent_id} does not answer, has sent no sign of life for {limit:silence}, or has vanished within the last hour. "
        "Its open positions and escrows go on without it.",
    ),
    alert(
        "PFAgentHeartbeatStale",
        "warning",
        (Age(LAST_ACTION.where()) > limits.HEARTBEAT_AGE).unless(STOPPED),
        family="liveness",
        hold_s=5 * MINUTE,
        clear=clears_at((limits.HEARTBEAT_AGE, limits.HEARTBEAT_AGE_CLEAR)),
        summary="{agent_id} has done nothing for {value:duration}",
        description="{agent_id} may trade and its process may live, but it does nothing useful, no order, bet, escrow, signal or decision: "
        "a stuck loop, a lost feed, or nothing to do.",
    ),
    alert(
        "PFDependencyDown",
        "warning",
        CHECKS.where(check="exchange_api").equals(0),
        family="liveness",
        hold_s=3 * MINUTE,
        clear=clears_at(good_s=MINUTE),
        summary="{agent_id} cannot reach its exchange",
        description="The exchange check of {agent_id} fails. Restarting the agent does not help; its positions cannot be changed "
        "until the exchange answers.",
    ),
    alert(
        "PFMemoryHigh",
        "warning",
        MEMORY.where() > limits.MEMORY,
        family="resources",
        hold_s=10 * MINUTE,
        clear=clears_at((limits.MEMORY, limits.MEMORY_CLEAR)),
        summary="{agent_id} uses {value:percent} of its memory",
        description="{agent_id} will be killed by its host when it runs out, in the middle of whatever it does then.",
    ),
    alert(
        "PFClockSkew",
        "warning",
        abs(CLOCK_OFFSET.where()) > limits.CLOCK_OFFSET,
        family="resources",
        hold_s=2 * MINUTE,
        clear=clears_at((limits.CLOCK_OFFSET, limits.CLOCK_OFFSET_CLEAR)),
        summary="The clock of {agent_id} is off by {value:duration}",
        description="Facts that {agent_id} reports carry wrong times, so leases, latencies and daily limits are judged wrongly.",
    ),
    alert(
        "PFSlowSpan",
        "info",
        event("slow_span"),
        family="latency",
        keep_firing_s=10 * MINUTE,
        escalation=Escalation(
            severity="warning", when=SLOW_SPANS.where().increase(10 * MINUTE).sum() > limits.SLOW_SPANS
        ),
        summary="{span_name} of {agent_id} took {value:duration}",
        description="One operation took longer than its limit. It becomes a warning when many do within ten minutes.",
    ),
    alert(
        "PFSpanErrorRateHigh",
        "warning",
        SPAN_ERRORS.where(span_name=ALL_FINANCIAL) > limits.SPAN_ERRORS,
        family="errors",
        clear=clears_at((limits.SPAN_ERRORS, limits.SPAN_ERRORS_CLEAR)),
        keep_firing_s=10 * MINUTE,
        summary="{value:percent} of what moves money fails",
        description="More than {limit:span_errors} of the latest {limit:span_errors_window} orders, bets and steps of escrows failed. "
        "`pf_span_errors_ratio` has the share of each kind, and their traces name the error.",
    ),
)
