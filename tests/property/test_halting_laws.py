"""Laws of halting, over any order in which people, gates, platforms and time speak.

The truth of each case is kept beside the belt: what was ordered, what was resumed, which orders the platform has seen.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.events import (
    AgentDeclared,
    GateChanged,
    HaltAcknowledged,
    HaltConfirmed,
    HaltDelivered,
    HaltOrdered,
    LeaseGranted,
    Resumed,
    SourceRead,
    Tick,
)
from fleawatch.flow.halting.evidence import witnesses
from fleawatch.flow.outputs import Conclusion, HaltCommand
from fleawatch.flow.policy import Policy
from fleawatch.flow.snapshot import freeze, thaw
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import step
from fleawatch.testing.halted import HaltBelt

SEVERITY = {"active": 0, "reducing": 1, "halted": 2}
EVERYONE = frozenset({"a-1", "b-1"})
MODES = ("reduce", "halt", "freeze_payments", "flatten")

acts = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0, 15.0, 40.0, 130.0, 400.0])),
    st.tuples(st.just("halt"), st.sampled_from(["a-1", "b-1", ""]), st.sampled_from(MODES)),
    st.tuples(st.just("resume"), st.sampled_from(["a-1", "b-1"]), st.sampled_from(["held", "older", "nonsense"])),
    st.tuples(st.just("gate"), st.sampled_from(["a-1", "b-1"]), st.sampled_from(["active", "reducing", "halted"]),
              st.sampled_from(["ordered", "drawdown_halt", "lease_lost", "ok"])),
    st.tuples(st.just("acknowledge"), st.sampled_from(["a-1", "b-1"])),
    st.tuples(st.just("process"), st.sampled_from(["a-1", "b-1"])),
    st.tuples(st.just("order"), st.sampled_from(["a-1", "b-1"]), st.sampled_from([0.0, 1.0, 30.0])),
    st.tuples(st.just("read"), st.sampled_from(["a-1", "b-1"]), st.sampled_from([0.1, 5.0, 60.0])),
    st.tuples(st.just("fail"), st.sampled_from(["a-1", "b-1"])),
    st.tuples(st.just("declare"), st.sampled_from(["a-1", "b-1"])),
)  # fmt: skip


def play(script):
    """A belt after the acts, and for each of them the states before and after."""
    belt = HaltBelt(process=EVERYONE, platform=EVERYONE, flatten=EVERYONE)
    for name in sorted(EVERYONE):
        belt.watch(name)
        belt.row(name, "deposit", 1_000)
    seen, old = [], dict.fromkeys(EVERYONE, "none")
    for number, act in enumerate(script):
        before = {name: (belt[name].control.state, belt[name].control.epoch or 0) for name in EVERYONE}
        perform(belt, act, number, old)
        after = {name: (belt[name].control.state, belt[name].control.epoch or 0) for name in EVERYONE}
        seen.append((act, before, after))
    return belt, seen


def perform(belt, act, number, old):
    kind, *rest = act
    agent_id = rest[0] if rest else ""
    held = belt.fleet.agents[agent_id].control.halt if agent_id in EVERYONE and kind != "wait" else None
    match kind:
        case "wait":
            belt.wait(rest[0])
        case "halt":
            belt.halt(agent_id, rest[1], f"h{number}")
        case "resume":
            named = {"held": held.halt_id if held else "none", "older": old[agent_id], "nonsense": "x"}[rest[1]]
            old[agent_id] = held.halt_id if held else old[agent_id]
            belt.resume(agent_id, named)
        case "gate":
            belt.gate(agent_id, rest[1], rest[2])
        case "acknowledge" if held:
            belt.acknowledge(agent_id)
        case "process" if held:
            belt.reach(agent_id, "process")
        case "order":
            belt.row(agent_id, "stake", -1, at=max(0.0, belt.now - rest[1]))
        case "read":
            belt.say(
                SourceRead, agent_id, collector="casino", duration_s=0.1, valid_s=60, source="monitor", begun_at=belt.now - rest[1]
            )  # fmt: skip
        case "fail":
            belt.fail(agent_id)
        case "declare":
            belt.say(AgentDeclared, agent_id, strategy="steady", collectors=("casino",))


@settings(max_examples=150)
@given(st.lists(acts, max_size=40))
def test_only_a_resume_opens_and_only_upwards_goes_the_epoch(script):
    """No reading, tick, gate, lease or milder order ever opens an agent; every change of state raises its epoch."""
    _, seen = play(script)
    for act, before, after in seen:
        for name in EVERYONE:
            (state, epoch), (new_state, new_epoch) = before[name], after[name]
            assert new_epoch >= epoch
            if SEVERITY[new_state] < SEVERITY[state]:
                assert act[0] == "resume"
                assert act[1] == name
                assert act[2] != "nonsense"
            if new_state != state:
                assert new_epoch > epoch


@settings(max_examples=150)
@given(st.lists(acts, max_size=40))
def test_a_confirmed_halt_has_a_whole_reading_after_every_order_the_platform_knew(script):
    """Recomputed from the recorded facts alone: between the last order in the record and the proof lies a reading's beginning."""
    belt, _ = play(script)
    for index, fact in enumerate(belt.facts):
        if not isinstance(fact, HaltConfirmed):
            continue
        past = [one for one in belt.facts[:index] if one.agent_id == fact.agent_id]
        orders = [one for one in belt.facts[:index] if isinstance(one, HaltOrdered) and one.halt_id == fact.halt_id]
        ordered_at = min(one.at for one in orders)
        stakes = [one.at for one in past if getattr(one, "entry", "") == "stake"]
        begun = max(one.begun_at for one in past if isinstance(one, SourceRead) and one.begun_at is not None)
        forbidden = [] if orders[0].mode == "freeze_payments" else stakes
        assert begun > ordered_at
        assert all(at <= ordered_at + belt.policy.halting.margin_s or at < begun for at in forbidden)


@settings(max_examples=100)
@given(st.lists(acts, max_size=30))
def test_a_replay_of_what_was_recorded_is_what_was_live(script):
    """Concluded facts among them: state, outputs and conclusions are equal, also over a snapshot at any place."""
    belt, _ = play(script)
    state, outputs = empty_fleet(), []
    for number, fact in enumerate(belt.facts):
        if number == len(belt.facts) // 2:
            state = thaw(freeze(state))
        state, new = step(state, fact, belt.policy)
        outputs += [one for one in new if not isinstance(one, Conclusion)]
    assert outputs == belt.outputs
    assert freeze(belt.fleet) == freeze(state)


@settings(max_examples=100)
@given(st.lists(acts, max_size=30))
def test_a_restart_under_other_rules_frees_nobody(script):
    """Replayed under a policy that orders nothing itself, everybody is at least as closed as the record says."""
    belt, _ = play(script)
    state = empty_fleet()
    for fact in belt.facts:
        state, _ = step(state, fact, Policy())
    for name in EVERYONE:
        assert SEVERITY[state.agents[name].control.state] >= SEVERITY[belt[name].control.state]


@settings(max_examples=100)
@given(st.lists(acts, max_size=40))
def test_no_command_is_given_twice(script):
    """Keys are unique, and every hard means comes after its gate was told."""
    belt, _ = play(script)
    commands = [one for one in belt.outputs if isinstance(one, HaltCommand)]
    keys = [one.key for one in commands]
    assert len(keys) == len(set(keys))
    told = set()
    for one in commands:
        if one.path == "gate":
            told.add((one.agent_id, one.halt_id))
        assert (one.agent_id, one.halt_id) in told


@given(st.permutations(["delivered", "acknowledged", "read"]))
def test_steps_may_come_in_any_order(order):
    """Networks reorder; a halt is confirmed once everything that proves it is there."""
    belt = HaltBelt()
    belt.watch("a-1")
    belt.halt("a-1")
    belt.wait(3)
    for what in order:
        match what:
            case "delivered":
                belt.say(HaltDelivered, "a-1", halt_id="h1", path="gate")
            case "acknowledged":
                belt.say(HaltAcknowledged, "a-1", halt_id="h1")
            case _:
                belt.read("a-1")
    belt.wait(3)
    belt.read("a-1")
    assert belt.confirmed("a-1")
    assert witnesses(belt["a-1"]) == {"casino"}


def test_kinds_that_agents_may_cause_open_nothing():
    """A lease or a gate that says active changes no order."""
    belt = HaltBelt()
    belt.watch("a-1")
    belt.halt("a-1")
    belt.say(LeaseGranted, "a-1", epoch=9, expires_at=belt.now + 60, state="active")
    belt.say(GateChanged, "a-1", before="halted", after="active", reason="ok")
    belt.say(Tick)
    assert belt["a-1"].control.state == "halted"
    belt.say(Resumed, "a-1", halt_id="other", actor="x", reason="y")
    assert belt["a-1"].control.state == "halted"
