"""Conditions of the query tree in PromQL, as far as rules that halt ask for it.

Every dialect has the same reading rules (see `catalog.query`): a comparison with a limit that is not set is never true, a
missing numerator of a share is 0 where its denominator exists, and there is no share of nothing. What has no form here is
refused, so that no rule is written that means something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from fleawatch.catalog import query as q
from fleawatch.catalog.describe import duration
from fleawatch.errors import CatalogError

Limits = Mapping[str, float | None]
"""Configured values by name; None where a limit is off."""


def condition(node: q.Condition, limits: Limits) -> str | None:
    """`node` as an expression that has a series where it holds; None where it can never hold.

    Raises:
        CatalogError: a part of it has no form here.
    """
    match node:
        case q.Compare(op, left, right):
            sides = _value(left, limits), _value(right, limits)
            return None if None in sides else f"{sides[0]} {op} {sides[1]}"
        case q.Or(parts):
            found = [part for part in (condition(one, limits) for one in parts) if part is not None]
            return " or ".join(f"({part})" for part in found) if len(found) > 1 else next(iter(found), None)
    raise _unsaid(node)


def _value(node: q.Value, limits: Limits) -> str | None:
    match node:
        case q.Number(value):
            return f"{value:g}"
        case q.Threshold(limit):
            number = limits[limit]
            return None if number is None else repr(number)
        case q.Select(metric, where):
            return f"{metric}{_matchers(where)}"
        case q.Increase(of, window):
            return f"increase({_value(of, limits)}[{duration(window)}])"
        case q.Ratio(numerator, denominator, None):
            above, below = _value(numerator, limits), _value(denominator, limits)
            if above is None or below is None:
                return None
            # A sum of nothing is 0 where the whole is known, and there is no share of 0.
            return f"({above} or 0 * {below}) / ({below} != 0)"
    raise _unsaid(node)


def _matchers(where: tuple[q.Match, ...]) -> str:
    said = []
    for match in where:
        negation = "!" if match.negated else ""
        if len(match.values) == 1:
            said.append(f"{match.label}{negation}={json.dumps(match.values[0])}")
        else:
            said.append(f"{match.label}{negation or '='}~{json.dumps('|'.join(match.values))}")
    return "{" + ",".join(said) + "}" if said else ""


def _unsaid(node: object) -> CatalogError:
    return CatalogError(
        f"a condition holds a {type(node).__name__}, which is not said in PromQL yet; leave the alert out"
    )
