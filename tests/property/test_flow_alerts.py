"""Laws of judgement: replay, restart, the index of rules, and faults."""

from __future__ import annotations

from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import SourceUnavailable, Tick
from fleawatch.flow.evaluate.judge import _context, _judged
from fleawatch.flow.evaluate.program import compiled
from fleawatch.flow.outputs import AlertChange
from fleawatch.flow.policy import Policy
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import step
from fleawatch.flow.tracks import Track
from fleawatch.testing.fleet import example_facts

EVERY = Policy(alerts=tuple(CATALOG.alerts.values()))
TIMED = {
    "pf_escrow_next_expiry_timestamp_seconds",
    "pf_gate_lease_expiry_timestamp_seconds",
    "pf_market_data_age_seconds",
}
ABOUT_WATCHING = {
    "PFRiskUnknown",
    "PFCollectorStale",
    "PFKeyRejected",
    "PFAgentDown",
    "PFWatchdog",
    "PFAgentHeartbeatStale",
}


@cache
def facts():
    """Six agents over three hours, a reading every minute."""
    return tuple(example_facts(6, 3.0, seed=11, step_s=60.0))


def run(events, state=None):
    """The state after the facts, and what alerts did."""
    state = state or empty_fleet()
    changes = []
    for event in events:
        state, outputs = step(state, event, EVERY)
        changes += [one for one in outputs if isinstance(one, AlertChange)]
    return state, changes


@cache
def whole():
    """What alerts do when nothing is interrupted."""
    return run(facts())[1]


@cache
def frozen_end():
    """The state when nothing is interrupted, as a snapshot has it."""
    return freeze(run(facts())[0])


def test_the_example_fleet_gives_alerts_to_look_at():
    """The laws below would hold for silence as well."""
    assert len({one.alert for one in whole()}) >= 4


@settings(max_examples=12)
@given(st.integers(0, 10**9))
def test_a_restart_at_any_fact_changes_nothing(place):
    """The state written and read back goes on to the same changes, with the same keys and times."""
    cut = place % len(facts())
    state, before = run(facts()[:cut])
    end, after = run(facts()[cut:], thaw(freeze(state)))
    assert before + after == whole()
    assert freeze(end) == frozen_end()


def test_no_change_is_told_twice():
    """Every change has a key of its own."""
    keys = [one.key for one in whole()]
    assert len(set(keys)) == len(keys)


def test_a_fact_asks_every_rule_that_it_can_breach():
    """Rules that fire at once are never left to the next Tick, but for those that only time changes."""
    program = compiled(EVERY)
    at_once = [rule for rule in program.agent_rules if not rule.alert.hold_s and rule.alert.samples == 1]
    at_once = [rule for rule in at_once if rule.metrics.isdisjoint(TIMED) and not rule.on_event]
    state = empty_fleet()
    for event in facts():
        state, _ = step(state, event, EVERY)
        agent = state.agents.get(event.agent_id)
        if agent is None or isinstance(event, Tick):
            continue
        context = _context(state, agent, max(state.at, event.seen_at), program)
        for verdict in _judged(at_once, context, {}):
            held = state.alerts.get(agent.agent_id, {}).get(verdict.alert, {})
            assert any(one.labels == verdict.labels for one in held.values()), (event, verdict)


def test_failed_readings_alone_make_no_number_worse():
    """When every source fails from some moment on, only alerts about the watching itself begin to fire."""
    sound = [event for event in facts() if not isinstance(event, SourceUnavailable)]
    half = len(sound) // 2
    state, _ = run(sound[:half])
    at = max(event.seen_at for event in sound[:half])
    later = []
    for minute in range(1, 90):
        now = at + 60.0 * minute
        for agent_id, agent in state.agents.items():
            later += [
                SourceUnavailable(
                    fact_id=f"down:{collector}:{agent_id}:{minute}", agent_id=agent_id, at=now, seen_at=now,
                    source=collector, collector=collector, reason="timeout", duration_s=5.0,
                )
                for collector in agent.profile.collectors
            ]  # fmt: skip
        later.append(Tick(fact_id=f"tick:{now}", agent_id="", at=now, seen_at=now, source="monitor"))
    pending = {(agent, name) for agent, alerts in state.alerts.items() for name in alerts}
    _, changes = run(later, state)
    fired = {(one.agent_id, one.alert) for one in changes if one.change == "fired"} - pending
    assert {name for _, name in fired} <= ABOUT_WATCHING | {"PFEscrowExpiringSoon", "PFEscrowExpired"}


@given(
    st.lists(st.tuples(st.floats(0, 7_200), st.integers(1, 9)), max_size=60),
    st.sampled_from([60.0, 300.0, 3_600.0]),
)
def test_growth_is_what_was_booked_within_the_window(booked, window):
    """Whatever the order of arrival, growth is that of the last sixty steps of the window."""
    step_s = window / 60
    track, total = Track(), 0
    for at, amount in booked:
        total += amount
        track.book(float(total), at, step_s)
    now = 7_200.0
    newest = int(now // step_s)
    expected = sum(amount for at, amount in booked if int(at // step_s) > newest - 60)
    assert track.growth(now, step_s) == expected
