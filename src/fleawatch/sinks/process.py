"""What the process that serves the metrics says of itself: release, interpreter, time, memory, files.

The reading is that of the official client, so that names and meanings are those every dashboard knows. It looks at
/proc; where that does not exist, the metrics are absent.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from fleawatch._version import __version__
from fleawatch.flow.tally import Labels

ProcessReading = Callable[[], Mapping[str, Mapping[Labels, float]]]
"""Numbers of the process by metric and label values, in the order of the declaration."""

_PYTHON_LABELS = ("implementation", "major", "minor", "patchlevel", "version")


def process_reading(revision: str = "") -> ProcessReading:
    """A reading of this process. `revision` is the commit it was built from, empty when nobody knows."""
    registry = CollectorRegistry()
    collectors = (ProcessCollector(registry=registry), PlatformCollector(registry=registry))
    build: dict[Labels, float] = {(__version__, revision, platform.python_version()): 1.0}

    def read() -> Mapping[str, Mapping[Labels, float]]:
        found: dict[str, dict[Labels, float]] = {"fleawatch_build_info": build}
        for collector in collectors:
            for family in collector.collect():
                for sample in family.samples:
                    labels = tuple(sample.labels[name] for name in _PYTHON_LABELS) if sample.labels else ()
                    found.setdefault(sample.name, {})[labels] = sample.value
        return found

    return read
