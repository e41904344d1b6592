"""Metrics of the catalog that nothing in the state says yet, each with what it is waiting for.

A metric is here or it has a reader: a test holds the two together, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_NO_ANOMALIES: Final = "returns are not yet judged for anomalies"
_NO_STAKES: Final = "the books keep no stake after its outcome, so stakes are not yet compared"
_NO_ORDERS: Final = "single orders are counted and not kept, so they are not yet compared"

UNBUILT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "pf_annotations_total": "annotations are not sent yet",
        "pf_anomalies_total": _NO_ANOMALIES,
        "pf_return_zscore": _NO_ANOMALIES,
        "pf_return_baseline_mean_ratio": _NO_ANOMALIES,
        "pf_return_baseline_stddev_ratio": _NO_ANOMALIES,
        "pf_regime_change_score": _NO_ANOMALIES,
        "pf_returns_rejected_total": "returns are refused at the door of the statistics, which raises and does not count",
        "pf_stake_equity_ratio": _NO_STAKES,
        "pf_stake_escalations": _NO_STAKES,
        "pf_halt_ready": "the halt path is not probed yet",
        "pf_limits_differing": "declared limits do not reach the belt yet, so there is nothing to compare with",
        "pf_order_repeats": _NO_ORDERS,
        "pf_orders_against_signal_ratio": _NO_ORDERS,
        "pf_spans_dropped_total": "the agent's own exporters are not built yet",
        "pf_dogstatsd_dropped_total": "the agent's own exporters are not built yet",
    }
)
"""Name to reason. A tally under such a name is exported all the same, as soon as somebody writes it."""
