"""The two text formats of Prometheus: escaping, headers of families, and lines.

Text format 0.0.4 and OpenMetrics 1.0 differ in little: OpenMetrics names a counter without `_total` and an info without
`_info` in its header, knows units, escapes quotes in help, and ends with `# EOF`. Every piece written here begins with a
line feed and ends without one, so that pieces are joined and nothing is copied twice.

Lines of one family are written some hundred at a time: one call encodes all their numbers and one join puts them between
the rest of their lines, so the cost of a sample is that of three pointers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, compress
from typing import Final

import msgspec

from fleawatch.catalog.labels import AGENT_ID
from fleawatch.catalog.spec import Metric, MetricType
from fleawatch.flow.tally import Distribution, Labels

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_LABEL_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\0": "\\\\0"})
_HELP_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})
_encode: Final = msgspec.json.Encoder().encode


def escaped(text: str) -> bytes:
    """A label value as both formats write it, without its quotes. What UTF-8 or a parser cannot hold is replaced."""
    return text.translate(_LABEL_ESCAPES).encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Family:
    """What the header of a family says, and the names of its labels.

    Attributes:
        name: as in the catalog, `_total` of a counter and `_info` of an info included.
        unit: of the catalog.
        labels: names in the order of the values.
        bounds: of a histogram.
    """

    name: str
    type: MetricType
    unit: str
    help: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()

    @classmethod
    def of(cls, metric: Metric) -> Family:
        """The family of a metric."""
        return cls(metric.name, metric.type, metric.unit, metric.help, metric.label_names, metric.buckets)

    @property
    def by_agent(self) -> bool:
        """Whether its first label is the agent's id."""
        return self.labels[:1] == (AGENT_ID.name,)

    def header(self, *, openmetrics: bool) -> bytes:
        """HELP, TYPE and, in OpenMetrics, UNIT where the name ends in it."""
        says = self.help.translate(_HELP_ESCAPES)
        name, kind, unit = self.name, str(self.type), ""
        if openmetrics:
            says = says.replace('"', '\\"')
            if self.type == "counter":
                name = name.removesuffix("_total")
            elif self.unit == "info":
                name, kind = name.removesuffix("_info"), "info"
            if kind != "info" and name.endswith(f"_{self.unit}"):
                unit = f"\n# UNIT {name} {self.unit}"
        return f"\n# HELP {name} {says}\n# TYPE {name} {kind}{unit}".encode()

    def pairs(self, values: Labels, *, after_agent: bool) -> bytes:
        """`name="value"` of each label, separated by commas; `after_agent` leaves out the first name."""
        names = self.labels[1:] if after_agent else self.labels
        return b",".join(
            name.encode() + b'="' + escaped(value) + b'"' for name, value in zip(names, values, strict=True)
        )


class Ends(dict[Labels, bytes]):
    """What stands around the agent's id in the lines of one family: the head, and a tail for each set of labels.

    Looking up label values (without the agent's id) that were not seen before writes their tail.
    """

    def __init__(self, family: Family) -> None:
        super().__init__()
        self.family = family
        self.head = f'\n{family.name}{{{AGENT_ID.name}="'.encode()

    def __missing__(self, values: Labels) -> bytes:
        rest = self.family.pairs(values, after_agent=True)
        tail = self[values] = b'"' + (b"," + rest if rest else b"") + b"} "
        return tail


def joined(head: bytes, starts: Sequence[bytes], values: Sequence[float | None], tail: bytes = b"") -> bytes:
    """Lines of one family.

    Args:
        head: begins each line, up to the agent's id.
        starts: for each line the escaped id, and what follows it up to the tail.
        values: for each line the number; None, NaN and infinity have no line.
        tail: goes before each number.
    """
    count = len(values)
    text = _encode(values)
    # Each None, NaN and infinity is a null: to count them in the text is quicker than to compare every number with None.
    unknown = text.count(b"n")
    if unknown == count:
        return b""
    numbers = text[1:-1].split(b",")
    if unknown:
        known = [number != b"null" for number in numbers]
        count -= unknown
        numbers, starts = list(compress(numbers, known)), list(compress(starts, known))
    one = [head, b"", tail, b""] if tail else [head, b"", b""]
    parts = one * count
    parts[1 :: len(one)] = starts
    parts[len(one) - 1 :: len(one)] = numbers
    return b"".join(parts)


def line(family: Family, values: Labels, value: float) -> bytes:
    """The line of one sample with complete label values; `value` is finite."""
    pairs = family.pairs(values, after_agent=False)
    return b"\n" + family.name.encode() + (b"{" + pairs + b"}" if pairs else b"") + b" " + _encode(value)


def histogram_template(family: Family, values: Labels, *, by_agent: bool) -> bytes:
    """Lines of one distribution, with places for the agent's id and each number in turn (`fill`).

    Buckets are cumulative and end with +Inf; their bounds are written as floats, as OpenMetrics wants them.
    """
    pairs = family.pairs(values, after_agent=by_agent).replace(b"%", b"%%")
    agent = b'agent_id="%b"' if by_agent else b""
    common = b",".join(part for part in (agent, pairs) if part)
    name = family.name.encode()
    lines = []
    for bound in (*map(repr, map(float, family.bounds)), "+Inf"):
        labels = b",".join(part for part in (common, b'le="' + bound.encode() + b'"') if part)
        lines.append(b"\n" + name + b"_bucket{" + labels + b"} %d")
    place = b"{" + common + b"}" if common else b""
    return b"".join((*lines, b"\n", name, b"_count", place, b" %d\n", name, b"_sum", place, b" %b"))


def fill(template: bytes, distribution: Distribution, agent: bytes | None) -> bytes:
    """The template's lines for one distribution; none if its sum is not a number."""
    total = distribution.total
    if total - total != 0.0:
        return b""
    numbers: list[bytes | int] = [*accumulate(distribution.counts)]
    numbers += [numbers[-1], _encode(total)]
    if agent is None:
        return template % tuple(numbers)
    places: list[bytes | int] = [agent] * (2 * len(numbers))
    places[1::2] = numbers
    return template % tuple(places)
