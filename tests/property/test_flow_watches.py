"""What is remembered of the past is the same whether windows are looked after together or one by one."""

from statistics import median
from types import SimpleNamespace

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.catalog import orders
from fleawatch.catalog import query as q
from fleawatch.flow.evaluate.values import Compiler
from fleawatch.flow.evaluate.watches import growing, spreading
from fleawatch.flow.samples.view import Memory
from fleawatch.flow.tracks import Samples, Tracks

WINDOWS = {"minute": 1.0, "hour": 60.0, "day": 1_440.0}
"""Step by name."""

observations = st.lists(st.tuples(st.integers(0, 4), st.floats(0, 100_000)), max_size=30)


def look(tracks, memory):
    """A look at an agent of which only this is known."""
    return SimpleNamespace(tracks=tracks, memory=memory)


@given(observations, st.integers(0, 30))
def test_a_histogram_is_followed_alike_together_and_alone(seen, restart):
    """One look serves all windows, also when they came back from a snapshot in between."""
    together, alone = Tracks(), Tracks()
    counts = [0] * 5
    followers = [spreading({name: step}, lambda _: list(counts)) for name, step in WINDOWS.items()]
    follow = spreading(WINDOWS, lambda _: list(counts))
    for number, (bucket, at) in enumerate(seen):
        counts[bucket] += 1
        if number == restart:
            together = msgspec.json.decode(msgspec.json.encode(together), type=Tracks)
        follow(look(together, Memory()), at)
        for one in followers:
            one(look(alone, Memory()), at)
    assert together == alone
    for name in WINDOWS if seen else ():
        assert [sum(column) for column in zip(*together.spreads[name].steps.values(), strict=True)] == counts


@given(observations, st.integers(0, 30))
def test_a_counter_that_was_looked_at_is_left_alone_and_nothing_is_missed(seen, restart):
    """Remembering what a counter showed changes no growth, whoever forgets it."""
    remembered, anew = Tracks(), Tracks()
    counters: dict[tuple[tuple[str, str], ...], float] = {}
    follow = growing("of", WINDOWS, lambda _: dict(counters))
    memory = Memory()
    for number, (label, at) in enumerate(seen):
        if label:
            key = (("label", str(label)),)
            counters[key] = counters.get(key, 0.0) + label
        if number == restart:
            remembered = msgspec.json.decode(msgspec.json.encode(remembered), type=Tracks)
        follow(look(remembered, memory), at)
        follow(look(anew, Memory()), at)
    assert remembered == anew


@given(st.dictionaries(st.integers(100, 159), st.floats(-5, 50), max_size=60))
def test_the_middle_of_an_hour_counts_the_minutes_in_which_nothing_was_looked_at(steps):
    """A minute without a look had none, and the median is that of all sixty."""
    samples = Samples(steps={number: value + 0.0 for number, value in steps.items()})
    usual = Compiler(fleet=False).value(q.OverTime("median", q.Select(orders.BUSIEST_MINUTE.name), 3_600.0, 60.0))
    context = SimpleNamespace(now=159 * 60.0, tracks=SimpleNamespace(samples=SimpleNamespace(get=lambda _: samples)))
    found = usual.read(context)
    if steps:
        assert found == median([*samples.steps.values(), *[0.0] * (60 - len(steps))])
    else:
        assert found is None
