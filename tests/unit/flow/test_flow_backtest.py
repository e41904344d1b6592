"""A backtest says what rules would have done, what that is worth, and how it fits what is known to have happened."""

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import (
    AgentRetired,
    Delivered,
    HaltAcknowledged,
    HaltDelivered,
    HaltOrdered,
    LeaseGranted,
    LimitsOf,
    Resumed,
    RulesDeclared,
)
from fleawatch.events.control import GateChanged, HaltingTerms
from fleawatch.flow.backtest.baseline import Firing
from fleawatch.flow.backtest.replay import Backtest, backtest
from fleawatch.flow.backtest.results import Label
from fleawatch.flow.backtest.score import baseline_result, scored
from fleawatch.flow.policy import Policy
from fleawatch.testing.halted import HaltBelt

EVERY = tuple(CATALOG.alerts)


def declare(belt, **fields):
    """The rules in force, recorded and obeyed."""
    belt.policy = Policy(alerts=tuple(CATALOG.alerts.values()))
    belt.say(RulesDeclared, source="config", alerts=EVERY, **fields)


def started(*, rules=True, gated=False):
    """A belt with one agent that has had 1,000 USD for a quarter of an hour."""
    belt = HaltBelt()
    if rules:
        declare(belt)
    belt.watch("a-1")
    if gated:
        belt.say(LeaseGranted, "a-1", epoch=0, expires_at=belt.now + 30, state="active")
    belt.row("a-1", "deposit", 1000)
    for _ in range(60):
        pulse(belt)
    return belt


def pulse(belt, seconds=15):
    """A reading, and time passes."""
    belt.read("a-1")
    belt.wait(seconds)


def lose(belt, amount):
    """A bet is lost."""
    belt.bet("a-1", amount, 0)
    pulse(belt)


def rules(alerts=EVERY, **limits):
    """All alerts unless told otherwise, with other limits for the fleet."""

    def other(recorded):
        return RulesDeclared(
            fact_id="x", agent_id="", at=0, seen_at=0, source="x", alerts=alerts,
            limits=(LimitsOf(scope="fleet", limits=limits),), routing="" if recorded is None else recorded.routing,
        )  # fmt: skip

    return other


def names(result):
    """Names of the alerts that fired, the watchdog apart."""
    return {one.alert for one in result.episodes} - {"PFWatchdog"}


def label(belt, alert="PFDrawdownHalt", **fields):
    """An incident of the agent."""
    return Label(**{"name": "loss", "agent_id": "a-1", "alert": alert, "onset": belt.now, "bound_s": 60, **fields})


def test_an_empty_history():
    """Nothing happened, nothing fired, nothing is known."""
    result = backtest([])
    assert (result.begin, result.end, result.episodes, result.pages, result.halts) == (None, None, [], [], [])
    score = scored(result, ())
    assert (score.recall, score.precision, score.false_pages) == (None, None, 0)


def test_a_loss_is_an_episode_a_page_and_a_halt():
    """An agent that loses a third is halted, and what it lost afterwards would have been spared."""
    belt = started()
    onset = label(belt, "PFDrawdownHalt", end="halted")
    lose(belt, 350)
    lose(belt, 100)
    lose(belt, 50)
    result = backtest(belt.facts)
    episode = next(one for one in result.episodes if one.alert == "PFDrawdownHalt")
    assert (episode.severity, episode.action, episode.agent_id) == ("critical", "halt", "a-1")
    assert onset.onset <= episode.since <= episode.fired_at <= onset.onset + 60
    assert any(("PFDrawdownHalt", "a-1") in page.alerts for page in result.pages)
    halts = {one.mode: one for one in result.halts}
    assert halts["halt"].saved_usd == 150
    assert result.saved_usd == 150 + (halts["reduce"].saved_usd or 0 if "reduce" in halts else 0)
    assert not halts["halt"].reachable
    score = scored(result, [onset])
    assert (score.recall, score.precision, score.incidents[0].ended) == (1.0, 1.0, "halted")


def test_a_gain_forgone_is_negative_and_a_deposit_is_neither():
    """What the agent wins after the halt counts against it; what is paid in does not count."""
    belt = started()
    lose(belt, 350)
    belt.row("a-1", "deposit", 500)
    pulse(belt)
    belt.row("a-1", "stake", -10)
    belt.row("a-1", "payout", 90)
    pulse(belt)
    (halted,) = [one for one in backtest(belt.facts).halts if one.mode == "halt"]
    assert (halted.saved_usd, halted.left_usd, halted.until) == (-80, -500, belt.now)


def test_what_is_unknown_at_the_end_has_a_reason_and_no_number():
    """A key that is refused from the halt on leaves the worth of it unknown."""
    belt = started()
    lose(belt, 350)
    belt.fail("a-1", reason="unauthorized")
    belt.wait(120)
    (halted,) = [one for one in backtest(belt.facts).halts if one.mode == "halt"]
    assert (halted.saved_usd, halted.why) == (None, "casino is unknown: unauthorized")


def test_an_agent_that_is_retired_has_no_worth():
    """Nobody knows what became of it."""
    belt = started()
    lose(belt, 350)
    belt.say(AgentRetired, "a-1")
    belt.wait(15)
    (halted,) = [one for one in backtest(belt.facts).halts if one.mode == "halt"]
    assert (halted.saved_usd, halted.why) == (None, "the agent is watched no more")


def test_a_history_that_was_halted_does_not_say_what_would_have_been():
    """Under the recorded rules the record stops where the question begins; milder rules are priced up to there."""
    belt = started(gated=True)
    lose(belt, 350)
    lose(belt, 100)
    recorded = backtest(belt.facts)
    (halted,) = [one for one in recorded.halts if one.mode == "halt"]
    assert (halted.reachable, halted.saved_usd, halted.until) == (True, None, None)
    assert "the history itself is halted" in halted.why


def test_earlier_rules_are_priced_up_to_the_recorded_halt():
    """A lower limit would have stopped the agent before its second loss, and the record shows what that cost."""
    belt = started(gated=True)
    for _ in range(4):
        lose(belt, 30)
        for _ in range(60):
            pulse(belt)
    stop = next(one for one in belt.facts if isinstance(one, HaltOrdered))
    result = backtest(belt.facts, name="lower", other=rules(daily_loss_ratio=0.05))
    halted = result.halts[0]
    assert halted.at < stop.at
    assert halted.until == stop.at
    assert halted.saved_usd == 60


def test_other_rules_leave_out_what_the_recorded_ones_brought_about():
    """Declarations, halts by alerts and their steps go; a person's halt and a gate's own stay."""
    belt = started(gated=True)
    lose(belt, 350)
    held = belt.held("a-1").halt_id
    belt.acknowledge("a-1")
    belt.gate("a-1", "halted", "ordered")
    belt.say(Delivered, delivery_id="d", channel="log", status="ok")
    belt.resume("a-1", held)
    belt.halt("a-1", halt_id="by-ann")
    belt.say(HaltDelivered, "a-1", halt_id="by-ann", path="gate")
    belt.say(HaltAcknowledged, "a-1", halt_id="by-ann")
    belt.wait(15)
    run, folded = Backtest("none", rules(alerts=())), []
    for event in belt.facts:
        before = run.result().left_out
        run.take(event)
        if run.result().left_out == before:
            folded.append(event)
    assert not [one for one in folded if isinstance(one, RulesDeclared | Delivered | GateChanged | Resumed)]
    orders = [one for one in folded if isinstance(one, HaltOrdered)]
    assert {one.halt_id for one in orders} == {"by-ann"}
    assert {one.halt_id for one in folded if isinstance(one, HaltDelivered | HaltAcknowledged)} == {"by-ann"}
    assert [one.by for one in run.result().halts] == ["ann"]


def test_a_record_that_cannot_obey_does_not_look_unhaltable():
    """Under other rules nobody is told that a halt was not confirmed: it was never ordered."""
    belt = started(gated=True)
    lose(belt, 350)
    for _ in range(40):
        pulse(belt)
    assert "PFUnhaltable" in names(backtest(belt.facts))
    assert "PFUnhaltable" not in names(backtest(belt.facts, other=rules()))


def test_terms_under_which_alerts_only_tell():
    """With alerts that may not halt, nobody would have been halted."""
    belt = HaltBelt()
    declare(belt, halting=HaltingTerms(act=False))
    belt.watch("a-1")
    belt.row("a-1", "deposit", 1000)
    pulse(belt)
    lose(belt, 350)
    result = backtest(belt.facts)
    assert "PFDrawdownHalt" in names(result)
    assert result.halts == []


def test_a_freeze_has_no_result_but_what_left():
    """Payments after a freeze are money that left, not a loss that was spared."""
    belt = started()
    belt.row("a-1", "payment_sent", -400, recipient="ag_stranger")
    pulse(belt)
    belt.row("a-1", "payment_sent", -100, recipient="ag_stranger")
    pulse(belt)
    (halted,) = [one for one in backtest(belt.facts).halts if one.mode == "freeze_payments"]
    assert (halted.saved_usd, halted.left_usd) == (None, 100)
    assert "stops no trading" in halted.why


def test_a_result_may_be_asked_for_at_any_time():
    """Asking in the middle changes nothing at the end."""
    belt = started()
    lose(belt, 350)
    lose(belt, 10)
    run = Backtest()
    for event in belt.facts:
        run.take(event)
        run.result()
    assert run.result() == backtest(belt.facts)


def test_a_gate_of_its_own_halts_too():
    """A gate that closed by its own limits is a halt by the gate."""
    belt = started()
    belt.gate("a-1", "halted", "drawdown_halt")
    belt.wait(15)
    assert [(one.by, one.mode) for one in backtest(belt.facts).halts] == [("gate", "halt")]


def test_detection_has_a_bound_and_the_right_name():
    """Too late, never, fired before, and in time are told apart."""
    belt = started()
    early = label(belt, onset=belt.now - 10, bound_s=1)
    lose(belt, 350)
    lose(belt, 1)
    later = label(belt, onset=belt.now - 2)
    result = backtest(belt.facts)
    wrong = label(belt, "PFKeyRejected", onset=early.onset)
    found = scored(result, [early, later, wrong]).incidents
    assert [one.reason for one in found] == ["too_late", "fired_before", "never"]
    assert [one.caught for one in found] == [False, False, False]
    assert found[0].detection_s > 1
    assert found[2].told_s is not None


def test_pages_of_no_incident_are_false():
    """A page about another agent, before the onset or after the end is false; one about the fleet's incident is not."""
    belt = started()
    lose(belt, 350)
    onset = belt.now - 20
    result = backtest(belt.facts)
    assert scored(result, [label(belt, agent_id="b-1", onset=onset)]).precision == 0.0
    assert scored(result, [label(belt, onset=belt.now + 1)]).precision == 0.0
    assert scored(result, [label(belt, onset=0.0, until=1.0)]).precision == 0.0
    assert scored(result, [label(belt, agent_id="", onset=onset)]).precision == 1.0
    assert scored(result, [label(belt, agent_id="b-1", onset=onset, others=("a-1",))]).precision == 1.0


def test_firings_of_the_guides_as_a_result():
    """Each firing is an episode and a page; any loud one finds the incident; a halting one ends it."""
    firing = Firing(
        alert="Halting", agent_id="a-1", since=100.0, at=160.0, told_at=170.0, severity="critical", guide="prometheus",
        halts=True, value=0.3,
    )  # fmt: skip
    result = baseline_result([firing, firing], facts=9, begin=0.0, end=500.0, judged=27)
    known = Label(name="loss", agent_id="a-1", alert="PFDrawdownHalt", onset=90.0, bound_s=120.0)
    (found,) = scored(result, [known], any_alert=True).incidents
    assert (found.caught, found.detection_s, found.told_s, found.ended) == (True, 70.0, 80.0, "halted")
    assert len(result.halts) == 1
    assert result.halts[0].saved_usd is None
