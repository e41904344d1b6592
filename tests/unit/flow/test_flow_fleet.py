"""Who belongs to the fleet, what the fleet is worth, and what is kept of those who left."""

import pytest

from fleawatch.events import (
    AgentDeclared,
    AgentIdentified,
    AgentRetired,
    AlertAcknowledged,
    BetSettled,
    Delivered,
    Heartbeat,
    StrategySwitched,
    Tick,
)
from fleawatch.flow.fold import profile
from fleawatch.flow.snapshot import FLEET, freeze
from fleawatch.testing.belt import Belt


@pytest.fixture
def belt():
    """Two agents with 100 USD each, seen by the fleet."""
    belt = Belt()
    for name in ("a-1", "b-1"):
        belt.watch(name)
        belt.row(name, "deposit", 100)
    belt.wait(15)
    return belt


def test_a_new_agent_is_no_gain_of_the_fleet(belt):
    """Its first equity comes in as a flow."""
    belt.watch("c-1")
    belt.row("c-1", "deposit", 300)
    belt.wait(15)
    performance = belt.fleet.performance
    assert (performance.daily.equity, performance.nav.value, performance.changes.total) == (500, 1.0, 0)


def test_the_fleets_result_is_that_of_its_agents(belt):
    """Gains and losses add up, and the NAV follows them."""
    belt.bet("a-1", 10, 50)
    belt.bet("b-1", 20, 0)
    belt.wait(15)
    performance = belt.fleet.performance
    assert (performance.changes.total, performance.nav.value) == (20, pytest.approx(1.1))


def test_a_flow_before_the_first_tick_is_counted_once():
    """An agent's first equity holds what came in before the fleet knew it."""
    belt = Belt()
    belt.watch("a-1")
    belt.row("a-1", "deposit", 100)
    belt.row("a-1", "deposit", 50)
    belt.wait(15)
    assert (belt.fleet.external_flows, belt.fleet.performance.changes.total) == (150, 0)


def test_income_does_not_mask_the_fleets_daily_loss(belt):
    """Commissions raise the fleet's P&L; what play lost today stays lost today."""
    belt.bet("a-1", 40, 0)
    belt.row("b-1", "referral", 40)
    belt.wait(15)
    summary = belt.fleet.performance.summary("24h")
    assert (summary.pnl, summary.daily_loss) == (0, 40)


def test_what_an_agent_lost_before_it_joined_is_no_loss_of_today(belt):
    """The history of a new agent is nobody's daily loss."""
    belt.declare("c-1")
    belt.row("c-1", "deposit", 500)
    belt.row("c-1", "stake", -400)
    belt.row("c-1", "stake", -1)
    belt.end("c-1", settled=2)
    belt.read("c-1")
    belt.wait(15)
    assert belt.fleet.performance.summary("24h").daily_loss == 0
    assert belt["c-1"].performance.summary("24h").daily_loss == 0


def test_an_agent_that_leaves_takes_its_equity_along_as_a_flow(belt):
    """Retiring an agent is neither gain nor loss, and its facts count no more."""
    belt.bet("a-1", 50, 0)
    belt.say(AgentRetired, "a-1")
    belt.wait(15)
    performance = belt.fleet.performance
    assert (performance.daily.equity, performance.changes.total) == (100, -50)
    assert performance.nav.value == pytest.approx(0.75)
    belt.say(Heartbeat, "a-1")
    assert list(belt.fleet.agents) == ["b-1"]
    assert belt.fleet.ignored["retired_agent"] == 1
    assert belt.fleet.by_platform_id == {"ag_b-1": "b-1"}


def test_a_retired_agent_can_be_declared_again(belt):
    """It starts anew."""
    belt.say(AgentRetired, "a-1")
    belt.declare("a-1")
    assert belt["a-1"].equity is None
    assert belt.fleet.retired == {}


def test_an_agent_whose_equity_is_no_longer_known_leaves_and_comes_back_as_a_flow(belt):
    """A collector that is added has to read first; meanwhile the fleet neither gained nor lost."""
    belt.bet("a-1", 10, 0)
    belt.declare("a-1", ("casino", "domains"))
    assert belt["a-1"].equity is None
    belt.wait(15)
    assert belt.fleet.performance.daily.equity == 100
    belt.row("a-1", "referral", 18)
    belt.balance("a-1", 42, "domains")
    belt.read("a-1", "domains")
    belt.read("a-1")
    belt.wait(15)
    agent, fleet = belt["a-1"], belt.fleet.performance
    assert (agent.equity, agent.flows) == (150, 142)
    assert agent.performance.nav.value == pytest.approx(0.9 * 108 / 90)
    assert fleet.nav.value == pytest.approx(190 / 200)


def test_a_part_that_is_read_no_more_leaves_as_a_flow():
    """Taking a collector away is no loss."""
    belt = Belt()
    belt.watch("a-1", ("casino", "domains"))
    belt.row("a-1", "deposit", 100)
    belt.balance("a-1", 50, "domains")
    belt.wait(15)
    belt.declare("a-1", ("casino",))
    agent = belt["a-1"]
    assert (agent.equity, agent.parts, agent.performance.nav.value) == (100, {"casino": 100}, 1.0)
    assert set(agent.sources) == {"casino"}
    belt.wait(15)
    assert belt.fleet.performance.nav.value == 1.0


def test_declaring_an_agent_again_changes_none_of_its_results(belt):
    """Properties are new, numbers are not."""
    belt.bet("a-1", 10, 0)
    before = (belt["a-1"].equity, belt["a-1"].performance.nav.value, belt["a-1"].casino.net)
    belt.declare("a-1", environment="production", version="2")
    agent = belt["a-1"]
    assert (agent.equity, agent.performance.nav.value, agent.casino.net) == before
    assert (agent.profile.environment, agent.profile.version) == ("production", "2")


def test_an_agent_that_reported_itself_starts_anew_when_its_ledger_is_read():
    """The ledger tells all it told, so its own reports are not counted beside it."""
    belt = Belt()
    belt.balance("a-1", 100)
    belt.say(BetSettled, "a-1", bet_id="b", game="dice", stake=10, payout=0)
    belt.say(Heartbeat, "a-1", last_action_at=belt.now)
    belt.wait(15)
    belt.declare("a-1")
    belt.row("a-1", "deposit", 100)
    belt.row("a-1", "stake", -10)
    belt.end("a-1", settled=1)
    belt.read("a-1")
    belt.wait(15)
    agent = belt["a-1"]
    assert (agent.casino.net, agent.equity, agent.casino.settled_bets) == (-10, 90, 1)
    assert agent.health.last_action_at is not None
    assert belt.fleet.performance.daily.equity == 90


def test_a_switched_strategy_outlives_a_declaration_that_does_not_change_it(belt):
    """A restart of the service declares the fleet again; only another declared strategy is a new one."""
    belt.say(StrategySwitched, "a-1", before="steady", after="wild")
    belt.declare("a-1")
    assert belt["a-1"].profile.strategy == "wild"
    belt.declare("a-1", strategy="calm")
    assert belt["a-1"].profile.strategy == "calm"
    assert [name for _, name in belt["a-1"].profile.former] == ["steady", "wild"]


def test_what_is_kept_of_former_strategies_is_bounded(belt):
    """An agent that switches all day keeps a short memory of it."""
    for number in range(100):
        belt.wait(1)
        belt.say(StrategySwitched, "a-1", before="x", after=f"s{number}")
    assert len(belt["a-1"].profile.former) == profile.FORMER_KEPT


def test_an_agent_is_known_by_its_newest_platform_id(belt):
    """A service that tells another id replaces the one before."""
    belt.say(AgentIdentified, "a-1", service="casino", platform_id="ag_new")
    belt.say(AgentIdentified, "a-1", service="trading", platform_id="tr_1")
    assert belt.fleet.by_platform_id == {"ag_new": "a-1", "ag_b-1": "b-1"}
    belt.say(AgentIdentified, "b-1", service="casino", platform_id="ag_new")
    belt.say(AgentIdentified, "a-1", service="casino", platform_id="ag_newer")
    assert belt.fleet.by_platform_id == {"ag_new": "b-1", "ag_newer": "a-1"}


@pytest.mark.parametrize("kind", [AgentDeclared, AgentRetired])
def test_nobody_is_never_declared_or_retired(belt, kind):
    """The empty name is the fleet's own part of a snapshot and can be no agent."""
    belt.say(kind, "", **({"strategy": "s"} if kind is AgentDeclared else {}))
    assert set(belt.fleet.agents) == {"a-1", "b-1"}
    assert set(freeze(belt.fleet)) == {FLEET, "a-1", "b-1"}


def test_strangers_that_report_themselves_are_bounded(belt, monkeypatch):
    """Beyond the bound an unknown agent's facts are counted and dropped; a declared one still comes in."""
    monkeypatch.setattr(profile, "MOST_AGENTS", 3)
    for name in ("c-1", "d-1", "e-1"):
        belt.say(Heartbeat, name)
    belt.declare("z-1")
    assert set(belt.fleet.agents) == {"a-1", "b-1", "c-1", "z-1"}
    assert belt.fleet.ignored["too_many_agents"] == 2


def test_the_memory_of_retired_agents_is_bounded(belt, monkeypatch):
    """Agents that come and go for years leave a bounded list of names."""
    monkeypatch.setattr(profile, "RETIRED_KEPT", 5)
    for number in range(20):
        belt.say(AgentRetired, f"gone-{number}")
    assert list(belt.fleet.retired) == [f"gone-{number}" for number in range(15, 20)]


def test_facts_that_nothing_is_made_of_make_no_agent(belt):
    """An acknowledgement or a delivery names somebody, and is no agent's own report."""
    belt.say(AlertAcknowledged, "ghost", fingerprint="f", actor="me")
    belt.say(Delivered, "", delivery_id="d", channel="slack", status="ok")
    belt.say(Delivered, "ghost", delivery_id="d", channel="NOT A CHANNEL", status="ok")
    assert set(belt.fleet.agents) == {"a-1", "b-1"}
    assert belt.fleet.tallies.counters["pf_alert_notifications_total"] == {("slack", "ok"): 1, ("other", "ok"): 1}
    assert belt.fleet.facts["alert_acknowledged"] == 1


def test_an_empty_fleet_has_no_equity():
    """Ticks alone make no number."""
    belt = Belt()
    belt.say(Tick)
    performance = belt.fleet.performance
    assert (performance.nav.value, performance.daily.equity, belt.fleet.history.points) == (None, None, [])
