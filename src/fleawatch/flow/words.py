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
"""By open label: the values in use, each under itself, and other texts that became one of them."""

_TEXTS_PER_VALUE = 4


class Owner(Protocol):
    """Whoever keeps tallies, and therefore the words of their labels."""

    words: Words
    tallies: Tallies


def word(owner: Owner, label: Label, text: str) -> str:
    """`text` as `label` may carry it for this owner, or `other`, which is counted each time."""
    if label.values and text in label.values:
        return text
    known = owner.words.get(label.name)
    if known is not None:
        value = known.get(text)
        if value is not None:
            return value
    if text == OTHER and label.case != "upper":
        return OTHER
    value = bounded(label, text)
    if value != OTHER and not label.values:
        value = _admit(owner, label, text, value)
    if value == OTHER and text != OTHER:
        owner.tallies.add("pf_label_overflow_total", (label.name,))
    return value


def settled_word(owner: Owner, label: Label, text: str) -> str:
    """What `word` made of `text` when its fact was folded; counts nothing."""
    if label.values and text in label.values:
        return text
    return owner.words.get(label.name, {}).get(text, OTHER)


def _admit(owner: Owner, label: Label, text: str, value: str) -> str:
    """Remember `value` under itself while the label's bound allows, and `text` beside it while there is room.

    A text that is not allowed is never remembered: no stream of nonsense takes the place of a real value.
    """
    known = owner.words.setdefault(label.name, {})
    if value not in known:
        if sum(known[key] == key for key in known) >= label.limit:
            return OTHER
        known[value] = value
    if text not in known and len(known) < label.limit * _TEXTS_PER_VALUE:
        known[text] = value
    return value
