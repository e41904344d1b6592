"""The state of every accumulator: it survives a snapshot, and it is small."""

import gc
import random
import sys

import msgspec
import pytest

from fleawatch.risk.attribution import Attributed, Attribution
from fleawatch.risk.conservation import Conservation
from fleawatch.risk.grid import ReturnGrid
from fleawatch.risk.moments import Moments
from fleawatch.risk.nav import Nav
from fleawatch.risk.performance import Performance
from fleawatch.risk.pnl import DailyLoss, PnlWindows
from fleawatch.risk.sketch import QuantileSketch
from fleawatch.risk.trades import TradeStatistics
from fleawatch.risk.windows import DrawdownWindow
from fleawatch.units import DAY, HOUR, WINDOWS

START = 1_700_006_400.0


def attributed(source, at):
    net = source.gauss(0.0, 5.0)
    return Attributed(
        at=at,
        strategy=f"strategy-{source.randrange(4)}",
        market=f"market-{source.randrange(12)}",
        asset=f"asset-{source.randrange(8)}",
        net=net,
        gross=net + 0.25,
        fees=0.25,
        slippage=source.gauss(0.0, 0.1),
    )


def step_nav(nav, source, at):
    if source.random() < 0.2:
        nav.flow(source.choice([0.0, 50.0]), source.choice([-50.0, 20.0]))
    else:
        nav.mark(source.choice([0.0, 40.0, 60.0]), partial=source.random() < 0.2)


def step_conservation(book, source, at):
    book.row(1.25, (book.last or 0.0) + source.choice([1.25, 1.26]))
    if source.random() < 0.3:
        book.balance(source.choice([book.last, 7.0]))
    if source.random() < 0.3:
        book.settle()


def step_performance(performance, source, at):
    equity = source.choice([0.0, 90.0, 100.0, 110.0]) if source.random() < 0.05 else 100.0 + source.gauss(0.0, 3.0)
    performance.mark(at, equity, partial=source.random() < 0.1)
    if source.random() < 0.1:
        performance.flow(at, equity, source.choice([-50.0, 25.0]))
    performance.trade(at, source.choice([-1.0, 0.0, 1.5]))
    performance.pnl(at, source.gauss(0.0, 100.0))


NUMBERS = {
    "nav": (Nav, step_nav),
    "drawdown": (lambda: DrawdownWindow(6 * HOUR), lambda w, s, at: w.update(at, s.choice([0.0, 0.5, 1.0, 2.0]), True)),
    "grid": (ReturnGrid, lambda grid, s, at: grid.update(at, s.choice([0.0, 0.9, 1.0, 1.1]))),
    "moments": (Moments, lambda moments, s, _: moments.add(s.random())),
    "trades": (TradeStatistics, lambda trades, s, at: trades.add(at, s.choice([-1.0, 0.0, 2.0]))),
    "pnl": (PnlWindows, lambda changes, s, at: changes.update(at, s.random())),
    "daily": (DailyLoss, lambda daily, s, at: (daily.update(at, s.random()), daily.mark(at, s.random()))),
    "sketch": (lambda: QuantileSketch(limit=40), lambda sketch, s, _: sketch.add(s.gauss(0.0, 10.0))),
    "attribution": (lambda: Attribution(limit=8), lambda a, s, at: a.add(attributed(s, at))),
    "conservation": (Conservation, step_conservation),
    "performance": (Performance, step_performance),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_snapshot_continues_as_if_it_had_never_stopped(name):
    """At any point, encode, decode and go on: the state is equal to that of never having stopped, to the bit."""
    make, step = NUMBERS[name]
    whole, stopped = make(), make()
    one, other = random.Random(name), random.Random(name)
    for number in range(400):
        at = START + number * 1000.0
        step(whole, one, at)
        if number % 7 == 0:
            stopped = msgspec.msgpack.decode(msgspec.msgpack.encode(stopped), type=type(stopped))
        step(stopped, other, at)
    assert msgspec.msgpack.encode(stopped) == msgspec.msgpack.encode(whole)
    if isinstance(whole, Performance):
        for window in WINDOWS:
            assert stopped.summary(window) == whole.summary(window)


def deep_size(root):
    """Bytes of everything reachable from `root`, each object once, classes and shared constants left out."""
    seen, stack, total = set(), [root], 0
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, type):
            continue
        seen.add(id(item))
        total += sys.getsizeof(item)
        if isinstance(item, msgspec.Struct):
            stack.extend(getattr(item, name) for name in item.__struct_fields__)
            stack.append(getattr(item, "__dict__", None))
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list | tuple):
            stack.extend(item)
    return total


def test_a_week_of_one_agent_fits():
    """All accumulators of a busy agent after a week of marks every 15 s, summaries kept: at most 60 KiB."""
    source = random.Random(12)
    performance, attribution, slippage = Performance(), Attribution(), QuantileSketch()
    books = [Conservation(opening=0.0) for _ in range(4)]
    equity, total = 1000.0, 0.0
    for number in range(7 * 24 * 240):
        at = START + number * 15.0
        equity *= 1.0 + source.gauss(0.0, 1e-3)
        performance.mark(at, equity)
        if number % 20 == 0:
            net = source.gauss(0.0, 5.0)
            total += net
            performance.trade(at, net)
            performance.pnl(at, total)
            attribution.add(attributed(source, at))
            slippage.add(source.gauss(0.0, 10.0))
    for window in WINDOWS:
        performance.summary(window)
    gc.collect()
    live = deep_size([performance, attribution, slippage, *books])
    assert live <= 60 * 1024
    restored = msgspec.msgpack.decode(msgspec.msgpack.encode(performance), type=Performance)
    assert deep_size(restored) <= deep_size(performance)
    assert performance.at > START + 7 * DAY - 20.0
