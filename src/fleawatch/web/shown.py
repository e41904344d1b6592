"""How people read a number: its text, its look, and what is said when they ask for more.

A sign is written, never only coloured. What is not known says so in words and is hatched by its look; what has no value
because there is nothing to compute is a dash with its reason. Both keep their reason as the hint.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec
from markupsafe import Markup

from fleawatch.units import DAY, HOUR, MINUTE, iso
from fleawatch.web.number import Number
from fleawatch.web.tiles import Kind

MINUS: Final = "\N{MINUS SIGN}"
DASH: Final = "\N{EN DASH}"
_SIGNED: Final = frozenset({"change", "return"})
_NOTHING: Final = 0.005
"""Less than half a cent is neither gain nor loss to the eye."""


class Shown(msgspec.Struct, frozen=True, gc=False):
    """A number as people see it.

    Attributes:
        text: what is written.
        look: CSS classes: `up` or `down` for signed numbers, `stale`, `unknown` or `none`.
        hint: the reason or the exact value.
    """

    text: str
    look: str
    hint: str


def shown(number: Number, kind: Kind) -> Shown:
    """A number in the form of its kind."""
    value = number.value
    if value is None:
        if number.as_of is None:
            return Shown("unknown", "unknown", number.reason or "not known")
        return Shown(DASH, "none", number.reason or "not known")
    look = ""
    if kind in _SIGNED:
        scaled = value if kind == "change" else value * 100
        look = "up" if scaled >= _NOTHING else "down" if scaled <= -_NOTHING else ""
    if number.freshness == "fresh":
        return Shown(in_text(value, kind), look, "")
    hint = number.reason or ""
    if number.as_of is not None:
        hint += f"; as of {moment(number.as_of)}"
    return Shown(in_text(value, kind), f"{look} stale".strip(), hint)


def in_text(value: float, kind: Kind) -> str:
    """A known value as text; USD have no sign of currency, the heading says it."""
    match kind:
        case "money":
            text = f"{value:,.2f}"
        case "change":
            text = _signed(f"{value:+,.2f}")
        case "ratio":
            text = f"{value * 100:,.1f} %"
        case "return":
            text = _signed(f"{value * 100:+,.2f}") + " %"
        case "count":
            text = f"{value:,.0f}"
        case "duration":
            text = f"{value * 1000:,.0f} ms" if value < 1 else f"{value:,.1f} s"
        case "age":
            text = age(value)
        case "factor":
            text = f"{value:,.3f}"
    return text.replace("-", MINUS)


def age(seconds: float) -> str:
    """A duration in the two units that matter; a negative one is over."""
    left = abs(seconds)
    if left < MINUTE:
        text = f"{left:.0f} s"
    elif left < HOUR:
        text = f"{left / MINUTE:.0f} min"
    elif left < DAY:
        text = f"{left // HOUR:.0f} h {left % HOUR // MINUTE:.0f} min"
    else:
        text = f"{left // DAY:.0f} d {left % DAY // HOUR:.0f} h"
    return text if seconds >= 0 else f"over by {text}"


def quantity(number: Number) -> Shown:
    """An amount of something that is not USD, in as many digits as it needs."""
    if number.value is None:
        return shown(number, "factor")
    plain = shown(number, "count")
    return Shown(f"{number.value:,.8g}".replace("-", MINUS), plain.look, plain.hint)


def clock(at: float | None) -> str:
    """A moment for people: `2026-01-31 12:00:00 UTC`."""
    return "never" if at is None else iso(at)[:19].replace("T", " ") + " UTC"


def moment(at: float) -> str:
    """A moment in short, to the minute: `31 Jan 12:00 UTC`."""
    found = datetime.fromtimestamp(at, UTC)
    return f"{found.day} {found:%b %H:%M} UTC"


def span(found: Shown, key: str = "") -> Markup:
    """A shown number as HTML; `key` makes it a cell that live updates find."""
    look = f' class="n {found.look}"' if found.look else ' class="n"'
    hint = Markup(' title="{}"').format(found.hint) if found.hint else ""
    cell = Markup(' data-cell="{}"').format(key) if key else ""
    return Markup("<span{}{}{}>{}</span>").format(Markup(look), cell, hint, found.text)  # noqa: S704 - looks are our own words


def _signed(text: str) -> str:
    """Zero has no sign."""
    return text[1:] if text.lstrip("+-").strip("0.,") == "" else text
