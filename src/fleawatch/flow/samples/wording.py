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
from fleawatch.flow.tally import Labels

_REMEMBERED: Final = 4_096

strategy_word: Final = lru_cache(_REMEMBERED)(partial(bounded, STRATEGY))
"""The strategy as a label value, or `other`."""
market_word: Final = lru_cache(_REMEMBERED)(partial(bounded, MARKET))
"""The market as a label value, or `other`."""
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


@lru_cache(_REMEMBERED)
def collector_label(text: str) -> Labels:
    """The collector as the one label value of a series, or `other`."""
    return (bounded(COLLECTOR, text),)


@lru_cache(_REMEMBERED)
def book_labels(key: str) -> tuple[str, Labels]:
    """The service of a book (`casino:USD`) as it is written, and the book's service and currency as label values."""
    service, _, currency = key.partition(":")
    return service, (bounded(SERVICE, service), currency_word(currency))


@lru_cache(_REMEMBERED)
def holding_labels(currency: str, wallet_type: str) -> Labels:
    """Currency and place of a holding as label values."""
    return (currency_word(currency), wallet_type)
