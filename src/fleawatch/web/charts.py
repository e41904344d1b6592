"""Line charts as SVG of our own: axes, title, a text that says the same in words, and gaps where nothing is known.

No script, no inline style: looks come from the style sheet by class. Time is UTC.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from fleawatch.web.axes import Span, time_label, time_ticks, value_label, value_span, value_ticks
from fleawatch.web.shown import clock, in_text
from fleawatch.web.tiles import Kind

Point = tuple[float, float]
"""Unix seconds and a value."""

_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 22
_GAP_STEPS: Final = 3.0
_NEAR: Final = 3
_WIDE: Final = (460, 150)
_NARROW: Final = (340, 170)


class Curve(NamedTuple):
    """What a chart shows.

    Attributes:
        key: for ids and classes: letters and digits.
        kind: how its values are read; a `ratio` is a fall, 0 on top.
        points: in time order.
        until: end of the time axis, unix seconds.
        unknown_since: from when on nothing is known, None while something is.
    """

    key: str
    title: str
    kind: Kind
    points: Sequence[Point]
    until: float
    unknown_since: float | None = None


def chart(curve: Curve) -> Markup:
    """The chart for a wide and for a narrow screen; the style sheet shows one of them."""
    return _svg(curve, *_WIDE, "wide") + _svg(curve, *_NARROW, "narrow")


def gaps(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Stretches without a reading: where two points are much farther apart than all their neighbours are.

    Old parts of a history are kept in longer steps than new ones, so only what is near can be compared.
    """
    distances = [later[0] - earlier[0] for earlier, later in itertools.pairwise(points)]
    found = []
    for place, distance in enumerate(distances):
        near = distances[max(0, place - _NEAR) : place] + distances[place + 1 : place + 1 + _NEAR]
        if near and distance > _GAP_STEPS * max(near):
            found.append((points[place][0], points[place + 1][0]))
    return found


def in_words(curve: Curve) -> str:
    """What the chart shows, for those who do not see it."""
    if not curve.points:
        return f"{curve.title}: no reading yet."
    values = [value for _, value in curve.points]
    first, last = curve.points[0], curve.points[-1]
    text = (
        f"{curve.title} from {clock(first[0])} to {clock(last[0])}: first {in_text(first[1], curve.kind)}, "
        f"last {in_text(last[1], curve.kind)}, lowest {in_text(min(values), curve.kind)}, "
        f"highest {in_text(max(values), curve.kind)}."
    )
    for begin, end in _unknown(curve):
        text += f" Unknown from {clock(begin)} to {clock(end)}."
    return text


def _unknown(curve: Curve) -> list[tuple[float, float]]:
    found = gaps(curve.points)
    if curve.unknown_since is not None and curve.unknown_since < curve.until:
        found.append((curve.unknown_since, curve.until))
    return found


class _Frame(NamedTuple):
    """Where values and times land in the picture."""

    width: int
    height: int
    times: Span
    values: Span
    falling: bool

    def x(self, at: float) -> float:
        return round(_LEFT + self.times.share(at) * (self.width - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        share = self.values.share(value)
        return round(_TOP + (share if self.falling else 1 - share) * (self.height - _TOP - _BOTTOM), 1)

    @property
    def base(self) -> float:
        """The line from which areas are filled."""
        return _TOP if self.falling else self.height - _BOTTOM


def _svg(curve: Curve, width: int, height: int, size: str) -> Markup:
    name = f"{curve.key}-{size}"
    head = Markup(
        '<svg class="chart {} {}" viewBox="0 0 {} {}" role="img" aria-labelledby="{}-t {}-d">'
        '<title id="{}-t">{}</title><desc id="{}-d">{}</desc>'
        '<defs><pattern id="{}-h" width="6" height="6" patternUnits="userSpaceOnUse">'
        '<path class="hatch" d="M-1 1l2-2M0 6l6-6M5 7l2-2"/></pattern></defs>'
    ).format(size, curve.key, width, height, name, name, name, curve.title, name, in_words(curve), name)
    if not curve.points:
        return head + _nothing(name, width, height)
    frame = _frame(curve, width, height)
    return head + Markup("").join((*_grid(frame, curve.kind), *_hatched(curve, frame, name), *_line(curve, frame))) + Markup("</svg>")  # fmt: skip


def _frame(curve: Curve, width: int, height: int) -> _Frame:
    values = [value for _, value in curve.points]
    falling = curve.kind == "ratio"
    span = (
        Span(0.0, max(max(values) * 1.1, 0.01))
        if falling
        else value_span(min(values), max(values), floor=_floor(values))
    )
    begin = curve.points[0][0]
    return _Frame(width, height, Span(begin, max(curve.until, curve.points[-1][0], begin + 1.0)), span, falling)


def _floor(values: Sequence[float]) -> float | None:
    return 0.0 if min(values) >= 0 else None


def _grid(frame: _Frame, kind: Kind) -> Iterator[Markup]:
    ticks = value_ticks(frame.values, 4)
    scale = 100.0 if kind == "ratio" else 1.0
    labels = [tick * scale for tick in ticks]
    for tick, label in zip(ticks, labels, strict=True):
        y = frame.y(tick)
        text = value_label(label, labels) + (" %" if kind == "ratio" else "")
        yield Markup('<path class="grid" d="M{} {}H{}"/>').format(_LEFT, y, frame.width - _RIGHT)
        yield Markup('<text class="tick value" x="{}" y="{}">{}</text>').format(_LEFT - 6, y + 3.5, text)
    moments = time_ticks(frame.times, 6 if frame.width > 400 else 4)
    for at in moments:
        x = frame.x(at)
        yield Markup('<path class="grid" d="M{} {}V{}"/>').format(x, frame.height - _BOTTOM, frame.height - _BOTTOM + 4)
        yield Markup('<text class="tick time" x="{}" y="{}">{}</text>').format(
            x, frame.height - 6, time_label(at, moments)
        )


def _hatched(curve: Curve, frame: _Frame, name: str) -> Iterator[Markup]:
    for begin, end in _unknown(curve):
        x = frame.x(max(begin, frame.times.low))
        yield Markup(
            '<rect class="gap" x="{}" y="{}" width="{}" height="{}" fill="url(#{}-h)"><title>unknown from {} to {}</title></rect>'
        ).format(
            x, _TOP, max(1.0, round(frame.x(end) - x, 1)), frame.height - _TOP - _BOTTOM, name, clock(begin), clock(end)
        )


def _line(curve: Curve, frame: _Frame) -> Iterator[Markup]:
    for piece in _pieces(curve.points):
        path = "L".join(f"{frame.x(at)} {frame.y(value)}" for at, value in piece)
        first, last = frame.x(piece[0][0]), frame.x(piece[-1][0])
        yield Markup('<path class="area" d="M{} {}L{}L{} {}Z"/>').format(first, frame.base, path, last, frame.base)
        yield Markup('<path class="line" d="M{}"/>').format(path)
    at, value = curve.points[-1]
    yield Markup('<circle class="dot" cx="{}" cy="{}" r="2.6"/>').format(frame.x(at), frame.y(value))


def _pieces(points: Sequence[Point]) -> list[list[Point]]:
    """The curve without its gaps."""
    ends = {end for _, end in gaps(points)}
    pieces: list[list[Point]] = [[]]
    for point in points:
        if point[0] in ends:
            pieces.append([])
        pieces[-1].append(point)
    return pieces


def _nothing(name: str, width: int, height: int) -> Markup:
    return Markup(
        '<rect class="gap" x="1" y="1" width="{}" height="{}" rx="6" fill="url(#{}-h)"/>'
        '<text class="tick nothing" x="{}" y="{}">no reading yet</text></svg>'
    ).format(width - 2, height - 2, name, width // 2, height // 2)
