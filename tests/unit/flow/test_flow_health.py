"""Four layers of health: evidence for good, names for bad, and unknown for what nobody can tell."""

from __future__ import annotations

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import Check, Delivered, GateChanged, HaltOrdered, HealthRead, Heartbeat
from fleawatch.flow.health import LAYERS, agent_health, fleet_health
from fleawatch.flow.health.layers import layer_of
from fleawatch.flow.policy import Policy
from fleawatch.flow.snapshot import freeze
from fleawatch.testing.belt import Belt

AGENT = "a-1"


def belt_with(*names):
    return Belt(policy=Policy(alerts=tuple(CATALOG.alerts[name] for name in names)))


def playing(belt, agent_id=AGENT):
    """An agent whose ledger is read, that has money and has just played."""
    belt.watch(agent_id)
    belt.row(agent_id, "deposit", 1_000)
    belt.bet(agent_id, 1, 2)
    belt.read(agent_id)
    return belt


def layers(belt, agent_id=AGENT):
    """The state of each layer."""
    return {one.name: one.status for one in agent_health(belt.fleet, agent_id, belt.now).layers}


def reasons(belt, name, agent_id=AGENT):
    """Why a layer is not well: name, what it makes of the layer, about what, and for how many seconds."""
    found = agent_health(belt.fleet, agent_id, belt.now).layer(name)
    return [
        (one.name, one.status, one.detail, None if one.since is None else belt.now - one.since) for one in found.reasons
    ]


def test_every_alert_has_its_layer():
    """No alert of the catalog counts for nothing."""
    assert {layer_of(alert.family) for alert in CATALOG.alerts.values()} == set(LAYERS)
    with pytest.raises(KeyError):
        layer_of("weather")


def test_an_agent_of_which_nothing_is_known_is_unknown():
    """Declared and never read: no layer says that it is well, and none that it is not."""
    belt = Belt()
    belt.declare(AGENT)
    assert set(layers(belt).values()) == {"unknown"}
    assert agent_health(belt.fleet, AGENT, belt.now).status == "unknown"


def test_an_agent_that_plays_and_is_read_is_well():
    """What it does proves that it lives; nobody has to ask it."""
    belt = playing(Belt())
    found = agent_health(belt.fleet, AGENT, belt.now)
    assert (found.status, layers(belt)) == ("ok", dict.fromkeys(LAYERS, "ok"))
    assert [one.as_of for one in found.layers] == [belt.now] * 4


def test_looking_changes_nothing():
    """Health is read from the state and never written to it."""
    belt = playing(Belt())
    before = freeze(belt.fleet)
    fleet_health(belt.fleet, [agent_health(belt.fleet, AGENT, belt.now)])
    assert freeze(belt.fleet) == before


class TestAlive:
    def test_idle_and_unheard_is_unknown(self):
        """An agent that has not acted lately and gives no sign of life may live or not."""
        belt = playing(Belt())
        belt.wait(301)
        belt.read(AGENT)
        assert layers(belt) == {"alive": "unknown", "performance": "ok", "behaviour": "ok", "operations": "ok"}
        assert [name for name, *_ in reasons(belt, "alive")] == ["no_sign_of_life"]

    def test_silence_puts_it_down_at_once(self):
        """Before the alert has held long enough, the layer says since when it is silent."""
        belt = Belt()
        belt.say(Heartbeat, AGENT)
        assert layers(belt)["alive"] == "ok"
        belt.wait(91)
        assert reasons(belt, "alive") == [("silent", "down", "", 91.0)]

    def test_a_failing_check_degrades_it(self):
        """A dependency that is away is no dead agent."""
        belt = Belt()
        checks = (Check(name="exchange_api", ok=False), Check(name="wallet", ok=True))
        belt.say(HealthRead, AGENT, up=True, checks=checks)
        assert reasons(belt, "alive") == [("check_failing", "degraded", "exchange_api", None)]

    def test_a_page_that_does_not_answer(self):
        """Down; only degraded while the agent itself gives signs of life; unknown when it was not asked lately."""
        belt = Belt()
        belt.watch(AGENT, ("probe",))
        belt.say(HealthRead, AGENT, source="probe", up=False)
        belt.read(AGENT, "probe", valid_s=60)
        belt.wait(3)
        assert reasons(belt, "alive") == [("page_not_answering", "down", "", 3.0)]
        belt.say(Heartbeat, AGENT)
        assert layers(belt)["alive"] == "degraded"
        belt.wait(100)
        assert layers(belt)["alive"] == "down"

    def test_a_page_that_was_not_asked_lately_says_nothing(self):
        """Neither for good nor for bad."""
        belt = Belt()
        belt.watch(AGENT, ("probe",))
        belt.say(HealthRead, AGENT, source="probe", up=True)
        belt.read(AGENT, "probe", valid_s=60)
        assert layers(belt)["alive"] == "ok"
        belt.wait(70)
        assert reasons(belt, "alive") == [("page_not_read", "unknown", "", 10.0)]


class TestMoneyAndConduct:
    def test_what_cannot_be_read_is_unknown_and_degrades_the_watching(self):
        """With the reason, the part, and since when."""
        belt = playing(Belt())
        belt.fail(AGENT)
        belt.wait(30)
        assert reasons(belt, "performance") == [("timeout", "unknown", "casino", 30.0)]
        assert reasons(belt, "operations") == [("timeout", "down", "casino", 30.0)]

    def test_one_source_of_several_is_no_whole_outage(self):
        """Degraded as long as another one is read."""
        belt = playing(Belt())
        belt.watch(AGENT, ("casino", "escrow"))
        belt.fail(AGENT, "escrow", "http_5xx")
        assert reasons(belt, "operations") == [("http_5xx", "degraded", "escrow", 0.0)]

    def test_money_that_can_never_be_known(self):
        """By design, and said so."""
        belt = Belt()
        belt.watch(AGENT, ("casino", "trading"), trades=True)
        assert ("unknown_by_design", "unknown", "trading", None) in reasons(belt, "performance")

    def test_a_halt_and_a_gate_are_told(self):
        """An agent that may not trade does not behave as usual, with the reason for it."""
        belt = playing(Belt())
        belt.say(GateChanged, AGENT, before="active", after="reducing", reason="lease")
        assert [(name, status) for name, status, *_ in reasons(belt, "behaviour")] == [("held_back", "degraded")]
        belt.say(
            HaltOrdered, AGENT, halt_id="h", mode="halt", scope="agent", target=AGENT, reason="manual", actor="ann"
        )
        belt.wait(5)
        assert reasons(belt, "behaviour") == [("halted", "degraded", "manual", 5.0)]


class TestAlerts:
    def test_a_critical_alert_puts_its_layer_down_and_a_warning_degrades_it(self):
        """Under its own name, since it began."""
        belt = playing(belt_with("PFDrawdownWarning", "PFDrawdownHalt", "PFLargeLoss"))
        belt.bet(AGENT, 300, 0)
        belt.read(AGENT)
        belt.wait(0)
        found = reasons(belt, "performance")
        assert [(name, status, age) for name, status, _, age in found] == [("PFDrawdownHalt", "down", 0.0)]
        belt.wait(30)
        belt.read(AGENT)
        belt.wait(30)
        found = reasons(belt, "performance")
        assert [(name, status) for name, status, *_ in found] == [
            ("PFDrawdownHalt", "down"),
            ("PFDrawdownWarning", "degraded"),
        ]

    def test_what_only_pends_is_no_reason(self):
        """A layer does not follow a value that has not held long enough."""
        belt = playing(belt_with("PFDrawdownWarning"))
        belt.bet(AGENT, 150, 0)
        belt.read(AGENT)
        belt.wait(0)
        assert belt.fleet.alerts[AGENT]
        assert layers(belt)["performance"] == "ok"


class TestFleet:
    def fleet(self, belt):
        return fleet_health(
            belt.fleet, [agent_health(belt.fleet, name, belt.now) for name in sorted(belt.fleet.agents)]
        )

    def test_an_empty_fleet_is_unknown(self):
        """Nobody is watched, so nothing is well."""
        found = self.fleet(Belt())
        assert found.status == "unknown"
        assert {one.reasons[0].name for one in found.layers} == {"no_agents"}

    def test_one_dead_agent_is_no_dead_fleet(self):
        """Degraded, naming how many and who; down when it is everybody."""
        belt = Belt()
        for name in ("a-1", "a-2", "a-3", "a-4", "a-5"):
            belt.say(Heartbeat, name)
        belt.wait(80)
        belt.say(Heartbeat, "a-5")
        belt.wait(20)
        found = self.fleet(belt).layer("alive")
        assert (found.status, found.reasons[0].agents, found.reasons[0].detail) == (
            "degraded",
            4,
            "a-1, a-2, a-3 and 1 more",
        )
        assert belt.now - found.reasons[0].since == 100
        belt.wait(100)
        assert self.fleet(belt).layer("alive").status == "down"

    def test_some_unknown_is_unknown(self):
        """What is well for some and unknown for others is not well for the fleet."""
        belt = playing(Belt())
        belt.declare("a-2")
        assert {one.status for one in self.fleet(belt).layers} == {"unknown"}

    def test_alerts_about_the_fleet_itself_count(self):
        """A critical one puts the layer down, whatever the agents say."""
        belt = playing(belt_with("PFNotificationFailing"))
        belt.wait(1)
        belt.say(Delivered, delivery_id="d", channel="slack", status="failed", reason="unauthorized")
        belt.wait(0)
        found = self.fleet(belt)
        assert (found.layer("operations").status, found.layer("alive").status) == ("down", "ok")
