"""A query tree in words close to arithmetic, for pages that people read. Not a dialect: nothing parses it."""

from __future__ import annotations

from fleawatch.catalog import query as q


def duration(seconds: float) -> str:
    """Seconds in the largest unit that divides them: `300` is `5m`, `90` is `90s`, `0` is `0s`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


def describe(node: q.Value | q.Condition) -> str:
    """`node` as one line of text."""
    return _condition(node) if isinstance(node, q.Condition) else _value(node)


def _condition(node: q.Condition) -> str:  # noqa: PLR0911 - one case per node
    match node:
        case q.Compare(op, left, right):
            return f"{_value(left)} {op} {_value(right)}"
        case q.And(parts):
            return " and ".join(_nested(part) for part in parts)
        case q.Or(parts):
            return " or ".join(_nested(part) for part in parts)
        case q.Unless(of, barred):
            return f"{_nested(of)} unless {_nested(barred)}"
        case q.Absent(of, seen):
            return f"{_value(of)} is gone after it was seen within {duration(seen)}"
        case q.Event(kind, where):
            return f"event {kind}{_filters(where)}"
        case q.Firing(alert):
            return f"{alert} is firing"
        case q.Always():
            return "always"
        case _:
            raise TypeError(f"condition was a {type(node).__name__}; describe() does not know how to say it")


def _nested(node: q.Condition) -> str:
    return f"({_condition(node)})" if isinstance(node, (q.And, q.Or, q.Unless)) else _condition(node)


def _value(node: q.Value) -> str:
    text = _observed(node)
    return text if text is not None else _computed(node)


def _observed(node: q.Value) -> str | None:  # noqa: PLR0911 - one case per node
    match node:
        case q.Number(value):
            return f"{value:g}"
        case q.Threshold(limit):
            return f"`{limit}`"
        case q.Select(metric, where):
            return f"{metric}{_filters(where)}"
        case q.Rate(of, window):
            return f"rate({_value(of)}, {duration(window)})"
        case q.Increase(of, window):
            return f"increase({_value(of)}, {duration(window)})"
        case q.Delta(of, window):
            return f"delta({_value(of)}, {duration(window)})"
        case q.Quantile(share, of, window, by):
            return f"quantile {share:g} of {_value(of)} over {duration(window)}{_by(by)}"
        case q.WithinShare(of, bound, window, by):
            return f"share of {_value(of)} at most {bound:g} over {duration(window)}{_by(by)}"
        case q.OverTime(how, of, window, _):
            return f"{how} of {_value(of)} over {duration(window)}"
    return None


def _computed(node: q.Value) -> str:  # noqa: C901, PLR0911 - one case per node
    match node:
        case q.Aggregate(how, of, by):
            return f"{how}({_value(of)}){_by(by)}"
        case q.Count(of):
            return f"count of series with {_condition(of)}"
        case q.Ratio(numerator, denominator, minimum):
            least = f" with at least {_value(minimum)}" if minimum else ""
            return f"share of {_value(numerator)} in ({_value(denominator)}){least}"
        case q.Arithmetic(op, left, right):
            return f"({_value(left)} {op} {_value(right)})"
        case q.Absolute(of):
            return f"abs({_value(of)})"
        case q.Age(of):
            return f"age of {_value(of)}"
        case q.Until(of):
            return f"time until {_value(of)}"
        case q.Fill(of, _):
            return f"({_value(of)} or 0)"
        case q.LowerBound(method, of, _, confidence):
            return f"lower {confidence:.0%} bound ({method}) of {_value(of)}"
        case q.UpperBound(method, of, _, confidence):
            return f"upper {confidence:.0%} bound ({method}) of {_value(of)}"
        case _:
            raise TypeError(f"value was a {type(node).__name__}; describe() does not know how to say it")


def _filters(where: tuple[q.Match, ...]) -> str:
    if not where:
        return ""
    shown = (f"{m.label}{'!=' if m.negated else '='}{'|'.join(m.values)}" for m in where)
    return "{" + ", ".join(shown) + "}"


def _by(labels: tuple[str, ...]) -> str:
    return f" by {', '.join(labels)}" if labels else ""
