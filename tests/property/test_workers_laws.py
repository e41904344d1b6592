"""Metrics of several processes: however work is dealt out and whoever ends, what was done is counted once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleawatch.catalog.fleet import CATALOG
from fleawatch.flow.samples import readers_of, samples
from fleawatch.flow.tally import Distribution
from fleawatch.sinks.merging import Ended, Sheet, ended, merged, shown, stays
from fleawatch.testing.telemetry_contract import AT, a_bet, an_order, declared, folded

WORKERS = 3
READERS = readers_of(CATALOG, "agent", "monitor")
LATER = AT + 1_000
STEPS = st.lists(
    st.tuples(st.integers(0, WORKERS - 1), st.sampled_from(["order", "rejected", "bet", "ends"])), max_size=30
)


def fact(number, kind):
    """The n-th thing that was done."""
    if kind == "bet":
        return a_bet(number, payout="2" if number % 2 else "0")
    if kind == "rejected":
        return an_order(number, status="rejected", reason="risk")
    return an_order(number, latency_s=number / 8)


def sheet_of(state, began, acted_at):
    return Sheet("a-1", acted_at > 0, {}, shown(samples(READERS, state, LATER)), LATER, began, acted_at)


def lasting(found):
    """What outlives a process, in a form that compares: sums to the cent, counts as they are."""
    return {
        (name, labels): (tuple(value.counts), round(value.total, 6)) if isinstance(value, Distribution) else round(value, 6)
        for name, series in found.items()
        for labels, value in series.items()
        if stays(CATALOG.metrics[name], labels)
    }  # fmt: skip


def done(found):
    """What is not nothing. That there is such an agent, each process says once for itself."""
    declared_by_each = ("pf_facts_total", ("agent_declared",))
    return {
        key: value
        for key, value in lasting(found).items()
        if value and key != declared_by_each and not (isinstance(value, tuple) and not any(value[0]))
    }


def rounds(steps):
    """The state of one process that did it all, what the living say, and what is left of the ended."""
    whole, gone = declared(), Ended()
    workers = {}
    for number, (place, kind) in enumerate(steps, 1):
        if kind == "ends":
            if place in workers:
                gone = ended(gone, [], [sheet_of(*workers.pop(place))])
            continue
        one = fact(number, kind)
        state, began, _ = workers.get(place, (declared(), AT + number, 0.0))
        workers[place] = (folded(state, one), began, AT + number)
        whole = folded(whole, one)
    return whole, [sheet_of(*worker) for worker in workers.values()], gone


@given(STEPS)
def test_sums_are_those_of_one_process_that_did_it_all(steps):
    """Counters, buckets and booked P&L, whoever did what and ended when."""
    whole, living, gone = rounds(steps)
    alone = merged([sheet_of(whole, AT, 0.0)], Ended(), LATER)
    assert done(merged(living, gone, LATER)) == done(alone)


@given(STEPS)
def test_who_ends_changes_no_sum(steps):
    """A sheet counts the same while its process lives and afterwards, and in whichever order they end."""
    _, living, gone = rounds(steps)
    before = lasting(merged(living, gone, LATER))
    for order in (living, living[::-1]):
        rest, buried = list(order), gone
        while rest:
            buried = ended(buried, [], [rest.pop()])
            assert lasting(merged(rest, buried, LATER)) == before
