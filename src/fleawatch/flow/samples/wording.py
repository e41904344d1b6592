"""Free text of the state as label values: bounded by the label, and remembered, because the same few words come again.

Facts bound the words of what they count when they are folded. What the state keeps as it was written (an agent's
strategy, a position's market) is bounded here, on its way out.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Final

from fleawatch.catalog.labels import (
    COLLECTOR,
    CURRENCY,
    ENVIRONMENT,
    FACT_KIND,
    HALT_REASON,
    MARKET,
    SERVICE,
    STRATEGY,
    VERSION,
    bounded,
)

_REMEMBERED: Final = 4_096

strategy_word: Final = lru_cache(_REMEMBERED)(partial(bounded, STRATEGY))
"""The strategy as a label value, or `other`."""
market_word: Final = lru_cache(_REMEMBERED)(partial(bounded, MARKET))
"""The market as a label value, or `other`."""
collector_word: Final = lru_cache(_REMEMBERED)(partial(bounded, COLLECTOR))
"""The collector as a label value, or `other`."""
service_word: Final = lru_cache(_REMEMBERED)(partial(bounded, SERVICE))
"""The service as a label value, or `other`."""
fact_word: Final = lru_cache(_REMEMBERED)(partial(bounded, FACT_KIND))
"""The kind of a fact as a label value, or `other`."""
halt_word: Final = lru_cache(_REMEMBERED)(partial(bounded, HALT_REASON))
"""The reason of a halt as a label value, or `other`."""


@lru_cache(_REMEMBERED)
def currency_word(text: str) -> str:
    """The currency as a label value, or `other`. The platform's USD is what it also calls USDC: one money, one label."""
    word = bounded(CURRENCY, text)
    return "USDC" if word == "USD" else word


@lru_cache(_REMEMBERED)
def environment_word(text: str) -> str:
    """The environment as a label value; empty, which a scraper reads as no label, when none was declared."""
    return bounded(ENVIRONMENT, text) if text else ""


@lru_cache(_REMEMBERED)
def version_word(text: str) -> str:
    """The version as a label value; empty when none was declared."""
    return bounded(VERSION, text) if text else ""
