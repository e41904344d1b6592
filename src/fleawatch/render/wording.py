"""How declarations are said on pages for people: severities, limits with their defaults, clearing, and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from fleawatch.catalog.describe import duration
from fleawatch.catalog.spec import Alert, Limit

_LIMIT: Final = re.compile(r"\{limit:(\w+)\}")


def plain_limits(text: str) -> str:
    """`text` with the bare name of each limit that it holds."""
    return _LIMIT.sub(r"`\1`", text)


def severity_of(alert: Alert) -> str:
    """How urgent it is, or that it is an annotation."""
    return alert.severity if alert.kind == "alert" else "annotation"


def default_of(limit: Limit) -> str:
    """Its default as a number, or `off`."""
    return "off" if limit.default is None else f"{limit.default:g}"


def limit_of(name: str, limits: Mapping[str, Limit]) -> str:
    """A limit's name with its default."""
    return f"`{name}` ({default_of(limits[name])})"


def holding(alert: Alert) -> str:
    """How long, or in how many readings, the condition must hold; empty when it fires at once."""
    if alert.hold_s:
        return duration(alert.hold_s)
    return f"{alert.samples} readings in a row" if alert.samples > 1 else ""


def clearing(alert: Alert, limits: Mapping[str, Limit]) -> str:
    """When a firing alert ends."""
    if alert.kind == "annotation":
        return "at once"
    if alert.clear.manual:
        return "by hand only"
    said = [
        f"{limit_of(high, limits)} is replaced by {limit_of(low, limits)} while it fires"
        for high, low in alert.clear.levels
    ]
    if alert.keep_firing_s:
        said.append(f"after {duration(alert.keep_firing_s)} without the condition")
    if alert.clear.good_s:
        said.append(f"after {duration(alert.clear.good_s)} in the clear")
    return "; ".join(said) or "when the condition no longer holds"


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Lines of a table; bars within cells are escaped."""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
