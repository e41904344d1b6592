"""Looking among what was captured: the only one of a kind, the samples of a scrape; what is not there is said with what is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

_SAMPLE: Final = re.compile(r"(?P<name>[^{]+)(?:\{(?P<labels>.*)\})?")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_SUMS: Final = ("_total", "_count", "_sum", "_bucket")
_MOST_SHOWN: Final = 20


def words(names: Iterable[str]) -> str:
    """Names, each once, with how often when it was more: `api_call x3, order_filled`; `nothing` for none."""
    counted = Counter(names)
    return ", ".join(name if count == 1 else f"{name} x{count}" for name, count in counted.items()) or "nothing"


def only(found: Sequence[dict[str, Any]], what: str, name: str, told: Iterable[str]) -> dict[str, Any]:
    """The one that was found.

    Raises:
        AssertionError: there is none, or more than one; it names what was told.
    """
    if len(found) != 1:
        raise AssertionError(f"{len(found)} {what} {name!r} were told, not 1; told were: {words(told)}")
    return found[0]


def samples(body: str) -> dict[str, float]:
    """Samples of a scrape by name with labels."""
    lines = (line.rpartition(" ") for line in body.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def summed(scrapes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Samples of several agents together: what counts is added, of anything else the last one holds."""
    found: dict[str, float] = {}
    for scrape in scrapes:
        for name, value in scrape.items():
            counts = name.partition("{")[0].endswith(_SUMS)
            found[name] = found.get(name, 0.0) + value if counts else value
    return found


def number(scrape: Mapping[str, float], name: str, labels: Mapping[str, object]) -> float:
    """The value of the one sample of a name with these labels, whatever its other labels are.

    Raises:
        AssertionError: there is none, or more than one; it names the samples of that name, or the names that there are.
    """
    of_name = {sample: value for sample, value in scrape.items() if sample.partition("{")[0] == name}
    wanted = {(label, str(value)) for label, value in labels.items()}
    found = [value for sample, value in of_name.items() if wanted <= _labels(sample)]
    if len(found) != 1:
        shown = [f"{sample} {value:g}" for sample, value in of_name.items()][:_MOST_SHOWN]
        near = "\n  ".join(shown) or words(sorted({sample.partition("{")[0] for sample in scrape}))
        asked = ", ".join(f"{label}={value!r}" for label, value in labels.items())
        raise AssertionError(f"{len(found)} samples are {name}({asked}), not 1; there are:\n  {near}")
    return found[0]


def _labels(sample: str) -> set[tuple[str, str]]:
    parts = _SAMPLE.fullmatch(sample)
    found = _LABEL.findall(parts["labels"] or "") if parts else []
    return {(label, re.sub(r"\\(.)", lambda one: "\n" if one[1] == "n" else one[1], value)) for label, value in found}
