"""A neutral query tree: what an alert or a recording asks, before any dialect.

The tree names metrics, limits, alerts and log events by name only, so it is plain data: it can be checked, compared,
exported, and turned into PromQL, Datadog queries, SQL or a decision inside the process, and all of them must agree.

    values       Select  Rate Increase Delta  Quantile WithinShare  Aggregate Count OverTime  Ratio Arithmetic Absolute
                 Age Until  Fill  LowerBound UpperBound  Number Threshold
    conditions   Compare And Or Unless Absent Event Firing Always

Reading rules, the same for every dialect: a value is a set of labelled numbers; a missing series is missing, never 0,
unless a node says that it fills; a comparison with a limit that is not set is never true; a comparison with nothing on
one side is Unknown. Time spans are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Comparison = Literal[">", ">=", "<", "<=", "==", "!="]
"""How a value stands to its threshold."""

Fold = Literal["sum", "max", "min", "avg"]
"""How series, or the samples of one series, become one number."""


class Named(Protocol):
    """Anything declared under a name; a limit is used in a comparison this way."""

    @property
    def name(self) -> str:
        """The name it is declared under."""
        ...


@dataclass(frozen=True, slots=True)
class Match:
    """A filter on one label: its value is one of `values`, or none of them when `negated`."""

    label: str
    values: tuple[str, ...]
    negated: bool = False


class Value:
    """A set of labelled numbers. Comparison operators build conditions, arithmetic builds values."""

    __slots__ = ()

    def __gt__(self, other: Operand) -> Compare:
        return Compare(">", self, operand(other))

    def __ge__(self, other: Operand) -> Compare:
        return Compare(">=", self, operand(other))

    def __lt__(self, other: Operand) -> Compare:
        return Compare("<", self, operand(other))

    def __le__(self, other: Operand) -> Compare:
        return Compare("<=", self, operand(other))

    def equals(self, other: Operand) -> Compare:
        """True where this equals `other`; a method, because `==` compares declarations."""
        return Compare("==", self, operand(other))

    def __add__(self, other: Operand) -> Arithmetic:
        return Arithmetic("+", self, operand(other))

    def __sub__(self, other: Operand) -> Arithmetic:
        return Arithmetic("-", self, operand(other))

    def __mul__(self, other: Operand) -> Arithmetic:
        return Arithmetic("*", self, operand(other))

    def __abs__(self) -> Absolute:
        return Absolute(self)

    def sum(self, *by: str) -> Aggregate:
        """One number per combination of the labels `by`, added up; without labels one for the fleet."""
        return Aggregate("sum", self, by)

    def max(self, *by: str) -> Aggregate:
        """The largest per combination of the labels `by`."""
        return Aggregate("max", self, by)

    def min(self, *by: str) -> Aggregate:
        """The smallest per combination of the labels `by`."""
        return Aggregate("min", self, by)

    def average(self, *by: str) -> Aggregate:
        """The plain mean per combination of the labels `by`."""
        return Aggregate("avg", self, by)

    def filled(self, like: Value) -> Fill:
        """This, and 0 for each series of `like` that this lacks."""
        return Fill(self, like)

    def over(self, denominator: Value, *, minimum: Named | None = None) -> Ratio:
        """This divided by `denominator`, see `Ratio`."""
        return Ratio(self, denominator, Threshold(minimum.name) if minimum else None)


class Condition:
    """Something that holds, does not hold, or is Unknown, per series. `&` and `|` combine."""

    __slots__ = ()

    def __and__(self, other: Condition) -> And:
        left = self.parts if isinstance(self, And) else (self,)
        return And((*left, other))

    def __or__(self, other: Condition) -> Or:
        left = self.parts if isinstance(self, Or) else (self,)
        return Or((*left, other))

    def unless(self, barred: Condition) -> Unless:
        """This, except where `barred` is known to hold."""
        return Unless(self, barred)


Operand: TypeAlias = "Value | Named | float"
"""What may stand beside a value: another value, a declared limit, or a plain number."""


def operand(other: Operand) -> Value:
    """`other` as a node: a number becomes `Number`, a limit becomes `Threshold`."""
    if isinstance(other, Value):
        return other
    if isinstance(other, (int, float)):
        return Number(float(other))
    return Threshold(other.name)


@dataclass(frozen=True, slots=True)
class Number(Value):
    """A constant of the question itself, such as 0 or 1. Anything an operator may want to tune is a `Threshold`."""

    value: float


@dataclass(frozen=True, slots=True)
class Threshold(Value):
    """The configured value of a declared limit."""

    limit: str


@dataclass(frozen=True, slots=True)
class Select(Value):
    """The current series of a metric that pass every filter of `where`."""

    metric: str
    where: tuple[Match, ...] = ()

    def excluding(self, **labels: str | tuple[str, ...]) -> Select:
        """The same without the series whose label has one of these values."""
        return Select(self.metric, (*self.where, *matches(labels, negated=True)))

    def rate(self, window_s: float) -> Rate:
        """Growth per second of a counter over `window_s`."""
        return Rate(self, window_s)

    def increase(self, window_s: float) -> Increase:
        """Growth of a counter over `window_s`."""
        return Increase(self, window_s)

    def delta(self, window_s: float) -> Delta:
        """Change of a gauge over `window_s`, signed."""
        return Delta(self, window_s)


@dataclass(frozen=True, slots=True)
class Rate(Value):
    """Growth per second of a counter over `window_s`; a restart of the counter is not a fall."""

    of: Select
    window_s: float


@dataclass(frozen=True, slots=True)
class Increase(Value):
    """Growth of a counter over `window_s`; for a histogram, the growth of its number of observations."""

    of: Select
    window_s: float


@dataclass(frozen=True, slots=True)
class Delta(Value):
    """A gauge now minus the same gauge `window_s` ago, signed."""

    of: Select
    window_s: float


@dataclass(frozen=True, slots=True)
class Quantile(Value):
    """The quantile `q` (0..1) of a histogram's observations of the last `window_s`, per combination of `by`."""

    q: float
    of: Select
    window_s: float
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WithinShare(Value):
    """The share (0..1) of a histogram's observations of the last `window_s` at or below `bound`, which is a bucket."""

    of: Select
    bound: float
    window_s: float
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Aggregate(Value):
    """Many series folded into one per combination of `by`; nothing folds into nothing."""

    how: Fold
    of: Value
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Count(Value):
    """How many series satisfy a comparison; 0 when none does or none exists."""

    of: Compare


@dataclass(frozen=True, slots=True)
class OverTime(Value):
    """The samples of the last `window_s`, read every `step_s`, as one number per series (`median` is the middle)."""

    how: Literal["max", "min", "avg", "median"]
    of: Value
    window_s: float
    step_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Ratio(Value):
    """A share: numerator over denominator.

    A missing numerator counts as 0 where the denominator exists. There is no ratio where the denominator is 0 or
    missing, nor where it is below `minimum`.
    """

    numerator: Value
    denominator: Value
    minimum: Threshold | None = None


@dataclass(frozen=True, slots=True)
class Arithmetic(Value):
    """Two values combined where both exist with the same labels; a constant combines with every series."""

    op: Literal["+", "-", "*"]
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class Absolute(Value):
    """The distance from 0."""

    of: Value


@dataclass(frozen=True, slots=True)
class Age(Value):
    """Seconds from a timestamp metric until now; negative while the timestamp lies ahead."""

    of: Value


@dataclass(frozen=True, slots=True)
class Until(Value):
    """Seconds from now until a timestamp metric; negative once it has passed."""

    of: Value


@dataclass(frozen=True, slots=True)
class Fill(Value):
    """`of`, and 0 for each series of `like` that `of` lacks; a `Number` is one series without labels."""

    of: Value
    like: Value


@dataclass(frozen=True, slots=True)
class LowerBound(Value):
    """The smallest true value that the sample still supports; see `UpperBound`."""

    method: Literal["lo", "wilson"]
    of: Value
    count: Value
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class UpperBound(Value):
    """The largest true value that the sample still supports: the upper end of the interval at `confidence`.

    `lo`: an annualised Sharpe ratio from `count` hourly returns (Lo 2002). `wilson`: a share of `count` trials
    (Wilson 1927). There is no bound below two returns, or without a trial.
    """

    method: Literal["lo", "wilson"]
    of: Value
    count: Value
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """Holds for each series of `left` that stands to `right` as `op` says."""

    op: Comparison
    left: Value
    right: Value


@dataclass(frozen=True, slots=True)
class And(Condition):
    """Holds where all parts hold, joined on the labels they share; the first part names the series."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or(Condition):
    """Holds where any part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Unless(Condition):
    """Holds where `of` holds, except where `barred` holds, joined on the labels they share.

    What is missing or unknown bars nothing: silence about a gate does not shut it.
    """

    of: Condition
    barred: Condition


@dataclass(frozen=True, slots=True)
class Absent(Condition):
    """Holds for a series that existed within the last `seen_within_s` and does not exist now."""

    of: Select
    seen_within_s: float


@dataclass(frozen=True, slots=True)
class Event(Condition):
    """Holds at the moment a log event of this name, with these fields, happens."""

    kind: str
    where: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Firing(Condition):
    """Holds while another alert is firing for the same agent."""

    alert: str


@dataclass(frozen=True, slots=True)
class Always(Condition):
    """Always holds: a heartbeat that proves that evaluation and delivery work."""


def matches(labels: dict[str, str | tuple[str, ...]], *, negated: bool = False) -> tuple[Match, ...]:
    """Filters from keyword arguments, sorted by label; a single text is one value."""
    return tuple(
        Match(label, (values,) if isinstance(values, str) else tuple(values), negated)
        for label, values in sorted(labels.items())
    )


def event(kind: str, **fields: str | tuple[str, ...]) -> Event:
    """The condition that a log event happened."""
    return Event(kind, matches(fields))
