"""Conditions of the query tree, compiled. Each gives findings: per series, whether it holds, does not, or is unknown."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from fleawatch.catalog import query as q
from fleawatch.catalog.tree import walk
from fleawatch.flow.evaluate.context import Context
from fleawatch.flow.evaluate.leaves import NotHereError
from fleawatch.flow.evaluate.shapes import Compiled, Number, Scalar, Table, as_table
from fleawatch.flow.evaluate.values import Compiler
from fleawatch.flow.project import event_of, labels_of, value_of
from fleawatch.flow.verdict import Pairs


class Finding(NamedTuple):
    """What a condition says of one series: True, False, or None for unknown; with a bounded reason and the number."""

    key: Pairs
    holds: bool | None
    value: float | None
    reason: str


Asked: TypeAlias = Callable[[Context], list[Finding]]
One: TypeAlias = Callable[[Context], Finding]
Quick: TypeAlias = Callable[[Context], bool]

_COMPARE: Final[dict[str, tuple[Callable[[float, float], bool], str]]] = {
    ">": (operator.gt, "above"),
    ">=": (operator.ge, "above"),
    "<": (operator.lt, "below"),
    "<=": (operator.le, "below"),
    "==": (operator.eq, "equal"),
    "!=": (operator.ne, "differs"),
}
_NEVER: Final = [Finding((), False, None, "not_here")]
_ALWAYS: Final = [Finding((), True, None, "always")]


@dataclass(frozen=True, slots=True)
class Conditions:
    """Compiles the conditions of one scope with the values of the same scope."""

    values: Compiler

    def condition(self, node: q.Condition) -> Asked:
        """The node as a function.

        Raises:
            TypeError: the node is not known.
        """
        single = self._single(node)
        if single is None:
            return self._several(node)
        _, one = single
        return lambda context: [one(context)]

    def _several(self, node: q.Condition) -> Asked:  # noqa: PLR0911 - one case per node
        match node:
            case q.Compare(op, left, right):
                try:
                    return _compared(op, self.values.value(left), self.values.value(right))
                except NotHereError:
                    return lambda _: _NEVER
            case q.And(parts):
                return _all([self.condition(part) for part in parts])
            case q.Or(parts):
                return _any([self.condition(part) for part in parts])
            case q.Unless(of, barred):
                return _unless(self.condition(of), self.condition(barred))
            case q.Event(kind, _):
                return _happened(kind)
            case q.Firing(alert):
                return _firing(alert)
            case q.Absent():
                # An agent that the fleet watches is in its state; one that is no longer watched is not missed.
                return lambda _: _NEVER
            case q.Always():
                return lambda _: _ALWAYS
            case _:
                raise TypeError(f"condition was a {type(node).__name__}, which is not judged inside the process")

    def _single(self, node: q.Condition) -> tuple[Pairs, One] | None:
        """The labels and the finding of a node that only compares single numbers under labels that agree; None of others."""
        match node:
            case q.Compare(op, left, right):
                try:
                    ours, theirs = self.values.value(left), self.values.value(right)
                except NotHereError:
                    return None
                return _single(op, ours, theirs) if isinstance(ours, Scalar) and isinstance(theirs, Scalar) else None
            case q.And(parts) | q.Or(parts):
                every = [one for part in parts if (one := self._single(part)) is not None]
                key = every[0][0] if every else ()
                ones = [one for labels, one in every if labels == key]
                if len(ones) < len(parts):
                    return None
                return key, _single_all(ones) if isinstance(node, q.And) else _single_any(ones)
            case _:
                return None

    def quick(self, node: q.Condition) -> Quick | None:  # noqa: PLR0911 - one case per node
        """Whether the node holds, without saying more; None where that takes tables or events.

        It is only asked where the answer is nearly always no, so it makes nothing that must be thrown away.
        """
        match node:
            case q.Compare(op, left, right):
                try:
                    return _quickly(op, self.values.value(left), self.values.value(right))
                except NotHereError:
                    return lambda _: False
            case q.And(parts) | q.Or(parts):
                # What looks back over a window costs most, and comes last.
                found = [self.quick(part) for part in sorted(parts, key=_looks_back)]
                every = [one for one in found if one is not None]
                if len(every) < len(found):
                    return None
                return _each(every) if isinstance(node, q.And) else _either(every)
            case q.Unless(of, barred):
                # It only saves work, so that it may say yes where the bar is not a plain number.
                return _open(self.quick(of), self.quick(barred))
            case q.Absent():
                return lambda _: False
            case _:
                return None


def _looks_back(node: q.Condition) -> bool:
    return any(isinstance(one, q.OverTime) for one in walk(node))


def _each(parts: list[Quick]) -> Quick:
    def holds(context: Context) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the answer
            if not part(context):
                return False
        return True

    return holds


def _open(of: Quick | None, barred: Quick | None) -> Quick | None:
    if of is None or barred is None:
        return of
    return lambda context: of(context) and not barred(context)


def _either(parts: list[Quick]) -> Quick:
    def holds(context: Context) -> bool:
        for part in parts:  # noqa: SIM110 - a generator costs more than the answer
            if part(context):
                return True
        return False

    return holds


def _quickly(op: str, left: Compiled, right: Compiled) -> Quick | None:
    if not isinstance(right, Scalar):
        return None
    compare, _ = _COMPARE[op]
    if isinstance(left, Table):
        return _any_of(left, right, compare)
    ours, theirs, limit = left.read, right.read, right.limit
    if limit:

        def passed(context: Context) -> bool:
            threshold = context.limits[limit]
            if threshold is None:
                return False
            number = ours(context)
            return number is not None and compare(number, threshold)

        return passed

    def differs(context: Context) -> bool:
        number = ours(context)
        if number is None:
            return False
        threshold = theirs(context)
        return threshold is not None and compare(number, threshold)

    return differs


def _any_of(left: Table, right: Scalar, compare: Callable[[float, float], bool]) -> Quick | None:
    numbers, theirs = left.numbers, right.read
    if numbers is None:
        return None

    def passed(context: Context) -> bool:
        threshold = theirs(context)
        if threshold is None:
            return False
        for number in numbers(context):  # noqa: SIM110 - a generator costs more than the answer
            if number is not None and compare(number, threshold):
                return True
        return False

    return passed


def _single(op: str, left: Scalar, right: Scalar) -> tuple[Pairs, One]:
    compare, reason = _COMPARE[op]
    key, ours, theirs = left.key or (), left.read, right.read
    return key, lambda context: _found(key, ours(context), theirs(context), compare, reason)


def _single_all(parts: list[One]) -> One:
    first, rest = parts[0], parts[1:]

    def asked(context: Context) -> Finding:
        found = first(context)
        return found if found.holds is False else _joint(found, [part(context) for part in rest])

    return asked


def _single_any(parts: list[One]) -> One:
    first, rest = parts[0], parts[1:]

    def asked(context: Context) -> Finding:
        found = first(context)
        for part in rest:
            one = part(context)
            if _stronger(one, found):
                found = one
        return found

    return asked


def _compared(op: str, left: Compiled, right: Compiled) -> Asked:
    compare, reason = _COMPARE[op]
    rows = as_table(left)
    if isinstance(right, Scalar):
        bound = right.read

        def against_one(context: Context) -> list[Finding]:
            threshold = bound(context)
            return [_found(key, number, threshold, compare, reason) for key, number in rows(context).items()]

        return against_one
    others = as_table(right)

    def against_many(context: Context) -> list[Finding]:
        thresholds = others(context)
        return [_found(key, number, thresholds.get(key), compare, reason) for key, number in rows(context).items()]

    return against_many


def _found(
    key: Pairs, number: Number, threshold: Number, compare: Callable[[float, float], bool], reason: str
) -> Finding:
    if number is None:
        return Finding(key, None, None, "no_data")
    if threshold is None:
        return Finding(key, False, number, "limit_off")
    return Finding(key, True, number, reason) if compare(number, threshold) else Finding(key, False, number, "within")


def _all(parts: list[Asked]) -> Asked:
    first, rest = parts[0], parts[1:]

    def asked(context: Context) -> list[Finding]:
        found = first(context)
        if not found or (len(found) == 1 and found[0].holds is False):
            return found
        others = [part(context) for part in rest]
        return [_joint(one, [_partner(one.key, other) for other in others]) for one in found]

    return asked


def _unless(of: Asked, barred: Asked) -> Asked:
    def asked(context: Context) -> list[Finding]:
        found = of(context)
        if all(one.holds is False for one in found):
            return found
        bars = [one for one in barred(context) if one.holds]
        return [_barred(one, _partner(one.key, bars)) for one in found]

    return asked


def _barred(one: Finding, bar: Finding | None) -> Finding:
    return one if bar is None or one.holds is False else Finding(one.key, False, one.value, "barred")


def _joint(one: Finding, partners: Iterable[Finding | None]) -> Finding:
    unknown = one.holds is None
    for partner in partners:
        if one.holds is False:
            break
        if partner is None or partner.holds is False:
            return Finding(one.key, False, one.value, "absent" if partner is None else partner.reason)
        unknown = unknown or partner.holds is None
    return Finding(one.key, None, one.value, "no_data") if unknown and one.holds is not False else one


def _partner(key: Pairs, others: list[Finding]) -> Finding | None:
    """The finding that agrees with `key` on the labels both have; the one that holds, if several do."""
    if len(others) == 1 and not others[0].key:
        return others[0]
    found: Finding | None = None
    for other in others:
        if _agree(key, other.key) and (found is None or other.holds):
            found = other
    return found


def _agree(one: Pairs, other: Pairs) -> bool:
    mine = dict(one)
    return all(mine.get(name, value) == value for name, value in other)


def _any(parts: list[Asked]) -> Asked:
    def asked(context: Context) -> list[Finding]:
        found: dict[Pairs, Finding] = {}
        for part in parts:
            for one in part(context):
                before = found.get(one.key)
                if before is None or _stronger(one, before):
                    found[one.key] = one
        return list(found.values())

    return asked


def _stronger(one: Finding, other: Finding) -> bool:
    if other.holds:
        return False
    return bool(one.holds) or (one.holds is None and other.holds is False)


def _happened(kind: str) -> Asked:
    def asked(context: Context) -> list[Finding]:
        agent_id = context.agent.agent_id if context.agent is not None else ""
        return [
            Finding(labels_of(kind, happened), True, value_of(happened), "event")
            for happened in context.fleet.happened
            if happened.agent_id == agent_id and event_of(context.fleet, happened) == kind
        ]

    return asked


def _firing(alert: str) -> Asked:
    def asked(context: Context) -> list[Finding]:
        agent_id = context.agent.agent_id if context.agent is not None else ""
        standing = context.fleet.alerts.get(agent_id, {}).get(alert, {})
        fires = any(instance.fired_at is not None for instance in standing.values())
        return [Finding((), fires, None, "firing" if fires else "not_firing")]

    return asked
