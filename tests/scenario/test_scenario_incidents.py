"""Incidents before the whole product: caught by their alert, stopped, proven, and told of by nobody else's alarm."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

import fleawatch.cli.incidents as package
from fleawatch.cli.incidents.play import play, recorded
from fleawatch.cli.incidents.score import outcome
from fleawatch.events import HaltConfirmed
from fleawatch.flow.outputs import AlertChange, Conclusion, Delivery
from fleawatch.flow.rules import RulesInForce
from fleawatch.flow.state import empty_fleet
from fleawatch.flow.step import step
from fleawatch.sandbox.incidents.known import INCIDENTS

BY_NAME = {incident.name: incident for incident in INCIDENTS}


@pytest.mark.parametrize("name", ["drain", "stuck-loop", "flash-breach", "silent-agent"])
def test_an_incident_is_caught_in_time_and_ends_as_it_must(name):
    """The named alert within its bound, the agent left as expected, no order after the halt, nobody woken for nothing."""
    found = asyncio.run(play(BY_NAME[name], 7))
    assert found.passed, found


def test_the_same_seed_has_the_same_outcome():
    """Nothing of the machine it runs on comes into it."""
    assert asyncio.run(play(BY_NAME["stuck-loop"], 9)) == asyncio.run(play(BY_NAME["stuck-loop"], 9))


def test_a_recorded_incident_replays_to_the_same_alerts_and_deliveries():
    """Live and replay are the same: the same facts give the same alerts, to the same people, at the same times."""
    record = asyncio.run(recorded(BY_NAME["drain"], 5))
    rules, state = RulesInForce(), empty_fleet()
    concluded, changes, deliveries = set(), [], []
    for fact in record.facts:
        if fact.fact_id in concluded:
            continue
        state, outputs = step(state, fact, rules.policy(state))
        concluded |= {output.fact.fact_id for output in outputs if isinstance(output, Conclusion)}
        changes += [output for output in outputs if isinstance(output, AlertChange)]
        deliveries += [output for output in outputs if isinstance(output, Delivery)]
    assert record.changes
    assert changes == record.changes
    assert deliveries == record.deliveries


def test_a_deaf_agent_is_found_out_by_the_journal_and_is_never_confirmed():
    """An agent that goes on whatever its gate says: the score counts its orders, and no halt of it is called proven."""
    incident = BY_NAME["stuck-loop"]
    record = asyncio.run(recorded(incident, 3, guarded=False))
    found = outcome(incident, record, record.equity("stuck-loop-00"), baseline=False)
    assert found.caught
    assert found.orders_after_halt > 200
    assert not found.passed
    assert not [fact for fact in record.facts if isinstance(fact, HaltConfirmed)]
    assert found.equity_saved_usd == 0.0


def test_what_halting_saved_is_what_the_agent_owns_more_than_without():
    """The drained agent keeps what the stranger would have had; with nobody watching the world is the sandbox's own."""
    incident = BY_NAME["drain"]
    guarded = asyncio.run(recorded(incident, 8))
    unguarded = asyncio.run(recorded(incident, 8, guarded=False))
    world = incident.world(8)
    world.advance(incident.lasts_s)
    owned = unguarded.equity("drain-00")
    assert float(owned) == pytest.approx(world.account(world.fleet[0]).balance, abs=0.005)
    found = outcome(incident, guarded, owned, baseline=False)
    assert Decimal(str(found.equity_saved_usd)) == round(guarded.equity("drain-00") - owned, 2)
    assert found.equity_saved_usd > 500


def test_a_late_alert_is_not_a_caught_incident():
    """With a bound that nothing could meet, the same run is a miss."""
    incident = replace(BY_NAME["drain"], bound_s=1.0)
    found = asyncio.run(play(incident, 7))
    assert not found.caught
    assert found.detection_s > 1.0
    assert not found.passed


def test_what_watches_never_looks_at_the_label():
    """Only the score, after the run, knows when an agent went wrong and which alert is expected."""
    folder = Path(package.__file__).parent
    for name in ("stage.py", "process.py"):
        text = (folder / name).read_text(encoding="utf-8")
        assert "wrong_" not in text
        assert "incidents.incident" not in text
        assert "incidents.known" not in text
