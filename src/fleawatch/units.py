"""The measures that every layer shares: money, ratios, time windows, and how they are written down.

Money is `Decimal` in facts and ledgers, `float` in statistics and metrics. Ratios are 0..1 on every machine surface
and percent only where a person reads them. Times are unix seconds, UTC.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, Literal

Window = Literal["1h", "24h", "7d", "30d", "all_time"]
"""Name of a statistics window. `all_time` begins with the first reading and never expires."""

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0
YEAR: Final = 365 * DAY
"""A year of trading that never closes: 365 days, as the annualised ratios state it."""

WINDOWS: Final[dict[Window, float]] = {
    "1h": HOUR,
    "24h": DAY,
    "7d": 7 * DAY,
    "30d": 30 * DAY,
    "all_time": math.inf,
}
"""Width of each window in seconds."""

CENT: Final = Decimal("0.01")

AGENT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
"""What a fleet calls an agent. Platform keys never match it: see `looks_like_key`."""

_PREFIX: Final = (
    r"(?:sk|pk|pf)_(?:live|test|trade|domains)_(?![a-z_]{1,40}_(?:usdc|ratio|total|bucket|count|sum)(?![\w-]))"
)
PLATFORM_KEY: Final = re.compile(rf"(?<![a-z0-9]){_PREFIX}|{_PREFIX}[\w-]{{20}}", re.IGNORECASE | re.ASCII)
"""A key of the platform, or the beginning of one. Where a word begins with the prefix, that is enough, unless it is the name
of a metric (`pf_trade_pnl_usdc`); within a word (`desk_trade_1`, `risk_test`) nearly half of the 48 digits have to follow."""


def looks_like_key(text: str) -> bool:
    """Whether `text` carries a platform key, see `PLATFORM_KEY`, and must therefore never be shown or stored."""
    low = text.lower()
    # Every prefix has one of these two, and hardly any other text: the pattern is not tried for nothing.
    return ("k_" in low or "f_" in low) and PLATFORM_KEY.search(text) is not None


def cents(amount: Decimal | float) -> Decimal:
    """`amount` rounded half-even to whole cents. A float is read by its shortest decimal form, so 0.1 is 0.10."""
    exact = amount if isinstance(amount, Decimal) else Decimal(repr(amount))
    return exact.quantize(CENT, rounding=ROUND_HALF_EVEN)


def iso(at: float) -> str:
    """Unix seconds as RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.000Z`."""
    seconds, milliseconds = divmod(int(at * 1000), 1000)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds:03d}Z"


def from_iso(text: str) -> float:
    """RFC 3339 text as unix seconds. A text without an offset is taken as UTC.

    Raises:
        ValueError: the text is not a date.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def day_start(at: float) -> float:
    """The last midnight UTC at or before `at`, in unix seconds."""
    return at - at % DAY
