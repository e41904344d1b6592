"""Every incident on seeds that nobody looked at while the rules were made, and beside them healthy fleets that wake nobody."""

import asyncio

import pytest

from fleawatch.cli.incidents.play import play, play_healthy
from fleawatch.sandbox.incidents.known import INCIDENTS

UNSEEN = range(1_001, 1_021)
"""Twenty. Whoever changes a rule to please one of them takes other twenty."""

pytestmark = pytest.mark.live


@pytest.mark.parametrize("seed", UNSEEN)
@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: incident.name)
def test_an_incident_is_caught_stopped_and_proven(incident, seed):
    """By its named alert within its bound; the agent left as it must; no order after the halt; nobody else's alarm."""
    found = asyncio.run(play(incident, seed))
    assert found.passed, found


@pytest.mark.parametrize("seed", UNSEEN)
def test_a_healthy_fleet_wakes_nobody(seed):
    """Two hours of six agents: no page above info, and every number equals the books."""
    found = asyncio.run(play_healthy(seed))
    assert (found.false_pages, found.mismatches) == (0, 0), found.titles
