"""Which limits a gate can enforce, which are in force, and who decides: the stricter of agent and service.

A limit that the agent's program names is a bound that the service can tighten and not loosen. One that it does not name
is as the service says, and without a service as the catalog says. A name that no gate can enforce is refused on both
sides: a limit that is believed to hold and does not is worse than none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Final, Literal

from fleawatch.catalog import limits as declared
from fleawatch.catalog.spec import Limit
from fleawatch.errors import BadConfig, Problem

Kind = Literal["ratio", "money", "count"]

ENFORCED: Final[dict[str, Kind]] = {
    "drawdown_warning": "ratio",
    "drawdown_critical": "ratio",
    "drawdown_halt": "ratio",
    "daily_loss_ratio": "ratio",
    "daily_loss_usdc": "money",
    "balance_exhausted": "money",
    "api_errors_critical": "ratio",
    "order_rate": "count",
    "order_notional": "money",
    "notional_rate": "money",
}
"""What a gate can enforce, and which numbers make sense: a ratio in 0..1, money above 0, a count a minute above 0."""

_BY_DEFAULT: Final[tuple[Limit, ...]] = (
    declared.DRAWDOWN_WARNING, declared.DRAWDOWN_CRITICAL, declared.DRAWDOWN_HALT, declared.DAILY_LOSS_RATIO,
)  # fmt: skip
DEFAULTS: Final[dict[str, float]] = {limit.name: limit.default for limit in _BY_DEFAULT if limit.default is not None}
"""In force when nobody says otherwise."""

_FLOORS: Final = frozenset({"balance_exhausted"})
"""Breached below, so that the larger is the stricter."""
_LADDER: Final = ("drawdown_warning", "drawdown_critical", "drawdown_halt")
_REMEDY: Final[dict[Kind, str]] = {
    "ratio": "Write a ratio above 0 and at most 1",
    "money": "Write an amount of USD above 0",
    "count": "Write a number above 0",
}


def sensible(name: str, value: object) -> bool:
    """Whether a gate can enforce the limit at this value."""
    kind = ENFORCED.get(name)
    if kind is None or isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0.0 < value < math.inf and (kind != "ratio" or value <= 1.0)


def sorted_out(limits: Mapping[str, object]) -> tuple[dict[str, float], tuple[str, ...]]:
    """What the service sent: limits to enforce, and the names of those that cannot be. None means that it has none."""
    limits = {name: value for name, value in limits.items() if value is not None}
    good = {name: float(value) for name, value in limits.items() if sensible(name, value)}  # type: ignore[arg-type]  # `sensible` has seen that it is a number
    return good, tuple(sorted(name[:64] for name in limits if name not in good))[:32]


def checked(limits: Mapping[str, float | None]) -> dict[str, float | None]:
    """Limits as a program gave them; None leaves the limit to the service, or switches it off without one.

    Raises:
        BadConfig: with every complaint: unknown names, values without sense, a ladder that does not rise.
    """
    problems = []
    for name, value in limits.items():
        if name not in ENFORCED:
            problems.append(
                Problem(f"limits.{name}", "no gate can enforce it", f"Write one of {', '.join(sorted(ENFORCED))}")
            )
        elif value is not None and not sensible(name, value):
            problems.append(Problem(f"limits.{name}", f"was {value!r}", _REMEDY[ENFORCED[name]]))
    if not problems:
        steps = [(name, value) for name in _LADDER if (value := {**DEFAULTS, **limits}.get(name)) is not None]
        for (low, lower), (high, higher) in pairwise(steps):
            if lower > higher:
                what = f"was {higher:g}, below {low} at {lower:g}"
                problems.append(Problem(f"limits.{high}", what, "Let warning, critical and halt rise in this order"))
    if problems:
        raise BadConfig("the limits of the gate were refused", tuple(problems))
    return dict(limits)


def in_force(own: Mapping[str, float | None], leased: Mapping[str, float]) -> dict[str, float]:
    """The limits in force by name, sorted."""
    found = {**{name: value for name, value in DEFAULTS.items() if name not in own}, **leased}
    for name, value in own.items():
        if value is not None:
            other = found.get(name, value)
            found[name] = max(value, other) if name in _FLOORS else min(value, other)
    return dict(sorted(found.items()))
