"""The incidents of the sandbox: worlds that depend on their seed alone, in which exactly one agent goes wrong."""

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.sandbox.incidents.incident import ORIGIN
from fleawatch.sandbox.incidents.known import HEALTHY, INCIDENTS, healthy
from fleawatch.sandbox.market import Market
from fleawatch.sandbox.world import World

NAMES = {
    "drain", "stuck-loop", "stale-feed", "revenge-betting", "sign-flip", "funding-bleed", "dispute-ring", "key-expiry",
    "clock-skew", "silent-agent", "flash-breach", "death-in-breach",
}  # fmt: skip
each = pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)


def played(incident, seed, seconds=None):
    world = incident.world(seed)
    world.advance(incident.lasts_s if seconds is None else seconds)
    return world


def test_there_are_exactly_the_twelve_incidents_each_once():
    """A benchmark that loses a case silently is worth nothing."""
    assert len(INCIDENTS) == 12
    assert {incident.name for incident in INCIDENTS} == NAMES


@each
def test_an_incident_expects_an_alert_of_the_catalog(incident):
    """A label that names no alert could never be caught."""
    assert incident.alert in CATALOG.alerts


@each
def test_the_agent_goes_wrong_when_it_is_its_time_and_not_before(incident):
    """What it did before is sound, so that whoever warns early warns of nothing."""
    world = incident.world(3)
    culprit = world.fleet[0]
    world.advance(incident.warm_s - 1)
    assert culprit.wrong_since is None
    world.advance(incident.lasts_s)
    assert culprit.wrong_since is not None
    assert culprit.wrong_at <= culprit.wrong_since < culprit.wrong_at + 60


@each
def test_nobody_else_goes_wrong(incident):
    """The others are there to be left in peace."""
    assert [person.wrong_since for person in played(incident, 4).fleet[1:]] == [None] * len(incident.beside)


@each
def test_an_incident_leaves_time_to_be_seen_and_proven(incident):
    """The watch is longer than the bound, by what a halt needs until it is proven."""
    assert incident.watch_s >= incident.bound_s + 120


def test_a_world_depends_on_its_seed_alone():
    """The same seed gives the same journal, however time is cut; another seed another one."""
    incident = INCIDENTS[0]
    world = incident.world(5)
    for second in range(0, int(incident.lasts_s), 7):
        world.advance(second)
    world.advance(incident.lasts_s)
    assert world.kernel.journal.postings == played(incident, 5).kernel.journal.postings
    assert world.kernel.journal.postings != played(incident, 6).kernel.journal.postings


@each
def test_money_is_neither_made_nor_lost_in_an_incident(incident):
    """Funding, disputes and stolen payments are movements of the journal like any other."""
    assert set(played(incident, 7).kernel.journal.totals().values()) <= {0}


def test_a_drain_takes_money_to_a_stranger():
    """The payments go to an account of nobody's fleet, and they are most of what the agent had."""
    world = played(INCIDENTS[0], 1)
    stranger = next(person for person in world.people if not person.fleet)
    assert world.account(world.fleet[0]).balance < 400
    assert world.account(stranger).balance > 700


def test_a_healthy_fleet_keeps_its_money():
    """Over its two hours no healthy agent comes near a limit: none loses eight per cent."""
    world = World(11, 1, ORIGIN, healthy(11))
    before = {person.name: world.account(person).balance for person in world.fleet}
    world.advance(7_200)
    assert len(before) == len(HEALTHY)
    for person in world.fleet:
        assert world.account(person).balance > before[person.name] * 0.92


def test_a_shock_changes_one_price_for_its_time_only():
    """Before, after, and in every other coin the market is what it was."""
    calm, shaken = Market(1, 0.0), Market(1, 0.0)
    shaken.shock("HYPE", 100.0, 130.0, 0.8)
    assert shaken.mark("HYPE", 99.9) == calm.mark("HYPE", 99.9)
    assert shaken.mark("HYPE", 110.0) == pytest.approx(calm.mark("HYPE", 110.0) * 0.8, rel=1e-4)
    assert shaken.mark("HYPE", 130.0) == calm.mark("HYPE", 130.0)
    assert shaken.mark("BTC", 110.0) == calm.mark("BTC", 110.0)
