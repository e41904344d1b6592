"""Words of an alert for one case: names, numbers and limits put into the sentences of its declaration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_SLOT: Final = re.compile(r"\{([a-z_]+)(?::([a-z0-9_]+))?\}")
_UNITS: Final = (("d", 86_400.0), ("h", 3_600.0), ("m", 60.0))


def tell(
    template: str,
    labels: Mapping[str, str],
    value: float | None,
    limits: Mapping[str, float | None],
    units: Mapping[str, str],
) -> str:
    """`template` with its slots filled: `{label}`, `{value:form}`, `{limit:NAME}`.

    A slot that nothing fills says `unknown`, so that a message always goes out. Labels may hold what strangers wrote:
    the text is plain, and whoever shows it escapes it.
    """

    def filled(slot: re.Match[str]) -> str:
        name, form = slot[1], slot[2] or "number"
        if name == "value":
            return written(value, form)
        if name == "limit":
            return written(limits.get(form), _FORMS.get(units.get(form, ""), "number"))
        return labels.get(name) or "unknown"

    return _SLOT.sub(filled, template)


_FORMS: Final = {"ratio": "percent", "seconds": "duration", "usdc": "money"}


def written(value: float | None, form: str) -> str:
    """A number as people read it: `percent` of a ratio, `money` in USD, `duration` of seconds, or plain `number`."""
    if value is None:
        return "unknown"
    match form:
        case "percent":
            return f"{100 * value:.1f} %"
        case "money":
            return f"{'-' if value < 0 else ''}{abs(value):,.2f} USD"
        case "duration":
            return _duration(value)
        case _:
            return f"{value:,.4g}" if abs(value) < 1_000 else f"{value:,.0f}"


def _duration(seconds: float) -> str:
    for unit, size in _UNITS:
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.3g} s"
