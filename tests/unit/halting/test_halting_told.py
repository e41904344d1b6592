"""How long people are told that an agent could not be halted: as long as that is so."""

import pytest

from fleawatch.catalog.fleet import CATALOG
from fleawatch.events import HaltProbed
from fleawatch.flow.halting.settings import HaltingPolicy
from fleawatch.flow.outputs import AlertChange
from fleawatch.flow.policy import Policy
from fleawatch.testing.halted import HaltBelt


@pytest.fixture(name="belt")
def _belt():
    """An agent whose halt is overdue: it said that it stopped, and bets on."""
    belt = HaltBelt(Policy(alerts=(CATALOG.alerts["PFUnhaltable"],), halting=HaltingPolicy()))
    belt.watch("a-1")
    belt.halt("a-1")
    belt.acknowledge("a-1")
    pass_time(belt, 180, betting=True)
    assert changes(belt) == ["fired"]
    return belt


def pass_time(belt, seconds, *, betting=False, probed=None):
    """Time passes with readings, bets and probes."""
    for _ in range(int(seconds / 15)):
        if betting:
            belt.row("a-1", "stake", -1)
        if probed is not None:
            belt.say(HaltProbed, "a-1", path="gate", ok=probed, duration_s=0.1)
        belt.wait(15)
        belt.read("a-1")


def changes(belt):
    return [one.change for one in belt.outputs if isinstance(one, AlertChange)]


def test_an_answered_probe_does_not_end_it_while_the_agent_trades_on(belt):
    """Its gate answers whatever it is asked; that is its word, and its orders are not."""
    pass_time(belt, 600, betting=True, probed=True)
    assert changes(belt) == ["fired"]


def test_a_confirmed_halt_ends_it(belt):
    """Late, by its silence."""
    pass_time(belt, 600)
    assert belt.confirmed("a-1")
    assert changes(belt) == ["fired", "resolved"]


def test_a_resume_ends_it_also_where_no_path_was_ever_tried(belt):
    """Nobody is to be halted any more."""
    belt.resume("a-1")
    pass_time(belt, 30)
    assert changes(belt) == ["fired", "resolved"]


def test_a_failed_probe_keeps_it_after_a_resume(belt):
    """The agent could not be halted the next time either."""
    pass_time(belt, 15, betting=True, probed=False)
    belt.resume("a-1")
    pass_time(belt, 1_800)
    assert changes(belt) == ["fired"]
