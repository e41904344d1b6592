"""From a fact's words to label values: the one door through which text becomes a label.

Every label has a bound. A value that is not allowed, or comes after the bound is reached, becomes `other` and is
counted; the money behind it still is.
"""

from __future__ import annotations

from typing import Protocol

from fleawatch.catalog.labels import OTHER, bounded
from fleawatch.catalog.spec import Label
from fleawatch.flow.tally import Tallies

Words = dict[str, dict[str, str]]
"""By open label: the texts seen and the values they became."""

_TEXTS_PER_VALUE = 4


class Owner(Protocol):
    """Whoever keeps tallies, and therefore the words of their labels."""

    words: Words
    tallies: Tallies


def word(owner: Owner, label: Label, text: str) -> str:
    """`text` as `label` may carry it for this owner, or `other`."""
    if label.values:
        return text if text in label.values else bounded(label, text)
    known = owner.words.get(label.name)
    if known is None:
        known = owner.words[label.name] = {}
    value = known.get(text)
    if value is not None:
        return value
    value = bounded(label, text)
    if len(known) >= label.limit and value not in known.values():
        value = OTHER
    if value == OTHER:
        owner.tallies.add("pf_label_overflow_total", (label.name,))
    if len(known) < label.limit * _TEXTS_PER_VALUE:
        known[text] = value
    return value
