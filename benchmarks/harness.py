"""What all benchmarks share: how time is taken, what a machine is called, and how a report is printed.

A benchmark measures the default configuration, names the bound it must hold, and prints both. Bounds are constants of
the benchmark; nothing here can loosen one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypedDict


class Target(TypedDict):
    """One bound: the value measured, the largest (or, where the benchmark says so, smallest) value allowed."""

    value: float
    target: float
    ok: bool


def at_most(value: float, target: float) -> Target:
    """A bound from above."""
    return {"value": value, "target": target, "ok": value <= target}


def at_least(value: float, target: float) -> Target:
    """A bound from below."""
    return {"value": value, "target": target, "ok": value >= target}


def median_seconds(fn: Callable[[], object], repeats: int) -> float:
    """Median wall time of `repeats` calls of `fn`, seconds; a first call that warms caches is not counted."""
    fn()
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        fn()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def machine() -> dict[str, str | int]:
    """Which machine and interpreter the figures are of."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def wants_json(description: str) -> bool:
    """Read the command line: whether `--json` was given."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    return bool(parser.parse_args().json)


def report(name: str, figures: Mapping[str, float | str], targets: Mapping[str, Target], as_json: bool) -> int:  # noqa: FBT001 - the flag of the command line, handed on
    """Print a report.

    Args:
        name: of the benchmark.
        figures: everything measured, by a name that ends in its unit.
        targets: the bounds and whether they hold.
        as_json: one JSON object, else lines for people.

    Returns:
        Exit code: 0 when every target holds, else 1.
    """
    if as_json:
        document = {"name": name, "machine": machine(), "figures": dict(figures), "targets": dict(targets)}
        print(json.dumps(document, allow_nan=False))
    else:
        print(name, *machine().values(), sep=" | ")
        for what, figure in figures.items():
            print(f"  {what}: {figure:.6g}" if isinstance(figure, float) else f"  {what}: {figure}")
        for what, bound in targets.items():
            print(f"  {'ok  ' if bound['ok'] else 'MISS'} {what}: {bound['value']:.6g} (bound {bound['target']:.6g})")
    return 0 if all(bound["ok"] for bound in targets.values()) else 1


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - one line of a file of the kernel
            named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    except OSError:
        named = []
    return named[0] if named else platform.processor() or "unknown"
