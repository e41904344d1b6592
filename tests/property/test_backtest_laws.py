"""Laws of the backtest: recorded rules give what live gave, and the baseline knows no order but that of time."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import LeaseGranted, LimitsOf, RulesDeclared, decode, encode
from fleawatch.flow.backtest.baseline import baseline_firings
from fleawatch.flow.backtest.replay import Backtest, backtest
from fleawatch.flow.backtest.results import Label
from fleawatch.flow.backtest.score import scored
from fleawatch.flow.outputs import AlertChange, Conclusion, Delivery
from fleawatch.flow.rules import RulesInForce
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import step
from fleawatch.testing.fleet import ORIGIN, example_facts

NAMES = ("alder", "briar", "cedar", "dahlia")


def declared(number, at, limits, off=()):
    """A declaration of rules."""
    return RulesDeclared(
        fact_id=f"config:rules_declared:{number}", agent_id="", at=at, seen_at=at, source="config",
        alerts=tuple(name for name in CATALOG.alerts if name not in off), limits=(LimitsOf(scope="fleet", limits=limits),),
    )  # fmt: skip


@cache
def world():
    """Four agents over two hours, a reading every minute; two of them have a gate."""
    facts = example_facts(4, 2.0, seed=5, step_s=60.0)
    leases = [
        LeaseGranted(
            fact_id=f"lease:{name}", agent_id=name, at=ORIGIN, seen_at=ORIGIN, source="service", epoch=0,
            expires_at=ORIGIN + 30, state="active",
        )
        for name in NAMES[:2]
    ]  # fmt: skip
    return [*facts[:40], *leases, *facts[40:]]


def live(facts, cut):
    """What a service does: fold, record what is concluded behind its cause, restart once at `cut`."""
    state, rules = empty_fleet(), RulesInForce()
    recorded, outputs = [], []
    for number, event in enumerate(facts):
        if number == cut:
            state = thaw(freeze(state))
        state, new = step(state, event, rules.policy(state))
        recorded += [event, *(one.fact for one in new if isinstance(one, Conclusion))]
        outputs += new
    return recorded, outputs


limits = st.fixed_dictionaries(
    {},
    optional={
        "drawdown_warning": st.sampled_from([0.02, 0.05]),
        "daily_loss_ratio": st.sampled_from([0.03, 0.08]),
        "drawdown_halt": st.sampled_from([0.06, 0.2]),
    },
)


@settings(max_examples=5)
@given(limits, limits, st.integers(0, 3_000), st.integers(0, 3_000))
def test_recorded_rules_give_what_live_gave(first, second, changed, cut):
    """Same alerts, same pages, same times, whatever the rules, when they changed and when the service restarted."""
    facts = list(world())
    changed = min(changed, len(facts) - 1)
    facts.insert(changed, declared(2, facts[changed].seen_at, second, off=("PFDrawdownFast",)))
    facts.insert(0, declared(1, ORIGIN, first))
    recorded, outputs = live(facts, cut)
    run, replayed = Backtest(), []
    for event in recorded:
        replayed += run.take(decode(encode(event)))
    wanted = [one for one in outputs if isinstance(one, AlertChange | Delivery)]
    assert [one for one in replayed if isinstance(one, AlertChange | Delivery)] == wanted
    result = run.result()
    fired = [
        (one.alert, one.agent_id, one.at) for one in wanted if isinstance(one, AlertChange) and one.change == "fired"
    ]
    assert [(one.alert, one.agent_id, one.fired_at) for one in result.episodes] == fired
    paged = {(one.group, one.at) for one in wanted if isinstance(one, Delivery) and one.kind == "alert"}
    assert {(page.page_id, page.at) for page in result.pages} <= paged


def test_the_same_rules_as_recorded_fire_alike_where_nobody_could_be_stopped():
    """Replacing the rules by themselves changes no alert of a fleet that is only watched."""
    facts = [declared(1, ORIGIN, {}), *example_facts(4, 2.0, seed=5, step_s=60.0)]
    one, other = backtest(facts), backtest(facts, other=lambda _: declared(9, 0.0, {}))
    assert one.episodes == other.episodes
    assert one.pages == other.pages
    assert one.halts == other.halts
    assert one.halts


@cache
def firings():
    """What the guides' rules do on the world."""
    return baseline_firings(world())


@settings(max_examples=6)
@given(st.permutations(["", *NAMES]))
def test_the_baseline_knows_no_order_but_time(order):
    """Whoever's facts come first, the same rules fire at the same times."""
    facts = sorted(world(), key=lambda event: order.index(event.agent_id))
    assert baseline_firings(facts) == firings()


@settings(max_examples=15)
@given(st.sampled_from(NAMES), st.floats(0, 7_200))
def test_a_death_silences_what_the_process_exported(name, after):
    """From the death on, no rule over what that process exports fires; everything before it stays as it was."""
    dead = ORIGIN + after
    spoken = [one for one in world() if one.agent_id != name or one.source == "monitor" or one.at <= dead]
    found = baseline_firings(spoken, dead={name: dead})
    own = {"prometheus", "datadog"}
    late = [one for one in found if one.agent_id == name and one.guide == "prometheus" and one.at > dead + 15]
    assert not late
    before = [one for one in found if one.at <= dead and one.guide in own]
    assert before == [one for one in firings() if one.at <= dead and one.guide in own]


@given(
    st.lists(
        st.builds(
            Label, name=st.just("x"), alert=st.sampled_from(sorted(CATALOG.alerts)), onset=st.floats(0, 1e6),
            bound_s=st.floats(1, 1e6), agent_id=st.sampled_from(["", *NAMES]),
        ),
        max_size=5,
    )
)  # fmt: skip
def test_scores_are_shares(labels):
    """Recall and precision lie in 0..1 or are missing, and false pages are among the pages."""
    result = _result()
    score = scored(result, [_shifted(one) for one in labels])
    assert (score.recall is None) == (not labels)
    assert 0 <= (score.recall or 0) <= 1
    assert score.precision == pytest.approx((score.pages - score.false_pages) / score.pages)
    assert score.false_pages <= score.pages


@cache
def _result():
    return backtest([declared(1, ORIGIN, {}), *world()])


def _shifted(label):
    return Label(
        name=label.name, alert=label.alert, onset=ORIGIN - 10 + label.onset % 8_000, bound_s=label.bound_s,
        agent_id=label.agent_id,
    )  # fmt: skip
