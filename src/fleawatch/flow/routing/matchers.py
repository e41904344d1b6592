"""Which alerts a silence or a maintenance window covers: labels and the values they must have.

`*` in a value stands for any text. There are no regular expressions: whoever may silence must not be able to make the
belt think for minutes.
"""

from __future__ import annotations

from collections.abc import Mapping

from fleawatch.flow.routing.state import Firing

ANY = "*"
SEVERITY = "severity"


def covers(matchers: Mapping[str, str], firing: Firing, since: float) -> bool:
    """Whether what began at `since` covers this alert. Without matchers it covers nothing.

    An alert that became critical after `since` is another thing than what was silenced: it is covered only by matchers
    that name the severity.
    """
    raised = firing.raised_at is not None and firing.raised_at > since and SEVERITY not in matchers
    return bool(matchers) and not raised and all(like(wanted, value(firing, name)) for name, wanted in matchers.items())


def value(firing: Firing, label: str) -> str:
    """A label of an alert, its severity among them; empty when it has none of that name."""
    return firing.severity if label == SEVERITY else firing.labels.get(label, "")


def like(wanted: str, text: str) -> bool:
    """Whether `text` is `wanted`, in which each `*` stands for any text. Takes time in proportion to their lengths."""
    first, *rest = wanted.split(ANY)
    if not rest:
        return wanted == text
    *middle, last = rest
    if not text.startswith(first) or not text[len(first) :].endswith(last):
        return False
    place, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, place, end)
        if found < 0:
            return False
        place = found + len(part)
    return True
