"""Who is stopped by whom, how far, and who is let go: states, scopes, strictness, latching, the record of it all."""

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import AgentDeclared, HaltOrdered, StrategySwitched
from fleawatch.flow.halting.halt import halt
from fleawatch.flow.halting.settings import HaltingPolicy
from fleawatch.flow.outputs import AlertChange, Conclusion, HaltCommand, Notice
from fleawatch.flow.policy import Policy
from fleawatch.testing.halted import HaltBelt


@pytest.fixture
def belt():
    """Two watched agents of different strategies."""
    belt = HaltBelt()
    belt.watch("a-1", strategy="calm")
    belt.watch("b-1", strategy="wild")
    for name in ("a-1", "b-1"):
        belt.gate(name, "active", "ok", before="reducing")
    return belt


def fired(action, agent_id="a-1", change="fired", family="drawdown"):
    """An alert with an action changed."""
    return AlertChange(
        key=f"alert:{action}:{change}", agent_id=agent_id, at=1_800_057_600.0, alert="PFDrawdownHalt", fingerprint="f" * 16,
        change=change, severity="critical", labels={"pf_family": family}, reason="above", summary="it fell", description="",
        started_at=0.0, value=0.3, action=action,
    )  # fmt: skip


def control(belt, agent_id="a-1"):
    return belt[agent_id].control


@pytest.mark.parametrize(
    ("mode", "state", "frozen"),
    [("reduce", "reducing", False), ("halt", "halted", False), ("flatten", "halted", False), ("freeze_payments", "active", True)],
)  # fmt: skip
def test_each_mode_closes_as_far_as_it_says(belt, mode, state, frozen):
    """The state, frozen payments, a raised epoch, and one command to the gate."""
    belt.halt("a-1", mode)
    assert (control(belt).state, control(belt).frozen, control(belt).epoch) == (state, frozen, 1)
    assert belt.commands("a-1") == ["gate"]
    assert control(belt, "b-1").epoch is None


def test_a_stricter_order_replaces_a_milder_one_and_begins_a_life_of_its_own(belt):
    """From reducing to halted; a milder order afterwards changes nothing, not even the epoch."""
    belt.halt("a-1", "reduce", "h1")
    belt.acknowledge("a-1")
    belt.halt("a-1", "halt", "h2")
    assert (belt.held("a-1").halt_id, belt.held("a-1").steps, control(belt).epoch) == ("h2", {}, 2)
    belt.halt("a-1", "reduce", "h3")
    assert (belt.held("a-1").halt_id, control(belt).state, control(belt).epoch) == ("h2", "halted", 2)


def test_freezing_payments_of_a_reducing_agent_keeps_its_halt(belt):
    """Payments are frozen beside what is in force."""
    belt.halt("a-1", "reduce", "h1")
    belt.halt("a-1", "freeze_payments", "h2")
    assert (belt.held("a-1").halt_id, control(belt).state, control(belt).frozen) == ("h1", "reducing", True)


def test_the_same_order_told_twice_is_one(belt):
    """Told again, under another fact, it commands nothing."""
    belt.halt("a-1")
    belt.halt("a-1")
    assert belt.commands("a-1") == ["gate"]
    assert control(belt).epoch == 1


@pytest.mark.parametrize("action", ["reduce", "halt", "freeze_payments"])
def test_an_alert_with_an_action_orders_what_it_says(belt, action):
    """It is concluded into the same fact that a person's order is, with the alert as actor and a reason of the dictionary."""
    outputs = halt(belt.fleet, belt.facts[-1], (fired(action),), belt.policy)
    facts = [one.fact for one in outputs if isinstance(one, Conclusion)]
    assert [(fact.mode, fact.actor, fact.reason, fact.scope) for fact in facts] == [
        (action, "PFDrawdownHalt", "drawdown", "agent")
    ]


@pytest.mark.parametrize(
    "change", [fired("none"), fired("notify_agent"), fired("halt", change="resolved"), fired("halt", agent_id="nobody")]
)
def test_what_is_no_order_orders_nothing(belt, change):
    """Alerts without a state, alerts that end, agents that are not watched."""
    assert halt(belt.fleet, belt.facts[-1], (change,), belt.policy) == ()


def test_an_alert_stops_nobody_who_cannot_be_stopped(belt):
    """An agent without a gate or a configured means is only watched: it is told of, and no halt is overdue for ever."""
    belt.watch("c-1")
    assert halt(belt.fleet, belt.facts[-1], (fired("halt", agent_id="c-1"),), belt.policy) == ()
    policy = Policy(halting=HaltingPolicy(process=frozenset({"c-1"})))
    assert len(halt(belt.fleet, belt.facts[-1], (fired("halt", agent_id="c-1"),), policy)) == 1


def test_a_policy_may_let_alerts_only_speak(belt):
    """Then people and gates halt, and nobody else."""
    policy = Policy(halting=HaltingPolicy(act=False))
    assert halt(belt.fleet, belt.facts[-1], (fired("halt"),), policy) == ()


def test_an_alert_of_the_fleet_stops_the_fleet(belt):
    """Without an agent it is about everybody."""
    (conclusion,) = halt(belt.fleet, belt.facts[-1], (fired("halt", agent_id=""),), belt.policy)
    belt.fold(conclusion.fact)
    assert {agent.control.state for agent in belt.fleet.agents.values()} == {"halted"}


def test_every_action_of_the_catalog_is_understood():
    """No alert can carry an action that nothing is made of."""
    actions = {alert.action for alert in CATALOG.alerts.values()}
    assert actions <= {"none", "notify_agent", "reduce", "halt", "freeze_payments"}


def test_a_gate_that_closed_by_itself_is_a_halt_like_any_other(belt):
    """With an id, a proof to come and a resume; the reason of the limit is kept in the record."""
    belt.gate("a-1", "halted", "drawdown_halt")
    assert (belt.held("a-1").actor, belt.held("a-1").reason, control(belt).state) == ("gate", "drawdown", "halted")
    order = next(fact for fact in belt.facts if isinstance(fact, HaltOrdered))
    assert order.note == "drawdown_halt"


@pytest.mark.parametrize("reason", ["no_lease_yet", "lease_lost", "unknown_limit", "closed", "payments_frozen"])
def test_a_gate_that_waits_for_its_service_is_no_halt(belt, reason):
    """What ends by itself needs no resume."""
    belt.gate("a-1", "reducing", reason)
    assert control(belt).halt is None


def test_a_gate_that_has_not_heard_of_a_resume_does_not_halt_again(belt):
    """Its word is of an epoch that is over."""
    belt.halt("a-1")
    belt.resume("a-1")
    belt.gate("a-1", "halted", "ordered", epoch=1)
    assert control(belt).state == "active"
    belt.gate("a-1", "halted", "ordered", epoch=2)
    assert control(belt).state == "halted"


def test_a_resume_opens_only_the_halt_it_names(belt):
    """A stricter halt that came meanwhile stays: whoever resumed did not know of it."""
    belt.halt("a-1", "reduce", "h1")
    belt.halt("a-1", "halt", "h2")
    belt.resume("a-1", "h1")
    assert control(belt).state == "halted"
    belt.resume("a-1", "h2", ramp_s=600, ramp_notional_usd=5)
    assert (control(belt).state, control(belt).halt, control(belt).epoch) == ("active", None, 3)
    assert (control(belt).ramp.until, control(belt).ramp.max_notional_usd) == (belt.now + 600, 5.0)
    belt.wait(601)
    assert control(belt).ramp is None


def test_who_joins_a_halted_fleet_is_halted(belt):
    """A new agent, and one that switches into a halted strategy; not one that was resumed from that very halt."""
    belt.halt("", scope="strategy", target="wild")
    belt.say(AgentDeclared, "c-1", strategy="wild", collectors=("casino",))
    belt.say(StrategySwitched, "a-1", before="calm", after="wild")
    assert {name for name, agent in belt.fleet.agents.items() if agent.control.halt} == {"a-1", "b-1", "c-1"}
    belt.resume("b-1")
    belt.say(StrategySwitched, "b-1", before="wild", after="calm")
    belt.say(StrategySwitched, "b-1", before="calm", after="wild")
    assert control(belt, "b-1").halt is None
    belt.resume("")
    belt.say(AgentDeclared, "d-1", strategy="wild", collectors=("casino",))
    assert all(agent.control.halt is None for agent in belt.fleet.agents.values())


def test_halts_and_resumes_are_told(belt):
    """A critical line when trading stops, an informing one when it goes on."""
    belt.halt("a-1")
    belt.resume("a-1")
    told = [(one.event, one.level) for one in belt.outputs if isinstance(one, Notice)]
    assert told == [("trading_halted", "critical"), ("trading_resumed", "info")]


def test_a_command_says_whose_word_it_carries_out(belt):
    """Id, epoch, mode, reason and actor; its key is one for ever."""
    belt.halt("a-1", "halt")
    (command,) = [one for one in belt.outputs if isinstance(one, HaltCommand)]
    assert (command.key, command.epoch, command.mode, command.reason, command.actor) == (
        "halt:a-1:h1:gate:1", 1, "halt", "manual", "ann",
    )  # fmt: skip
